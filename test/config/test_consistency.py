# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows and connections that get in each other's way are refused; others that look so are not."""

from __future__ import annotations

import pytest

from ros2_igtl import config

POSE = 'igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS'


def file_of(*connections: str) -> bytes:
    """Return a file whose connections start in lines 3, 4 and so on."""
    lines = ''.join(f'- {{{connection}}}\n' for connection in connections)
    return f'version: 1\nconnections:\n{lines}'.encode()


def refusal_of(*connections: str) -> str:
    with pytest.raises(config.ConfigError) as refusal:
        config.parse_config(file_of(*connections), 'f')
    return str(refusal.value)


def assert_taken(*connections: str) -> None:
    assert len(config.parse_config(file_of(*connections), 'f').connections) == len(connections)


def rows(*texts: str) -> str:
    return f'mappings: [{", ".join(f"{{{text}}}" for text in texts)}]'


def test_one_device_may_have_several_outputs() -> None:
    assert_taken(
        rows(
            f'igtl_device_name: A, {POSE}',
            f'igtl_device_name: A, {POSE}, ros_type_name: geometry_msgs/msg/PoseStamped',
            f'igtl_device_name: A, {POSE}, ros_topic_name: a',
            f'igtl_device_name: A, {POSE}, ros_topic_name: ~/a',
            'igtl_device_name: A, igtl_type_name: STRING, direction: IGTL_TO_ROS',
        )
    )


def test_one_topic_may_be_sent_as_two_devices() -> None:
    topic = 'ros_topic_name: a, ros_type_name: std_msgs/msg/String, direction: ROS_TO_IGTL'
    row = f'igtl_type_name: STRING, {topic}'
    assert_taken(rows(f'igtl_device_name: A, {row}', f'igtl_device_name: B, {row}'))


def test_two_connections_may_send_one_device() -> None:
    row = rows(
        'igtl_device_name: A, igtl_type_name: STRING, direction: ROS_TO_IGTL, '
        'ros_topic_name: a, ros_type_name: std_msgs/msg/String'
    )
    assert_taken(f'name: a, {row}', f'name: b, {row}')


def test_b36_two_rows_may_not_send_names_that_are_one_when_cut() -> None:
    row = (
        'igtl_type_name: STRING, direction: ROS_TO_IGTL, '
        'ros_topic_name: a, ros_type_name: std_msgs/msg/String'
    )
    names = [f'igtl_device_name: camera_optical_frame_{end}, {row}' for end in ('1623', '8000')]
    assert_taken(f'name: a, {rows(names[0])}', f'name: b, {rows(names[1])}')
    first, second = (f'{{{name}}}' for name in names)
    assert refusal_of(f'mappings: [{first},\n{second}]') == (
        'f:4: connections[0].mappings[1].igtl_device_name: sends STRING as device '
        "'camera_optical_frame_8000', cut to 'camera_optical_~ef1e', as line 3 does; allowed: once"
    )


def test_two_connections_may_not_publish_on_one_topic() -> None:
    row = rows(f'igtl_device_name: A, {POSE}, ros_topic_name: a')
    assert refusal_of(f'name: a, {row}', f'name: b, {row}') == (
        'f:4: connections[1].mappings[0].ros_topic_name: '
        "publishes on 'a', as line 3 does; allowed: once"
    )


def test_two_clients_may_dial_one_server() -> None:
    where = 'mode: client, address: 127.0.0.1, port: 7'
    assert_taken(f'name: a, {where}', f'name: b, {where}')


def test_two_servers_may_listen_on_any_port() -> None:
    where = 'mode: server, address: 127.0.0.1, port: 0'
    assert_taken(f'name: a, {where}', f'name: b, {where}')


def test_a_child_frame_of_two_connections_is_refused() -> None:
    row = rows(f'igtl_device_name: A, {POSE}, child_frame_id: c')
    assert refusal_of(f'name: a, {row}', f'name: b, {row}') == (
        "f:4: connections[1].mappings[0].child_frame_id: is 'c', of another device in line 3; "
        'allowed: one device'
    )


@pytest.mark.parametrize(
    ('first', 'second', 'row'),
    [
        ('publish_tf: true', 'publish_tf: false', ''),
        ('auto_inbound: true', 'auto_inbound: true', ', publish_tf: false'),
    ],
)
def test_a_child_frame_that_is_not_the_same_on_tf_is_taken(
    first: str, second: str, row: str
) -> None:
    there = rows(f'igtl_device_name: A, {POSE}, child_frame_id: c')
    here = rows(f'igtl_device_name: A, {POSE}, child_frame_id: c{row}')
    assert_taken(f'name: a, {first}, {there}', f'name: b, {second}, {here}')


def test_two_outputs_of_one_device_may_share_their_frames() -> None:
    row = f'igtl_device_name: A, {POSE}, frame_id: p, child_frame_id: c'
    assert_taken(rows(row, f'{row}, ros_topic_name: a'))


def test_frames_may_hang_below_each_other() -> None:
    assert_taken(
        rows(
            f'igtl_device_name: A, {POSE}, frame_id: b, child_frame_id: a',
            f'igtl_device_name: B, {POSE}, frame_id: c, child_frame_id: b',
            f'igtl_device_name: C, {POSE}, child_frame_id: c',
        )
    )


def test_frames_in_a_circle_are_refused_once() -> None:
    text = refusal_of(
        rows(
            f'igtl_device_name: A, {POSE}, frame_id: b, child_frame_id: a',
            f'igtl_device_name: B, {POSE}, frame_id: c, child_frame_id: b',
            f'igtl_device_name: C, {POSE}, frame_id: a, child_frame_id: c',
            f'igtl_device_name: D, {POSE}, frame_id: c, child_frame_id: d',
        )
    )
    assert text == "f:3: connections[0].mappings[2].frame_id: 'a' is below 'c'; allowed: a tree"


def test_the_parent_of_a_child_may_stand_in_another_row_of_the_device() -> None:
    text = refusal_of(
        rows(
            f'igtl_device_name: A, {POSE}, child_frame_id: a',
            f'igtl_device_name: B, {POSE}, child_frame_id: b, frame_id: a',
            f'igtl_device_name: A, {POSE}, frame_id: b, ros_topic_name: a',
        )
    )
    assert text == "f:3: connections[0].mappings[1].frame_id: 'a' is below 'b'; allowed: a tree"


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        ('frame_id: a', 'frame_id: b'),
        ('child_frame_id: a', 'child_frame_id: b'),
        ('publish_tf: true', 'publish_tf: false'),
        ('stale_timeout: 0', 'stale_timeout: 1'),
        ('rate_limit: 1', 'rate_limit: 2'),
    ],
)
def test_rows_of_one_device_may_not_contradict_each_other(first: str, second: str) -> None:
    here = f'igtl_device_name: A, {POSE}, {first}'
    there = f'igtl_device_name: A, {POSE}, {second}, ros_topic_name: a'
    key = first.partition(':')[0]
    assert refusal_of(rows(here, there)) == (
        f'f:3: connections[0].mappings[1].{key}: differs from line 3; '
        'allowed: the same for all rows of a device and type'
    )
    assert_taken(rows(here, there.replace(second, first)))
    assert_taken(rows(here, there.replace('igtl_device_name: A', 'igtl_device_name: B')))

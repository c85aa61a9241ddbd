# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Every row of the table in a running node, both ways: what convert says is what goes through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convert.test_conversions import CASES, CONTEXT, METADATA, STAMP_NS
from rclpy.serialization import deserialize_message, serialize_message

from helpers.bridge_peer import await_accounted, pack, serve
from helpers.outcomes import received_by, sent_by
from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.conversions import ANY_OTHER_TYPE, CONVERSIONS, Conversion

TIMESTAMP = codec.timestamp.from_nanoseconds(STAMP_NS)


def mapping_file(tmp_path: Path, rows: list[Conversion], direction: str, more: str = '') -> str:
    """Return a file that gives each row a device and a topic of its own: D0 and /t0, D1 ..."""
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        + ''.join(
            f'    - {{igtl_device_name: D{index}, igtl_type_name: {type_name(row)}, '
            f'direction: {direction}, ros_topic_name: /t{index}, '
            f'ros_type_name: {row.ros_type_name}{more}}}\n'
            for index, row in enumerate(rows)
        )
    )
    return str(path)


def case_of(row: Conversion) -> Any:
    return CASES[row.type_name, row.ros_type_name]


def companion_of(row: Conversion) -> Conversion:
    """Return the row of what a row takes beside its messages."""
    of_type = (other for other in CONVERSIONS if other.type_name == row.type_name)
    return next(other for other in of_type if other.sibling == row.reads_sibling)


def type_name(row: Conversion) -> str:
    return 'NEWTYPE' if row.type_name == ANY_OTHER_TYPE else row.type_name


def test_every_row_is_published_as_it_is_converted(graph: Graph, tmp_path: Path) -> None:
    rows = [row for row in CONVERSIONS if row.to_ros is not None]
    frames = ', frame_id: tracker_ras, child_frame_id: stylus_tip, publish_tf: false'
    path = mapping_file(tmp_path, rows, 'IGTL_TO_ROS', frames)
    bridge, peer = serve(graph, config_file=path, timestamp_mode='device', max_clock_skew=10.0)
    topics = [
        graph.subscribe(row.ros_type_name, f'/t{index}', latched=row.latched)
        for index, row in enumerate(rows)
    ]
    expected = []
    for index, row in enumerate(rows):
        fields: dict[str, Any] = {
            'timestamp': TIMESTAMP,
            'header_version': 2,
            'message_id': 42,
            'metadata': METADATA,
        }
        data = pack(case_of(row).content, f'D{index}', **fields)
        received = codec.unpack(data)
        frame_ids = (CONTEXT.frame_id, CONTEXT.child_frame_id)
        context = Context(f'D{index}', CONTEXT.stamp, *frame_ids, 2, 42, received.metadata)
        assert row.to_ros is not None
        messages = row.to_ros(received.content, context)
        # float64 that go into a float32 are rounded on the way
        expected.append([deserialize_message(serialize_message(m), type(m)) for m in messages])
        peer.send(data)
    await_accounted(bridge, len(rows))
    assert received_by(bridge.connections[0]).done == len(rows)
    for row, published, messages in zip(rows, topics, expected, strict=True):
        wait_until(lambda: len(published) == len(messages), 10.0, row.ros_type_name)  # noqa: B023
        assert published == messages, row


def test_every_row_is_sent_as_it_is_converted(graph: Graph, tmp_path: Path) -> None:
    rows = [row for row in CONVERSIONS if row.from_ros is not None]
    path = mapping_file(tmp_path, rows, 'ROS_TO_IGTL')
    bridge, peer = serve(graph, config_file=path, header_version=2)
    for index, row in enumerate(rows):
        case = case_of(row)
        ros_message = case.messages[0]
        assert row.from_ros is not None
        (converted,) = row.from_ros(ros_message, *case.beside)
        for companion in case.beside:
            ros_type_name = companion_of(row).ros_type_name
            graph.publisher(ros_type_name, f'/t{index}/{row.reads_sibling}').publish(companion)
        graph.publisher(row.ros_type_name, f'/t{index}').publish(ros_message)
        expected = codec.Message(
            converted.content,
            f'D{index}',
            codec.timestamp.from_nanoseconds(converted.stamp_ns),
            2,
            converted.message_id,
            converted.metadata,
        )
        assert peer.receive_message() == codec.pack(expected), row
    assert sent_by(bridge.connections[0]).done == len(rows)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
FAULTS B1 to B40 through a running node: what a peer or a ROS program says wrong is counted.

B1 to B32 send the messages of ``vectors/refused`` and ``vectors/odd`` of their row. What must
never be said, however it comes, has its bytes there; B10 and B16 are about what names mean.
"""

from __future__ import annotations

import math
import struct
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header

from helpers.bridge_peer import IDENTITY, await_accounted, dial, pack, pose, serve
from helpers.corpus import ODD, REFUSED, Refused
from helpers.outcomes import received_by, sent_by
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.node import BridgeNode

TF = 'tf2_msgs/msg/TFMessage'
STRING = 'std_msgs/msg/String'
TRANSFORM_STAMPED = 'geometry_msgs/msg/TransformStamped'
IMAGE = 'sensor_msgs/msg/Image'
CLOUD = 'sensor_msgs/msg/PointCloud2'


class Served:
    """
    A server with a peer that says what is wrong, and what is good behind it.

    :ivar tf: all that was published there.
    """

    def __init__(self, graph: Graph, **parameters: Any) -> None:
        self.graph = graph
        self.tf = graph.subscribe(TF, '/tf')
        self._texts = graph.subscribe(STRING, '/bridge/string/Witness')
        self.bridge, self.peer = serve(graph, **parameters)
        self._connection = self.bridge.connections[0]
        self._count = 0
        self.say_good()

    def say_good(self) -> None:
        """Send what is good, and hold the node to publishing it."""
        self._count += 1
        text = str(self._count)
        self.peer.send(pack(codec.String(text), 'Witness'))
        wait_until(lambda: self._texts and self._texts[-1].data == text, 10.0, 'what is good')
        await_accounted(self.bridge, self._connection.transport.statistics.received)

    def hold(self, row: str, **not_published: str) -> None:
        """
        Send all of a row of the matrix of bad inputs, each with something good behind it.

        :param not_published: of messages that the codec takes what becomes of them, see
            outcome_of(); the others are published.
        """
        for case in REFUSED:
            if case.row == row:
                self._hold_to_refusal(case)
        cases = {case.name: case.data for case in ODD if case.row == row}
        outcomes = {name: self.outcome_of(data) for name, data in cases.items()}
        assert outcomes == {name: not_published.get(name, 'done') for name in cases}
        assert not set(not_published) - set(cases)
        for message in self.tf:
            for transform in message.transforms:
                hold_to_tf(transform.transform)

    def outcome_of(self, data: bytes) -> str:
        """Return what becomes of a message that the codec takes, for example 'rejected crc'."""
        before = self._outcomes()
        self.peer.send(data)
        self.say_good()
        after = self._outcomes() - before - Counter(done=1)
        return ', '.join(f'{name} x {n}' if n > 1 else name for name, n in after.items())

    def wait_for_end_of(self, peer: ScriptedPeer) -> None:
        """Wait until the node knows that a peer has gone."""
        name = peer.name
        peer.close()
        wait_until(
            lambda: name not in [s.peer_name for s in self._connection.transport.sessions],
            10.0,
            'the end of the session',
        )

    def _hold_to_refusal(self, case: Refused) -> None:
        rejected = Counter(self._connection.transport.statistics.rejected)
        outcomes, topics, tf = self._outcomes(), self._topics(), len(self.tf)
        self.peer.send(case.data)
        if case.stream == 'waits':
            self.peer.shut_down_sending()
        if case.stream != 'goes on':
            assert self.peer.receive_until_closed() == b''
            self.wait_for_end_of(self.peer)
            self.peer = dial(self.graph, self.bridge)
        self.say_good()
        told = Counter(self._connection.transport.statistics.rejected) - rejected
        assert (case.name, told) == (case.name, {case.by_connection.error.cause: 1})
        assert self._outcomes() - outcomes == {'done': 1}
        assert (self._topics(), len(self.tf)) == (topics, tf)

    def _outcomes(self) -> Counter[str]:
        outcomes = received_by(self._connection)
        return Counter(
            {
                'done': outcomes.done,
                'replaced': outcomes.replaced,
                **{f'rejected {cause}': n for cause, n in outcomes.rejected.items()},
                **{f'skipped {cause}': n for cause, n in outcomes.skipped.items()},
            }
        )

    def _topics(self) -> set[str]:
        publishers = self.graph.call(
            lambda: self.bridge.get_publisher_names_and_types_by_node('bridge', '/')
        )
        return {name for name, _ in publishers}


def hold_to_tf(transform: Any) -> None:
    """Hold a transform to being one: finite, with a rotation of length 1."""
    rotation, translation = transform.rotation, transform.translation
    squares = [getattr(rotation, axis) ** 2 for axis in 'wxyz']
    assert math.isclose(sum(squares), 1.0, abs_tol=1e-12)
    assert all(math.isfinite(getattr(translation, axis)) for axis in 'xyz')


@pytest.fixture
def served(graph: Graph, capfd: pytest.CaptureFixture[str]) -> Iterator[Served]:
    """Provide a server that never says what made it stumble in a traceback."""
    served = Served(graph)
    yield served
    assert 'Traceback' not in capfd.readouterr().err


def test_b01_a_header_version_that_nobody_knows_is_skipped_or_ends_the_session(
    served: Served,
) -> None:
    served.hold('B1')


def test_b02_a_body_of_size_0_is_rejected_at_once(served: Served) -> None:
    served.hold('B2')


def test_b03_a_body_over_the_limit_ends_the_session_before_it_comes(served: Served) -> None:
    served.hold('B3')


def test_b04_a_body_shorter_than_its_type_is_rejected(served: Served) -> None:
    served.hold('B4')


def test_b05_a_body_longer_than_its_content_is_rejected(served: Served) -> None:
    served.hold('B5')


def test_b06_a_wrong_crc_is_rejected_and_three_in_a_row_end_the_session(served: Served) -> None:
    served.hold('B6')
    (wrong,) = (case.data for case in REFUSED if case.name == 'crc_wrong')
    served.peer.send(wrong * 3)
    assert served.peer.receive_until_closed() == b''


def test_b07_what_is_no_openigtlink_ends_the_session(served: Served) -> None:
    served.hold('B7')


@pytest.mark.parametrize(
    ('name', 'protocol'), [('http_request', 'HTTP'), ('tls_client_hello', 'TLS')]
)
def test_b07_the_log_says_what_a_stranger_speaks(
    served: Served, capfd: pytest.CaptureFixture[str], name: str, protocol: str
) -> None:
    (data,) = (case.data for case in REFUSED if case.name == name)
    stranger = dial(served.graph, served.bridge)
    stranger.send(data)
    assert stranger.receive_until_closed() == b''
    served.wait_for_end_of(stranger)
    assert f'(looks like {protocol})' in capfd.readouterr().err


def test_b08_odd_type_names_are_kept_and_those_that_are_none_rejected(served: Served) -> None:
    served.hold('B8', type_name_of_12_characters='skipped query_refused')


def test_b09_odd_device_names_are_published_and_no_control_character_logged(
    served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    served.hold('B9')
    assert all(line.isprintable() for line in capfd.readouterr().err.splitlines())


def test_b11_an_extended_header_that_contradicts_its_body_is_rejected(served: Served) -> None:
    served.hold('B11')


def test_b12_metadata_that_contradict_themselves_are_rejected(served: Served) -> None:
    served.hold('B12')


def test_b13_numbers_that_are_none_are_neither_on_tf_nor_on_a_topic(served: Served) -> None:
    poses = served.graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/unnamed')
    served.hold('B13', transform_with_nan='rejected not_finite')
    for number in (math.inf, -math.inf, 1e38, -1e38):
        for place in range(12):
            values = [*IDENTITY, 1.0, 2.0, 3.0]
            values[place] = number
            huge = 'non_rigid' if place < 9 else 'out_of_range'
            cause = huge if math.isfinite(number) else 'not_finite'
            assert served.outcome_of(pack(codec.Transform(*values), '')) == f'rejected {cause}'
    assert served.outcome_of(pose(device_name='')) == 'done'
    wait_for_count(poses, 1)
    assert len(poses) == len(served.tf) == 1


def test_b14_a_matrix_that_is_not_rigid_is_neither_on_tf_nor_on_a_topic(served: Served) -> None:
    poses = served.graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/unnamed')
    served.hold(
        'B14',
        transform_of_zeros='rejected non_rigid',
        transform_that_mirrors='rejected non_rigid',
    )
    scale = codec.Transform(2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0)
    shear = codec.Transform(1, 0, 0, 0.1, 1, 0, 0, 0, 1, 0, 0, 0)
    for content in (scale, shear):
        assert served.outcome_of(pack(content, '')) == 'rejected non_rigid'
    assert served.outcome_of(pose(device_name='')) == 'done'
    wait_for_count(poses, 1)
    assert len(poses) == len(served.tf) == 1


def test_b15_float_noise_is_projected_away(served: Served) -> None:
    served.hold('B15')
    wait_for_count(served.tf, 1)
    noisy = codec.Transform(1 + 1e-4, 1e-4, 0, 0, 1 - 1e-4, 0, 0, 1e-4, 1, 0, 0, 0)
    assert served.outcome_of(pack(noisy, 'Noisy')) == 'done'
    wait_for_count(served.tf, 2)
    hold_to_tf(served.tf[-1].transforms[0].transform)


@pytest.mark.parametrize(
    ('name', 'child', 'parent'),
    [
        ('ToTracker', 'ToTracker', 'igtl_ras'),
        ('ProbeTo', 'ProbeTo', 'igtl_ras'),
        ('AToBToC', 'AToBToC', 'igtl_ras'),
        ('TestToolToTracker', 'TestTool', 'Tracker'),
        ('probetotracker', 'probetotracker', 'igtl_ras'),
        ('ProbeTotracker', 'ProbeTotracker', 'igtl_ras'),
    ],
)
def test_b16_a_device_name_says_the_frames_that_it_says_to_plus(
    served: Served, name: str, child: str, parent: str
) -> None:
    assert served.outcome_of(pose(device_name=name)) == 'done'
    wait_for_count(served.tf, 1)
    (transform,) = served.tf[0].transforms
    assert (transform.child_frame_id, transform.header.frame_id) == (child, parent)


def test_b17_a_quaternion_that_is_none_is_rejected(served: Served) -> None:
    poses = served.graph.subscribe('geometry_msgs/msg/PoseStamped', '/bridge/position/unnamed')
    served.hold(
        'B17',
        position_of_24_bytes_without_a_root='rejected quaternion_norm',
        position_with_a_quaternion_of_zeros='rejected zero_quaternion',
    )
    nearly = codec.Position(1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 1.009)
    assert served.outcome_of(pack(nearly, '')) == 'done'
    wait_for_count(poses, 2)
    assert [p.pose.orientation.w for p in poses] == [1.0, 1.0]


def test_b18_tracking_data_are_taken_as_a_whole_or_rejected(served: Served) -> None:
    served.hold(
        'B18',
        stt_tdata_name_of_32_bytes='skipped query_refused',
        stt_tdata_of_resolution_2_32_minus_1='skipped query_refused',
        tdata_two_tools_of_one_name='rejected duplicate_name',
    )


def test_b19_an_image_whose_size_contradicts_its_pixels_is_rejected(served: Served) -> None:
    served.hold('B19')


def test_b20_an_image_of_unknown_numbers_is_rejected(served: Served) -> None:
    served.hold('B20')


def test_b21_an_image_that_lies_nowhere_is_rejected(served: Served) -> None:
    images = served.graph.subscribe(IMAGE, '/bridge/image/unnamed')
    served.hold(
        'B21',
        image_with_an_axis_of_nan='rejected not_finite',
        image_with_an_axis_of_zeros='rejected zero_axis',
    )
    assert served.outcome_of(pack(codec.Image(bytes(4), (2, 2, 1)), '')) == 'done'
    wait_for_count(images, 1)
    assert len(images) == len(served.tf) == 1


def test_b22_a_part_outside_its_volume_is_rejected(served: Served) -> None:
    served.hold('B22', image_part_in_the_last_corner='rejected volume_too_large')


def test_b23_voxels_have_their_values_in_ros(served: Served) -> None:
    images = served.graph.subscribe(IMAGE, '/bridge/image/unnamed')
    served.hold('B23')
    wait_for_count(images, 3)
    codes = {'8SC1': 'i1', '64FC1': 'f8'}
    found = [
        np.frombuffer(image.data, '<>'[image.is_bigendian] + codes[image.encoding]).tolist()
        for image in images
    ]
    sent = [codec.unpack(case.data).content.pixels for case in ODD if case.row == 'B23']
    assert found == [pixels.ravel().tolist() for pixels in sent]


def test_b24_a_text_of_any_encoding_is_read_and_of_a_wrong_length_rejected(
    served: Served,
) -> None:
    texts = served.graph.subscribe(STRING, '/bridge/string/unnamed')
    served.hold('B24')
    count = sum(case.row == 'B24' for case in ODD)
    wait_for_count(texts, count)
    assert len(texts) == count


def test_b25_a_status_of_an_unknown_code_is_passed_on_and_a_short_one_rejected(
    served: Served,
) -> None:
    topic = '/bridge/status/unnamed'
    states = served.graph.subscribe('diagnostic_msgs/msg/DiagnosticStatus', topic)
    served.hold('B25')
    wait_for_count(states, 5)
    codes = {value.value for state in states for value in state.values if value.key == 'code'}
    assert '999' in codes


def test_b26_a_ragged_list_of_points_or_one_with_nan_is_rejected(served: Served) -> None:
    served.hold('B26', point_with_nan='rejected not_finite')


def test_b27_counts_of_polydata_that_are_not_true_are_rejected(served: Served) -> None:
    served.hold('B27')


def test_b28_a_bind_that_is_not_what_it_says_is_rejected(served: Served) -> None:
    served.hold(
        'B28',
        bind_child_of_unknown_type='done x 2',  # it and its child
        bind_in_bind='done x 2',
        bind_names_without_padding='done, skipped no_mapping',  # a query is nothing to publish
        bind_without_names='done, skipped no_mapping',
    )


def test_b29_queries_and_replies_that_nobody_expects_are_answered_or_counted(
    served: Served,
) -> None:
    served.hold(
        'B29',
        get_bind_without_padding='skipped query_refused',
        get_trans_by_its_other_name='skipped query_refused',
        rts_bind_without_body='skipped unexpected_reply',
        rts_tdata_of_status_255='skipped unexpected_reply',
        stt_polydata_of_8_bytes='skipped query_refused',
        stt_sensor_of_1_byte='skipped query_refused',
        stt_video_of_8_bytes='skipped query_refused',
    )
    peer = dial(served.graph, served.bridge)
    for name in ('GET_TDATA', 'STT_TDATA'):
        peer.send(pack(codec.MESSAGE_TYPES[name](), 'Tracker'))
        reply = codec.unpack(peer.receive_message())
        assert (reply.type_name, reply.content.status) == ('RTS_TDATA', 1)


def test_b30_a_command_that_nobody_has_allowed_is_refused_and_its_xml_not_read(
    served: Served,
) -> None:
    begin = time.process_time()
    served.hold('B30', command_of_an_xml_bomb='skipped command_unknown')
    assert time.process_time() - begin < 5.0


def test_b31_what_no_row_can_say_is_rejected_with_the_reason(served: Served) -> None:
    served.hold(
        'B31',
        # of one device, whose topic has the type of the first
        ndarray_of_size_0='skipped topic_taken',
        ndarray_of_size_0_behind_others='skipped topic_taken',
        ndarray_without_dimensions='skipped topic_taken',
        video_of_an_unknown_codec='rejected encoding',
    )


def test_b32_a_time_that_ros_cannot_say_is_that_of_arrival(served: Served) -> None:
    poses = served.graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    served.hold('B32')
    begin = time.time()
    assert served.outcome_of(pose(timestamp=2**64 - 1)) == 'done'
    wait_for_count(poses, 1)
    assert begin - 1.0 <= poses[0].header.stamp.sec <= time.time()


def sending(
    graph: Graph, tmp_path: Path, type_name: str, ros_type_name: str
) -> tuple[BridgeNode, ScriptedPeer, Any]:
    """Return a server that sends a topic, a peer of it, and a publisher of that topic."""
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        f'      - {{igtl_device_name: Sent, igtl_type_name: {type_name}, direction: ROS_TO_IGTL,\n'
        f'         ros_topic_name: /sent, ros_type_name: {ros_type_name}}}\n'
    )
    bridge, peer = serve(graph, config_file=str(path))
    return bridge, peer, graph.publisher(ros_type_name, '/sent')


def hold_to_rejection(
    bridge: BridgeNode, peer: ScriptedPeer, publisher: Any, cause: str, bad: Any, good: Any
) -> Any:
    """Publish what is bad and what is good, and return the content of the one that is sent."""
    publisher.publish(bad)
    sent = sent_by(bridge.connections[0])
    wait_until(lambda: sent.rejected, 10.0, 'the bad message')
    assert (sent.done, sent.rejected) == (0, {cause: 1})
    publisher.publish(good)
    return codec.unpack(peer.receive_message()).content


def image(encoding: str = 'mono8', step: int = 2, **fields: Any) -> Image:
    """Return an image of 2 x 2 pixels."""
    fields = {'data': array('B', range(2 * step)), **fields}
    header = Header(frame_id='camera')
    return Image(header=header, width=2, height=2, encoding=encoding, step=step, **fields)


@pytest.mark.parametrize(
    ('cause', 'bad'),
    [
        ('size_mismatch', image(data=array('B', bytes(3)))),
        ('size_mismatch', image(data=array('B', bytes(5)))),
        ('size_mismatch', image(step=1)),
        ('encoding', image('yuv422', 4)),
        ('encoding', image('nonsense')),
    ],
    ids=['short', 'long', 'step', 'yuv422', 'nonsense'],
)
def test_b34_an_image_that_contradicts_itself_or_nobody_can_say_is_not_sent(
    graph: Graph, tmp_path: Path, cause: str, bad: Any
) -> None:
    ends = sending(graph, tmp_path, 'IMAGE', IMAGE)
    content = hold_to_rejection(*ends, cause, bad, image())
    assert bytes(content.data) == bytes([0, 1, 2, 3])


def test_b34_padding_of_rows_is_stripped_and_blue_before_red_is_red_before_blue(
    graph: Graph, tmp_path: Path
) -> None:
    _, peer, publisher = sending(graph, tmp_path, 'IMAGE', IMAGE)
    publisher.publish(image('bgr8', 8))  # 2 bytes behind each row
    content = codec.unpack(peer.receive_message()).content
    assert content.size == (2, 2, 1)
    assert bytes(content.data) == bytes([2, 1, 0, 5, 4, 3, 10, 9, 8, 13, 12, 11])


def cloud(
    *points: tuple[float, float, float], byte_order: str = '<', z_offset: int = 8
) -> PointCloud2:
    names = zip('xyz', (0, 4, z_offset), strict=True)
    return PointCloud2(
        header=Header(frame_id='camera'),
        height=1,
        width=len(points),
        fields=[
            PointField(name=n, offset=o, datatype=PointField.FLOAT32, count=1) for n, o in names
        ],
        is_bigendian=byte_order == '>',
        point_step=12,
        row_step=12 * len(points),
        data=array('B', b''.join(struct.pack(f'{byte_order}3f', *point) for point in points)),
        is_dense=False,
    )


GOOD_CLOUD = cloud((0.5, 1.0, 2.0))


@pytest.mark.parametrize(
    ('cause', 'bad'),
    [
        ('point_fields', cloud((1, 2, 3), z_offset=9)),
        ('point_fields', cloud((1, 2, 3), z_offset=2**32 - 1)),
    ],
    ids=['over_the_end', 'far'],
)
def test_b35_a_cloud_whose_offsets_are_wrong_is_not_sent(
    graph: Graph, tmp_path: Path, cause: str, bad: Any
) -> None:
    ends = sending(graph, tmp_path, 'POINT', CLOUD)
    content = hold_to_rejection(*ends, cause, bad, GOOD_CLOUD)
    assert content.points['position'].tolist() == [[500.0, 1000.0, 2000.0]]


@pytest.mark.parametrize(
    ('sent', 'expected'),
    [
        (cloud((0.5, 1.0, 2.0), byte_order='>'), [[500.0, 1000.0, 2000.0]]),
        (cloud((0.5, math.nan, 2.0), (0.5, 1.0, 2.0)), [[500.0, 1000.0, 2000.0]]),
        (cloud(), []),
    ],
    ids=['big_endian', 'nan', 'nothing'],
)
def test_b35_a_cloud_of_any_byte_order_with_gaps_or_nothing_in_it_is_sent(
    graph: Graph, tmp_path: Path, sent: Any, expected: Any
) -> None:
    _, peer, publisher = sending(graph, tmp_path, 'POINT', CLOUD)
    publisher.publish(sent)
    assert codec.unpack(peer.receive_message()).content.points['position'].tolist() == expected


ROW = '{igtl_device_name: A, igtl_type_name: STRING, direction: IGTL_TO_ROS}'
HEAD = 'version: 1\nconnections:\n  - '
FILES = {
    'unknown_key': (f'{HEAD}prot: 1\n', ":3: connections[0]: has an unknown key, text 'prot'"),
    'key_twice': (f'{HEAD}port: 1\n    port: 2\n', ':4: connections[0].port: is given twice'),
    'tab': (f'{HEAD}port: 1\n\tname: a\n', ':4: YAML: found character'),
    'type': (f'{HEAD}port: many\n', ":3: connections[0].port: is text 'many'"),
    'text_for_number': (f'{HEAD}port: "18944"\n', ":3: connections[0].port: is text '18944'"),
    'direction': (
        f'{HEAD}mappings:\n      - {ROW.replace("IGTL_TO_ROS", "yes")}\n',
        ':4: connections[0].mappings[0].direction: is ',
    ),
    'many_rows': (f'{HEAD}mappings:\n' + f'      - {ROW}\n' * 15_000, ':1: file: is larger than'),
    'many_values': (f'{HEAD}name: [' + 'a,' * 490_000 + ']', ' values in one file'),
    'bomb': (
        'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n',
        ':1: YAML: anchors and aliases (& and *) are not allowed',
    ),
    'tag': ('version: !!python/object/apply:os.system ["true"]\n', ':1: YAML: tags (!) are not'),
}


@pytest.mark.parametrize('name', FILES)
def test_b37_a_bad_mapping_file_fails_configuration_with_its_line(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    text, expected = FILES[name]
    path = tmp_path / 'bad.yaml'
    path.write_text(text)
    hold_to_failure(graph, {'config_file': str(path)}, capfd, f'{path}', expected)


def hold_to_failure(
    graph: Graph, parameters: dict[str, Any], capfd: pytest.CaptureFixture[str], *expected: str
) -> None:
    """Hold a server to a configuration that fails for this reason, soon, and opens nothing."""
    begin = time.process_time()  # what others do at the same time says nothing of it
    bridge = graph.add_bridge('server', {'port': 0, **parameters})
    assert time.process_time() - begin < 10.0
    assert bridge._state_machine.current_state[1] == 'unconfigured'
    assert not bridge.connections
    said = capfd.readouterr().err
    assert 'cannot configure: ' in said
    assert 'Traceback' not in said
    for text in expected:
        assert text in said


@pytest.mark.parametrize(
    ('name', 'text'),
    [('missing.yaml', 'No such file or directory'), ('', 'Is a directory')],
    ids=['missing', 'directory'],
)
def test_b37_a_mapping_file_that_is_none_fails_configuration(
    graph: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    path = tmp_path / name
    parameters = {'config_file': str(path)}
    hold_to_failure(graph, parameters, capfd, f'{path}:1: file: cannot be read: {text}')


@pytest.mark.parametrize(
    ('parameters', 'text'),
    [
        ({'device_whitelist': ['[']}, "device_whitelist: '[' is not a regular expression"),
        ({'device_blacklist': ['(a+)+b']}, 'can take too long'),
        ({'device_blacklist': ['a' * 201]}, '200'),
        ({'auto_outbound': ['.*a.*b.*']}, 'auto_outbound: '),
    ],
    ids=['no_expression', 'slow', 'long', 'slow_topics'],
)
def test_b38_an_expression_that_cannot_be_used_fails_configuration(
    graph: Graph, capfd: pytest.CaptureFixture[str], parameters: dict[str, Any], text: str
) -> None:
    hold_to_failure(graph, parameters, capfd, 'parameters: ', text)


def test_b38_a_parameter_out_of_range_or_of_another_type_is_refused_with_a_reason(
    graph: Graph,
) -> None:
    bridge = graph.add_bridge('server', {'port': 0, 'autostart': False})
    for name, value, text in (
        ('port', 65536, '65535'),
        ('send_timeout', 0.0, '0.01'),
        ('port', 'http', 'Wrong parameter type'),
        ('crc_policy', 'maybe', 'reject or warn or ignore'),
    ):
        (result,) = bridge.set_parameters([Parameter(name, value=value)])
        assert not result.successful
        assert text in result.reason


def test_b40_a_device_that_changes_its_type_has_a_topic_of_each_and_one_complaint(
    served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    poses = served.graph.subscribe(TRANSFORM_STAMPED, '/bridge/transform/Probe')
    images = served.graph.subscribe(IMAGE, '/bridge/image/Probe')
    for _ in range(3):
        assert served.outcome_of(pose()) == 'done'
        assert served.outcome_of(pack(codec.Image(bytes(4), (2, 2, 1)), 'Probe')) == 'done'
    wait_until(lambda: len(poses) == len(images) == 3, 10.0, 'all of them')
    # on tf is the pose, and not the plane of the image
    transforms = [transform for message in served.tf for transform in message.transforms]
    assert [transform.header.frame_id for transform in transforms].count('igtl_ras') == 3
    said = capfd.readouterr().err
    assert (
        said.count("IMAGE 'Probe': plane_replaced: its plane is not on tf, since TRANSFORM") == 1
    )

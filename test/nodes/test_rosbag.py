# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the nodes publish can be recorded as rosbag2 does, and read where ROS is not installed.

The file is written by mcap and read by rosbags, which knows no type but those in the file.
"""

from __future__ import annotations

import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('mcap', reason='a bag is written with mcap')
pytest.importorskip('rosbags', reason='a bag is read with rosbags')

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from convert.test_conversions import CASES, METADATA
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from helpers.bridge_peer import await_accounted, dial, pack, serve
from helpers.cpp_type_support import check_cpp_type_support, has_cpp
from helpers.outcomes import received_by
from helpers.ros_graph import Graph
from helpers.rosbag import Recorder, Topic, full_definition, recorded_qos, write_bag
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.convert.conversions import ANY_OTHER_TYPE, CONTAINERS, CONVERSIONS, TF_SOURCES
from ros2_igtl.convert.interfaces import ros_type

DEFAULTS = [row for row in CONVERSIONS if row.default]
UPRIGHT = (0.0, 0.5, 0.0, 0.0, 0.0, -0.25, -2.5, 0.0, 0.0)
# What a lifecycle node has beside its own topics, with messages only when something happens.
OF_ANY_NODE = {'/rosout', '/parameter_events', '/bridge/transition_event'}
ROOT = Path(__file__).parents[2]
SHARE = Path(get_package_share_directory('ros2_igtl'))
INTERFACES = sorted(path.stem for path in (SHARE / 'msg').glob('*.msg'))


def contents() -> list[codec.Content]:
    """Return one content for each row of the table that is published unasked, none twice."""
    found: list[Any] = []
    for row in DEFAULTS:
        content: Any = CASES[row.type_name, row.ros_type_name].content
        if row.type_name in TF_SOURCES and hasattr(content, 'axes'):
            content = copy.copy(content)
            content.axes = UPRIGHT  # only what has right angles has a plane on tf
        if content not in found:
            found.append(content)
    return found


def one_message_of_every_type() -> list[bytes]:
    """Return messages of now, each of a device of its own; the last holds two others."""
    fields: dict[str, Any] = {
        'timestamp': codec.timestamp.from_nanoseconds(time.time_ns()),
        'header_version': 2,
        'message_id': 42,
        'metadata': METADATA,
    }
    messages = [pack(content, f'D{index}', **fields) for index, content in enumerate(contents())]
    children = [
        codec.Message(codec.String('of a bind'), 'Note'),
        codec.Message(codec.Position(1.0, 2.0, 3.0), 'BoundToBase', type_name='QTRANS'),
    ]
    return [*messages, pack(codec.Bind(children), 'Both', **fields)]


def assert_same(theirs: Any, ours: Any, path: str) -> None:
    """Hold what rosbags read to what rclpy has: types, names of fields and every value."""
    if hasattr(ours, 'get_fields_and_field_types'):
        kind = type(ours)
        assert theirs.__msgtype__ == f'{kind.__module__.split(".")[0]}/msg/{kind.__name__}', path
        read = vars(theirs).keys() - {'__msgtype__'}
        assert read >= set(ours.get_fields_and_field_types()), path
        for name in read:  # what is no field is a constant
            assert_same(getattr(theirs, name), getattr(ours, name), f'{path}.{name}')
    elif isinstance(ours, str):
        assert theirs == ours, path
    elif isinstance(ours, bytes):  # rclpy has a ROS byte as bytes of length 1
        assert [theirs] == list(ours), path
    elif isinstance(ours, (bool, int, float)):
        assert theirs == ours or (math.isnan(theirs) and math.isnan(ours)), path
    else:
        assert len(theirs) == len(ours), path
        if len(ours) and isinstance(ours[0], (bool, int, float, np.generic)):
            assert np.array_equal(theirs, ours, equal_nan=True), path
        else:
            for index, (their, our) in enumerate(zip(theirs, ours, strict=True)):
                assert_same(their, our, f'{path}[{index}]')


def test_everything_that_is_published_can_be_recorded_and_read_without_ros(
    graph: Graph, tmp_path: Path
) -> None:
    # the messages are older than usual, since all are made before the first is sent
    bridge, peer = serve(graph)
    messages = one_message_of_every_type()
    peer.send(b''.join(messages))  # the topics come into being
    await_accounted(bridge, len(messages))
    recorder = Recorder(graph)
    recorder.subscribe_to_all(bridge)
    peer.send(b''.join(one_message_of_every_type()))
    await_accounted(bridge, len(messages) * 2)
    outcomes = received_by(bridge.connections[0])
    assert outcomes.done == len(messages) * 2 + outcomes.contained, outcomes
    own = recorder.topics.keys() - OF_ANY_NODE
    wait_until(lambda: all(recorder.count(topic) for topic in own), 10.0, 'each topic')
    received = list(recorder.received)
    assert {row.ros_type_name for row in DEFAULTS} <= {
        topic.ros_type_name for topic in recorder.topics.values()
    }
    expected = ['/tf', '/diagnostics', '/bridge/time_reference', '/bridge/string/Note']
    expected += ['/bridge/transform/D0/metadata', '/bridge/qtrans/BoundToBase']
    assert own >= set(expected)
    bag = tmp_path / 'bag'
    write_bag(bag, list(recorder.topics.values()), received)

    with AnyReader([bag]) as reader:  # compares the hashes of the types with those of the graph
        for connection in reader.connections:
            topic = recorder.topics[connection.topic]
            assert connection.msgtype == topic.ros_type_name
            assert connection.digest == topic.type_hash
            ext: Any = connection.ext
            (offered,) = ext.offered_qos_profiles
            assert offered.durability.name.lower() == topic.qos['durability']
        read = [
            (connection.topic, stamp_ns, reader.deserialize(data, connection.msgtype))
            for connection, stamp_ns, data in reader.messages()
        ]
    ours = [
        (
            topic,
            stamp_ns,
            deserialize_message(data, ros_type(recorder.topics[topic].ros_type_name)),
        )
        for topic, stamp_ns, data in received
    ]
    assert len(read) == len(ours)
    read.sort(key=lambda item: item[:2])
    ours.sort(key=lambda item: item[:2])
    for theirs, our in zip(read, ours, strict=True):
        assert theirs[:2] == our[:2]
        assert_same(theirs[2], our[2], our[0])


def test_what_is_latched_is_offered_so_and_comes_to_a_recorder_that_is_late(graph: Graph) -> None:
    # the graph may remember the node of another test for a moment
    bridge = graph.add_bridge('server', {'port': 0}, 'latched')
    peer = dial(graph, bridge)
    messages = one_message_of_every_type()
    peer.send(b''.join(messages))
    await_accounted(bridge, len(messages))
    recorder = Recorder(graph)
    recorder.subscribe_to_all(bridge)
    latched = {
        topic.name
        for topic in recorder.topics.values()
        if topic.qos['durability'] == 'transient_local' and topic.name not in OF_ANY_NODE
    }
    types = {recorder.topics[topic].ros_type_name for topic in latched}
    of_the_table = {row.ros_type_name for row in DEFAULTS if row.latched}
    assert types == of_the_table | {
        'ros2_igtl/msg/Metadata',
        'ros2_igtl/msg/BridgeStatus',
        'std_msgs/msg/UInt32',  # ~/client_count
        'diagnostic_msgs/msg/DiagnosticStatus',  # <topic>/status
    }
    wait_until(lambda: all(recorder.count(topic) for topic in latched), 10.0, 'what is latched')


def test_the_messages_are_one_of_every_type() -> None:
    sent = {codec.unpack(data).type_name for data in one_message_of_every_type()}
    named = {row.type_name for row in CONVERSIONS if row.type_name != ANY_OTHER_TYPE}
    assert named | set(CONTAINERS) <= sent
    assert sent - named - set(CONTAINERS) == {'NEWTYPE'}  # and one that nobody knows


def test_a_bag_with_other_definitions_than_the_publishers_is_refused(tmp_path: Path) -> None:
    """That the reader compares hashes at all, or the test above would prove less."""
    volume = Topic(
        '/v', 'ros2_igtl/msg/Volume', f'RIHS01_{"0" * 64}', recorded_qos(QoSProfile(depth=1))
    )
    write_bag(tmp_path / 'bag', [volume], [('/v', 1, b'')])
    with pytest.raises(AnyReaderError, match='hash mismatch'), AnyReader([tmp_path / 'bag']):
        pass


@pytest.mark.parametrize('name', INTERFACES)
def test_the_definition_in_a_bag_has_the_hash_that_is_installed(name: str) -> None:
    ros_type_name = f'ros2_igtl/msg/{name}'
    definition = full_definition(ros_type_name)
    assert definition.startswith((ROOT / 'msg' / f'{name}.msg').read_text())
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(definition, ros_type_name))
    description = SHARE / 'msg' / f'{name}.json'
    if not description.exists():
        pytest.skip('this distribution is older than type hashes')
    hashes = json.loads(description.read_text())['type_hashes']
    assert {entry['type_name']: entry['hash_string'] for entry in hashes} == {
        entry['type_name']: store.hash_rihs01(entry['type_name']) for entry in hashes
    }


@pytest.mark.parametrize('name', INTERFACES)
def test_rosbag2_finds_the_type_support_that_it_loads_by_name(name: str) -> None:
    prefix = Path(get_package_prefix('ros2_igtl'))
    if not has_cpp(prefix):
        pytest.skip('make setup builds no C++; test_colcon_builds_it, which is long, does')
    check_cpp_type_support(prefix, name)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A recorder that writes what rosbag2 writes: MCAP of profile ros2, and metadata.yaml beside it.

Source: the rows "ros2" and "ros2msg" of the MCAP format registry, and ``metadata.yaml`` of
rosbag2_storage, version 9.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ament_index_python.packages import get_package_share_directory
from mcap.writer import CompressionType, Writer
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl.convert.interfaces import ros_type

SEPARATOR = '=' * 80
# a field's type: built in, of the same package, or of another
_TYPE = re.compile(r'^\s*(?:(\w+)/)?(?:msg/)?([A-Z]\w*)(?:\[[^\]]*\])?\s+\w+\s*(?:#.*)?$', re.M)
DEPTH = 1000


class Topic(NamedTuple):
    """What the graph says of a topic."""

    name: str
    ros_type_name: str
    type_hash: str
    qos: dict[str, Any]


class Recorder:
    """
    Subscribes to topics as rosbag2 does, without understanding their messages.

    :ivar topics: by name.
    :ivar received: the bytes of what came, each with its topic and time, oldest first.
    """

    def __init__(self, graph: Graph) -> None:
        self._node = graph.user
        self.topics: dict[str, Topic] = {}
        self.received: list[tuple[str, int, bytes]] = []

    def subscribe_to_all(self, node: Node) -> None:
        """Subscribe to all that a node publishes, reliable and latched where its publisher is."""
        # by topic: of two nodes of one name, such as one that was killed, the graph lists one
        own = {publisher.topic_name for publisher in node.publishers}

        def offers() -> dict[str, Any]:
            """Return the offer of each topic, as far as the graph knows it."""
            return {
                name: info
                for name in own
                for info in self._node.get_publishers_info_by_topic(name)
                if info.node_name == node.get_name()
            }

        wait_until(lambda: offers().keys() == own, 30.0, 'all its topics')
        for name, offer in offers().items():
            ros_type_name = offer.topic_type
            type_hash = str(getattr(offer, 'topic_type_hash', ''))  # not in Humble
            self.topics[name] = Topic(
                name, ros_type_name, type_hash, recorded_qos(offer.qos_profile)
            )
            profile = QoSProfile(
                depth=DEPTH,
                reliability=offer.qos_profile.reliability,
                durability=offer.qos_profile.durability,
            )
            self._node.create_subscription(
                ros_type(ros_type_name), name, self._taker(name), profile, raw=True
            )

    def count(self, topic: str) -> int:
        """Return how many messages of a topic came."""
        return sum(name == topic for name, _, _ in self.received)

    def _taker(self, topic: str) -> Any:
        return lambda data: self.received.append((topic, time.time_ns(), bytes(data)))


def write_bag(
    folder: Path, topics: Sequence[Topic], received: Sequence[tuple[str, int, bytes]]
) -> None:
    """Write a bag of one file."""
    folder.mkdir()
    with (folder / f'{folder.name}_0.mcap').open('wb') as stream:
        writer = Writer(stream, compression=CompressionType.NONE)
        writer.start('ros2', 'rosbag2 of the tests')
        channels = {}
        for topic in topics:
            definition = full_definition(topic.ros_type_name).encode()
            schema = writer.register_schema(topic.ros_type_name, 'ros2msg', definition)
            offered = yaml.safe_dump([topic.qos], sort_keys=False)
            metadata = {'offered_qos_profiles': offered, 'topic_type_hash': topic.type_hash}
            channels[topic.name] = writer.register_channel(topic.name, 'cdr', schema, metadata)
        for name, stamp_ns, data in received:
            writer.add_message(channels[name], stamp_ns, data, stamp_ns)
        writer.finish()  # type: ignore[no-untyped-call]
    (folder / 'metadata.yaml').write_text(_metadata(folder.name, topics, received))


def full_definition(ros_type_name: str) -> str:
    """Return the installed definition of a type, and behind it all that it is made of."""
    text = _definition(ros_type_name)
    for name in _parts(ros_type_name, {}):
        package, _, kind = name.split('/')
        text += f'\n{SEPARATOR}\nMSG: {package}/{kind}\n{_definition(name)}'
    return text


def _definition(ros_type_name: str) -> str:
    """Return the text of the .msg file of a type."""
    package, _, kind = ros_type_name.split('/')
    return (Path(get_package_share_directory(package)) / 'msg' / f'{kind}.msg').read_text()


def _parts(ros_type_name: str, found: dict[str, None]) -> dict[str, None]:
    own = ros_type_name.split('/')[0]
    for package, kind in _TYPE.findall(_definition(ros_type_name)):
        name = f'{package or own}/msg/{kind}'
        if name not in found:
            found[name] = None
            _parts(name, found)
    return found


def recorded_qos(profile: QoSProfile) -> dict[str, Any]:
    """Return a profile as rosbag2 writes it; of publishers no history and depth are known."""
    forever = {'sec': 9223372036, 'nsec': 854775807}
    return {
        'history': 'unknown',
        'depth': 0,
        'reliability': ReliabilityPolicy(profile.reliability).name.lower(),
        'durability': DurabilityPolicy(profile.durability).name.lower(),
        'deadline': forever.copy(),
        'lifespan': forever.copy(),
        'liveliness': 'automatic',
        'liveliness_lease_duration': forever.copy(),
        'avoid_ros_namespace_conventions': False,
    }


def _metadata(
    name: str, topics: Sequence[Topic], received: Sequence[tuple[str, int, bytes]]
) -> str:
    stamps = [stamp_ns for _, stamp_ns, _ in received]
    begin, duration = min(stamps), max(stamps) - min(stamps)
    span = {
        'starting_time': {'nanoseconds_since_epoch': begin},
        'duration': {'nanoseconds': duration},
        'message_count': len(received),
    }
    path = f'{name}_0.mcap'
    information = {
        'version': 9,
        'storage_identifier': 'mcap',
        **span,
        'topics_with_message_count': [
            {
                'topic_metadata': {
                    'name': topic.name,
                    'type': topic.ros_type_name,
                    'serialization_format': 'cdr',
                    'offered_qos_profiles': [topic.qos],
                    'type_description_hash': topic.type_hash,
                },
                'message_count': sum(name == topic.name for name, _, _ in received),
            }
            for topic in topics
        ],
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [path],
        'files': [{'path': path, **span}],
        'custom_data': None,
        'ros_distro': 'jazzy',
    }
    return yaml.safe_dump({'rosbag2_bagfile_information': information}, sort_keys=False)

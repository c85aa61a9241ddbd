# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows that leave together: what a group does with stamps, and what a peer receives of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from std_msgs.msg import Header, String

from helpers.bridge_peer import serve
from helpers.outcomes import sent_by
from helpers.peers import make_peers
from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.nodes.reporting.counters import Rate, Tally
from ros2_igtl.nodes.to_igtl.audience import Audience
from ros2_igtl.nodes.to_igtl.bind import BindGroup

MS = 1_000_000


class Peers:
    """Takes what a group sends."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.sent: list[tuple[codec.Message, str]] = []
        self.tally = Tally([])
        self.rates = [Rate(), Rate()]
        audience = Audience(make_peers(), self.send)
        self.group = BindGroup('Frame', 20 * MS, audience, self.tally)
        assert [self.group.add_row(rate, 0.0) for rate in self.rates] == [0, 1]

    def send(self, message: codec.Message, traffic: str, to: object) -> int:
        assert to is None  # every peer
        codec.pack(message)
        self.sent.append((message, traffic))
        return self.count

    def put(self, row: int, text: str, stamp_ns: int, traffic: str = 'state') -> None:
        self.tally.here.received += 1
        message = codec.Message(codec.String(text), f'Row{row}', 77)
        self.group.put(row, message, stamp_ns, traffic)  # type: ignore[arg-type]

    def texts(self) -> list[list[str]]:
        return [
            [child.content.text for child in message.content.children] for message, _ in self.sent
        ]

    def assert_conserved(self) -> None:
        outcomes = self.tally.total()
        assert outcomes.received == (
            outcomes.done
            + outcomes.replaced
            + sum(outcomes.rejected.values())
            + sum(outcomes.skipped.values())
        )


def test_messages_within_the_tolerance_leave_in_the_order_of_the_rows() -> None:
    peers = Peers()
    peers.put(1, 'b', 1000 * MS)
    assert not peers.sent
    peers.put(0, 'a', 1020 * MS)
    ((message, traffic),) = peers.sent
    assert peers.texts() == [['a', 'b']]
    assert (message.device_name, traffic) == ('Frame', 'state')
    assert codec.timestamp.to_nanoseconds(message.timestamp) == 1000 * MS  # the oldest
    assert [child.device_name for child in message.content.children] == ['Row0', 'Row1']
    assert peers.tally.total().done == 2
    assert [rate.count for rate in peers.rates] == [1, 1]
    peers.assert_conserved()


def test_messages_that_are_farther_apart_wait_for_newer_ones() -> None:
    peers = Peers()
    peers.put(0, 'old', 1000 * MS)
    peers.put(1, 'b', 1021 * MS)
    assert not peers.sent
    peers.put(0, 'a', 1040 * MS)
    assert peers.texts() == [['a', 'b']]
    assert (peers.tally.total().done, peers.tally.total().replaced) == (2, 1)
    peers.put(0, 'next', 1060 * MS)
    assert len(peers.sent) == 1  # no message leaves twice
    peers.group.destroy()
    peers.group.destroy()
    assert peers.tally.total().skipped == {'bind_incomplete': 1}
    peers.assert_conserved()


def test_one_event_among_the_children_makes_it_an_event() -> None:
    peers = Peers()
    peers.put(0, 'a', 0, 'event')
    peers.put(1, 'b', 0)
    assert peers.sent[0][1] == 'event'


def test_without_a_peer_each_child_is_skipped() -> None:
    peers = Peers(count=0)
    peers.put(0, 'a', 0)
    peers.put(1, 'b', 0)
    assert peers.tally.total().skipped == {'no_peer': 2}
    assert [rate.count for rate in peers.rates] == [0, 0]
    peers.assert_conserved()


def test_what_cannot_be_packed_does_not_wait_any_more() -> None:
    peers = Peers()
    peers.put(0, 'a', 0)
    with pytest.raises(codec.EncodeError):
        peers.group.put(1, codec.Message(codec.String('x'), 'n' * 21), 0, 'state')
    assert peers.tally.total().rejected == {'encode': 1}
    peers.put(0, 'again', 0)
    peers.put(1, 'b', 0)
    assert peers.texts() == [['again', 'b']]


ROWS = """\
version: 1
connections:
  - bind_tolerance: 0.05
    mappings:
      - igtl_device_name: Tip
        igtl_type_name: TRANSFORM
        direction: ROS_TO_IGTL
        ros_topic_name: /tip
        ros_type_name: geometry_msgs/msg/PoseStamped
        bind: Frame
      - igtl_device_name: Note
        igtl_type_name: STRING
        direction: ROS_TO_IGTL
        ros_topic_name: /note
        ros_type_name: std_msgs/msg/String
        bind: Text
      - igtl_device_name: Tail
        igtl_type_name: POSITION
        direction: ROS_TO_IGTL
        ros_topic_name: /tail
        ros_type_name: geometry_msgs/msg/PoseStamped
        bind: Frame
"""


def pose(x: float, nanosec: int) -> PoseStamped:
    message = PoseStamped(header=Header(stamp=Time(sec=1_700_000_000, nanosec=nanosec)))
    message.pose.position.x, message.pose.orientation.w = x, 1.0
    return message


def test_topics_of_one_bind_arrive_as_one_message(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(ROWS)
    bridge, peer = serve(graph, config_file=str(path))
    tips = graph.publisher('geometry_msgs/msg/PoseStamped', '/tip')
    tails = graph.publisher('geometry_msgs/msg/PoseStamped', '/tail')
    sent = sent_by(bridge.connections[0])
    tips.publish(pose(0.1, 0))
    wait_until(lambda: sent.received == 1, what='the first pose')
    tips.publish(pose(0.2, 400 * MS))
    wait_until(lambda: sent.received == 2, what='the second pose')
    tails.publish(pose(0.3, 449 * MS))
    message = codec.unpack(peer.receive_message())
    assert (message.type_name, message.device_name) == ('BIND', 'Frame')
    stamp_ns = codec.timestamp.to_nanoseconds(message.timestamp)
    assert stamp_ns == 1_700_000_000_400_000_000
    tip, tail = message.content.children
    assert (tip.type_name, tip.device_name, tip.content[9:]) == (
        'TRANSFORM',
        'Tip',
        pytest.approx((200.0, 0.0, 0.0)),
    )
    assert (tail.type_name, tail.device_name, tail.content.x) == ('POSITION', 'Tail', 300.0)
    graph.publisher('std_msgs/msg/String', '/note').publish(String(data='no stamp'))
    message = codec.unpack(peer.receive_message())
    assert (message.device_name, message.content.children[0].content.text) == ('Text', 'no stamp')
    assert message.timestamp  # a message without a stamp is of the time it came
    assert (sent.done, sent.replaced) == (3, 1)

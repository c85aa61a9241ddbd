# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Keep a node busy for some seconds, and say what of it grows: ``python test/load/soak.py 600``.

Ten trackers at 250 Hz each, images, texts, commands and queries, poses and texts to all peers, and
a peer that comes and goes.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if __name__ == '__main__':
    # behind the installed package, which has the generated messages
    sys.path += [str(ROOT / 'test'), str(ROOT / 'demo'), str(ROOT)]

from geometry_msgs.msg import TransformStamped
from std_msgs.msg import String

from helpers.accounts import Accounts
from helpers.bridge_peer import pack, pose
from helpers.bridge_process import BridgeProcess
from helpers.load import BusyPeer, in_background, paced, poses
from helpers.ros_domain import own_ros_domain
from helpers.ros_graph import Graph, ros_graph
from helpers.usage import Slopes, sampled, slopes_of
from helpers.waiting import watch_for
from ros2_igtl import codec
from ros2_igtl.srv import Command

CONFIG = """\
version: 1
connections:
  - name: room
    mode: server
    port: 0
    auto_inbound: true
    max_clients: 8
    send_timeout: 60  # a machine so busy that our peers do not get to read is no fault
    commands: [{igtl_command_regex: ".*", ros_service_name: /run}]
    mappings:
      - {igtl_device_name: Out, igtl_type_name: STRING, direction: ROS_TO_IGTL,
         ros_topic_name: /out/text, ros_type_name: std_msgs/msg/String}
      - {igtl_device_name: Out, igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL,
         ros_topic_name: /out/pose, ros_type_name: geometry_msgs/msg/TransformStamped}
"""
TRACKERS, TRACKING_HZ = 10, 250.0
IMAGE_HZ = 30.0
TEXT_HZ = 10.0  # and of commands and queries
OUT_HZ = 50.0
VISIT_HZ = 2.0

# A step that is no leak (a buffer that doubled, an arena of malloc) in the time of measuring, and
# what may come to it in an hour. One object lost with each message is some MB in half a minute.
MEMORY_STEP = 2_000_000  # bytes
MEMORY_PER_HOUR = 10_000_000
COUNT_STEP = 1.0  # descriptors, threads: a peer that comes and goes is one of each at times
COUNT_PER_HOUR = 1.0


@dataclass(frozen=True)
class Report:
    """
    What a node has grown by, and what became of its messages.

    :ivar balance: the law of conservation as a line.
    """

    slopes: Slopes
    balance: str

    def excesses(self) -> list[str]:
        """Return what grows faster than it may."""
        return [name for name, slope, bound in self._rows() if slope > bound]

    def __str__(self) -> str:
        """Return it as a table."""
        lines = [
            f'{name:<12} {3600.0 * slope:+14,.1f} an hour, {3600.0 * bound:14,.1f} are allowed'
            for name, slope, bound in self._rows()
        ]
        return '\n'.join((f'over {self.slopes.seconds:.0f} s:', *lines, self.balance))

    def _rows(self) -> list[tuple[str, float, float]]:
        """Return name, slope and bound; a second."""
        slopes = self.slopes
        memory = MEMORY_STEP / slopes.seconds + MEMORY_PER_HOUR / 3600.0
        count = COUNT_STEP / slopes.seconds + COUNT_PER_HOUR / 3600.0
        return [
            ('memory', slopes.memory, memory),
            ('descriptors', slopes.descriptors, count),
            ('threads', slopes.threads, count),
        ]


def respond(request: Command.Request, response: Command.Response) -> Command.Response:
    """Do what a command asks, which is nothing."""
    response.outcome, response.content = response.SUCCEEDED, request.content
    return response


class _Room:
    """The peers of the node, and how many messages they have sent."""

    def __init__(self, port: int, stack: ExitStack) -> None:
        self._port = port
        self._visitors_sent = 0
        self._peers = [stack.enter_context(BusyPeer(port)) for _ in range(3)]
        self._tracker, self._imager, self._console = self._peers

    @property
    def sent(self) -> int:
        """How many messages were sent to the node."""
        return self._visitors_sent + sum(peer.sent for peer in self._peers)

    def track(self, ended: threading.Event) -> None:
        for number in paced(TRACKING_HZ, ended):
            self._tracker.send(poses(number, TRACKERS), TRACKERS)

    def image(self, ended: threading.Event) -> None:
        pixels = np.zeros((1, 480, 640), np.uint8)
        for number in paced(IMAGE_HZ, ended):
            pixels[0, 0] = number % 256
            self._imager.send(pack(codec.Image.from_pixels(pixels), 'US'))

    def talk(self, ended: threading.Event) -> None:
        console = self._console
        for number in paced(TEXT_HZ, ended):
            console.send(pack(codec.String(f'text {number}'), 'Text'))
            command = codec.Command(number, 'Start', 'x' * 100)
            reply = console.ask(pack(command, 'Console', header_version=2))
            assert reply.content.command_id == number, reply
            assert console.ask(pack(codec.GetCapability(), '')).type_name == 'CAPABILITY'

    def visit(self, ended: threading.Event) -> None:
        for number in paced(VISIT_HZ, ended):
            with BusyPeer(self._port) as visitor:
                visitor.send(
                    pose(number % 1000, 'Visitor') + pack(codec.String('hello'), 'Guest'), 2
                )
                assert visitor.ask(pack(codec.GetStatus(), '')).type_name == 'STATUS'
            self._visitors_sent += visitor.sent


def _publish(graph: Graph, ended: threading.Event) -> None:
    """Send poses and texts to all peers."""
    transforms = graph.publisher('geometry_msgs/msg/TransformStamped', '/out/pose')
    texts = graph.publisher('std_msgs/msg/String', '/out/text')
    for number in paced(OUT_HZ, ended):
        transform = TransformStamped(child_frame_id='out')
        transform.header.frame_id = 'world'
        transform.transform.translation.x = number / 1e3
        transforms.publish(transform)
        if number % 5 == 0:
            texts.publish(String(data=f'text {number}'))


def soak(seconds: float, folder: Path, warm_up_s: float) -> Report:
    """
    Keep a node busy.

    :param seconds: of measuring.
    :param folder: where the mapping file is written.
    :param warm_up_s: seconds before that, in which caches and buffers grow.
    """
    path = folder / 'soak.yaml'
    path.write_text(CONFIG)
    with (
        ros_graph() as graph,
        BridgeProcess('igtl_bridge', {'config_file': path}, name='soak') as process,
    ):
        accounts = Accounts(graph, 'soak')
        graph.user.create_service(Command, '/run', respond)
        for topic, ros_type in (
            ('/room/transform/Tool0ToTracker', 'geometry_msgs/msg/TransformStamped'),
            ('/room/image/US', 'sensor_msgs/msg/Image'),
            ('/room/string/Text', 'std_msgs/msg/String'),
        ):
            graph.count(ros_type, topic)
        with ExitStack() as stack:
            room = _Room(process.port_of('room'), stack)
            loops = (room.track, room.image, room.talk, room.visit)
            stack.enter_context(in_background(*loops, lambda ended: _publish(graph, ended)))
            watch_for(lambda: process.has_ended, warm_up_s, 'the end of the node')
            with sampled(lambda: process.usage) as samples:
                watch_for(lambda: process.has_ended, seconds, 'the end of the node')
        return Report(slopes_of(samples), accounts.await_conserved('room', room.sent))


def main() -> int:
    """Return 0 if nothing grows faster than it may."""
    seconds = float(sys.argv[1])
    with own_ros_domain(), tempfile.TemporaryDirectory() as folder:
        report = soak(seconds, Path(folder), min(60.0, seconds / 2.0))
    print(report)
    excesses = report.excesses()
    if excesses:
        print(f'grows too fast: {", ".join(excesses)}', file=sys.stderr)
    return bool(excesses)


if __name__ == '__main__':
    sys.exit(main())

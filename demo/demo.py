# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The demo: OpenIGTLink programs on one side, a ROS program on the other, the bridge between them.

It starts TrackerServer, ImagerServer and ReceiveServer of the reference implementation, an
igtl_client node for each, and a ROS program. It shows the messages for 15 s and writes
demo/received.png. The exit code is 0 only if everything arrived unchanged.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from igtl_side import Peers, ReferencePeers, SimulatedPeers
from numpy.typing import NDArray
from places import installed_program
from reference_programs import Program, ProgramError, ReferenceProgramsUnavailableError
from streams import LiveTable, Stream

if TYPE_CHECKING:
    from ros_side import RosSide

FOLDER = Path(__file__).resolve().parent
PICTURE = FOLDER / 'received.png'
MORE_S = 15.0  # to wait for the first messages: nodes take some seconds to start
SLICES_DRAWN = 5


class Slices:
    """
    The received images, compared with those that were sent.

    :ivar pairs: by name: the pixels as sent and as received.
    :ivar wrong: the number of received images that differ from all that were sent.
    """

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self.pairs: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
        self.wrong = 0

    def arrived(self, stamp_ns: int, pixels: NDArray[np.uint8]) -> None:
        """Compare an image: its stamp in nanoseconds, its pixels of shape (rows, columns)."""
        expected = self._peers.expected_slice(stamp_ns, pixels)
        if expected is None:
            self.wrong += 1
        else:
            name, sent = expected
            self.pairs[name] = (sent, pixels.copy())

    def some(self) -> list[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
        """Return up to five images, evenly chosen in the order of arrival."""
        names = list(self.pairs)
        chosen = np.unique(np.linspace(0, len(names) - 1, SLICES_DRAWN).round().astype(int))
        return [(names[index], *self.pairs[names[index]]) for index in chosen if names]


def find_peers() -> Peers:
    """Return the reference programs, or the simulators if those are not available."""
    print('compiling the reference C++ programs ...', flush=True)
    try:
        return ReferencePeers()
    except ReferenceProgramsUnavailableError as error:
        print(f'not available: {error}\nusing the simulators instead', flush=True)
        return SimulatedPeers()


def bridge_node(name: str, port: int) -> Program:
    """Return an igtl_client with this name that dials a port, configured for the demo."""
    config_file = FOLDER / f'{name}.yaml'
    parameters: dict[str, object] = {
        'port': port,
        'reconnect_initial_delay': 0.2,
        # all programs share a clock, and images are identified by their original stamps
        'timestamp_mode': 'device',
    }
    if config_file.exists():
        parameters['config_file'] = str(config_file)
    arguments = [word for key, value in parameters.items() for word in ('-p', f'{key}:={value}')]
    program = installed_program('igtl_client')
    return Program(program, '--ros-args', '-r', f'__node:={name}', *arguments, life_s=120.0)


def watch(
    streams: list[Stream], table: LiveTable, update: Callable[[], None], seconds: float
) -> None:
    """Show the table for some seconds, and for up to MORE_S longer if anything is missing."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds or (
        passed < seconds + MORE_S and not all(stream.count for stream in streams)
    ):
        update()
        table.show(f'{max(seconds - passed, 0.0):4.1f} s to go')
        time.sleep(0.1)
    update()
    table.show('done', always=True)


def find_faults(peers: Peers, ros: RosSide, streams: list[Stream], slices: Slices) -> list[str]:
    """Return a text for everything that did not arrive or was changed."""
    faults = [
        f'nothing arrived: {stream.device} {"->" if stream.to_ros else "<-"} {stream.ros}'
        for stream in streams
        if not stream.count
    ]
    if slices.wrong:
        faults.append(f'{slices.wrong} images arrived changed')
    for x, y, z in peers.received_transforms():
        radius_mm, height_mm = math.hypot(x, y), z
        if not (
            math.isclose(radius_mm, ros.ROBOT_RADIUS_M * 1000.0, abs_tol=0.01)
            and math.isclose(height_mm, ros.ROBOT_HEIGHT_M * 1000.0, abs_tol=0.01)
        ):
            faults.append(f'the pose of the robot arrived as {x} {y} {z} mm')
    for text in set(peers.received_strings()) - {ros.GREETING}:
        faults.append(f'the greeting arrived as {text!r}')
    return faults


def show(peers: Peers, ros: RosSide, slices: Slices, picture: Path) -> None:
    """Print the last output of the receiver, and draw the data that ROS received."""
    from picture import draw

    print(f'\nThe last messages from ROS, as printed by {peers.receiver_name} (millimetres):\n')
    for output in peers.last_received():
        print('    ' + output.strip().replace('\n', '\n    '))
    if slices.pairs and ros.poses:
        draw(picture, slices.some(), ros.poses, peers.description)
        print(f'\nThe images and the path of the tool as received in ROS: {picture}')


def run(peers: Peers, seconds: float, picture: Path) -> int:
    """Run the demo with these peers and draw the received data; return the exit code."""
    from ros_side import RosSide

    slices = Slices(peers)
    with contextlib.ExitStack() as stack:
        stack.enter_context(peers)
        ros = stack.enter_context(RosSide(slices.arrived))
        nodes = [
            stack.enter_context(bridge_node(name, port)) for name, port in peers.ports.items()
        ]
        robot = Stream('RobotToWorld', 'TRANSFORM', False, '/tf  world -> robot', 'receiver')
        greeting = Stream('Greeting', 'STRING', False, '/greeting  std_msgs/String', 'receiver')
        streams = [*ros.streams, robot, greeting]

        def update() -> None:
            robot.arrived(len(peers.received_transforms()) - robot.count)
            greeting.arrived(len(peers.received_strings()) - greeting.count)
            for stream in streams:
                stream.rejected = ros.rejected(stream.node, stream.to_ros)

        title = f'{peers.description}  <── OpenIGTLink ──>  ros2_igtl  <── ROS 2 ──>  this program'
        print()
        watch(streams, LiveTable(title, streams), update, seconds)
        faults = find_faults(peers, ros, streams, slices) + end_nodes(nodes)
        show(peers, ros, slices, picture)
        if faults:
            logs = [f'--- {" ".join(node.command)}\n{node.output[-1500:]}' for node in nodes]
            print('', *logs, *faults, sep='\n', file=sys.stderr)
            return 1
    print('\nEverything arrived unchanged.')
    return 0


def end_nodes(nodes: list[Program]) -> list[str]:
    """Interrupt the nodes; return a text for each that did not end with exit code 0."""
    faults = []
    for node in nodes:
        try:
            exit_code = node.interrupt()
        except ProgramError as error:
            faults.append(str(error))
        else:
            if exit_code != 0:
                faults.append(f'a node ended with exit code {exit_code}')
    return faults


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description='Show the bridge at work, in half a minute.')
    parser.add_argument(
        '--simulators',
        action='store_true',
        help="use this package's simulators instead of the reference C++ programs",
    )
    parser.add_argument(
        '--seconds', type=float, default=15.0, help='how long to show the table (%(default)s)'
    )
    parser.add_argument(
        '--picture', type=Path, default=PICTURE, help='the picture to write (%(default)s)'
    )
    arguments = parser.parse_args()
    for module, package in (
        ('rclpy', 'ros-$ROS_DISTRO-rclpy'),
        ('matplotlib', 'python3-matplotlib'),
    ):
        if importlib.util.find_spec(module) is None:
            print(f'the demo needs {module}: sudo apt-get install {package}', file=sys.stderr)
            return 1
    try:
        peers = SimulatedPeers() if arguments.simulators else find_peers()
        return run(peers, arguments.seconds, arguments.picture)
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())

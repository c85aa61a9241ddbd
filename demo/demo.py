# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The demo: real OpenIGTLink programs on one side, a ROS program on the other, the bridge between.

Starts the reference implementation's TrackerServer, ImagerServer and ReceiveServer, an igtl_client
node for each, and a ROS program; shows for 15 s what passes; writes demo/received.png. The exit
code is 0 only if everything arrived, and as it was sent.
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
MORE_S = 15.0  # for what has not arrived yet: nodes take some seconds to start
SLICES_DRAWN = 5


class Slices:
    """
    What arrived as images, judged.

    :ivar pairs: by name: the pixels as sent and as they arrived.
    :ivar wrong: how many images arrived that nobody sent.
    """

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self.pairs: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
        self.wrong = 0

    def arrived(self, stamp_ns: int, pixels: NDArray[np.uint8]) -> None:
        """Judge an image: its stamp in nanoseconds, its pixels of shape (rows, columns)."""
        expected = self._peers.expected_slice(stamp_ns, pixels)
        if expected is None:
            self.wrong += 1
        else:
            name, sent = expected
            self.pairs[name] = (sent, pixels.copy())

    def some(self) -> list[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
        """Return up to five of them, evenly chosen from the first that arrived to the last."""
        names = list(self.pairs)
        chosen = np.unique(np.linspace(0, len(names) - 1, SLICES_DRAWN).round().astype(int))
        return [(names[index], *self.pairs[names[index]]) for index in chosen if names]


def find_peers() -> Peers:
    """Return the reference programs, or the simulators where those cannot be had."""
    print('compiling the reference C++ programs ...', flush=True)
    try:
        return ReferencePeers()
    except ReferenceProgramsUnavailableError as error:
        print(f'they cannot be had here: {error}\nusing the simulators instead', flush=True)
        return SimulatedPeers()


def bridge_node(name: str, port: int) -> Program:
    """Return an igtl_client that dials a port, and is named and configured for the demo."""
    config_file = FOLDER / f'{name}.yaml'
    parameters: dict[str, object] = {
        'port': port,
        'reconnect_initial_delay': 0.2,
        # all are on one machine, and images are known by the very stamps they were sent with
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
    """Show the table until the time is over and everything has arrived, or it takes too long."""
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
    """Return what did not arrive, or not as it was sent."""
    faults = [
        f'nothing arrived: {stream.device} {"->" if stream.to_ros else "<-"} {stream.ros}'
        for stream in streams
        if not stream.count
    ]
    if slices.wrong:
        faults.append(f'{slices.wrong} images arrived that were not sent like that')
    for x, y, z in peers.received_transforms():
        radius_mm, height_mm = math.hypot(x, y), z
        if not (
            math.isclose(radius_mm, ros.ROBOT_RADIUS_M * 1000.0, abs_tol=0.01)
            and math.isclose(height_mm, ros.ROBOT_HEIGHT_M * 1000.0, abs_tol=0.01)
        ):
            faults.append(f'the robot arrived at {x} {y} {z} mm')
    for text in set(peers.received_strings()) - {ros.GREETING}:
        faults.append(f'the greeting arrived as {text!r}')
    return faults


def show(peers: Peers, ros: RosSide, slices: Slices, picture: Path) -> None:
    """Show what the receiver printed, and draw what ROS got."""
    from picture import draw

    print(f'\nThe last that {peers.receiver_name} printed of what ROS sent (millimetres):\n')
    for said in peers.last_received():
        print('    ' + said.strip().replace('\n', '\n    '))
    if slices.pairs and ros.poses:
        draw(picture, slices.some(), ros.poses, peers.description)
        print(f'\nThe images and the path of the tool as ROS got them: {picture}')


def run(peers: Peers, seconds: float, picture: Path) -> int:
    """Run the demo with these peers and draw what arrived; return the exit code."""
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
    print('\nEverything arrived, as it was sent.')
    return 0


def end_nodes(nodes: list[Program]) -> list[str]:
    """End the nodes as Ctrl-C does; return which did not end well."""
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
    parser = argparse.ArgumentParser(description='See what the bridge does, in half a minute.')
    parser.add_argument(
        '--simulators',
        action='store_true',
        help="use this package's simulators instead of the reference C++ programs",
    )
    parser.add_argument(
        '--seconds', type=float, default=15.0, help='how long to watch (%(default)s)'
    )
    parser.add_argument(
        '--picture', type=Path, default=PICTURE, help='the file to draw into (%(default)s)'
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

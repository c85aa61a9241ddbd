# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl simulate`: simulate a tracker or an imager."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from types import FrameType

from ros2_igtl.cli import arguments as common
from ros2_igtl.cli.errors import UsageError
from ros2_igtl.sim import Imager, Simulation, Source, Tracker, VolumeImager
from ros2_igtl.transport import Options

HELP = 'simulate a tracker or an imager'
DESCRIPTION = (
    'Run a simulated device: an OpenIGTLink server, or a client with --connect. Its messages are '
    'a function of their time stamps: see ros2_igtl/sim. Lengths are in millimetres, axes are '
    'RAS. Ctrl-C ends it.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments, with a parser for each device."""
    devices = parser.add_subparsers(dest='device', metavar='DEVICE', required=True)
    tracker = devices.add_parser(
        'tracker',
        help='tools that move on figures of eight',
        description='Tools that move on figures of eight, 120 mm by 60 mm, in 8 s; sent as a '
        'TRANSFORM for each, or as one TDATA.',
    )
    tracker.add_argument(
        '--tools',
        nargs='+',
        default=list(Tracker().tool_names),
        metavar='NAME',
        help=f'names of the tools ({" ".join(Tracker().tool_names)})',
    )
    tracker.add_argument('--tdata', action='store_true', help='send TDATA instead of TRANSFORM')
    tracker.add_argument(
        '--device-name',
        default=Tracker().device_name,
        help='device name of the TDATA (%(default)s)',
    )
    tracker.set_defaults(make_source=_make_tracker)
    _add_common(tracker, port=18944, rate=50.0)

    imager = devices.add_parser(
        'imager',
        help='a slice that sweeps through a phantom head, or the head as a volume',
        description='A slice that sweeps up and down through a phantom head in 8 s, 256 x 256 '
        'pixels of 8 bits and 1 mm; or the head as a volume of 96 x 112 x 96 voxels of 16 bits '
        'and 2 mm.',
    )
    imager.add_argument('--volume', action='store_true', help='send the volume')
    imager.add_argument('--device-name', help='device name (Scanner, or Volume)')
    imager.set_defaults(make_source=_make_imager)
    _add_common(imager, port=18945, rate=10.0)


def _add_common(parser: argparse.ArgumentParser, port: int, rate: float) -> None:
    parser.add_argument(
        '--port',
        type=common.tcp_port_or_any,
        default=port,
        help='TCP port to listen on; 0 selects a free one (%(default)s)',
    )
    parser.add_argument(
        '--address', default='127.0.0.1', help='address to listen on (%(default)s)'
    )
    parser.add_argument(
        '--allow',
        nargs='+',
        default=[],
        metavar='NETWORK',
        help='networks that may connect, e.g. 192.168.0.0/24; required to listen beyond this host',
    )
    parser.add_argument(
        '--connect',
        nargs=2,
        metavar=('HOST', 'PORT'),
        help='instead of listening, dial this server, and dial again when disconnected',
    )
    parser.add_argument(
        '--rate',
        type=common.positive_float,
        default=rate,
        metavar='HZ',
        help='how many times a second it sends (%(default)s)',
    )
    parser.add_argument(
        '--count', type=common.positive_int, help='end after sending this number of times'
    )
    parser.add_argument(
        '--header-version',
        type=int,
        choices=(1, 2),
        default=0,
        help='default: 1, but 2 to a peer that has sent 2',
    )
    parser.add_argument(
        '--no-stamps',
        dest='stamped',
        action='store_false',
        help='send no time stamps, as simple devices do',
    )


def run(arguments: argparse.Namespace) -> int:
    """Send until interrupted, or until --count is reached."""
    address, port = arguments.address, arguments.port
    if arguments.connect is not None:
        address = arguments.connect[0]
        try:
            port = common.tcp_port(arguments.connect[1])
        except argparse.ArgumentTypeError as error:
            raise UsageError(f'argument --connect: {error}') from None
    source: Source = arguments.make_source(arguments)
    try:
        options = Options(
            header_version=arguments.header_version, allowed_peers=tuple(arguments.allow)
        )
        simulation = Simulation(
            source,
            arguments.rate,
            address=address,
            port=port,
            dial=arguments.connect is not None,
            count=arguments.count,
            options=options,
            announce=_announce,
        )
        return _run_until_interrupted(simulation)
    except ValueError as error:  # from the options or the address
        raise UsageError(' '.join(str(error).split())) from None


def _run_until_interrupted(simulation: Simulation) -> int:
    # A signal is the normal end of this verb, also in launch files: the exit code is 0.
    ending = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ending.set()

    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with simulation:
            while not ending.is_set() and not simulation.wait(0.1):
                pass
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def _make_tracker(arguments: argparse.Namespace) -> Source:
    return Tracker(
        tool_names=tuple(arguments.tools),
        tdata=arguments.tdata,
        device_name=arguments.device_name,
        stamped=arguments.stamped,
    )


def _make_imager(arguments: argparse.Namespace) -> Source:
    if arguments.volume:
        return VolumeImager(arguments.device_name or 'Volume', stamped=arguments.stamped)
    return Imager(arguments.device_name or 'Scanner', stamped=arguments.stamped)


def _announce(words: str) -> None:
    print(words, file=sys.stderr, flush=True)

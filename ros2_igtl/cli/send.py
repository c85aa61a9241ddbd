# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl send`: dial a server and send it messages."""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec
from ros2_igtl.cli import arguments as common
from ros2_igtl.cli import pack, stream, text
from ros2_igtl.cli.errors import UsageError

HELP = 'send a message to a server'
DESCRIPTION = (
    'Dial an OpenIGTLink server and send it a message. --json sends any message; TRANSFORM, '
    'STRING and IMAGE have arguments of their own: see `igtl send HOST PORT TYPE --help`. '
    'Lengths are in millimetres, angles in degrees.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments, with a parser for each type."""
    common.add_peer(parser)
    parser.add_argument(
        '--json',
        metavar='FILE|-|TEXT',
        help='send the messages that this JSON describes in the form of `igtl dump --json`: a '
        'file or standard input with an object on each line, or one object, such as '
        '\'{"type_name": "STATUS"}\'',
    )
    _add_wait(parser, default=None)
    types = parser.add_subparsers(dest='type_name', metavar='TYPE')
    for type_name, words, add_content in (
        ('TRANSFORM', 'a pose or any other matrix', _add_transform),
        ('STRING', 'a text', _add_string),
        ('IMAGE', 'an image or a volume from a .npy file', _add_image),
    ):
        type_parser = types.add_parser(
            type_name, aliases=[type_name.lower()], help=words, description=f'Send {words}.'
        )
        add_content(type_parser)
        _add_message(type_parser)
    file_parser = types.add_parser(
        'FILE',
        aliases=['file'],
        help='the unchanged bytes of a file',
        description='Send the unchanged bytes of a file, without checking that they are messages.',
    )
    file_parser.add_argument('file', metavar='FILE', help='the file, or - for standard input')
    _add_wait(file_parser)


def run(arguments: argparse.Namespace) -> int:
    """Send the message, and with --wait print the replies."""
    data = _data(arguments)
    with stream.connect(arguments.host, arguments.port) as peer:
        peer.sendall(data)
        if arguments.wait is not None:
            for result in stream.receive(peer, time.monotonic() + arguments.wait):
                print(text.line(result), flush=True)
        stream.finish(peer)
    return 0


def _data(arguments: argparse.Namespace) -> bytes:
    """Return the bytes to send."""
    if (arguments.json is None) == (arguments.type_name is None):
        raise UsageError('give either --json, or one of TRANSFORM, STRING, IMAGE and FILE')
    if arguments.json is not None:
        if arguments.json.lstrip().startswith('{'):
            return pack.pack_line(arguments.json.encode('utf-8', 'surrogateescape'), '--json')
        return b''.join(pack.pack_file(arguments.json))
    if arguments.type_name.upper() != 'FILE':
        return codec.pack(make_message(arguments))
    return sys.stdin.buffer.read() if arguments.file == '-' else Path(arguments.file).read_bytes()


def make_message(arguments: argparse.Namespace) -> codec.Message:
    """
    Return the message that the arguments describe.

    :raises UsageError: they contradict each other.
    :raises EncodeError: a value does not fit its field.
    """
    content: codec.Content = arguments.make_content(arguments)
    if arguments.stamp is None:
        timestamp = codec.timestamp.from_nanoseconds(time.time_ns())
    else:
        timestamp = codec.timestamp.from_nanoseconds(round(arguments.stamp * 1e9))
    header_version = arguments.header_version
    if header_version is None:
        header_version = 2 if arguments.metadata or arguments.message_id else 1
    return codec.Message(
        content,
        arguments.device,
        timestamp,
        header_version=header_version,
        message_id=arguments.message_id,
        metadata=dict(arguments.metadata),
    )


def _add_message(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('message')
    group.add_argument(
        '--device',
        default='igtl',
        metavar='NAME',
        help='device name, at most 20 bytes (%(default)s)',
    )
    group.add_argument(
        '--stamp',
        type=common.number,
        metavar='SECONDS',
        help='time stamp, seconds since 1970; 0 for none (default: now)',
    )
    group.add_argument(
        '--header-version',
        type=int,
        choices=(1, 2),
        help='only peers of protocol version 3 can read 2 (default: 1, or 2 with --metadata or '
        '--message-id)',
    )
    group.add_argument(
        '--metadata',
        type=_key_and_value,
        action='append',
        default=[],
        metavar='KEY=VALUE',
        help='an entry of the metadata; can be repeated',
    )
    group.add_argument(
        '--message-id',
        type=int,
        default=0,
        metavar='ID',
        help='number of the message (%(default)s)',
    )
    _add_wait(parser)


def _add_wait(parser: argparse.ArgumentParser, default: str | None = argparse.SUPPRESS) -> None:
    # allowed before and after TYPE: the default of the second must not overwrite the first value
    parser.add_argument(
        '--wait',
        default=default,
        type=common.positive_float,
        metavar='SECONDS',
        help='print the messages that the peer sends within this time',
    )


def _key_and_value(argument: str) -> tuple[str, str]:
    key, separator, value = argument.partition('=')
    if not separator:
        raise argparse.ArgumentTypeError(f'{argument!r}: KEY=VALUE is allowed')
    return key, value


def _add_pose(parser: argparse.ArgumentParser) -> argparse._MutuallyExclusiveGroup:
    """Declare the arguments of a pose; return the group of those for its rotation."""
    parser.add_argument(
        '--translation',
        nargs=3,
        type=common.number,
        default=[0.0, 0.0, 0.0],
        metavar=('X', 'Y', 'Z'),
        help='millimetres',
    )
    rotation = parser.add_mutually_exclusive_group()
    rotation.add_argument(
        '--rotation',
        nargs=3,
        type=common.number,
        default=[0.0, 0.0, 0.0],
        metavar=('ROLL', 'PITCH', 'YAW'),
        help='degrees about the fixed axes x, then y, then z',
    )
    rotation.add_argument(
        '--quaternion',
        nargs=4,
        type=common.number,
        metavar=('X', 'Y', 'Z', 'W'),
        help='the rotation as a quaternion',
    )
    return rotation


def _quaternion(arguments: argparse.Namespace) -> tuple[float, float, float, float]:
    """Return the unit quaternion x, y, z, w of --quaternion or --rotation."""
    if arguments.quaternion is not None:
        norm = math.hypot(*arguments.quaternion)
        if norm == 0.0:
            raise UsageError('--quaternion 0 0 0 0 is not a rotation')
        x, y, z, w = (value / norm for value in arguments.quaternion)
        return x, y, z, w
    roll, pitch, yaw = (math.radians(degrees) / 2.0 for degrees in arguments.rotation)
    return (
        math.sin(roll) * math.cos(pitch) * math.cos(yaw)
        - math.cos(roll) * math.sin(pitch) * math.sin(yaw),
        math.cos(roll) * math.sin(pitch) * math.cos(yaw)
        + math.sin(roll) * math.cos(pitch) * math.sin(yaw),
        math.cos(roll) * math.cos(pitch) * math.sin(yaw)
        - math.sin(roll) * math.sin(pitch) * math.cos(yaw),
        math.cos(roll) * math.cos(pitch) * math.cos(yaw)
        + math.sin(roll) * math.sin(pitch) * math.sin(yaw),
    )


def _pose_matrix(arguments: argparse.Namespace) -> NDArray[np.float64]:
    x, y, z, w = _quaternion(arguments)
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = arguments.translation
    return matrix


def _add_transform(parser: argparse.ArgumentParser) -> None:
    _add_pose(parser).add_argument(
        '--matrix',
        nargs=12,
        type=common.number,
        metavar='M',
        help='instead of a pose: the upper three rows of the matrix, row by row; the last number '
        'of each row is the translation in millimetres',
    )
    parser.set_defaults(make_content=_make_transform)


def _make_transform(arguments: argparse.Namespace) -> codec.Transform:
    if arguments.matrix is not None:
        if any(arguments.translation):
            raise UsageError('argument --matrix: not allowed with argument --translation')
        return codec.Transform.from_matrix(np.reshape(arguments.matrix, (3, 4)))
    return codec.Transform.from_matrix(_pose_matrix(arguments))


def _add_string(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('text', metavar='TEXT')
    parser.add_argument(
        '--encoding',
        type=int,
        metavar='MIBENUM',
        help='number of the character set (default: 3, US-ASCII, if it suffices, else 106, UTF-8)',
    )
    parser.set_defaults(make_content=_make_string)


def _make_string(arguments: argparse.Namespace) -> codec.String:
    return codec.String(arguments.text, arguments.encoding)


def _add_image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'file',
        metavar='FILE',
        help='a .npy file with an array of (rows, columns), (slices, rows, columns) or (slices, '
        'rows, columns, components)',
    )
    parser.add_argument(
        '--spacing',
        nargs=3,
        type=common.positive_float,
        default=[1.0, 1.0, 1.0],
        metavar=('I', 'J', 'K'),
        help='millimetres between columns, rows, slices (1 1 1)',
    )
    parser.add_argument(
        '--position',
        nargs=3,
        type=common.number,
        default=[0.0, 0.0, 0.0],
        metavar=('X', 'Y', 'Z'),
        help='centre of the image, millimetres (0 0 0)',
    )
    parser.add_argument(
        '--coordinate',
        choices=('RAS', 'LPS'),
        default='RAS',
        help='directions of the axes: right, anterior, superior, or left, posterior, superior '
        '(%(default)s)',
    )
    parser.set_defaults(make_content=_make_image)


def _make_image(arguments: argparse.Namespace) -> codec.Image:
    try:
        pixels = np.load(arguments.file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UsageError(f'{arguments.file} is not a .npy file: {error}') from None
    if pixels.ndim == 2:
        pixels = pixels[np.newaxis]
    i, j, k = arguments.spacing
    return codec.Image.from_pixels(
        pixels,
        axes=(i, 0.0, 0.0, 0.0, j, 0.0, 0.0, 0.0, k),
        position=tuple(arguments.position),
        coordinate=codec.CoordinateSystem[arguments.coordinate],
    )

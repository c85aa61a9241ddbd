# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure the codec, the C++ reference library and pyigtl on the same messages.

Each implementation runs in a process of its own. Before the measurement, each unpacks the bytes of
a message, packs the result and must get the same bytes. Then the implementations take turns, so
that other work of the machine affects them all alike: a time is the median of the turns, and a
ratio is the median of the ratios within a turn. Times are processor times. All implementations
compute the CRC of the body, and all but pyigtl check it.

The processes use the default malloc settings of the C library, not those of with-ros. This matters
for volumes: pyigtl copies a volume to unpack it, and page faults make that slow. With the settings
of with-ros for all, pyigtl took 0.84 times as long as this codec, whose CRC takes longer than that
copy, instead of 6.4 times. Run under GLIBC_TUNABLES to measure that case.

``pack`` returns one ``bytes``; ``pack_parts``, which the transport uses, does not copy pixels and
meshes. Pack() of the C++ library does not copy pixels either, so the limits compare it with
pack_parts: copying 52 MB into new memory takes 25 ms in any program.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import platform
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'demo'))

import memory
import peer_process
import plot
import pyigtl_environment
import reference_programs
from cases import MESSAGES, transform_stream

Turns = dict[str, list[float]]
"""Nanoseconds of each turn by implementation."""

Times = dict[tuple[str, str], Turns]
"""The turns by message and operation."""

MemoryPeaks = dict[str, dict[str, int]]
"""Bytes by message and operation, and the message's size."""

FOLDER = Path(__file__).resolve().parents[1] / 'doc'
CXX = 'C++ 1.11'
PYIGTL = f'pyigtl {pyigtl_environment.VERSION}'
CODEC = 'ros2_igtl'
WITHOUT_FASTCRC = 'no fastcrc'
IMPLEMENTATIONS = (CXX, PYIGTL, CODEC, WITHOUT_FASTCRC)
BULK = ('IMAGE', 'POLYDATA')
MEMORY_MARGIN = 65536


# The start of the messages' names, two implementations, and the limit for the time of the first
# divided by the time of the second; for packing and unpacking.
AT_MOST = (
    ('TRANSFORM', CODEC, CXX, 5.0),
    ('TDATA', CODEC, CXX, 1.0),
    ('POINT', CODEC, CXX, 0.2),
    ('IMAGE', CODEC, CXX, 0.03),
    ('POLYDATA', CODEC, CXX, 0.03),
    ('IMAGE', WITHOUT_FASTCRC, CXX, 0.09),
)
AT_LEAST = (
    ('TRANSFORM', PYIGTL, CODEC, 4.0),
    ('STRING', PYIGTL, CODEC, 4.0),
    ('IMAGE', PYIGTL, CODEC, 3.0),
)


@dataclass(frozen=True)
class Bar:
    """
    A measured number and its limit.

    :ivar relation: 'at most' or 'at least'.
    """

    text: str
    measured: float
    relation: str
    limit: float

    @property
    def met(self) -> bool:
        """Whether the number is within the limit."""
        if self.relation == 'at most':
            return self.measured <= self.limit
        return self.measured >= self.limit


def ratio(turns: Turns, numerator: str, denominator: str) -> float:
    """Return the median over the turns of one time divided by another."""
    pairs = zip(turns[numerator], turns[denominator], strict=True)
    return statistics.median(a / b for a, b in pairs)


def calibrate(peer: peer_process.Peer, operation: str, turn_ns: float) -> int:
    """Return the number of operations that take about ``turn_ns``."""
    count = 1
    while (time := peer.time(operation, count)) * count < turn_ns / 4 and count < 1_000_000:
        count *= 4
    return max(1, round(turn_ns / time))


def race(
    peers: dict[str, peer_process.Peer], operations: dict[str, str], rounds: int, turn_ns: float
) -> Turns:
    """
    Return the times of operations that run in turns.

    :param operations: the name of the operation by implementation.
    """
    counts = {name: calibrate(peers[name], work, turn_ns) for name, work in operations.items()}
    turns: Turns = {name: [] for name in operations}
    for _ in range(rounds):
        for name, work in operations.items():
            turns[name].append(peers[name].time(work, counts[name]))
    return turns


def race_messages(
    peers: dict[str, peer_process.Peer], path: Path, rounds: int, turn_ns: float
) -> tuple[Times, MemoryPeaks]:
    """
    Return the times by message and operation, and the memory of each message.

    :param path: the file to write the messages to.
    :raises peer_process.PeerError: the implementations do not pack the same bytes.
    """
    times: Times = {}
    memory_peaks: MemoryPeaks = {}
    for message, make in MESSAGES.items():
        print(f'measuring {message}', file=sys.stderr)
        data = make()
        path.write_bytes(data)
        for peer in peers.values():
            peer.load(path)
        for operation in ('pack', 'pack_parts', 'unpack'):
            if operation == 'pack_parts' and not message.startswith(BULK):
                continue
            operations = {}
            for name, peer in peers.items():
                own = operation if operation in peer.operations else operation.split('_')[0]
                if own in peer.operations:
                    operations[name] = own
            times[message, operation] = race(peers, operations, rounds, turn_ns)
        memory_peaks[message] = {'size': len(data), **memory.peaks(data)}
    return times, memory_peaks


def race_connection(peer: peer_process.Peer, path: Path, rounds: int, turn_ns: float) -> float:
    """Return the rate of TRANSFORMs through a connection, divided by the rate of unpack."""
    print('measuring a connection', file=sys.stderr)
    path.write_bytes(transform_stream())
    peer.load(path)
    operations = {'unpack': 'unpack', 'connection': 'connection'}
    turns = race(dict.fromkeys(operations, peer), operations, rounds, turn_ns)
    return ratio(turns, 'unpack', 'connection')


def speed_bars(times: Times) -> list[Bar]:
    """Return the limits of packing and unpacking."""
    rows = [(*row, 'at most') for row in AT_MOST] + [(*row, 'at least') for row in AT_LEAST]
    return [
        Bar(
            f'{message} {operation}: {numerator} / {denominator}',
            ratio(turns, numerator, denominator),
            relation,
            limit,
        )
        for start, numerator, denominator, limit, relation in rows
        for (message, operation), turns in times.items()
        if message.startswith(start)
        and not (denominator == CXX and operation == 'pack' and message.startswith(BULK))
    ]


def memory_bars(memory_peaks: MemoryPeaks) -> list[Bar]:
    """Return the limits of the memory that an image takes, in bytes."""
    return [
        Bar(f'{message} {operation}: bytes of memory', peak, 'at most', allowed + MEMORY_MARGIN)
        for message, peaks in memory_peaks.items()
        if message.startswith('IMAGE')
        for operation, peak, allowed in (
            ('pack', peaks['pack'], peaks['size']),
            ('pack_parts', peaks['pack_parts'], 0),
            ('unpack', peaks['unpack'], 0),
        )
    ]


def number(value: float) -> str:
    """Return a number with three significant digits, or all digits before the point."""
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Print rows of text, the first of them headings; align all but the first column right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = row
        cells = [first.ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        print('  '.join(cells).rstrip())


def print_times(times: Times) -> None:
    """Print the table of times and ratios."""
    rows: list[tuple[str, ...]] = [
        ('median µs', *IMPLEMENTATIONS, f'{CODEC} / C++', f'pyigtl / {CODEC}')
    ]
    for (message, operation), turns in times.items():
        medians = [
            number(statistics.median(turns[name]) / 1000) if name in turns else '-'
            for name in IMPLEMENTATIONS
        ]
        faster = number(ratio(turns, PYIGTL, CODEC)) if PYIGTL in turns else '-'
        rows.append((f'{message} {operation}', *medians, number(ratio(turns, CODEC, CXX)), faster))
    print_table(rows)


def print_bars(bars: list[Bar]) -> None:
    """Print the limits and the measured numbers."""
    rows: list[tuple[str, ...]] = [('bar', 'measured', 'limit', '')]
    for bar in bars:
        limit = f'{bar.relation} {number(bar.limit)}'
        rows.append((bar.text, number(bar.measured), limit, 'met' if bar.met else 'NOT MET'))
    print_table(rows)
    print(f'\n{sum(bar.met for bar in bars)} of {len(bars)} bars met')


def describe_machine() -> dict[str, str]:
    """Return the machine and the versions that the times depend on."""
    models = [
        line.partition(':')[2].strip()
        for line in Path('/proc/cpuinfo').read_text().splitlines()
        if line.startswith('model name')
    ]
    return {
        'processor': f'{len(models)} x {models[0]}' if models else platform.machine(),
        'python': platform.python_version(),
        'numpy': importlib.metadata.version('numpy'),
        'fastcrc': importlib.metadata.version('fastcrc'),
    }


def report_of(times: Times, memory_peaks: MemoryPeaks, bars: list[Bar]) -> dict[str, Any]:
    """Return all results in types that JSON has."""
    return {
        'machine': describe_machine(),
        'microseconds': [
            {'message': message, 'operation': operation}
            | {name: float(f'{statistics.median(turns[name]) / 1000:.4g}') for name in turns}
            for (message, operation), turns in times.items()
        ],
        'memory_bytes': memory_peaks,
        'bars': [
            {**asdict(bar), 'measured': float(f'{bar.measured:.4g}'), 'met': bar.met}
            for bar in bars
        ],
    }


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n\n')[0])
    parser.add_argument('--rounds', type=int, default=15, help='number of turns (%(default)s)')
    parser.add_argument(
        '--turn', type=float, default=10.0, help='length of a turn, milliseconds (%(default)s)'
    )
    parser.add_argument(
        '--folder', type=Path, default=FOLDER, help='folder for bench.json and bench.png (doc)'
    )
    return parser.parse_args()


def main() -> None:
    """Measure, print the results and write them to files."""
    arguments = parse_arguments()
    pace = {'rounds': arguments.rounds, 'turn_ns': arguments.turn * 1e6}
    with contextlib.ExitStack() as stack:
        peers = {
            CXX: peer_process.cxx_peer(),
            PYIGTL: peer_process.pyigtl_peer(),
            CODEC: peer_process.codec_peer(),
            WITHOUT_FASTCRC: peer_process.codec_peer('without-fastcrc'),
        }
        for peer in peers.values():
            stack.enter_context(peer)
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / 'message'
        times, memory_peaks = race_messages(peers, path, **pace)
        share = race_connection(peers[CODEC], path, **pace)
    connection_bar = Bar(
        'TRANSFORM: rate of a connection / rate of unpack', share, 'at least', 0.6
    )
    bars = [*speed_bars(times), connection_bar, *memory_bars(memory_peaks)]
    print_times(times)
    print()
    print_bars(bars)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    report = report_of(times, memory_peaks, bars)
    (arguments.folder / 'bench.json').write_text(json.dumps(report, indent=1) + '\n')
    plot.draw(arguments.folder / 'bench.png', report)


if __name__ == '__main__':
    try:
        main()
    except (
        peer_process.PeerError,
        pyigtl_environment.PyigtlUnavailableError,
        reference_programs.ReferenceProgramsUnavailableError,
    ) as error:
        sys.exit(f'bench: {error}')

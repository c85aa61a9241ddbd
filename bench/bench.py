# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure the codec beside the reference library of C++ and pyigtl, on the same messages.

Each implementation is a process of its own. Before anything is timed, each unpacks the bytes of a
message, packs what it got and must have the same bytes. Then they take turns, one after the other
and again, so that all share what the machine does meanwhile: a time is the median of the turns, a
ratio the median of the ratios within a turn. Times are of the processor. All make and check the
CRC of the body, but pyigtl, which makes it and checks none.

Memory is handed out as the C library does by itself, not as with-ros sets it up, and volumes
depend on that: pyigtl copies one to unpack it, which page faults make slow. With the settings of
with-ros for all it took 0.84 times as long as this codec, whose CRC takes longer than that copy,
instead of 6.4 times. Run under GLIBC_TUNABLES to measure that case.

``pack`` gives one ``bytes``; ``pack_parts``, which is what the transport sends, leaves pixels and
meshes where they are. The C++ library's Pack() leaves pixels where they are too, so it is
pack_parts that is held to its time: to copy 52 MB into fresh memory takes 25 ms whoever does it.
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
WITHOUT = 'no fastcrc'
IMPLEMENTATIONS = (CXX, PYIGTL, CODEC, WITHOUT)
BULK = ('IMAGE', 'POLYDATA')
MEMORY_MARGIN = 65536


# Messages (how their names start), and what the time of one implementation, divided by that of
# another, may be at most or has to be at least; for packing and unpacking.
AT_MOST = (
    ('TRANSFORM', CODEC, CXX, 5.0),
    ('TDATA', CODEC, CXX, 1.0),
    ('POINT', CODEC, CXX, 0.2),
    ('IMAGE', CODEC, CXX, 0.03),
    ('POLYDATA', CODEC, CXX, 0.03),
    ('IMAGE', WITHOUT, CXX, 0.09),
)
AT_LEAST = (
    ('TRANSFORM', PYIGTL, CODEC, 4.0),
    ('STRING', PYIGTL, CODEC, 4.0),
    ('IMAGE', PYIGTL, CODEC, 3.0),
)


@dataclass(frozen=True)
class Bar:
    """
    What a measured number has to be.

    :ivar relation: 'at most' or 'at least'.
    """

    text: str
    measured: float
    relation: str
    limit: float

    @property
    def met(self) -> bool:
        """Whether it is."""
        if self.relation == 'at most':
            return self.measured <= self.limit
        return self.measured >= self.limit


def ratio(turns: Turns, numerator: str, denominator: str) -> float:
    """Return the median over the turns of one time divided by another."""
    pairs = zip(turns[numerator], turns[denominator], strict=True)
    return statistics.median(a / b for a, b in pairs)


def calibrate(peer: peer_process.Peer, operation: str, turn_ns: float) -> int:
    """Return how often an operation has to run for a turn to take about ``turn_ns``."""
    count = 1
    while (time := peer.time(operation, count)) * count < turn_ns / 4 and count < 1_000_000:
        count *= 4
    return max(1, round(turn_ns / time))


def race(
    peers: dict[str, peer_process.Peer], operations: dict[str, str], rounds: int, turn_ns: float
) -> Turns:
    """
    Return the times of operations that take turns.

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

    :param path: of a file that the messages are written to.
    :raises peer_process.PeerError: the implementations do not write the same bytes.
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
    """Return how fast a connection takes TRANSFORMs, divided by unpacking them one by one."""
    print('measuring a connection', file=sys.stderr)
    path.write_bytes(transform_stream())
    peer.load(path)
    operations = {'unpack': 'unpack', 'connection': 'connection'}
    turns = race(dict.fromkeys(operations, peer), operations, rounds, turn_ns)
    return ratio(turns, 'unpack', 'connection')


def speed_bars(times: Times) -> list[Bar]:
    """Return the bars of packing and unpacking."""
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
    """Return the bars of the memory that an image takes, in bytes."""
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
    """Return a number with three digits that count, or all before the point."""
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Print rows of text, the first a header; all columns but the first to the right."""
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
    """Print the bars with what was measured."""
    rows: list[tuple[str, ...]] = [('bar', 'measured', 'limit', '')]
    for bar in bars:
        limit = f'{bar.relation} {number(bar.limit)}'
        rows.append((bar.text, number(bar.measured), limit, 'met' if bar.met else 'NOT MET'))
    print_table(rows)
    print(f'\n{sum(bar.met for bar in bars)} of {len(bars)} bars met')


def describe_machine() -> dict[str, str]:
    """Return what the times depend on."""
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
    """Return all that was measured, as it goes to JSON."""
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
    parser.add_argument('--rounds', type=int, default=15, help='turns of each (%(default)s)')
    parser.add_argument(
        '--turn', type=float, default=10.0, help='milliseconds of a turn (%(default)s)'
    )
    parser.add_argument(
        '--folder', type=Path, default=FOLDER, help='for bench.json and bench.png (doc)'
    )
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    arguments = parse_arguments()
    pace = {'rounds': arguments.rounds, 'turn_ns': arguments.turn * 1e6}
    with contextlib.ExitStack() as stack:
        peers = {
            CXX: peer_process.cxx_peer(),
            PYIGTL: peer_process.pyigtl_peer(),
            CODEC: peer_process.codec_peer(),
            WITHOUT: peer_process.codec_peer('without-fastcrc'),
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

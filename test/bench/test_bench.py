# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The bench runs to its end, and what it writes is complete; how fast anything is, nobody asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import peer_process
import pytest

from helpers.pyigtl_peer import find_pyigtl_python
from helpers.reference_programs import build_program
from ros2_igtl import codec

pytest.importorskip('matplotlib', reason='the bench draws with matplotlib')

BENCH = peer_process.FOLDER / 'bench.py'
CODEC = {'ros2_igtl', 'no fastcrc', 'C++ 1.11'}
ALL = CODEC | {'pyigtl 0.3.4'}
SMALL = ('pack', 'unpack')
BULK = ('pack', 'pack_parts', 'unpack')


def expected_rows() -> dict[tuple[str, str], set[str]]:
    """Return who has to be measured, by message and operation."""
    rows = {}
    for message, operations, who in (
        ('TRANSFORM', SMALL, ALL),
        ('STRING', SMALL, ALL),
        ('TDATA, 10 tools', SMALL, CODEC),
        ('POINT, 100 points', SMALL, ALL),
        ('IMAGE 512x512 u8', BULK, ALL),
        ('IMAGE 512x512x100 u16', BULK, ALL),
    ):
        rows.update({(message, operation): who for operation in operations})
    if 'POLYDATA' in codec.MESSAGE_TYPES:
        for operation in BULK:
            # pyigtl cannot unpack it
            rows['POLYDATA, 100k triangles', operation] = CODEC if operation == 'unpack' else ALL
    return rows


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_table_is_complete_and_the_memory_bounds_hold(tmp_path: Path) -> None:
    find_pyigtl_python()
    build_program(peer_process.FOLDER / 'bench.cxx', peer_process.CXX_PROGRAM)
    run = subprocess.run(
        [sys.executable, str(BENCH), '--rounds', '1', '--turn', '0.1', '--folder', str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=220.0,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr
    report = json.loads((tmp_path / 'bench.json').read_text())

    measured = {}
    for row in report['microseconds']:
        times = {name: row[name] for name in row if name not in ('message', 'operation')}
        assert all(time > 0.0 for time in times.values())
        measured[row['message'], row['operation']] = set(times)
        assert f'\n{row["message"]} {row["operation"]}  ' in run.stdout
    assert measured == expected_rows()

    bars = {bar['text']: bar for bar in report['bars']}
    for bar in bars.values():
        at_most = bar['relation'] == 'at most'
        reached = bar['measured'] <= bar['limit'] if at_most else bar['measured'] >= bar['limit']
        assert bar['met'] is reached
        assert f'\n{bar["text"]}  ' in run.stdout
    for text in (
        'TRANSFORM pack: ros2_igtl / C++ 1.11',
        'TDATA, 10 tools unpack: ros2_igtl / C++ 1.11',
        'POINT, 100 points pack: ros2_igtl / C++ 1.11',
        'IMAGE 512x512x100 u16 unpack: no fastcrc / C++ 1.11',
        'STRING unpack: pyigtl 0.3.4 / ros2_igtl',
        'TRANSFORM: rate of a connection / rate of unpack',
    ):
        assert text in bars
    assert 'IMAGE 512x512 u8 pack_parts: ros2_igtl / C++ 1.11' in bars
    assert 'IMAGE 512x512 u8 pack: ros2_igtl / C++ 1.11' not in bars  # C++ copies no pixels
    memory = [bar for text, bar in bars.items() if text.endswith('bytes of memory')]
    assert len(memory) == 6
    assert all(bar['met'] for bar in memory), memory

    picture = (tmp_path / 'bench.png').read_bytes()
    assert picture.startswith(b'\x89PNG')
    assert picture.rstrip(b'\0').endswith(b'IEND\xaeB`\x82')

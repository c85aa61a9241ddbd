# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The demo runs to its end and says that everything arrived."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.reference_programs import find_test_images

pytest.importorskip('rclpy', reason='the demo needs ROS 2')
pytest.importorskip('matplotlib', reason='the demo draws with matplotlib')

DEMO = Path(__file__).resolve().parents[2] / 'demo'


def run_demo(picture: Path, *arguments: str) -> str:
    """Run the demo and return what it printed; it may not fail."""
    run = subprocess.run(
        [
            *(sys.executable, str(DEMO / 'demo.py'), '--seconds', '6'),
            *('--picture', str(picture), *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=100.0,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr
    return run.stdout


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    'peers', ['reference', pytest.param('simulators', marks=pytest.mark.long)]
)
def test_everything_arrives_as_it_was_sent_and_is_drawn(peers: str, tmp_path: Path) -> None:
    picture = tmp_path / 'received.png'
    if peers == 'simulators':
        output = run_demo(picture, '--simulators')
    else:
        find_test_images()  # or skip
        output = run_demo(picture)
        assert 'String: greetings from ROS' in output
        assert '0, 0, 1, 250\n' in output  # 0.25 m
    assert output.endswith('Everything arrived unchanged.\n')
    last_table = output.split(' done\n')[1].split('\n\n')[0]
    rows = last_table.splitlines()[2:]
    assert len(rows) == 6
    assert all(row.startswith('✔') for row in rows)
    data = picture.read_bytes()
    assert data.startswith(b'\x89PNG')
    assert data.rstrip(b'\0').endswith(b'IEND\xaeB`\x82')

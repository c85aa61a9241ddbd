# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The core of 3D Slicer (MRML), in a process and an environment of its own for it needs VTK."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from own_environment import EnvironmentUnavailableError, environment, find_python
from places import BUILD_FOLDER

VERSION = '5.13.31053.0'
FOLDER = BUILD_FOLDER / 'slicer-venv'


def ask_slicer(volumes: Sequence[dict[str, Any]], folder: Path = FOLDER) -> list[Any]:
    """
    Return what volume nodes of 3D Slicer say of themselves; skip the test if there is no Slicer.

    :param volumes: as ``slicer_process.answer`` takes them.
    """
    try:
        python = find_python(folder, '--only-binary', ':all:', f'slicer-core=={VERSION}')
    except EnvironmentUnavailableError as error:
        pytest.skip(f'no slicer-core: {error}')
    script = Path(__file__).with_name('slicer_process.py')
    run = subprocess.run(
        [str(python), str(script)],
        input=json.dumps(volumes),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    answers: list[Any] = json.loads(run.stdout)
    return answers

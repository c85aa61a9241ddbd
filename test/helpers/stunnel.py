# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""stunnel as the user guide has it: a peer of another make that speaks TLS for plain programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from reference_programs import Program

GUIDE = Path(__file__).parents[2] / 'doc' / 'user_guide.md'
INSTALL = ['apt-get', 'install', '-y', '-q', '--no-install-recommends', 'stunnel4']
INSTALL_S = 120.0
# So that it stays a child of ours and leaves no file behind.
STAY = 'foreground = yes\npid =\n'


def recipe(service: str, **values: object) -> str:
    """
    Return a configuration of the user guide.

    :param service: which, by the name in its brackets.
    :param values: what is to stand there instead, by key.
    """
    match = re.search(rf'```ini\n(\[{service}\]\n.*?)```', GUIDE.read_text(), re.DOTALL)
    assert match is not None, service
    text = match[1]
    for key, value in values.items():
        text, count = re.subn(rf'^{key} = .*$', f'{key} = {value}', text, flags=re.MULTILINE)
        assert count == 1, key
    return text


def stunnel(folder: Path, configuration: str) -> Program:
    """
    Return stunnel with a configuration, to be started by a ``with``.

    It is installed where this process is root; else the test is skipped where there is none.
    """
    if shutil.which('stunnel') is None:
        if os.geteuid() != 0 or shutil.which('apt-get') is None:
            pytest.skip(f'no stunnel, which needs: sudo {" ".join(INSTALL)}')
        done = subprocess.run(INSTALL, capture_output=True, text=True, timeout=INSTALL_S)
        if done.returncode != 0:
            pytest.skip(f'no stunnel: {done.stderr[-500:]}')
    path = folder / 'stunnel.conf'
    path.write_text(STAY + configuration)
    return Program('stunnel', path)

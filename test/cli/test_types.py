# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl types` knows what the codec knows."""

from __future__ import annotations

import pytest

from ros2_igtl import codec
from ros2_igtl.cli.main import main


def test_every_type_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['types']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(codec.MESSAGE_TYPES)
    for line in lines:
        assert len(line.split()) > 2
        assert '`' not in line
    assert 'STT_VIDEO    asks for a video stream' in lines

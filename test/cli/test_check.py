# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl check` refuses what a node would refuse, with the same lines."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('geometry_msgs.msg', reason='the table is about ROS messages')
pytest.importorskip('ros2_igtl.msg', reason='the package is not built: run make setup')

from ros2_igtl.cli.main import main

EXAMPLE = Path(__file__).parents[2] / 'config' / 'example.yaml'


def test_the_example_is_all_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['check', str(EXAMPLE)]) == 0
    assert capsys.readouterr().out == f'{EXAMPLE}: 1 connections, 8 rows, no problems\n'


def test_every_problem_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'wrong.yaml'
    path.write_text(
        'version: 1\n'
        'connections:\n'
        '  - port: "18944"\n'
        '    mappings:\n'
        '      - {igtl_device_name: A, igtl_type_name: TRANSFROM, direction: IGTL_TO_ROS}\n'
    )
    assert main(['check', str(path)]) == 1
    output = capsys.readouterr()
    assert output.out == ''
    port, type_name = output.err.splitlines()
    assert port.startswith(f"{path}:3: connections[0].port: is text '18944'; allowed: ")
    assert "'TRANSFROM' has no IGTL_TO_ROS conversion (did you mean 'TRANSFORM'?)" in type_name


def test_a_file_that_is_not_there_is_said_to_be_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['check', str(tmp_path / 'none.yaml')]) == 1
    assert 'none.yaml' in capsys.readouterr().err

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl pairs` says what the table has, and doc/mappings.md is what it prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip('geometry_msgs.msg', reason='the table is about ROS messages')
pytest.importorskip('ros2_igtl.msg', reason='the package is not built: run make setup')

from ros2_igtl.cli.main import main
from ros2_igtl.convert.conversions import CONVERSIONS

PAGE = Path(__file__).parents[2] / 'doc' / 'mappings.md'


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(['pairs', *options]) == 0
    return capsys.readouterr().out


def test_every_row_of_the_table_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split() for line in printed(capsys).splitlines()]
    assert [(line[0], line[2]) for line in lines] == [
        (row.type_name, row.ros_type_name) for row in CONVERSIONS
    ]
    arrows = {(line[0], line[2]): line[1] for line in lines}
    assert arrows['IMAGE', 'ros2_igtl/msg/ImageGeometry'] == '->'
    assert arrows['STRING', 'std_msgs/msg/String'] == '<->'


def test_json_has_directions_defaults_and_losses(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in printed(capsys, '--json').splitlines()]
    pairs = {(line['type_name'], line['ros_type_name']): line for line in lines}
    assert len(pairs) == len(CONVERSIONS)
    geometry = pairs['IMAGE', 'ros2_igtl/msg/ImageGeometry']
    assert (geometry['igtl_to_ros'], geometry['ros_to_igtl']) == (True, False)
    assert (geometry['default'], geometry['sibling']) == (True, 'geometry')
    volume = pairs['IMAGE', 'ros2_igtl/msg/Volume']
    assert (volume['latched'], volume['traffic']) == (True, 'event')
    lost = pairs['POINT', 'geometry_msgs/msg/PoseArray']
    assert lost['lost_to_ros'] == 'names, groups, owners, colours and sizes.'
    assert lost['lost_from_ros'] == 'the orientations.'


def test_the_page_of_the_documentation_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    # by: ./with-ros igtl pairs --markdown > doc/mappings.md
    assert printed(capsys, '--markdown') == PAGE.read_text()


def test_without_ros_it_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'ros2_igtl.convert.conversions', None)
    assert main(['pairs']) == 2
    assert 'this verb needs ROS 2: source it' in capsys.readouterr().err

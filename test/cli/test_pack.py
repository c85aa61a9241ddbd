# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl pack` writes what `igtl dump --json --data` has read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.golden import GOLDENS
from helpers.wire_bytes import message_bytes
from ros2_igtl import codec
from ros2_igtl.cli.main import main

ALL = b''.join(case.data for case in GOLDENS)


def test_all_golden_messages_come_back_from_their_dump(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, described, after = (tmp_path / name for name in ('before', 'described', 'after'))
    before.write_bytes(ALL)
    assert main(['dump', '--json', '--data', str(before)]) == 0
    described.write_text(capsys.readouterr().out)
    assert main(['pack', str(described), '--output', str(after)]) == 0
    assert after.read_bytes() == ALL


def test_what_no_number_and_no_name_can_say_comes_back_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, described, after = (tmp_path / name for name in ('before', 'described', 'after'))
    element = b'x' * 20 + bytes(50)  # a name that fills its field
    element += b'Probe\0what was'.ljust(70, b'\0')
    metadata = {'\udcff': codec.EncodedText(b'\xff', 9999), '\\xff': '\0'}
    data = (
        message_bytes(b'TDATA', element, device_name=b'\xff\\xff')
        + message_bytes(b'TRANSFORM', b'\xff\xc0\0\1' + bytes(44), timestamp=2**64 - 1)
        + message_bytes(b'NEW', bytes(range(256)))
        + codec.pack(codec.Message(codec.Position(0, -0.0, 0), '', 1, 2, 2**32 - 1, metadata))
    )
    before.write_bytes(data)
    assert main(['dump', '--json', '--data', str(before)]) == 0
    described.write_text(capsys.readouterr().out)
    assert main(['pack', str(described), '--output', str(after)]) == 0
    assert after.read_bytes() == data


def test_it_reads_standard_input_and_writes_standard_output() -> None:
    command = [sys.executable, '-m', 'ros2_igtl.cli.main']
    dumped = subprocess.run(
        [*command, 'dump', '--json', '--data', '-'], input=ALL, capture_output=True, check=True
    )
    packed = subprocess.run(
        [*command, 'pack', '-'], input=dumped.stdout, capture_output=True, check=True
    )
    assert packed.stdout == ALL


def test_a_message_may_be_written_by_hand(tmp_path: Path) -> None:
    described, packed = tmp_path / 'described.json', tmp_path / 'packed'
    described.write_text(
        '\n{"type_name": "STRING", "device_name": "Robot", "content": {"text": "ready"}}\n\n'
        '{"type_name": "SENSOR", "content": {"values": [1, 2], "unit": "N*m"}}\n'
    )
    assert main(['pack', str(described), '--output', str(packed)]) == 0
    connection = codec.Connection()
    connection.receive_data(packed.read_bytes())
    assert connection.next_message() == codec.Message(codec.String('ready'), 'Robot')
    assert connection.next_message() == codec.Message(codec.Sensor([1, 2], 'N*m'))
    assert connection.next_message() is codec.NEED_DATA


@pytest.mark.parametrize(
    ('line', 'error'),
    [
        ('{', 'Expecting property name'),
        ('"\xff"', "can't decode"),
        ('[' * 100_000, ''),
        ('5', 'a JSON object is allowed'),
        ('{"type_name": "STRING", "rejected": "crc"}', 'was rejected (crc)'),
        ('{"type_name": "NEW", "content": {"body": {"bytes": 5}}}', 'bulk data have no base64'),
        ('{"type_name": "STRING", "device_name": "a device name too long"}', '20 are allowed'),
    ],
)
def test_a_line_that_is_no_message_is_named_with_its_number(
    line: str, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    described, packed = tmp_path / 'described.json', tmp_path / 'packed'
    described.write_text(f'{{"type_name": "GET_IMAGE"}}\n{line}\n', encoding='latin-1')
    assert main(['pack', str(described), '--output', str(packed)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f'igtl pack: {described}:2: ')
    assert error in said
    assert packed.read_bytes() == codec.pack(codec.Message(codec.GetImage()))


def test_a_file_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['pack', 'no/such/file']) == 1
    assert 'no/such/file' in capsys.readouterr().err


def test_data_are_printed_as_json_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['dump', '--data', 'any']) == 2
    assert '--data is allowed only with --json' in capsys.readouterr().err


def test_bulk_data_are_printed_only_where_they_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'image'
    path.write_bytes(next(case.data for case in GOLDENS if case.name == 'image'))
    assert main(['dump', '--json', str(path)]) == 0
    assert 'base64' not in json.loads(capsys.readouterr().out)['content']['data']

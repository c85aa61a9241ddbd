# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl dump` says what is in a file, and what is wrong with it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.golden import FOLDER, GOLDENS
from ros2_igtl import codec
from ros2_igtl.cli import text
from ros2_igtl.cli.dump import read_messages
from ros2_igtl.cli.main import main

TEXT = codec.pack(codec.Message(codec.String('ready'), 'Robot'))
TRANSFORM = codec.pack(
    codec.Message(codec.Transform.from_matrix([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]), 'Probe')
)


def dump_json(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]]]:
    exit_code = main(['dump', '--json', str(path)])
    return exit_code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def dump_bytes(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[dict[str, Any]]]:
    path = tmp_path / 'messages.bin'
    path.write_bytes(data)
    return dump_json(path, capsys)


def with_wrong_crc(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


@pytest.mark.parametrize(
    'vector', [case.facts for case in GOLDENS], ids=lambda facts: facts['name']
)
def test_every_golden_message_is_said_in_full(
    vector: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, (line,) = dump_json(FOLDER / vector['file'], capsys)
    assert exit_code == 0
    assert line['offset'] == 0
    assert line['size'] == vector['size']
    assert line['type_name'] == vector['type']
    assert line['device_name'] == vector['device_name']
    assert line['timestamp'] == int(vector['timestamp'], 16)
    assert line['header_version'] == vector['header_version']
    assert line['metadata'] == {
        key: {'encoding': encoding, 'text': value}
        for key, encoding, value in vector.get('metadata', [])
    }
    assert line['content']


def test_golden_contents_have_the_values_of_the_reference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def content(name: str) -> dict[str, Any]:
        return dict(dump_json(FOLDER / f'{name}.bin', capsys)[1][0]['content'])

    assert content('string')['text'] == 'Welcome to OpenIGTLink'
    assert content('status') == {
        'code': 15,
        'subcode': 10,
        'error_name': 'ACTUATOR_DISABLED',
        'message': 'Actuator A is disabled.',
    }
    assert content('capability')['type_names'] == ['IMAGE', 'GET_IMAGE', 'TRANSFORM', 'GET_TRANS']
    transform = content('transform')
    assert [round(transform[name], 4) for name in ('tx', 'ty', 'tz')] == [
        46.0531,
        19.4709,
        46.0531,
    ]
    image = content('image')
    assert image['size'] == [50, 50, 1]
    assert image['data']['bytes'] == 2500


def test_all_golden_messages_in_a_row_are_found_at_their_offsets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = b''.join(case.data for case in GOLDENS)
    exit_code, lines = dump_bytes(data, tmp_path, capsys)
    assert exit_code == 0
    offset = 0
    for line, case in zip(lines, GOLDENS, strict=True):
        assert (line['offset'], line['size']) == (offset, len(case.data))
        assert line['type_name'] == case.facts['type']
        offset += len(case.data)


def test_a_refused_message_is_named_and_the_next_one_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, lines = dump_bytes(TEXT + with_wrong_crc(TRANSFORM) + TEXT, tmp_path, capsys)
    assert exit_code == 1
    assert [line.get('rejected') for line in lines] == [None, 'crc', None]
    assert lines[1]['type_name'] == 'TRANSFORM'
    assert lines[1]['device_name'] == 'Probe'
    assert (lines[1]['offset'], lines[1]['size']) == (len(TEXT), len(TRANSFORM))
    assert lines[2]['offset'] == len(TEXT + TRANSFORM)


def test_a_message_of_a_newer_header_version_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, lines = dump_bytes(b'\0\3' + TEXT[2:] + TEXT, tmp_path, capsys)
    assert exit_code == 1
    assert [line.get('rejected') for line in lines] == ['unsupported_version', None]
    assert lines[1]['offset'] == len(TEXT)


@pytest.mark.parametrize('missing', [1, len(TEXT) - codec.HEADER_SIZE, len(TEXT) - 1])
def test_a_file_that_ends_within_a_message_says_so(
    missing: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, lines = dump_bytes(TEXT + TEXT[:-missing], tmp_path, capsys)
    assert exit_code == 1
    assert lines[1]['rejected'] == 'truncated'
    assert (lines[1]['offset'], lines[1]['size']) == (len(TEXT), len(TEXT) - missing)


@pytest.mark.parametrize(
    ('nonsense', 'cause'),
    [
        # a TLS ClientHello
        (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(range(47)), 'header_version'),
        # the request line passes for a version, a type and a size
        (b'GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html,*/*\r\n\r\n', 'body_too_large'),
        (TEXT[:42] + b'\xff' * 8 + TEXT[50:], 'body_too_large'),
    ],
)
def test_nothing_is_looked_for_behind_what_is_no_header(
    nonsense: bytes, cause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, lines = dump_bytes(TEXT + nonsense + TEXT, tmp_path, capsys)
    assert exit_code == 1
    assert [line.get('rejected') for line in lines] == [None, cause]


def test_an_announced_body_is_not_read_before_it_is_allowed() -> None:
    class Counting(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.asked = max(self.asked, size or 0)
            return super().read(size)

    file = Counting(TEXT[:42] + b'\x7f' * 8 + TEXT[50:])
    (found,) = read_messages(file)
    assert isinstance(found.result, codec.BodyTooLargeError)
    assert file.asked == codec.HEADER_SIZE


def test_a_message_without_a_body_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = codec.pack(codec.Message(codec.Unknown('GET_STATUS', b''), 'Robot'))
    exit_code, lines = dump_bytes(query + TEXT, tmp_path, capsys)
    assert exit_code == 0
    assert [line['type_name'] for line in lines] == ['GET_STATUS', 'STRING']


def test_an_empty_file_has_no_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dump_bytes(b'', tmp_path, capsys) == (0, [])


def test_a_line_for_people_has_offset_size_type_device_stamp_and_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'messages.bin'
    timestamp = codec.timestamp.from_nanoseconds(1_500_000_000_250_000_000)
    path.write_bytes(TEXT + codec.pack(codec.Message(codec.String('go'), 'Robot', timestamp)))
    assert main(['dump', str(path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ['0', str(len(TEXT)), 'STRING', 'Robot', '-', "'ready'"]
    assert second.split()[:1] + second.split()[4:] == [
        str(len(TEXT)),
        '1500000000.250000000',
        "'go'",
    ]


def test_standard_input_is_a_file_too() -> None:
    run = subprocess.run(
        [sys.executable, '-m', 'ros2_igtl.cli.main', 'dump', '-'],
        input=TEXT * 2,
        capture_output=True,
        check=True,
        timeout=30.0,
    )
    assert len(run.stdout.splitlines()) == 2


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from([TEXT, TRANSFORM, with_wrong_crc(TEXT)]),
            st.sampled_from(GOLDENS).map(lambda case: case.data),
        ),
        max_size=8,
    ).map(b''.join)
)
def test_any_bytes_are_messages_and_named_faults_without_a_gap(data: bytes) -> None:
    offset = 0
    for found in read_messages(io.BytesIO(data)):
        assert found.offset == offset
        assert text.line(found.result)
        assert json.loads(text.json_line(found.result))
        offset += found.size
        if isinstance(found.result, codec.FramingError):
            assert offset <= len(data)
            return
    assert offset == len(data)

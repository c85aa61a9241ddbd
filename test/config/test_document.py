# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Files and YAML that are no mapping file are refused at a line, within bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ros2_igtl.config import document
from ros2_igtl.config.errors import ConfigError, Problems


def refusal_of(data: bytes) -> str:
    with pytest.raises(ConfigError) as refusal:
        document.compose(data, Problems('f'))
    return str(refusal.value)


def refusal_to_read(path: Path | str) -> str:
    with pytest.raises(ConfigError) as refusal:
        document.read_file(str(path), Problems('f'))
    return str(refusal.value)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / 'f'
    path.write_bytes(b'\xff' * document.MAX_FILE_BYTES)
    assert document.read_file(str(path), Problems('f')) == b'\xff' * document.MAX_FILE_BYTES


def test_a_file_above_the_limit_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / 'f'
    path.write_bytes(b'\xff' * (document.MAX_FILE_BYTES + 1))
    assert refusal_to_read(path) == 'f:1: file: is larger than the 1000000 bytes allowed'


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    expected = 'f:1: file: cannot be read: No such file or directory'
    assert refusal_to_read(tmp_path / 'none') == expected


def test_a_path_with_a_nul_is_refused() -> None:
    assert 'file: cannot be read: ' in refusal_to_read('a\0b')


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert refusal_to_read(tmp_path) == 'f:1: file: cannot be read: Is a directory'


def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / 'pipe'
    os.mkfifo(path)
    assert refusal_to_read(path) == 'f:1: file: is not a regular file'


@pytest.mark.parametrize(
    ('data', 'expected'),
    [
        (b'', 'f:1: file: is empty; allowed: a mapping of version and connections'),
        (b'a: 1\nb: \xff', 'f:2: file: byte 0xFF is not UTF-8'),
        ('a: é'.encode('utf-16'), 'f:1: file: byte 0xFF is not UTF-8'),
        (b'a: 1\nb: \x1b[2J', r"f:2: file: character '\x1b' is not printable"),
        (b'a: 1\nb: \0', r"f:2: file: character '\x00' is not printable"),
        (
            b'a:\n  b: 1\n c: 2',
            "f:3: YAML: expected <block end>, but found '<block mapping start>', "
            'while parsing a block mapping that starts in line 1',
        ),
        (b'a: 1\nb: @', "f:2: YAML: found character '@' that cannot start any token"),
        (b'a: 1\nb: "\\U99999999"', 'f:2: YAML: '),
        (b'%YAML 9.0\n---\na: 1', 'f:1: YAML: found incompatible YAML document '),
        (b'a: &x [1]\nb: *x', 'f:1: YAML: anchors and aliases (& and *) are not allowed'),
        (b'a: *x', 'f:1: YAML: anchors and aliases (& and *) are not allowed'),
        (b'a: 1\nb: !!binary eA==', 'f:2: YAML: tags (!) are not allowed'),
        (b'a: 1\nb: ! x', 'f:2: YAML: tags (!) are not allowed'),
    ],
)
def test_what_is_no_plain_yaml_is_refused_at_its_line(data: bytes, expected: str) -> None:
    assert refusal_of(data).startswith(expected)


def test_a_byte_order_mark_is_passed_over() -> None:
    root = document.compose(b'\xef\xbb\xbfa: 1', Problems('f'))
    assert root.value[0][0].value == 'a'


def test_nesting_stops_at_the_limit() -> None:
    deep = b'[' * document.MAX_DEPTH + b']' * document.MAX_DEPTH
    assert document.compose(deep, Problems('f')).start_mark.line == 0
    assert refusal_of(b'[' * 100_000) == 'f:1: YAML: nested more than 20 deep'


def test_the_number_of_values_stops_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, 'MAX_NODES', 1000)
    # The list is a value too.
    document.compose(b'- a\n' * 999, Problems('f'))
    expected = 'f:1000: YAML: more than 1000 values in one file'
    assert refusal_of(b'- a\n' * 1000) == expected
    assert refusal_of(b'- a\n' * 200_000) == expected

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from own_environment import EnvironmentUnavailableError

from fuzz import start
from fuzz.fuzz_codec import check
from helpers.mutation import repaired, seeds
from ros2_igtl import codec


def test_the_promise_is_kept_for_all_seeds() -> None:
    for data in seeds():
        check(data)
        check(data[:-1])
        check(data + data)


@pytest.mark.parametrize('size', [0, 1, 57, 58, 59])
def test_the_promise_is_kept_for_bytes_without_a_meaning(size: int) -> None:
    check(bytes(size))
    check(b'\xff' * size)
    check(b'\0\1STRING'.ljust(size, b'\0'))


def test_any_other_exception_breaks_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(data: bytes) -> codec.Message:
        raise KeyError('text')

    monkeypatch.setattr(codec, 'unpack', unpack)
    with pytest.raises(KeyError, match='text'):
        check(b'')


def test_a_body_is_asked_of_with_its_crc_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    unpack = codec.unpack

    def note(data: bytes) -> codec.Message:
        asked.append(data)
        return unpack(data)

    monkeypatch.setattr(codec, 'unpack', note)
    data = codec.pack(codec.Message(codec.String('ok')))[:-1] + b'x'
    check(data)
    assert asked[:2] == [data, repaired(data)]
    assert unpack(asked[1]).content == codec.String('ox')


def test_the_corpus_is_written_a_file_for_each_message(tmp_path: Path) -> None:
    for _ in range(2):
        start.write_corpus(tmp_path / 'corpus')
    written = {path.read_bytes() for path in (tmp_path / 'corpus').iterdir()}
    assert written == {data for data in seeds() if len(data) <= start.LARGEST}


def test_the_type_names_are_written_as_libfuzzer_reads_them(tmp_path: Path) -> None:
    start.write_dictionary(tmp_path / 'names')
    lines = (tmp_path / 'names').read_text().splitlines()
    assert len(lines) == len(codec.MESSAGE_TYPES)
    assert '"GET_POLYDATA\\x00"' in lines


def test_a_machine_that_cannot_install_atheris_is_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_python(folder: Path, *wanted: str) -> Path:
        raise EnvironmentUnavailableError('no wheel')

    monkeypatch.setattr(start, 'find_python', find_python)
    monkeypatch.setattr(start, 'FOLDER', tmp_path / 'fuzz')
    monkeypatch.setattr('sys.argv', ['start.py', '1'])
    assert start.main() == 1
    assert capsys.readouterr().err == 'no atheris: no wheel\n'
    assert not (tmp_path / 'fuzz').exists()

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages of ``vectors``, against the codec and against a slow decoder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import reference_programs
from vectors.reference import generate

from helpers import slow_decoder
from helpers.feeding import receive_every_way, say
from helpers.reference_programs import build_program
from helpers.vectors import FOLDER, GOLDEN, HAND, REFERENCE, Vector, split_hand
from ros2_igtl import codec

VECTORS = {case.name: case for case in (*GOLDEN, *REFERENCE, *HAND)}
FIELD = re.compile(r'(?:[0-9a-f]{2}){1,20} +# \S.*')


def each(cases: Iterable[Vector]) -> pytest.MarkDecorator:
    cases = list(cases)
    return pytest.mark.parametrize('case', cases, ids=[case.name for case in cases])


each_vector = each(VECTORS.values())
each_indexed = each([*GOLDEN, *REFERENCE])
each_small = each(case for case in VECTORS.values() if len(case.data) <= 4096)


def as_json(description: dict[str, Any]) -> str:
    return json.dumps(description, sort_keys=True, allow_nan=False)


def test_there_are_25_golden_messages() -> None:
    assert len(GOLDEN) == 25


def test_no_two_vectors_have_one_name() -> None:
    assert len(VECTORS) == len(GOLDEN) + len(REFERENCE) + len(HAND)


def test_every_message_of_a_folder_is_in_its_index() -> None:
    for folder, cases in (('golden', GOLDEN), ('reference', REFERENCE)):
        files = {path.name for path in (FOLDER / folder).glob('*.bin')}
        assert files == {case.facts['file'] for case in cases}


def test_every_type_name_has_a_vector() -> None:
    types = {slow_decoder.name(case.data, 2, 12) for case in VECTORS.values()}
    assert set(codec.MESSAGE_TYPES) <= types


@each_indexed
def test_a_vector_is_what_its_index_says(case: Vector) -> None:
    message = codec.unpack(case.data)
    assert len(case.data) == case.facts['size']
    assert hashlib.sha256(case.data).hexdigest() == case.facts['sha256']
    assert int.from_bytes(case.data[42:50], 'big') == case.facts['body_size']
    assert f'0x{case.data[50:58].hex()}' == case.facts['crc_stored']
    assert message.type_name == case.facts['type']
    assert message.device_name == case.facts['device_name']
    assert message.header_version == case.facts['header_version']
    assert message.timestamp == int(case.facts['timestamp'], 16)
    assert message.message_id == case.facts.get('ext_header', {}).get('message_id', 0)
    metadata = {key: (encoding, text) for key, encoding, text in case.facts.get('metadata', [])}
    assert metadata == {
        key: (value.encoding, value)
        for key, value in message.metadata.items()
        if isinstance(value, codec.EncodedText)
    }


@each(HAND)
def test_a_vector_made_by_hand_says_what_stands_beside_it(case: Vector) -> None:
    assert as_json(codec.describe(codec.unpack(case.data), data=True)) == as_json(case.facts)


@each(HAND)
def test_what_stands_beside_a_vector_made_by_hand_is_packed_to_bytes(case: Vector) -> None:
    assert case.packs_to is not None
    assert codec.pack(codec.compose(case.facts)) == VECTORS[case.packs_to].data


@each(HAND)
def test_a_vector_made_by_hand_has_one_field_a_line(case: Vector) -> None:
    lines, _ = split_hand((FOLDER / 'hand' / f'{case.name}.txt').read_text(encoding='utf-8'))
    fields = [line for line in lines if not line.startswith('# ')]
    assert lines[: -len(fields)], 'it says what it shows'
    assert [line for line in fields if not FIELD.fullmatch(line)] == []


@each_vector
def test_a_vector_packs_to_the_bytes_it_is_meant_to(case: Vector) -> None:
    message = codec.unpack(case.data)
    if case.packs_to is None:
        with pytest.raises(codec.NameTooLongError):
            codec.pack(message)
        return
    data = VECTORS[case.packs_to].data
    assert codec.pack(message) == data
    assert b''.join(codec.pack_parts(message)) == data


@each_vector
def test_a_vector_says_what_the_slow_decoder_says(case: Vector) -> None:
    said = codec.describe(codec.unpack(case.data))
    assert as_json(said) == as_json(slow_decoder.message(case.data))


@each_vector
def test_a_vector_arrives_in_any_pieces(case: Vector) -> None:
    outcome = receive_every_way(case.data)
    assert isinstance(outcome, codec.Message)
    assert say(outcome) == say(codec.unpack(case.data))


@each_vector
def test_a_vector_has_a_class_of_its_own(case: Vector) -> None:
    message = codec.unpack(case.data)
    assert type(message.content) is codec.MESSAGE_TYPES.get(message.type_name, codec.Unknown)


@each_small
def test_a_vector_that_is_cut_short_is_truncated(case: Vector) -> None:
    for size in {0, 57, 58, len(case.data) - 1} - {len(case.data)}:
        with pytest.raises(codec.TruncatedError):
            codec.unpack(case.data[:size])


@each_small
def test_a_vector_with_any_bit_of_its_body_turned_is_refused(case: Vector) -> None:
    for position in range(58, len(case.data), 7):
        data = bytearray(case.data)
        data[position] ^= 1 << position % 8
        with pytest.raises(codec.CrcError):
            codec.unpack(data)


@each(REFERENCE)
def test_bytes_that_the_library_never_wrote_are_zero(case: Vector) -> None:
    for first, last in case.facts.get('unwritten', ()):
        assert not any(case.data[first : last + 1])


def test_the_library_writes_the_same_messages_again(tmp_path: Path) -> None:
    nothing = tmp_path / 'nothing.cxx'
    nothing.write_text('int main() { return 0; }\n')
    build_program(nothing, tmp_path / 'nothing')  # skips where there is no library or compiler
    library = generate.find_library()
    source = REFERENCE[0].facts['source']
    if not source.endswith(library):
        pytest.skip(f'the messages are of {source}, here is {library}')
    reference_programs.build_program(generate.SOURCE, generate.PROGRAM)  # and this one must build
    made = tmp_path / 'made'
    made.mkdir()
    generate.generate(generate.PROGRAM, made)
    kept = [FOLDER / 'reference' / 'index.json', *(FOLDER / 'reference').glob('*.bin')]
    assert {path.name for path in made.iterdir()} == {path.name for path in kept}
    for path in kept:
        assert (made / path.name).read_bytes() == path.read_bytes(), path.name

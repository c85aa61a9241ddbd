# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect

import pytest

from ros2_igtl import codec
from ros2_igtl.codec import errors

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__
]
DECODE = [kind for kind in ALL if issubclass(kind, errors.DecodeError)]
CAUSES = {
    'CrcError': 'crc',
    'NoDataError': 'no_data',
    'ContentSizeError': 'content_size',
    'ContentValueError': 'content_value',
    'MetadataError': 'metadata',
    'ExtendedHeaderError': 'extended_header',
    'TypeNameError': 'type_name',
    'UnsupportedVersionError': 'unsupported_version',
    'HeaderVersionError': 'header_version',
    'BodyTooLargeError': 'body_too_large',
    'TruncatedError': 'truncated',
}


@pytest.mark.parametrize('kind', ALL)
def test_every_error_is_a_codec_error_and_public(kind: type[Exception]) -> None:
    assert issubclass(kind, codec.CodecError)
    assert issubclass(kind, ValueError)
    assert getattr(codec, kind.__name__) is kind
    assert kind.__name__ in codec.__all__


@pytest.mark.parametrize(('name', 'cause'), CAUSES.items())
def test_every_refusal_has_a_word_for_counting(name: str, cause: str) -> None:
    assert getattr(codec, name)('why').cause == cause


def test_no_two_refusals_have_the_same_word() -> None:
    causes = [kind.cause for kind in DECODE]
    assert len(set(causes)) == len(causes)
    assert {kind.__name__ for kind in DECODE} - CAUSES.keys() == {
        'DecodeError',
        'MessageError',
        'FramingError',
    }


def test_a_fault_is_ours_or_the_peers() -> None:
    for kind in ALL:
        ours = issubclass(kind, codec.EncodeError)
        theirs = issubclass(kind, codec.DecodeError)
        assert ours + theirs == (kind is not codec.CodecError)


def test_a_refusal_costs_the_message_or_the_stream() -> None:
    for kind in DECODE:
        message = issubclass(kind, codec.MessageError)
        stream = issubclass(kind, codec.FramingError)
        assert message + stream == (kind is not codec.DecodeError)


def test_a_refusal_has_no_header_until_one_was_read() -> None:
    assert codec.CrcError('why').header is None


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    for kind in ALL:
        assert kind.__name__ in (errors.__doc__ or '')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The promise of the codec, to be asked of any bytes.

They give a message, a need for more, or a ``DecodeError``, nothing else; and what is a message can
be described, printed, and packed again or refused by an ``EncodeError`` that is foreseen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from helpers.feeding import Outcome, by_get_buffer, by_receive_data, say
from ros2_igtl import codec
from ros2_igtl.codec.crc import crc64

# Small, so that a body which is announced and never comes eats few of those behind it.
LIMITS = codec.Limits(max_body_size=100_000, max_unreceived=4096)

# Of the tree of errors only the leaves are raised: their causes are what is counted.
CAUSES = {
    'crc',
    'no_data',
    'content_size',
    'content_value',
    'metadata',
    'extended_header',
    'type_name',
    'unsupported_version',
    'header_version',
    'body_too_large',
    'truncated',
}


def check_bytes(data: bytes) -> Outcome:
    """Return what bytes give to ``unpack``, and to a connection in two pieces: the same."""
    outcome = check_unpack(data)
    cut = crc64(data) % (len(data) + 1)  # anywhere, and the same each time
    whole = len(data) >= codec.HEADER_SIZE and data[42:50] == _size_of(data)
    for in_place in (False, True):
        connection = codec.Connection(LIMITS)
        outcomes = check_stream([data[:cut], data[cut:]], connection, in_place=in_place)
        if whole and len(data) <= LIMITS.max_body_size:
            assert [say(received) for received in outcomes] == [say(outcome)]
        elif isinstance(outcome, codec.TruncatedError):
            assert all(isinstance(received, codec.BodyTooLargeError) for received in outcomes)
    return outcome


def _size_of(data: bytes) -> bytes:
    """Return the size of a body as it stands in a header."""
    return (len(data) - codec.HEADER_SIZE).to_bytes(8, 'big')


def check_unpack(data: bytes) -> Outcome:
    """Return what bytes give, all of it checked; any other exception is a breach."""
    try:
        message = codec.unpack(data)
    except codec.DecodeError as error:
        check_refusal(error)
        return error
    check_message(message)
    return message


def check_stream(
    pieces: Iterable[bytes], connection: codec.Connection, *, in_place: bool
) -> list[Outcome]:
    """
    Return what the pieces of a stream give to a connection, all of it checked.

    :param in_place: give them by ``get_buffer`` rather than by ``receive_data``.
    """
    feed = by_get_buffer if in_place else by_receive_data
    outcomes = feed(connection, pieces)
    for outcome in outcomes:
        if isinstance(outcome, codec.Message):
            check_message(outcome)
        else:
            check_refusal(outcome)
    return outcomes


def check_refusal(error: codec.DecodeError) -> None:
    """Assert that a refusal can be counted and logged."""
    assert error.cause in CAUSES, repr(error)
    assert str(error).isprintable(), repr(error)
    assert len(str(error)) < 2000, repr(error)


def check_message(message: codec.Message) -> None:
    """Assert that a message can be said, and packs to what it is or is refused as documented."""
    assert repr(message)
    assert json.dumps(codec.describe(message), allow_nan=False)
    try:
        packed = codec.pack(message)
    except codec.EncodeError as error:
        # it fills its field, and is never written so; a query for a BIND may ask for anything
        foreseen = isinstance(error, codec.NameTooLongError) or ': type name ' in str(error)
        if not foreseen:
            raise
        return
    assert codec.pack(codec.unpack(packed)) == packed

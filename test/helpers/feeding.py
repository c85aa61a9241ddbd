# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Bytes given to a connection in every way that TCP may cut them.

A case is fed whole, byte by byte, in two halves, and with the next message behind it; through
``receive_data`` and through ``get_buffer``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import pytest

from helpers.wire_bytes import message_bytes
from ros2_igtl import codec

Outcome = codec.Message | codec.DecodeError
NEXT = message_bytes(b'STRING', b'\0\3\0\4next', device_name=b'behind')


def drain(connection: codec.Connection) -> list[Outcome]:
    """Return the messages and the refusals that are there, at most one loss of the stream."""
    outcomes: list[Outcome] = []
    while True:
        try:
            message = connection.next_message()
        except codec.MessageError as error:
            outcomes.append(error)
            continue
        except codec.FramingError as error:
            return [*outcomes, error]
        if message is codec.NEED_DATA:
            return outcomes
        outcomes.append(message)


def by_receive_data(connection: codec.Connection, pieces: Iterable[bytes]) -> list[Outcome]:
    """Feed pieces by ``receive_data``, until the stream is lost."""
    outcomes: list[Outcome] = []
    for piece in pieces:
        connection.receive_data(piece)
        outcomes += drain(connection)
        if outcomes and isinstance(outcomes[-1], codec.FramingError):
            break
    return outcomes


def by_get_buffer(connection: codec.Connection, pieces: Iterable[bytes]) -> list[Outcome]:
    """Feed pieces by ``get_buffer`` and ``buffer_updated``, until the stream is lost."""
    outcomes: list[Outcome] = []
    for piece in pieces:
        while piece:
            buffer = connection.get_buffer()
            assert len(buffer) > 0
            taken = piece[: len(buffer)]
            buffer[: len(taken)] = taken
            piece = piece[len(taken) :]
            connection.buffer_updated(len(taken))
            outcomes += drain(connection)
            if outcomes and isinstance(outcomes[-1], codec.FramingError):
                return outcomes
    return outcomes


FEEDS: tuple[Callable[[codec.Connection, Iterable[bytes]], list[Outcome]], ...] = (
    by_receive_data,
    by_get_buffer,
)


def say(outcome: Outcome) -> str:
    """Return all that an outcome says, comparable even where it holds NaN."""
    if isinstance(outcome, codec.DecodeError):
        return outcome.cause
    return json.dumps(codec.describe(outcome), sort_keys=True, allow_nan=False)


def cuts(data: bytes) -> list[list[bytes]]:
    """Return the ways to cut bytes: whole, two halves, and single bytes unless they are many."""
    half = len(data) // 2
    ways = [[data], [data[:half], data[half:]]]
    if len(data) <= 4096:
        ways.append([data[index : index + 1] for index in range(len(data))])
    return ways


def receive_every_way(data: bytes, limits: codec.Limits | None = None) -> Outcome:
    """
    Return the one outcome of a message, the same in whatever pieces it comes.

    The next message, behind it, has to come through unless the stream is lost.
    """
    outcomes: list[Outcome] = []
    for feed in FEEDS:
        for pieces in cuts(data):
            connection = codec.Connection(limits)
            outcomes += feed(connection, pieces)
            if isinstance(outcomes[-1], codec.FramingError):
                with pytest.raises(type(outcomes[-1])):
                    connection.next_message()
                continue
            assert connection.idle
            behind = feed(connection, [NEXT])
            assert [say(outcome) for outcome in behind] == [say(codec.unpack(NEXT))]
        together = feed(codec.Connection(limits), [data + NEXT])
        outcomes.append(together[0])
        if not isinstance(together[0], codec.FramingError):
            assert [say(outcome) for outcome in together[1:]] == [say(codec.unpack(NEXT))]
    assert len({say(outcome) for outcome in outcomes}) == 1
    return outcomes[0]


def assert_refused(data: bytes, error: type[codec.DecodeError], match: str | None = None) -> None:
    """Assert that ``unpack`` and every way of feeding a connection refuse a message alike."""
    with pytest.raises(error, match=match) as caught:
        codec.unpack(data)
    assert type(caught.value) is error
    assert caught.value.header is not None
    outcome = receive_every_way(data)
    assert isinstance(outcome, error)
    assert str(outcome) == str(caught.value)
    assert outcome.header == caught.value.header

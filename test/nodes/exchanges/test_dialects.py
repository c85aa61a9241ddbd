# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""How commands and replies are written and read, without a socket."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from helpers.bridge_peer import IDENTITY
from ros2_igtl import codec
from ros2_igtl.convert.command_text import MAX_TEXT_SIZE, Verdict
from ros2_igtl.nodes.exchanges.dialects import (
    DIALECTS,
    Command,
    Dialect,
    MessageDialect,
    StringDialect,
    numbers,
    takes_of,
)

SAY = '<Command Name="Say" />'
DIALECT_OBJECTS = (MessageDialect(), StringDialect())


def received(message: codec.Message) -> codec.Message:
    """Return a message as a peer of header version 2 receives it."""
    message.header_version = 2
    return codec.unpack(codec.pack(message))


def string(text: str, device_name: str) -> codec.Message:
    return received(codec.Message(codec.String(text), device_name))


@pytest.mark.parametrize('dialect', DIALECT_OBJECTS)
def test_a_command_and_its_reply_are_read_as_they_were_written(dialect: Dialect) -> None:
    for command_id in islice(dialect.ids(), 3):
        sent = Command(command_id, 'Say', SAY)
        message = received(dialect.command_message(sent))
        assert isinstance(message.content, dialect.takes)
        assert dialect.reply_id(message) is None
        command = dialect.read_command(message)
        assert command is not None
        assert (command.id, command.name, command.text) == (command_id, 'Say', SAY)
        for error in ('', 'no motor'):
            reply = received(dialect.reply_message(message, command, error, 'said'))
            assert isinstance(reply.content, dialect.takes)
            assert dialect.read_command(reply) is None
            assert dialect.reply_id(reply) == command_id
            verdict, _ = dialect.judge('Say', reply)
            assert verdict == Verdict(not error, error)


@pytest.mark.parametrize('dialect', DIALECT_OBJECTS)
@pytest.mark.parametrize(
    'message',
    [
        string(SAY, 'CMD_x'),
        string(SAY, 'ACK_'),
        string(SAY, 'Text'),
        received(codec.Message(codec.Status(), 'CMD_1')),
        received(codec.Message(codec.Transform(*IDENTITY, 1.0, 2.0, 3.0), 'ACK_1')),
    ],
)
def test_other_messages_are_neither_commands_nor_replies(
    dialect: Dialect, message: codec.Message
) -> None:
    assert dialect.read_command(message) is None
    assert dialect.reply_id(message) is None


def test_a_dialect_leaves_the_messages_of_the_other_alone() -> None:
    messages, strings = DIALECT_OBJECTS
    for dialect, other in ((messages, strings), (strings, messages)):
        message = received(dialect.command_message(Command(1, 'Say', SAY)))
        assert other.read_command(message) is None
        command = dialect.read_command(message)
        assert command is not None
        assert other.reply_id(received(dialect.reply_message(message, command, '', ''))) is None


def test_a_string_is_answered_under_the_number_as_it_was_written() -> None:
    dialect = StringDialect()
    message = string(f'{SAY}\0', 'CMD_007')
    command = dialect.read_command(message)
    assert command == Command(7, 'Say', SAY, 'CMD_007')
    reply = dialect.reply_message(message, command, '', 'a "b"')
    assert reply.device_name == 'ACK_007'
    assert reply.content.text == '<CommandReply Status="SUCCESS" Message="a &quot;b&quot;" />'


def test_a_string_without_parameters_gets_a_text_with_the_name() -> None:
    message = StringDialect().command_message(Command(1, 'Say "x"', ''))
    assert message.content.text == '<Command Name="Say &quot;x&quot;" />'


@pytest.mark.parametrize(('text', 'is_refused'), [('', False), (SAY, False), ('Say', True)])
def test_only_strings_need_the_name_in_the_text(text: str, is_refused: bool) -> None:
    command = Command(1, 'Say', text)
    assert bool(StringDialect().problem(command)) == is_refused
    assert MessageDialect().problem(command) == ''


def test_a_text_that_is_too_long_is_measured_and_not_read() -> None:
    dialect = MessageDialect()
    for size, text in ((MAX_TEXT_SIZE, 'x' * MAX_TEXT_SIZE), (MAX_TEXT_SIZE + 1, '')):
        message = received(codec.Message(codec.Command(1, 'Say', 'x' * size), 'D'))
        assert dialect.read_command(message) == Command(1, 'Say', text, 'D', size)
    reply = received(codec.Message(codec.CommandReply(1, '', 'x' * (MAX_TEXT_SIZE + 1))))
    assert dialect.judge('Say', reply) == (Verdict(False, 'the reply is too long'), '')


@pytest.mark.parametrize(
    ('dialect', 'content', 'verdict'),
    [
        (MessageDialect(), codec.CommandReply(1, ''), Verdict(True)),
        (MessageDialect(), codec.CommandReply(1, 'Say'), Verdict(True)),
        (MessageDialect(), codec.CommandReply(1, 'no motor'), Verdict(False, 'no motor')),
        (StringDialect(), codec.String('?'), Verdict(False, 'the reply has no Status')),
        (StringDialect(), codec.String('<CommandReply Status="SUCCESS"/>'), Verdict(True)),
    ],
)
def test_a_reply_without_metadata_is_judged_by_its_content(
    dialect: Dialect, content: Any, verdict: Verdict
) -> None:
    message = received(codec.Message(content, 'ACK_1'))
    assert dialect.judge('Say', message)[0] == verdict


def test_numbers_begin_again_after_the_last_one() -> None:
    assert list(islice(numbers(), 3)) == [1, 2, 3]
    assert list(islice(numbers(2**32 - 2), 4)) == [2**32 - 2, 2**32 - 1, 1, 2]


def test_a_connection_reads_command_in_each_dialect_and_strings_in_theirs_only() -> None:
    assert codec.String not in takes_of(DIALECTS['command'])
    assert set(takes_of(DIALECTS['string'])) == {codec.String, codec.Command, codec.CommandReply}

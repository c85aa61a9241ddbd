# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The dialects in which peers write commands and replies; this module sends nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from typing import Any, ClassVar, NamedTuple

from ros2_igtl import codec
from ros2_igtl.convert import command_text, naming
from ros2_igtl.convert.command_text import MAX_TEXT_SIZE, Verdict

_MAX_NUMBER = 0xFFFF_FFFF  # the field has 32 bits


class Command(NamedTuple):
    """
    A command in any dialect.

    :ivar id: identifies the command among those of the peer, and its reply.
    :ivar text: its parameters; empty if they are too long.
    :ivar text_size: bytes of the received text.
    """

    id: Hashable
    name: str
    text: str
    device_name: str = ''
    text_size: int = 0


class Dialect(ABC):
    """One way of writing commands and replies."""

    takes: ClassVar[tuple[type[Any], ...]]
    """The content classes of its messages."""
    least_version = 1
    """The lowest header version of peers to which commands can be sent."""

    @abstractmethod
    def ids(self) -> Iterator[Hashable]:
        """Return an endless iterator of identifiers for the commands that this node sends."""

    @abstractmethod
    def read_command(self, message: codec.Message) -> Command | None:
        """Return the command in a message, None for any other message."""

    @abstractmethod
    def reply_id(self, message: codec.Message) -> Hashable | None:
        """Return the identifier in a reply, None for any other message."""

    @abstractmethod
    def command_message(self, command: Command) -> codec.Message:
        """Return the message of a command; ``codec.pack`` raises if it does not fit."""

    @abstractmethod
    def reply_message(
        self, message: codec.Message, command: Command, error: str, text: str
    ) -> codec.Message:
        """
        Return the reply to a command.

        :param message: the message that contained the command.
        :param error: empty on success.
        :param text: the result.
        """

    def problem(self, command: Command) -> str:
        """Return why peers would misunderstand a command, or ''."""
        return ''

    def judge(self, name: str, message: codec.Message) -> tuple[Verdict, str]:
        """
        Return the outcome of a command in a reply, and the text of the reply.

        PLUS writes the outcome into the metadata and the text.

        :param name: of the command.
        """
        if len(message.content.raw) > MAX_TEXT_SIZE:
            return Verdict(False, 'the reply is too long'), ''
        text = naming.ros_text(message.content.text.rstrip('\0'))
        metadata = message.metadata
        status = metadata.get('Status')
        if status == 'SUCCESS':
            return Verdict(True), text
        if status == 'FAIL':
            error = metadata.get('Error') or 'the peer reports a failure'
            return Verdict(False, error), text
        return command_text.judge_status(text) or self._judge_content(name, message), text

    @abstractmethod
    def _judge_content(self, name: str, message: codec.Message) -> Verdict:
        """Return the outcome of a command, given by name, in a reply without a status."""


class MessageDialect(Dialect):
    """COMMAND and RTS_COMMAND, whose identifiers are numbers."""

    takes = (codec.Command, codec.CommandReply)
    least_version = 2

    def ids(self) -> Iterator[Hashable]:
        """Return numbers."""
        return numbers()

    def read_command(self, message: codec.Message) -> Command | None:
        """Return the command in a COMMAND."""
        content = message.content
        if not isinstance(content, codec.Command) or isinstance(content, codec.CommandReply):
            return None
        size = len(content.raw)
        text = '' if size > MAX_TEXT_SIZE else content.text
        return Command(content.command_id, content.name, text, message.device_name, size)

    def reply_id(self, message: codec.Message) -> Hashable | None:
        """Return the number in an RTS_COMMAND."""
        content = message.content
        return content.command_id if isinstance(content, codec.CommandReply) else None

    def command_message(self, command: Command) -> codec.Message:
        """Return a COMMAND."""
        assert isinstance(command.id, int)  # from ids()
        content = codec.Command(command.id, naming.ros_text(command.name), command.text)
        return codec.Message(content, naming.ros_text(command.device_name))

    def reply_message(
        self, message: codec.Message, command: Command, error: str, text: str
    ) -> codec.Message:
        """Return an RTS_COMMAND, with the status in the metadata as in PLUS."""
        assert isinstance(command.id, int)  # from read_command()
        return codec.Message(
            codec.CommandReply(command.id, command_text.fit_error(error), text),
            message.device_name,
            message_id=message.message_id,
            # a long error does not fit the field of the name
            metadata={'Status': 'FAIL', 'Error': error} if error else {'Status': 'SUCCESS'},
        )

    def _judge_content(self, name: str, message: codec.Message) -> Verdict:
        """
        Read the field of the name as the error, unless it is the command's name.

        ``command.md`` puts the error there, PLUS and 3D Slicer the name of the command.
        """
        error: str = message.content.name
        return Verdict(True) if error in ('', name) else Verdict(False, error)


class StringDialect(Dialect):
    """PLUS's commands: STRING with the device names ``CMD_<number>`` and ``ACK_<number>``."""

    takes = (codec.String,)

    def ids(self) -> Iterator[Hashable]:
        """Return numbers."""
        return numbers()

    def read_command(self, message: codec.Message) -> Command | None:
        """Return the command in a STRING; its name is in the first tag."""
        number = _number_of('CMD', message)
        if number is None:
            return None
        text = message.content.text.rstrip('\0')  # PLUS sends a NUL too
        return Command(number, command_text.command_name(text), text, message.device_name)

    def reply_id(self, message: codec.Message) -> Hashable | None:
        """Return the number in the device name."""
        return _number_of('ACK', message)

    def command_message(self, command: Command) -> codec.Message:
        """Return a STRING; only the device name contains the number."""
        text = command.text or command_text.command_text(command.name)
        return codec.Message(codec.String(text), f'CMD_{command.id}')

    def reply_message(
        self, message: codec.Message, command: Command, error: str, text: str
    ) -> codec.Message:
        """Return a STRING with the number as the peer wrote it."""
        return codec.Message(
            codec.String(command_text.reply_text(error, text)),
            f'ACK{message.device_name[3:]}',
            message_id=message.message_id,
        )

    def problem(self, command: Command) -> str:
        """Reject a text with the name of another command, which the peer would run."""
        if not command.text:
            return ''
        name = command_text.command_name(command.text)
        if name == command.name:
            return ''
        return (
            f'content has Name {name!r} in its first tag, where the peer reads the name; '
            f'allowed: {command.name!r}'
        )

    def _judge_content(self, name: str, message: codec.Message) -> Verdict:
        return Verdict(False, 'the reply has no Status')


# By the option command_dialect. Commands are sent in the first dialect, and read in all of them.
DIALECTS: dict[str, tuple[Dialect, ...]] = {
    'command': (MessageDialect(),),
    'string': (StringDialect(), MessageDialect()),
}


def takes_of(dialects: tuple[Dialect, ...]) -> tuple[type[Any], ...]:
    """Return the content classes of the messages of several dialects."""
    return tuple(content_class for dialect in dialects for content_class in dialect.takes)


def numbers(first: int = 1) -> Iterator[int]:
    """Return an iterator of command numbers, which restarts at 1 after the greatest number."""
    number = first
    while True:
        yield number
        number = number % _MAX_NUMBER + 1


def _number_of(kind: str, message: codec.Message) -> int | None:
    """Return the number in the device name of a STRING of a kind, None for any other message."""
    if not isinstance(message.content, codec.String):
        return None
    device = command_text.split_command_device(message.device_name)
    return int(device[1]) if device is not None and device[0] == kind else None

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Names and texts of commands: what PLUS writes into COMMAND, RTS_COMMAND and STRING.

The texts are XML, and are not parsed here: of the first tag, attributes are found by expressions
that take a time proportional to the text. Nothing is expanded but what an attribute escapes.

Source: ``vtkPlusOpenIGTLinkServer.cxx``, ``vtkPlusCommandProcessor.cxx`` of PLUS.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from ros2_igtl.codec import Command

COMMAND_NAME_SIZE = Command.name_size - 1  # bytes; the last byte of the field stays NUL
# igtlCommandMessage.cxx takes no more, and a STRING has no room for more.
MAX_TEXT_SIZE = 65535

# Of commands that end whatever moves, in any case of the letters. No other command is sent before
# its turn: StopRecording before StartRecording would record for ever.
STOP_NAMES = frozenset({'STOP', 'ESTOP', 'E-STOP', 'EMERGENCYSTOP', 'HALT', 'ABORT'})

_DEVICE_NAME = re.compile(r'(CMD|ACK)_([0-9]{1,10})')
_FIRST_TAG = re.compile(
    r'\s*(?:<\?xml[^<>]*>\s*)?'
    r'<([A-Za-z_][A-Za-z0-9_.:-]{0,63})(?=[\s/>])((?:[^<>"\']|"[^<"]*"|\'[^<\']*\')*)>'
)
_ATTRIBUTE = re.compile(r'([A-Za-z_][A-Za-z0-9_.:-]{0,63})\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')


class Verdict(NamedTuple):
    """What a reply says of its command; the error is empty on success."""

    succeeded: bool
    error: str = ''


def split_command_device(name: str) -> tuple[str, str] | None:
    """Return ('CMD' or 'ACK', number) of a device name such as ``CMD_12``, None of any other."""
    match = _DEVICE_NAME.fullmatch(name)
    return None if match is None else (match[1], match[2])


def first_tag(text: str) -> tuple[str, dict[str, str]]:
    """Return name and attributes of the tag a text begins with; empty if it begins otherwise."""
    tag = _FIRST_TAG.match(text[:MAX_TEXT_SIZE])
    if tag is None:
        return '', {}
    attributes: dict[str, str] = {}
    for name, double_quoted, single_quoted in _ATTRIBUTE.findall(tag[2]):
        attributes.setdefault(name, html.unescape(double_quoted or single_quoted))
    return tag[1], attributes


def command_name(text: str) -> str:
    """Return the name of a command in STRING: the attribute Name; empty without it."""
    return first_tag(text)[1].get('Name', '')


def is_stop(name: str) -> bool:
    """Tell whether a command of that name has to go before everything else."""
    return name.upper() in STOP_NAMES


def command_text(name: str) -> str:
    """Return the text of a command without parameters."""
    return f'<Command Name="{_escape(name)}" />'


def reply_text(error: str, text: str) -> str:
    """
    Return the text that answers a command in STRING.

    :param error: empty on success.
    :param text: what the command gave, which a failure has no place for.
    """
    status, message = ('FAIL', error) if error else ('SUCCESS', text)
    return f'<CommandReply Status="{status}" Message="{_escape(message)}" />'


def judge_status(text: str) -> Verdict | None:
    """Return what ``<CommandReply Status="...">`` says; None if the text does not begin so."""
    tag, attributes = first_tag(text)
    status = attributes.get('Status')
    if tag != 'CommandReply' or status not in ('SUCCESS', 'FAIL'):
        return None
    if status == 'SUCCESS':
        return Verdict(True)
    error = attributes.get('Error') or attributes.get('Message')
    return Verdict(False, error or 'the peer says that it failed')


def fit_error(error: str) -> str:
    """Return an error that fits the field of a name; a longer one ends in ``...``."""
    raw = error.encode('utf-8', 'replace')
    if len(raw) <= COMMAND_NAME_SIZE:
        return raw.decode()
    # a character that the cut would halve is left out
    return raw[: COMMAND_NAME_SIZE - 3].decode('utf-8', 'ignore') + '...'


def _escape(text: str) -> str:
    """Escape text for an attribute, in which a parser would turn a line's end into a space."""
    return html.escape(text).replace('\r', '&#13;').replace('\n', '&#10;')

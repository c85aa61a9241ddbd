# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Names and texts of commands, as PLUS writes them into COMMAND, RTS_COMMAND and STRING.

The texts are XML, but this module uses no XML parser: regular expressions find the attributes of
the first tag, in a time proportional to the length of the text. Only the escapes in attributes
are expanded.

Source: ``vtkPlusOpenIGTLinkServer.cxx``, ``vtkPlusCommandProcessor.cxx`` of PLUS.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from ros2_igtl.codec import Command

COMMAND_NAME_SIZE = Command.name_size - 1  # bytes; the last byte of the field stays NUL
# igtlCommandMessage.cxx accepts no more, and a STRING has no room for more.
MAX_TEXT_SIZE = 65535

# Commands that stop a motion; case does not matter. All other commands keep their order:
# StopRecording sent before StartRecording would leave the recording running.
STOP_NAMES = frozenset({'STOP', 'ESTOP', 'E-STOP', 'EMERGENCYSTOP', 'HALT', 'ABORT'})

_DEVICE_NAME = re.compile(r'(CMD|ACK)_([0-9]{1,10})')
_FIRST_TAG = re.compile(
    r'\s*(?:<\?xml[^<>]*>\s*)?'
    r'<([A-Za-z_][A-Za-z0-9_.:-]{0,63})(?=[\s/>])((?:[^<>"\']|"[^<"]*"|\'[^<\']*\')*)>'
)
_ATTRIBUTE = re.compile(r'([A-Za-z_][A-Za-z0-9_.:-]{0,63})\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')


class Verdict(NamedTuple):
    """The outcome of a command as its reply states it; the error is empty on success."""

    succeeded: bool
    error: str = ''


def split_command_device(name: str) -> tuple[str, str] | None:
    """Return ('CMD' or 'ACK', number) for a device name such as ``CMD_12``, else None."""
    match = _DEVICE_NAME.fullmatch(name)
    return None if match is None else (match[1], match[2])


def first_tag(text: str) -> tuple[str, dict[str, str]]:
    """Return the name and attributes of the tag at the start of a text; empty without a tag."""
    tag = _FIRST_TAG.match(text[:MAX_TEXT_SIZE])
    if tag is None:
        return '', {}
    attributes: dict[str, str] = {}
    for name, double_quoted, single_quoted in _ATTRIBUTE.findall(tag[2]):
        attributes.setdefault(name, html.unescape(double_quoted or single_quoted))
    return tag[1], attributes


def command_name(text: str) -> str:
    """Return the attribute Name of a command in STRING; empty if it has none."""
    return first_tag(text)[1].get('Name', '')


def is_stop(name: str) -> bool:
    """Return whether a command of that name must be sent before everything else."""
    return name.upper() in STOP_NAMES


def command_text(name: str) -> str:
    """Return the text of a command without parameters."""
    return f'<Command Name="{_escape(name)}" />'


def reply_text(error: str, text: str) -> str:
    """
    Return the text that answers a command in STRING.

    :param error: empty on success.
    :param text: the result of the command; left out on failure, for which there is no field.
    """
    status, message = ('FAIL', error) if error else ('SUCCESS', text)
    return f'<CommandReply Status="{status}" Message="{_escape(message)}" />'


def judge_status(text: str) -> Verdict | None:
    """Return the outcome in ``<CommandReply Status="...">``; None if the text starts otherwise."""
    tag, attributes = first_tag(text)
    status = attributes.get('Status')
    if tag != 'CommandReply' or status not in ('SUCCESS', 'FAIL'):
        return None
    if status == 'SUCCESS':
        return Verdict(True)
    error = attributes.get('Error') or attributes.get('Message')
    return Verdict(False, error or 'the peer reports a failure')


def fit_error(error: str) -> str:
    """Return an error shortened to the size of a name field; a shortened one ends in ``...``."""
    raw = error.encode('utf-8', 'replace')
    if len(raw) <= COMMAND_NAME_SIZE:
        return raw.decode()
    # leave out a character that the cut would halve
    return raw[: COMMAND_NAME_SIZE - 3].decode('utf-8', 'ignore') + '...'


def _escape(text: str) -> str:
    """Escape text for an attribute; a parser would turn unescaped line ends into spaces."""
    return html.escape(text).replace('\r', '&#13;').replace('\n', '&#10;')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Names: packed into the fields of a message, and escaped for logs and terminals."""

from __future__ import annotations

from ros2_igtl.codec.errors import NameTooLongError

__all__ = ['escape', 'pack_inner_name', 'pack_name']


def pack_name(name: str, size: int, field: str) -> bytes:
    """
    Return the bytes of a name for a field of ``size`` bytes, not padded.

    :param field: what the error calls the field.
    :raises NameTooLongError: the name has more than ``size`` bytes of UTF-8, or contains a NUL.
    """
    data = name.encode('utf-8', 'surrogateescape')
    if len(data) > size:
        raise NameTooLongError(f'{field} {name!r} has {len(data)} bytes, {size} are allowed')
    if b'\0' in data:
        raise NameTooLongError(f'{field} {name!r} has a NUL character, which would end it early')
    return data


def pack_inner_name(name: str, size: int, field: str) -> bytes:
    """
    Return the bytes of a name inside a content: the last byte of the field stays NUL.

    The reference receiver loses names that fill their field (``strncpy`` into a buffer of the
    same size, ``igtlTrackingDataMessage.cxx``), so this function refuses them.
    """
    return pack_name(name, size - 1, field)


def escape(text: str) -> str:
    r"""
    Return text from a peer so that it can neither control a terminal nor fake a line of a log.

    An unprintable character becomes ``\n``, ``\x1b`` or ``\u200b``, a byte that is not UTF-8
    becomes ``\xff``, and a backslash is doubled, so that no text can imitate an escape. Apply it
    once, to the text itself and not to a line that contains it.
    """
    if text.isprintable() and '\\' not in text:
        return text
    return ''.join(map(_escape_character, text))


def _escape_character(character: str) -> str:
    if '\udc80' <= character <= '\udcff':  # surrogateescape stands for a byte that is not UTF-8
        return f'\\x{ord(character) - 0xDC00:02x}'
    if character.isprintable() and character != '\\':
        return character
    return character.encode('unicode_escape').decode('ascii')

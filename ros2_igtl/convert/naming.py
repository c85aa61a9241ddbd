# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Device names, frame names and topic tokens, as functions on strings; no message, no node."""

from __future__ import annotations

import re
from zlib import crc32

from ros2_igtl.codec.header import DEVICE_NAME_SIZE
from ros2_igtl.codec.names import escape as escape
from ros2_igtl.convert.errors import ConvertError

FULL_NAME_KEY = 'IGTL_DEVICE_NAME'
"""The metadata key for a device name that does not fit its field in the header."""
MAX_FULL_NAME_LENGTH = 255
"""The limit of a device name in metadata; a longer one would not fit a topic either."""

# "To" before a lower-case letter is part of a word: the first "To" of TestToolToTracker.
_TO = re.compile(r'To(?=[^a-z])')
_NOT_TOKEN = re.compile(r'[^0-9A-Za-z]+')


def split_device_name(name: str) -> tuple[str, str] | None:
    """
    Return (child, parent) of a device name such as ``ProbeToTracker``, or None.

    The name splits if it has exactly one "To" that is not followed by a lower-case letter, and
    text on both sides of it. The parts keep their case, while PLUS would capitalise the first
    letter of each.

    Source: ``igsioTransformName::SetTransformName`` of IGSIO and PLUS, which splits the same
    names.
    """
    matches = list(_TO.finditer(name))
    if len(matches) != 1 or matches[0].start() == 0:
        return None
    return name[: matches[0].start()], name[matches[0].end() :]


def device_name_for(child: str, parent: str) -> str:
    """
    Return a device name for the pose of one frame in another.

    ``ProbeToTracker`` if :func:`split_device_name` reads the same two frames from it, otherwise
    only the child's name, as for ``tool0`` in ``base_link``, which would not split. The name may
    be longer than its field: see :func:`fit_device_name`.
    """
    name = f'{child}To{parent}'
    return name if split_device_name(name) == (child, parent) else child


def device_name_of_topic(topic: str) -> str:
    """Return a device name for a topic: its last token, the device in :func:`default_topic`."""
    return topic.rpartition('/')[2]


def fit_device_name(name: str) -> str:
    """
    Return a name that fits the 20 bytes of the header's field.

    A longer name is cut and ends in ``~`` and four hexadecimal digits of its CRC-32. The reader
    sees that it was cut, and two names with the same beginning stay different.
    """
    raw = name.encode('utf-8', 'surrogateescape')
    if len(raw) <= DEVICE_NAME_SIZE:
        return name
    tail = f'~{crc32(raw) & 0xFFFF:04x}'
    # Leave out a character that the cut would halve.
    return raw[: DEVICE_NAME_SIZE - len(tail)].decode('utf-8', 'ignore') + tail


def full_device_name(name: str, full_name: str | None) -> str:
    """
    Return the full device name if the name in the header is its shortened form.

    :param name: as in the header.
    :param full_name: the metadata value of ``IGTL_DEVICE_NAME``; None without it.
    :returns: ``full_name`` if ``name`` is one of its :func:`header_names`, else ``name``.
    """
    if full_name is None or len(full_name) > MAX_FULL_NAME_LENGTH:
        return name
    return full_name if name in header_names(full_name) else name


def header_names(name: str) -> tuple[str, ...]:
    """
    Return the forms of a device name in a header; the mapping file matches all of them.

    :returns: the name if it fits its field; else the name as the reference library cuts it, and
        as :func:`fit_device_name` does.
    """
    raw = name.encode('utf-8', 'surrogateescape')
    if len(raw) <= DEVICE_NAME_SIZE:
        return (name,)
    return raw[:DEVICE_NAME_SIZE].decode('utf-8', 'surrogateescape'), fit_device_name(name)


def frames_of(name: str, default_parent: str, prefix: str = '') -> tuple[str, str]:
    """
    Return the tf frames (child, parent) of a device or tool name.

    :param default_parent: the parent of a name that contains none; used without the prefix.
    :param prefix: put before the frames that the name contains.
    """
    pair = split_device_name(name)
    if pair is None:
        return prefix + frame_id(name), default_parent
    child, parent = pair
    return prefix + frame_id(child), prefix + frame_id(parent)


def frame_id(name: str) -> str:
    """
    Return a tf frame name for any name.

    Spaces, control characters and bytes that are not UTF-8 become ``_``. Leading slashes are
    removed, since tf2 rejects them. An empty result becomes ``unnamed``.
    """
    clean = ''.join('_' if c.isspace() or not c.isprintable() else c for c in name)
    return clean.lstrip('/') or 'unnamed'


def topic_token(name: str) -> str:
    """
    Return one token of a ROS topic name for any name.

    ASCII letters and digits stay; each run of other characters becomes one underscore. Leading
    underscores, which would hide the topic, and trailing ones are removed. A leading digit, which
    ROS forbids, gets the prefix ``device_``. An empty result becomes ``unnamed``. Two names can
    become the same token.

    Source: ROS 2 design, "Topic and service names".
    """
    token = _NOT_TOKEN.sub('_', name).strip('_') or 'unnamed'
    return f'device_{token}' if token[0].isdigit() else token


def default_topic(connection: str, type_name: str, device_name: str, suffix: str = '') -> str:
    """
    Return the topic of a device unless another is configured, ``<connection>/<type>/<device>``.

    :param suffix: one more token, for a sibling topic.
    """
    tokens = (connection, topic_token(type_name).lower(), topic_token(device_name), suffix)
    return '/'.join(filter(None, tokens))


def ros_text(text: str) -> str:
    """
    Return text that a ROS string can carry.

    Bytes that are not UTF-8 (surrogates, in Python) cannot be sent, and NUL would end the string.
    Each becomes U+FFFD.
    """
    if text.isascii() and '\0' not in text:
        return text
    return ''.join('\ufffd' if c == '\0' or '\ud800' <= c <= '\udfff' else c for c in text)


def content_name(name: str, size: int, field: str) -> bytes:
    """
    Return the bytes of a name for a field inside a content, whose last byte stays NUL.

    :param size: of the field, in bytes.
    :param field: its name in the error.
    :raises ConvertError: ``name_too_long``.
    """
    data = name.encode('utf-8', 'surrogateescape')
    if len(data) >= size:
        raise ConvertError(
            'name_too_long',
            f"{field} '{escape(name)}' has {len(data)} bytes, {size - 1} are allowed",
        )
    return data

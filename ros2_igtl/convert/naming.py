# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Device names, frame names and topic tokens: strings in, strings out; no message, no node."""

from __future__ import annotations

import re
from zlib import crc32

from ros2_igtl.codec.header import DEVICE_NAME_SIZE
from ros2_igtl.codec.names import escape as escape
from ros2_igtl.convert.errors import ConvertError

FULL_NAME_KEY = 'IGTL_DEVICE_NAME'
"""Of the metadata that have the whole of a device name which does not fit its field."""
MAX_FULL_NAME_LENGTH = 255
"""Of a device name in metadata: a longer one would not fit a topic either."""

# "To" before a lower-case letter is part of a word: the first "To" of TestToolToTracker.
_TO = re.compile(r'To(?=[^a-z])')
_NOT_TOKEN = re.compile(r'[^0-9A-Za-z]+')


def split_device_name(name: str) -> tuple[str, str] | None:
    """
    Return (child, parent) of a device name such as ``ProbeToTracker``, or None.

    The name splits if it has exactly one "To" that is followed by anything but a lower-case
    letter, with something on either side of it. The parts are as written: PLUS would capitalise
    the first letter of each.

    Source: ``igsioTransformName::SetTransformName`` of IGSIO and PLUS, whose verdicts these are.
    """
    matches = list(_TO.finditer(name))
    if len(matches) != 1 or matches[0].start() == 0:
        return None
    return name[: matches[0].start()], name[matches[0].end() :]


def device_name_for(child: str, parent: str) -> str:
    """
    Return a device name for the pose of one frame in another.

    ``ProbeToTracker`` if :func:`split_device_name` reads the same two frames from it, otherwise
    the child's name alone: ``tool0`` in ``base_link`` would read as no pair at all. It may be
    longer than its field: see :func:`fit_device_name`.
    """
    name = f'{child}To{parent}'
    return name if split_device_name(name) == (child, parent) else child


def device_name_of_topic(topic: str) -> str:
    """Return a device name for a topic: its last token, as :func:`default_topic` ends in one."""
    return topic.rpartition('/')[2]


def fit_device_name(name: str) -> str:
    """
    Return a name that fits the 20 bytes of a header's field.

    A longer one keeps its beginning and ends in ``~`` and four hexadecimal digits of the whole
    name's CRC-32, so that it can be seen that it was cut and two that begin alike stay two.
    """
    raw = name.encode('utf-8', 'surrogateescape')
    if len(raw) <= DEVICE_NAME_SIZE:
        return name
    tail = f'~{crc32(raw) & 0xFFFF:04x}'
    # A character that the cut would halve is left out.
    return raw[: DEVICE_NAME_SIZE - len(tail)].decode('utf-8', 'ignore') + tail


def full_device_name(name: str, full_name: str | None) -> str:
    """
    Return the whole of a device name that did not fit its field.

    :param name: as the header has it.
    :param full_name: what the metadata ``IGTL_DEVICE_NAME`` says; None if they do not.
    :returns: the full name if the other is what is left of it, cut as :func:`fit_device_name` or
        as the reference library cuts it, else the other.
    """
    if full_name is None or len(full_name) > MAX_FULL_NAME_LENGTH:
        return name
    return full_name if name in header_names(full_name) else name


def header_names(name: str) -> tuple[str, ...]:
    """
    Return a device name as a header can have it, which is what the mapping file goes by.

    :returns: the name if it fits its field; else what the reference library's cut leaves of it,
        and what :func:`fit_device_name` does.
    """
    raw = name.encode('utf-8', 'surrogateescape')
    if len(raw) <= DEVICE_NAME_SIZE:
        return (name,)
    return raw[:DEVICE_NAME_SIZE].decode('utf-8', 'surrogateescape'), fit_device_name(name)


def frames_of(name: str, default_parent: str, prefix: str = '') -> tuple[str, str]:
    """
    Return the tf frames (child, parent) that a device or tool name stands for.

    :param default_parent: the parent if the name does not say one; taken as it is.
    :param prefix: put before the frames that the name says.
    """
    pair = split_device_name(name)
    if pair is None:
        return prefix + frame_id(name), default_parent
    child, parent = pair
    return prefix + frame_id(child), prefix + frame_id(parent)


def frame_id(name: str) -> str:
    """
    Return a tf frame name for any name.

    Spaces, control characters and bytes that are no UTF-8 become ``_``, leading slashes go (tf2
    refuses them), what is left of nothing is ``unnamed``.
    """
    clean = ''.join('_' if c.isspace() or not c.isprintable() else c for c in name)
    return clean.lstrip('/') or 'unnamed'


def topic_token(name: str) -> str:
    """
    Return one token of a ROS topic name for any name.

    ASCII letters and digits stay, all else becomes single underscores. None stands in front,
    which would hide the topic, nor at the end; a leading digit, which ROS forbids, gets
    ``device_`` before it; what is left of nothing is ``unnamed``. Two names can become one token.

    Source: ROS 2 design, "Topic and service names".
    """
    token = _NOT_TOKEN.sub('_', name).strip('_') or 'unnamed'
    return f'device_{token}' if token[0].isdigit() else token


def default_topic(connection: str, type_name: str, device_name: str, suffix: str = '') -> str:
    """
    Return the topic of a device where nobody names another, ``<connection>/<type>/<device>``.

    :param suffix: a further token, for a topic beside it.
    """
    tokens = (connection, topic_token(type_name).lower(), topic_token(device_name), suffix)
    return '/'.join(filter(None, tokens))


def ros_text(text: str) -> str:
    """
    Return text that a ROS string can carry whole.

    Bytes that are no UTF-8 (surrogates, in Python) cannot be sent, and NUL would end the string:
    each becomes U+FFFD.
    """
    if text.isascii() and '\0' not in text:
        return text
    return ''.join('\ufffd' if c == '\0' or '\ud800' <= c <= '\udfff' else c for c in text)


def content_name(name: str, size: int, field: str) -> bytes:
    """
    Return the bytes of a name for a field inside a content, where one byte stays NUL.

    :param size: of the field, in bytes.
    :param field: what to call it in the error.
    :raises ConvertError: ``name_too_long``.
    """
    data = name.encode('utf-8', 'surrogateescape')
    if len(data) >= size:
        raise ConvertError(
            'name_too_long',
            f"{field} '{escape(name)}' has {len(data)} bytes, {size - 1} are allowed",
        )
    return data

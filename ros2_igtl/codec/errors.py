# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The exceptions of the codec, split by whose fault it is; nothing else.

::

    CodecError(ValueError)
    ├── EncodeError                 what we were asked to send cannot be written
    │   ├── NameTooLongError        a name does not fit its field
    │   └── ValueRangeError         a number, count or text does not fit its field
    └── DecodeError                 what a peer sent cannot be read
        ├── MessageError            the message was consumed, the stream goes on
        │   ├── CrcError                    'crc'
        │   ├── NoDataError                 'no_data'
        │   ├── ContentSizeError            'content_size'
        │   ├── ContentValueError           'content_value'
        │   ├── MetadataError               'metadata'
        │   ├── ExtendedHeaderError         'extended_header'
        │   ├── TypeNameError               'type_name'
        │   └── UnsupportedVersionError     'unsupported_version'
        └── FramingError            the stream cannot be followed: close it
            ├── HeaderVersionError          'header_version'
            ├── BodyTooLargeError           'body_too_large'
            └── TruncatedError              'truncated'
"""

from __future__ import annotations

from typing import ClassVar

from ros2_igtl.codec.header import Header

__all__ = [
    'BodyTooLargeError',
    'CodecError',
    'ContentSizeError',
    'ContentValueError',
    'CrcError',
    'DecodeError',
    'EncodeError',
    'ExtendedHeaderError',
    'FramingError',
    'HeaderVersionError',
    'MessageError',
    'MetadataError',
    'NameTooLongError',
    'NoDataError',
    'TruncatedError',
    'TypeNameError',
    'UnsupportedVersionError',
    'ValueRangeError',
]


class CodecError(ValueError):
    """Anything the codec refuses."""


class EncodeError(CodecError):
    """What we were asked to send cannot be written; the fault is ours."""


class NameTooLongError(EncodeError):
    """A name does not fit its field."""


class ValueRangeError(EncodeError):
    """A number, count or text does not fit its field."""


class DecodeError(CodecError):
    """
    What a peer sent cannot be read.

    ``cause`` is one word for counting; ``header`` is the message's header where it was read.
    """

    cause: ClassVar[str] = 'decode'
    header: Header | None = None


class MessageError(DecodeError):
    """One message is refused; it was consumed whole and the stream goes on after it."""

    cause = 'message'


class CrcError(MessageError):
    """The body does not have the CRC that the header announces."""

    cause = 'crc'


class NoDataError(MessageError):
    """The content is empty though its type has a fixed part: the peer has nothing to give."""

    cause = 'no_data'


class ContentSizeError(MessageError):
    """The content is shorter or longer than its type allows."""

    cause = 'content_size'


class ContentValueError(MessageError):
    """A field of the content has a value that the specification does not know."""

    cause = 'content_value'


class MetadataError(MessageError):
    """The metadata block contradicts itself or the body."""

    cause = 'metadata'


class ExtendedHeaderError(MessageError):
    """The extended header contradicts the body size."""

    cause = 'extended_header'


class TypeNameError(MessageError):
    """The type name is empty or not printable ASCII."""

    cause = 'type_name'


class UnsupportedVersionError(MessageError):
    """The header version is newer than we know; the body was skipped."""

    cause = 'unsupported_version'


class FramingError(DecodeError):
    """There is no way to find the next message: the connection has to be closed."""

    cause = 'framing'


class HeaderVersionError(FramingError):
    """These bytes are no OpenIGTLink header."""

    cause = 'header_version'


class BodyTooLargeError(FramingError):
    """The announced body is larger than the limit."""

    cause = 'body_too_large'


class TruncatedError(FramingError):
    """The bytes end within a message."""

    cause = 'truncated'

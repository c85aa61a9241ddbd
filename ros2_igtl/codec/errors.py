# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The exceptions of the codec, split by whose fault the error is.

::

    CodecError(ValueError)
    ├── EncodeError                 a message of ours cannot be packed
    │   ├── NameTooLongError        a name does not fit its field
    │   └── ValueRangeError         a number, count or text does not fit its field
    └── DecodeError                 bytes of a peer cannot be unpacked
        ├── MessageError            the message was consumed; the stream continues
        │   ├── CrcError                    'crc'
        │   ├── NoDataError                 'no_data'
        │   ├── ContentSizeError            'content_size'
        │   ├── ContentValueError           'content_value'
        │   ├── MetadataError               'metadata'
        │   ├── ExtendedHeaderError         'extended_header'
        │   ├── TypeNameError               'type_name'
        │   └── UnsupportedVersionError     'unsupported_version'
        └── FramingError            the next message cannot be found: close the connection
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
    """The base of all errors of the codec; the text is one line."""


class EncodeError(CodecError):
    """A message of ours cannot be packed."""


class NameTooLongError(EncodeError):
    """A name does not fit its field."""


class ValueRangeError(EncodeError):
    """A number, count or text does not fit its field."""


class DecodeError(CodecError):
    """
    Bytes of a peer cannot be unpacked.

    ``cause`` is the word under which it is counted; ``header`` is the header of the message, or
    None if none was read.
    """

    cause: ClassVar[str] = 'decode'
    header: Header | None = None


class MessageError(DecodeError):
    """One message is rejected; it was consumed whole, and the stream continues after it."""

    cause = 'message'


class CrcError(MessageError):
    """The body does not have the CRC that the header announces."""

    cause = 'crc'


class NoDataError(MessageError):
    """The content is empty though its type has a fixed part: the peer has no data."""

    cause = 'no_data'


class ContentSizeError(MessageError):
    """The content is shorter or longer than its type allows."""

    cause = 'content_size'


class ContentValueError(MessageError):
    """A field of the content has a value that the specification does not define."""

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
    """The header version is newer than those known here; the body was skipped."""

    cause = 'unsupported_version'


class FramingError(DecodeError):
    """The next message cannot be found: the connection must be closed."""

    cause = 'framing'


class HeaderVersionError(FramingError):
    """The bytes are not an OpenIGTLink header."""

    cause = 'header_version'


class BodyTooLargeError(FramingError):
    """The announced body is larger than the limit."""

    cause = 'body_too_large'


class TruncatedError(FramingError):
    """The bytes end within a message."""

    cause = 'truncated'

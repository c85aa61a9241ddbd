# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages and their bytes, for packing and for reading."""

from __future__ import annotations

from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec

STRING = b'\0\3\0\2ok'

# message, its bytes
CASES = [
    (codec.Message(codec.String('ok')), message_bytes(b'STRING', STRING)),
    (
        codec.Message(codec.String('ok'), 'Robot', 2**64 - 1),
        message_bytes(b'STRING', STRING, device_name=b'Robot', timestamp=2**64 - 1),
    ),
    (
        codec.Message(codec.String('ok'), header_version=2),
        message_bytes(b'STRING', extended_body(STRING), version=2),
    ),
    (
        codec.Message(codec.String('ok'), 'Robot', 1, 2, 2**32 - 1, {'b': '2', 'a': '\u00e9'}),
        message_bytes(
            b'STRING',
            extended_body(
                STRING, ((b'a', 106, b'\xc3\xa9'), (b'b', 3, b'2')), message_id=2**32 - 1
            ),
            version=2,
            device_name=b'Robot',
            timestamp=1,
        ),
    ),
    (
        codec.Message(codec.Position(0, 0, 0, content_size=12), type_name='QTRANS'),
        message_bytes(b'QTRANS', bytes(12)),
    ),
    (codec.Message(codec.GetPolyData()), message_bytes(b'GET_POLYDATA')),
    (
        codec.Message(codec.Unknown('NEW', b'body'), header_version=2),
        message_bytes(b'NEW', extended_body(b'body'), version=2),
    ),
]

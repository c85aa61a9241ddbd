# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The codec of this project as a measured program; its input file can contain several messages.

With the argument ``without-fastcrc`` it runs as if fastcrc were not installed.
"""

from __future__ import annotations

import sys

import peer

if 'without-fastcrc' in sys.argv[1:]:
    sys.modules['fastcrc'] = None  # type: ignore[assignment]

from ros2_igtl import codec

# Bytes that one recv() of a busy connection can return
CHUNK_SIZE = 65536

ONE = {
    'pack': 'pack(message)',
    'pack_parts': 'pack_parts(message)',
    'unpack': 'unpack(data)',
}
SEVERAL = {
    'unpack': 'for part in parts: unpack(part)',
    'connection': 'drain(data)',
}


def drain(data: bytes) -> None:
    """Pass the bytes to a connection in chunks, and take out all messages."""
    connection = codec.Connection()
    receive_data, next_message = connection.receive_data, connection.next_message
    need_data = codec.NEED_DATA
    for start in range(0, len(data), CHUNK_SIZE):
        receive_data(data[start : start + CHUNK_SIZE])
        while next_message() is not need_data:
            pass
    connection.close()


def split(data: bytes) -> list[bytes]:
    """Return the bytes of each of several consecutive messages."""
    connection = codec.Connection(codec.Limits(max_body_size=len(data)))
    connection.receive_data(data)
    messages = iter(connection.next_message, codec.NEED_DATA)
    parts = [codec.pack(message) for message in messages]  # type: ignore[arg-type]
    connection.close()
    return parts


def load(data: bytes) -> peer.Loaded:
    """
    Return the operations of one message or of several.

    :raises ValueError: packing the unpacked message gives other bytes.
    """
    parts = split(data)
    if b''.join(parts) != data:
        raise ValueError('packing the unpacked message gives other bytes')
    names = {
        'data': data,
        'drain': drain,
        'pack': codec.pack,
        'pack_parts': codec.pack_parts,
        'parts': parts,
        'unpack': codec.unpack,
    }
    if len(parts) > 1:
        return SEVERAL, names
    message = codec.unpack(data)
    if b''.join(codec.pack_parts(message)) != data:
        raise ValueError('pack_parts gives other bytes than the message has')
    return ONE, {**names, 'message': message}


if __name__ == '__main__':
    peer.serve(load)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages built from raw bytes, right or wrong; the codec is not asked."""

from __future__ import annotations

from helpers.slow_decoder import crc64


def message_bytes(
    type_name: bytes,
    body: bytes = b'',
    *,
    version: int = 1,
    device_name: bytes = b'',
    timestamp: int = 0,
    body_size: int | None = None,
    crc: int | None = None,
) -> bytes:
    """Return header and body; size and CRC are right unless given."""
    return (
        version.to_bytes(2, 'big')
        + type_name.ljust(12, b'\0')
        + device_name.ljust(20, b'\0')
        + timestamp.to_bytes(8, 'big')
        + (len(body) if body_size is None else body_size).to_bytes(8, 'big')
        + (crc64(body) if crc is None else crc).to_bytes(8, 'big')
        + body
    )


def extended_body(
    content: bytes = b'',
    entries: tuple[tuple[bytes, int, bytes], ...] = (),
    *,
    message_id: int = 0,
    extended_size: int = 12,
    count: int | None = None,
    header_size: int | None = None,
    metadata_size: int | None = None,
) -> bytes:
    """
    Return a body of header version 2.

    :param entries: key, encoding and value of each metadata entry.
    :param extended_size: what the extended header says of itself; above 12 it is as long.
    :param count: what the metadata header says; the other sizes likewise.
    """
    header = (len(entries) if count is None else count).to_bytes(2, 'big')
    for key, encoding, value in entries:
        header += len(key).to_bytes(2, 'big') + encoding.to_bytes(2, 'big')
        header += len(value).to_bytes(4, 'big')
    metadata = b''.join(key + value for key, _, value in entries)
    extended = (
        extended_size.to_bytes(2, 'big')
        + (len(header) if header_size is None else header_size).to_bytes(2, 'big')
        + (len(metadata) if metadata_size is None else metadata_size).to_bytes(4, 'big')
        + message_id.to_bytes(4, 'big')
    )
    return extended.ljust(min(extended_size, 70000), b'\xee') + content + header + metadata

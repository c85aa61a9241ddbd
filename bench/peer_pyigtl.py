# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
pyigtl, an independent implementation in Python, as a measured program.

This runs in the interpreter of pyigtl's own environment, and imports only peer.py of the project.
pyigtl does not check the CRC. As in its client, the body is unpacked from bytes of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import peer
import pyigtl  # type: ignore[import-not-found, import-untyped, unused-ignore]
from pyigtl.messages import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
    MessageBase,
)

HEADER_SIZE = MessageBase.IGTL_HEADER_SIZE
UNPACK = (
    'fields = parse_header(header); '
    'received = create_message(fields["message_type"]); '
    'received.unpack(fields, body)'
)


def read_mesh(fields: dict[str, Any], body: bytes) -> Any:
    """Return the mesh of points and polygons, which pyigtl can pack but not unpack."""
    counts = np.frombuffer(body, '>u4', 10)
    points_end = 40 + 12 * int(counts[0])
    return pyigtl.PolyDataMessage(
        points=np.frombuffer(body[40:points_end], '>f4').astype('f4').reshape(-1, 3),
        polygons=np.frombuffer(body[points_end:], '>u4').astype('u4'),
        device_name=fields['device_name'],
        timestamp=fields['timestamp'],
    )


def load(data: bytes) -> peer.Loaded:
    """
    Return the operations of one message; none for a type that pyigtl lacks.

    :raises ValueError: packing the unpacked message gives other bytes.
    """
    header, body = data[:HEADER_SIZE], data[HEADER_SIZE:]
    fields = MessageBase.parse_header(header)
    operations = {'pack': 'message.pack()', 'unpack': UNPACK}
    if fields['message_type'] == 'POLYDATA':
        message = read_mesh(fields, body)
        del operations['unpack']
    else:
        message = MessageBase.create_message(fields['message_type'])
        if message is None:
            return {}, {}
        message.unpack(fields, body)
    if message.pack() != data:
        raise ValueError('packing the unpacked message gives other bytes')
    names = {
        'body': body,
        'create_message': MessageBase.create_message,
        'header': header,
        'message': message,
        'parse_header': MessageBase.parse_header,
    }
    return operations, names


if __name__ == '__main__':
    peer.serve(load)

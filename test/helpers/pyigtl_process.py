# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The process pyigtl lives in: a request a line on stdin, an answer a line on stdout, both JSON.

Run by PyigtlPeer with the interpreter of pyigtl's own environment; imports nothing of the project.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import numpy as np
import pyigtl  # type: ignore[import-not-found, import-untyped, unused-ignore]

# what a received message of each class is made of, beside the header; names as pyigtl's
FIELDS = {
    'TRANSFORM': ('matrix',),
    'STRING': ('string',),
    'POINT': ('positions', 'names', 'rgba_colors', 'diameters', 'groups', 'owners'),
    'IMAGE': ('image', 'ijk_to_world_matrix', 'world_coordinate_system'),
    'POSITION': (
        'positions',
        'quaternions',
        'names',
        'rgba_colors',
        'diameters',
        'groups',
        'owners',
    ),
}
CLASSES = {
    'TRANSFORM': pyigtl.TransformMessage,
    'STRING': pyigtl.StringMessage,
    'POINT': pyigtl.PointMessage,
    'IMAGE': pyigtl.ImageMessage,
    'POSITION': pyigtl.PositionMessage,
    'POLYDATA': pyigtl.PolyDataMessage,  # it has no reader of them
}


def to_json(value: Any) -> Any:
    """Arrays become a dtype, a shape and their bytes; numpy's scalars become Python's."""
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {'dtype': value.dtype.str, 'shape': value.shape, 'data': data}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f'no JSON for {type(value).__name__}')


def from_json(value: dict[str, Any]) -> Any:
    """Undo to_json."""
    if value.keys() == {'dtype', 'shape', 'data'}:
        array = np.frombuffer(base64.b64decode(value['data']), dtype=value['dtype'])
        return array.reshape(value['shape'])
    return value


def make_message(request: dict[str, Any]) -> Any:
    """Build the pyigtl message that a request describes."""
    message = CLASSES[request['type_name']](
        device_name=request['device_name'],
        timestamp=request['timestamp'],
        **request['content'],
    )
    message.header_version = request['header_version']
    message.message_id = request['message_id']
    message.metadata = request['metadata']
    return message


def describe_message(message: Any) -> dict[str, Any]:
    """Say all pyigtl knows of a message it received."""
    return {
        'type_name': message.message_type,
        'device_name': message.device_name,
        'timestamp': message.timestamp,
        'header_version': message.header_version,
        'message_id': message.message_id,
        'metadata': message.metadata,
        'content': {name: getattr(message, name) for name in FIELDS[message.message_type]},
    }


def main() -> None:
    """Serve the requests until stdin ends."""
    mode, port = sys.argv[1], int(sys.argv[2])
    if mode == 'server':
        peer = pyigtl.OpenIGTLinkServer(port=port, local_server=True)
        answer: dict[str, Any] = {'port': peer.server_address[1]}
    else:
        peer = pyigtl.OpenIGTLinkClient(host='127.0.0.1', port=port)
        answer = {'port': port}
    print(json.dumps(answer), flush=True)
    for line in sys.stdin:
        request = json.loads(line, object_hook=from_json)
        if request['do'] == 'send':
            # waiting for the queue to empty would wait for ever if there is no connection
            answer = {'queued': bool(peer.send_message(make_message(request), wait=False))}
        else:
            message = peer.wait_for_message(request['device_name'], timeout=request['timeout_s'])
            answer = {'message': None if message is None else describe_message(message)}
        print(json.dumps(answer, default=to_json), flush=True)


if __name__ == '__main__':
    main()

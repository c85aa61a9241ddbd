# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the dearest messages cost to read: no more than so much a byte and so much an item.

Megabytes of what is worst for each type. Were anything done as often as the square of a count, or
as a peer announces without sending it, these would take minutes.
"""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Callable

import pytest

from helpers.mutation import repaired
from helpers.wire_bytes import extended_body, message_bytes
from ros2_igtl import codec

SIZE = 1_000_000
ITEMS = 16_384

# Seconds of processor time for one of these messages, of which none takes a quarter as long.
# Saying it is for people and logs, and may take longer.
LONGEST_S = 0.5
LONGEST_TO_SAY_S = 2.0
# Bytes of memory for each that arrived: a text is kept as bytes and as 4 bytes a character, and
# once more while it is made, 9 in all. And for each name, child or attribute, up to 700.
PER_BYTE = 12
PER_ITEM = 1000


def message(type_name: bytes, content: bytes, version: int = 1) -> bytes:
    return repaired(message_bytes(type_name, version=version) + content)


def numbers(*values: int) -> bytes:
    return struct.pack(f'>{len(values)}I', *values)


def mesh(words: list[int], cells: int) -> bytes:
    """Return a POLYDATA of one point whose vertices are these words, over and over."""
    times = SIZE // 4 // len(words)
    data = numbers(*words) * times
    count = times * cells
    header = numbers(1, count, len(data), 0, 0, 0, 0, 0, 0, 0)
    return message(b'POLYDATA', header + bytes(12) + data)


def mesh_of_growing_cells() -> bytes:
    sizes = range(int((SIZE / 2) ** 0.5))
    data = b''.join(numbers(size, *[0] * size) for size in sizes)
    header = numbers(1, len(sizes), len(data), 0, 0, 0, 0, 0, 0, 0)
    return message(b'POLYDATA', header + bytes(12) + data)


def mesh_of_one_cell_behind_all_others() -> bytes:
    words = SIZE // 4
    data = numbers(0, words - 2) + bytes(4 * (words - 2))
    header = numbers(1, 2, len(data), 0, 0, 0, 0, 0, 0, 0)
    return message(b'POLYDATA', header + bytes(12) + data)


def mesh_of_attributes(name_size: int = 0) -> bytes:
    count = min(ITEMS, SIZE // (7 + name_size))
    names = (b'n' * name_size + b'\0') * count
    header = numbers(*[0] * 9, count)
    headers = b'\0\1\0\0\0\0' * count
    return message(b'POLYDATA', header + headers + names + bytes(len(names) % 2))


def bind(type_name: bytes, count: int, content: bytes = b'') -> bytes:
    child = struct.pack('>12sQ', type_name, len(content))
    return count.to_bytes(2, 'big') + child * count + bytes(2) + content * count


def bind_of_binds() -> bytes:
    content = bind(b'STP_IMAGE', ITEMS - 8)
    for _ in range(7):
        content = bind(b'BIND', 1, content)
    return content


def metadata(*entries: tuple[bytes, int, bytes]) -> bytes:
    return message(b'STRING', extended_body(b'\0\3\0\0', entries), 2)


CASES: dict[str, tuple[Callable[[], bytes], int]] = {
    'cells that are empty and not in turn': (lambda: mesh([0, 1, 0], 2), 0),
    'cells that are empty': (lambda: mesh([0], 1), 0),
    'cells of growing size': (mesh_of_growing_cells, 0),
    'one cell of all that follows': (mesh_of_one_cell_behind_all_others, 0),
    'cells that end about where blocks of words do': (
        lambda: mesh([16381, *[0] * 16381, 16385, *[0] * 16385], 2),
        0,
    ),
    'attributes': (mesh_of_attributes, ITEMS),
    'attributes with long names': (lambda: mesh_of_attributes(255), ITEMS),
    'children': (lambda: message(b'BIND', bind(b'STP_IMAGE', ITEMS)), ITEMS),
    'children that are lists': (lambda: message(b'BIND', bind(b'TDATA', ITEMS)), ITEMS),
    'children of unknown type': (lambda: message(b'BIND', bind(b'NEW', ITEMS)), ITEMS),
    'children eight deep': (lambda: message(b'BIND', bind_of_binds()), ITEMS),
    'children asked for': (
        lambda: message(
            b'GET_BIND', ITEMS.to_bytes(2, 'big') + b'IMAGE'.ljust(12, b'\0') * ITEMS + bytes(2)
        ),
        ITEMS,
    ),
    'type names': (lambda: message(b'CAPABILITY', b'\xff' * 12 * ITEMS), ITEMS),
    'metadata': (lambda: metadata(*((b'%d' % n, 3, b'') for n in range(8191))), 8191),
    'metadata of long keys': (
        lambda: metadata(*((b'%d' % n + b'k' * 120, 3, b'') for n in range(8191))),
        8191,
    ),
    'metadata of one key': (lambda: metadata(*[(b'k' * 120, 3, b'')] * 8191), 8191),
    'metadata of no text': (lambda: metadata((b'', 103, b'\xff' * 300_000)), 1),
    'metadata of wide characters': (
        lambda: metadata((b'', 106, '\U0001f600'.encode().ljust(1_048_576))),
        1,
    ),
    'text of a status': (lambda: message(b'STATUS', bytes(30) + b'\xff' * SIZE), 0),
    'text of a command': (
        lambda: message(
            b'COMMAND', struct.pack('>I128sHI', 1, b'Get', 103, SIZE) + b'\xff' * SIZE
        ),
        0,
    ),
    'tools': (lambda: message(b'TDATA', b'\xff' * (SIZE // 70 * 70)), 0),
    'points': (lambda: message(b'POINT', b'\xff' * (SIZE // 136 * 136)), 0),
    'an array': (
        lambda: message(
            b'NDARRAY', b'\3\2' + struct.pack('>2H', SIZE // 1000, 1000) + bytes(SIZE)
        ),
        0,
    ),
    'an array that a size of 0 makes empty': (
        lambda: message(b'NDARRAY', b'\3\4' + b'\xff\xff' * 3 + bytes(2)),
        0,
    ),
    'a body of unknown type': (lambda: message(b'NEW', bytes(SIZE)), 0),
}

each_case = pytest.mark.parametrize(('make', 'items'), CASES.values(), ids=[*CASES])


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call, which does not count that of other programs."""
    start = time.process_time()
    call()
    return time.process_time() - start


@each_case
def test_it_is_read_and_said_in_bounded_time_and_memory(
    make: Callable[[], bytes], items: int
) -> None:
    data = make()
    assert any(seconds(lambda: codec.unpack(data)) < LONGEST_S for _ in range(3))
    tracemalloc.start()
    try:
        codec.unpack(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < PER_BYTE * len(data) + PER_ITEM * items + 32_768
    message = codec.unpack(data)
    assert seconds(lambda: codec.describe(message)) < LONGEST_TO_SAY_S
    assert seconds(lambda: repr(message)) < LONGEST_TO_SAY_S

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
CRC-64/ECMA-182 of a buffer, by the fastest of three means that is there.

Polynomial 0x42F0E1EBA9EA3693, initial value 0, not reflected, no final XOR (``crc.md``,
``igtl_util.c``). ``fastcrc`` 0.4 or newer runs at memory speed; older ones are slow and take
``bytes`` only. Without it liblzma's CRC-64 is used, the reflected twin of ours; where that is
missing too, a vectorised numpy version. :data:`IMPLEMENTATION` says which one runs.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x42F0E1EBA9EA3693
_MASK = 0xFFFFFFFFFFFFFFFF


class Crc64(Protocol):
    """What the three implementations look like."""

    def __call__(self, data: Any, initial: int = 0, /) -> int:
        """Return the CRC of a contiguous buffer, continuing from that of the bytes before it."""


def _from_fastcrc() -> Crc64 | None:
    try:
        function: Crc64 = importlib.import_module('fastcrc').crc64.ecma_182
        function(memoryview(b''), 0)
    except (ImportError, AttributeError, TypeError):  # missing, or one that takes bytes only
        return None
    return function


def _from_liblzma() -> Crc64 | None:
    """
    Build ours from CRC-64/XZ, which is the same polynomial with every bit order turned round.

    Each byte's bits are reversed on the way in and the result's on the way out; XZ's initial and
    final inversion are undone.
    """
    try:
        function = ctypes.CDLL('liblzma.so.5').lzma_crc64
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_uint64
    function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)
    table = bytes(int(f'{value:08b}'[::-1], 2) for value in range(256))
    piece_size = 1 << 18  # the reversed copy stays in the cache, and small

    def reversed_bits(value: int) -> int:
        return int.from_bytes(value.to_bytes(8, 'little').translate(table), 'big')

    def crc64(data: Any, initial: int = 0, /) -> int:
        view = memoryview(data).cast('B')
        # lzma_crc64 inverts its running value on entry and on exit.
        crc = reversed_bits(initial) ^ _MASK
        for start in range(0, len(view), piece_size):
            piece = bytes(view[start : start + piece_size]).translate(table)
            crc = function(piece, len(piece), crc)
        return reversed_bits(crc ^ _MASK)

    return crc64


def _byte_step(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return values * x^8 mod P."""
    for _ in range(8):
        carry = (values >> np.uint64(63)) * np.uint64(POLYNOMIAL)
        values = (values << np.uint64(1)) ^ carry
    return values


def _apply(tables: NDArray[np.uint64], values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return values times the constant that the tables, shape (8, 256), stand for."""
    result: NDArray[np.uint64] = tables[0][values & np.uint64(255)]
    for position in range(1, 8):
        result ^= tables[position][(values >> np.uint64(8 * position)) & np.uint64(255)]
    return result


@functools.lru_cache(maxsize=64)
def _shift_tables(log2_bytes: int) -> NDArray[np.uint64]:
    """Return the tables, shape (8, 256), that multiply by x^(8 * 2^log2_bytes) mod P."""
    if log2_bytes == 0:
        byte_values = np.arange(256, dtype=np.uint64)
        positions = np.arange(0, 64, 8, dtype=np.uint64)
        return _byte_step(byte_values[np.newaxis] << positions[:, np.newaxis])
    half = _shift_tables(log2_bytes - 1)
    return np.stack([_apply(half, row) for row in half])


def _shift(value: int, byte_count: int) -> int:
    """Return value * x^(8 * byte_count) mod P."""
    values = np.array([value], dtype=np.uint64)
    for bit in range(byte_count.bit_length()):
        if byte_count >> bit & 1:
            values = _apply(_shift_tables(bit), values)
    return int(values[0])


def _from_numpy() -> Crc64:
    byte_table = [int(entry) for entry in _shift_tables(0)[7]]
    piece_size = 1 << 15  # words and gathered entries of a piece stay in the cache
    piece_tables = _shift_tables(15)

    def crc64(data: Any, initial: int = 0, /) -> int:
        view = memoryview(data).cast('B')
        size = len(view)
        if size < 256:  # fewer Python steps than numpy calls
            crc = initial
            for byte in view:
                crc = byte_table[byte ^ crc >> 56] ^ (crc << 8 & _MASK)
            return crc
        remainder = np.zeros(1, dtype=np.uint64)
        start = 0
        while start < size:
            # The odd piece comes first, since zeros in front of a message change nothing.
            stop = start + ((size - start - 1) % piece_size + 1)
            piece = np.frombuffer(view[start:stop], dtype=np.uint8)
            word_count = 1 << max(0, (-(-len(piece) // 8) - 1).bit_length())
            padded = np.zeros(word_count * 8, dtype=np.uint8)
            padded[len(padded) - len(piece) :] = piece
            words = padded.view('>u8').astype(np.uint64)
            level = 3
            while len(words) > 1:
                words = _apply(_shift_tables(level), words[::2]) ^ words[1::2]
                level += 1
            remainder = _apply(piece_tables, remainder) ^ words
            start = stop
        return _shift(int(remainder[0]), 8) ^ _shift(initial, size)

    return crc64


def _choose() -> tuple[str, Crc64]:
    for implementation, make in (('fastcrc', _from_fastcrc), ('liblzma', _from_liblzma)):
        function = make()
        if function is not None:
            return implementation, function
    return 'numpy', _from_numpy()


IMPLEMENTATION, crc64 = _choose()
"""
``crc64(data, initial=0)`` returns the CRC-64 of a contiguous buffer, continuing from ``initial``,
the CRC of the bytes before it. Not wrapped in a function: this runs for every message.
"""

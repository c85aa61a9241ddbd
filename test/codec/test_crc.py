# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import slow_decoder
from ros2_igtl.codec import crc

IMPLEMENTATIONS = {
    name: made
    for name, made in (
        ('fastcrc', crc._from_fastcrc()),
        ('liblzma', crc._from_liblzma()),
        ('numpy', crc._from_numpy()),
    )
    if made is not None
}
each_implementation = pytest.mark.parametrize(
    'crc64', IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS.keys()
)

IDENTITY_TRANSFORM = b''.join(
    (b'\x3f\x80\0\0' if index in (0, 4, 8) else bytes(4)) for index in range(12)
)
KNOWN = [
    (b'', 0x0000000000000000),
    (b'\x00', 0x0000000000000000),
    (b'\x01', 0x42F0E1EBA9EA3693),
    (b'\xff', 0x9AFCE626CE85B507),
    (b'123456789', 0x6C40DF5F0B497347),
    (b'OpenIGTLink', 0x70792326F2A38CE7),
    (bytes(range(256)), 0x62B0DA1C1B130A91),
    (bytes(48), 0x0000000000000000),
    (IDENTITY_TRANSFORM, 0xB5A225F8F462B3D7),
]


def pattern(size: int) -> bytes:
    return np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8).tobytes()


@each_implementation
@pytest.mark.parametrize(('data', 'expected'), KNOWN)
def test_the_known_values_come_out(crc64: crc.Crc64, data: bytes, expected: int) -> None:
    assert crc64(data) == expected
    assert crc64(data, 0) == expected


@pytest.mark.parametrize(('data', 'expected'), KNOWN)
def test_the_slow_crc_that_judges_the_fast_ones_knows_them_too(data: bytes, expected: int) -> None:
    assert slow_decoder.crc64(data) == expected


@each_implementation
@given(data=st.binary(max_size=600), split=st.integers(0, 600))
def test_any_bytes_have_the_slow_crc_also_in_two_parts(
    crc64: crc.Crc64, data: bytes, split: int
) -> None:
    expected = slow_decoder.crc64(data)
    assert crc64(data) == expected
    assert crc64(data[split:], crc64(data[:split])) == expected


def test_numpy_folds_by_a_multiple_of_the_polynomial() -> None:
    word, powers = 1, []
    for _ in range(crc._DEGREE + 1):
        powers.append(word)
        word = (word << 1 & (1 << 64) - 1) ^ (crc.POLYNOMIAL if word >> 63 else 0)
    total = 0
    for power in crc._POWERS:
        total ^= powers[power]
    assert total == powers[crc._DEGREE]


@each_implementation
def test_every_size_and_place_of_a_split_agree_with_every_other_implementation(
    crc64: crc.Crc64,
) -> None:
    sizes = [*range(300), 511, 512, 513, 3031, 3032, 3033, 3040, 8191, 32768, 32769, 65536, 100003]
    for size in [*sizes, 262143, 262144, 262145, 524295, 1 << 20, (1 << 20) + 9, (3 << 20) - 1]:
        data = pattern(size)
        expected = {name: other(data, 5) for name, other in IMPLEMENTATIONS.items()}
        assert set(expected.values()) == {crc64(data, 5)}, (size, expected)
        assert crc64(data[size // 3 :], crc64(data[: size // 3], 5)) == crc64(data, 5)


@each_implementation
def test_any_contiguous_buffer_is_taken(crc64: crc.Crc64) -> None:
    data = pattern(4096)
    expected = crc64(data)
    array = np.frombuffer(data, np.uint8)
    for buffer in (bytearray(data), memoryview(data), array, memoryview(b'x' + data)[1:]):
        assert crc64(buffer) == expected


@each_implementation
def test_the_buffer_is_not_changed(crc64: crc.Crc64) -> None:
    data = bytearray(pattern(4096))
    before = bytes(data)
    crc64(data, 0xFFFFFFFFFFFFFFFF)
    assert data == before


def test_the_fastest_that_is_there_runs() -> None:
    assert next(iter(IMPLEMENTATIONS)) == crc.IMPLEMENTATION
    assert crc.crc64(b'123456789') == 0x6C40DF5F0B497347


@pytest.mark.parametrize(
    'module',
    [
        SimpleNamespace(),
        SimpleNamespace(crc64=SimpleNamespace()),
        SimpleNamespace(crc64=SimpleNamespace(ecma_182=lambda data: 0)),
    ],
    ids=['without crc64', 'without ecma_182', 'not incremental'],
)
def test_a_fastcrc_that_lacks_what_we_need_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    monkeypatch.setattr(importlib, 'import_module', lambda name: module)
    assert crc._from_fastcrc() is None


def no_library(name: str) -> ctypes.PyDLL:
    raise OSError(f'{name}: cannot open shared object file')


def no_module(name: str) -> Any:
    raise ModuleNotFoundError(name)


def test_without_fastcrc_liblzma_runs_and_without_both_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib, 'import_module', no_module)
    name, crc64 = crc._choose()
    assert name == next(name for name in IMPLEMENTATIONS if name != 'fastcrc')
    assert crc64(b'123456789') == 0x6C40DF5F0B497347
    monkeypatch.setattr(ctypes, 'PyDLL', no_library)
    name, crc64 = crc._choose()
    assert name == 'numpy'
    assert crc64(b'123456789') == 0x6C40DF5F0B497347


def test_a_liblzma_without_its_crc_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, 'PyDLL', lambda name: SimpleNamespace())
    assert crc._from_liblzma() is None

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import array
import ctypes
import functools
import importlib
import mmap
import platform
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import slow_decoder
from ros2_igtl.codec import crc

try:
    from ros2_igtl.codec import _crc64
except ImportError:
    _crc64 = None  # type: ignore[assignment]

MADE = {
    'fastcrc': crc._from_fastcrc(),
    'compiled': crc._from_compiled(),
    'tables': _crc64.tables if _crc64 else None,  # 'compiled' on other processors
    'liblzma': crc._from_liblzma(),
    'numpy': crc._from_numpy(),
}
IMPLEMENTATIONS = {name: made for name, made in MADE.items() if made is not None}


def each_of(*names: str) -> pytest.MarkDecorator:
    """Run a test with each of these implementations that is there, and skip it for the others."""
    skip = pytest.mark.skip(reason='is missing in a plain checkout; make setup has it')
    parameters = [
        pytest.param(MADE[name], id=name, marks=() if name in IMPLEMENTATIONS else skip)
        for name in names
    ]
    return pytest.mark.parametrize('crc64', parameters)


each_implementation = each_of(*MADE)
each_compiled = each_of('compiled', 'tables')

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


LARGEST_WITH_LOCK = 8 << 20  # as in src/crc64.c


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


@functools.cache
def slow_crcs() -> list[int]:
    """Return the CRCs of the first 0 to 300 bytes of a pattern behind the byte 1."""
    return [slow_decoder.crc64(b'\1' + pattern(300)[:size]) for size in range(301)]


@each_implementation
def test_every_size_at_every_alignment_has_the_slow_crc(crc64: crc.Crc64) -> None:
    buffer = bytearray(pattern(16 + 300))
    for start in range(16):
        buffer[start : start + 300] = pattern(300)
        view = memoryview(buffer)[start:]
        assert [crc64(view[:size], crc.POLYNOMIAL) for size in range(301)] == slow_crcs()


@pytest.fixture
def mapped() -> Iterator[mmap.mmap]:
    """Return memory that is not Python's, with a pattern in it."""
    with mmap.mmap(-1, 4096) as memory:
        memory[:] = pattern(4096)
        yield memory


@each_implementation
def test_any_contiguous_buffer_is_taken(crc64: crc.Crc64, mapped: mmap.mmap) -> None:
    data = pattern(4096)
    expected = crc64(data)
    numbers = np.frombuffer(data, np.uint8)
    buffers: list[Any] = [
        bytearray(data),
        memoryview(data),
        memoryview(b'x' + data + b'x')[1:-1],
        array.array('H', data),
        numbers,
        numbers.view(np.float32).reshape(4, 16, 16),
        numbers.view('>f8').reshape(2, 256).data,
        mapped,
    ]
    for buffer in buffers:
        assert crc64(buffer) == expected


@each_implementation
def test_any_other_buffer_is_refused(crc64: crc.Crc64) -> None:
    numbers = np.zeros((4, 6), np.uint8)
    for buffer in (numbers[:, ::2], numbers.T, memoryview(bytes(64))[::-1]):
        with pytest.raises((BufferError, TypeError, ValueError), match=r'(?i)contiguous'):
            crc64(buffer)
    for value in ('text', 5, None):
        with pytest.raises(TypeError, match='bytes-like object is required'):
            crc64(value)


@each_of('fastcrc', 'compiled', 'tables', 'liblzma')
@pytest.mark.parametrize('initial', [-1, 1 << 64, -(1 << 80)])
def test_an_initial_value_that_is_no_crc_is_refused(crc64: crc.Crc64, initial: int) -> None:
    with pytest.raises(OverflowError):
        crc64(b'123456789', initial)


@each_compiled
def test_other_arguments_are_refused(crc64: Any) -> None:
    for arguments in ((), (b'', 0, 0), (b'', 1.0), (b'', None)):
        with pytest.raises(TypeError):
            crc64(*arguments)
    with pytest.raises(TypeError):
        crc64(b'', initial=0)


@each_compiled
def test_a_refusal_leaves_the_buffer_free(crc64: Any) -> None:
    buffer = bytearray(64)
    crc64(buffer)
    with pytest.raises(OverflowError):
        crc64(buffer, -1)
    buffer.clear()  # a BufferError if it was still held


@pytest.mark.skipif(_crc64 is None, reason='is missing in a plain checkout; make setup has it')
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ('linux', 'x86_64'), reason='folds on x86-64 alone'
)
def test_a_processor_that_multiplies_without_carry_folds() -> None:
    flags = Path('/proc/cpuinfo').read_text().split()
    assert _crc64.FOLDS is ('pclmulqdq' in flags and 'ssse3' in flags)


@each_implementation
def test_threads_do_not_disturb_each_other(crc64: crc.Crc64) -> None:
    parts = [pattern(size) for size in (300, 70000, LARGEST_WITH_LOCK + 1)] * 4
    expected = [IMPLEMENTATIONS['numpy'](part, 5) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda part: crc64(part, 5), parts)) == expected


def another_ran_during(crc64: crc.Crc64, data: bytes) -> bool:
    """Return whether a thread that was let go just before the call got to run within it."""
    gate, ran = threading.Lock(), []
    gate.acquire()

    def pass_gate() -> None:
        with gate:
            ran.append(True)

    thread = threading.Thread(target=pass_gate)
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)  # the lock changes hands when it is given away, not otherwise
    try:
        gate.release()
        crc64(data)
        return bool(ran)
    finally:
        sys.setswitchinterval(interval)
        thread.join()


@each_compiled
def test_other_threads_run_during_that_of_a_large_buffer(crc64: crc.Crc64) -> None:
    data = bytes(4 * LARGEST_WITH_LOCK)
    deadline = time.monotonic() + 30.0
    while not another_ran_during(crc64, data):
        assert time.monotonic() < deadline


@each_compiled
def test_the_lock_is_not_given_away_for_a_small_buffer(crc64: crc.Crc64) -> None:
    data = bytes(LARGEST_WITH_LOCK)
    assert not any(another_ran_during(crc64, data) for _ in range(10))


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


def test_each_implementation_runs_where_those_before_it_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = []
    import_module = importlib.import_module

    def import_what_is_there(name: str) -> Any:
        if name in missing:
            raise ModuleNotFoundError(name)
        return import_module(name)

    def next_one() -> str:
        name, crc64 = crc._choose()
        assert crc64(b'123456789') == 0x6C40DF5F0B497347
        return name

    left = [name for name in IMPLEMENTATIONS if name != 'tables']
    monkeypatch.setattr(importlib, 'import_module', import_what_is_there)
    missing.append('fastcrc')
    assert next_one() == next(name for name in left if name != 'fastcrc')
    missing.append('ros2_igtl.codec._crc64')
    assert next_one() == next(name for name in left if name not in ('fastcrc', 'compiled'))
    monkeypatch.setattr(ctypes, 'PyDLL', no_library)
    assert next_one() == 'numpy'


def test_a_liblzma_without_its_crc_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, 'PyDLL', lambda name: SimpleNamespace())
    assert crc._from_liblzma() is None

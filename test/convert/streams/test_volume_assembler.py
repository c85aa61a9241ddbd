# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.streams.volume_assembler: FAULTS B22, no half-filled image is whole."""

from __future__ import annotations

import math
import random
import time
from array import array
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ros2_igtl import codec
from ros2_igtl.codec import CoordinateSystem, Endian, ScalarType
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.streams.volume_assembler import PART_BYTES, VolumeAssembler

SIZE = (4, 3, 2)
FIELDS: dict[str, Any] = {
    'scalar_type': ScalarType.UINT16,
    'components': 2,
    'endian': Endian.BIG,
    'coordinate': CoordinateSystem.LPS,
    'axes': (0.5, 0.25, 0.0, -0.25, 0.5, 0.0, 0.0, 0.0, -3.0),
    'position': (10.0, -20.0, 30.0),
}
PIXELS = np.arange(48).reshape(2, 3, 4, 2) * 257


def part_of(pixels: NDArray[Any], offset: Any, sub_size: Any, **fields: Any) -> codec.Image:
    """Return a part of PIXELS or the like, as it comes through a connection."""
    k, j, i = pixels.shape[:3]
    box = tuple(slice(n, n + d) for n, d in zip(offset[::-1], sub_size[::-1], strict=True))
    dtype = 'u1' if pixels.dtype == np.uint8 else '>u2'
    data = array('B', pixels[box].astype(dtype).tobytes())
    content = codec.Image(
        data, (i, j, k), **{**FIELDS, **fields}, offset=offset, sub_size=sub_size
    )
    return codec.unpack(codec.pack(codec.Message(content))).content  # type: ignore[no-any-return]


def slice_of(pixels: NDArray[Any], k: int, **fields: Any) -> codec.Image:
    """Return slice k of pixels."""
    return part_of(pixels, (0, 0, k), (*pixels.shape[2:0:-1], 1), **fields)


HALVES = [slice_of(PIXELS, 0), slice_of(PIXELS, 1)]
WHOLE = codec.Image(PIXELS.astype('>u2').tobytes(), SIZE, **FIELDS)


def assembler(max_bytes: int = 1_000_000) -> VolumeAssembler:
    return VolumeAssembler(max_bytes)


def test_b22_two_halves_make_a_whole_and_one_makes_nothing() -> None:
    for first, second in permutations(HALVES):
        parts = assembler()
        assert parts.add('MRI', first) is None
        whole = parts.add('MRI', second)
        assert whole == WHOLE
        assert whole.is_whole
        assert parts.held_bytes == 0


# parts along each axis, of one voxel, and of several sizes at once
WAYS = {
    'rows': [((0, j, k), (4, 1, 1)) for k in range(2) for j in range(3)],
    'columns': [((i, 0, 0), (1, 3, 2)) for i in range(4)],
    'voxels': [(offset, (1, 1, 1)) for offset in product(range(4), range(3), range(2))],
    'odd ones': [((0, 0, 0), (3, 2, 2)), ((3, 0, 0), (1, 3, 2)), ((0, 2, 0), (3, 1, 2))],
}


@pytest.mark.parametrize('way', WAYS)
def test_b22_a_volume_is_whole_with_its_last_part_and_not_before(way: str) -> None:
    parts = assembler()
    boxes = WAYS[way]
    results = [parts.add('MRI', part_of(PIXELS, *box)) for box in boxes]
    assert results[:-1] == [None] * (len(boxes) - 1)
    assert results[-1] == WHOLE


@given(st.data())
def test_b22_a_volume_is_whole_exactly_when_each_voxel_has_come(data: Any) -> None:
    size = data.draw(st.tuples(*[st.integers(1, 3)] * 3).filter(lambda size: max(size) > 1))
    pixels = np.arange(size[0] * size[1] * size[2], dtype=np.uint8).reshape(size[::-1])
    parts = assembler()
    seen: set[Any] = set()
    has_come = np.zeros(size[::-1], bool)
    for number in range(data.draw(st.integers(1, 12))):
        offset = tuple(data.draw(st.integers(0, n - 1)) for n in size)
        extent = tuple(
            data.draw(st.integers(1, n - first)) for n, first in zip(size, offset, strict=True)
        )
        if extent == size:
            continue
        values = pixels + 10 * number
        content = part_of(values, offset, extent, scalar_type=ScalarType.UINT8, components=1)
        if (offset, extent) in seen:  # the next round
            seen, has_come = set(), np.zeros(size[::-1], bool)
        if not seen:
            expected = np.zeros(size[::-1], np.uint8)
        seen.add((offset, extent))
        box = tuple(slice(n, n + d) for n, d in zip(offset[::-1], extent[::-1], strict=True))
        has_come[box] = True
        expected[box] = values[box]
        whole = parts.add('MRI', content)
        if has_come.all():
            assert whole is not None
            assert np.array_equal(whole.pixels, expected)
            seen, has_come = set(), np.zeros(size[::-1], bool)
        else:
            assert whole is None


def test_b22_where_parts_overlap_the_later_one_holds_and_no_voxel_counts_twice() -> None:
    parts = assembler()
    others = PIXELS + 1
    # 3 + 3 of 4 columns: 24 voxels have come, but only 18 of the 24 different ones
    assert parts.add('MRI', part_of(PIXELS, (0, 0, 0), (3, 3, 1))) is None
    assert parts.add('MRI', part_of(others, (1, 0, 0), (3, 3, 1))) is None
    assert parts.add('MRI', part_of(PIXELS, (0, 0, 1), (4, 2, 1))) is None
    whole = parts.add('MRI', part_of(PIXELS, (0, 2, 1), (4, 1, 1)))
    assert whole is not None
    assert np.array_equal(whole.pixels[0, :, 0], PIXELS[0, :, 0])
    assert np.array_equal(whole.pixels[0, :, 1:], others[0, :, 1:])
    assert np.array_equal(whole.pixels[1], PIXELS[1])


def test_b22_a_scanner_that_streams_gives_a_volume_a_round() -> None:
    parts = assembler()
    for number in range(3):
        pixels = PIXELS + number
        assert parts.add('MRI', slice_of(pixels, 0)) is None
        whole = parts.add('MRI', slice_of(pixels, 1))
        assert whole is not None
        assert np.array_equal(whole.pixels, pixels)


def test_b22_a_part_that_comes_again_begins_the_next_round() -> None:
    parts = assembler()
    three = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    plain = {'scalar_type': ScalarType.UINT8, 'components': 1}
    for k in (0, 1, 0):  # slice 2 of the first round is lost
        assert parts.add('MRI', slice_of(three + k, k, **plain)) is None
    # of the first round nothing is left: slice 1 has to come again
    assert parts.add('MRI', slice_of(three, 2, **plain)) is None
    whole = parts.add('MRI', slice_of(three, 1, **plain))
    assert whole is not None
    assert np.array_equal(whole.pixels, three)


@pytest.mark.parametrize(
    'other',
    [
        {'endian': Endian.LITTLE},
        {'coordinate': CoordinateSystem.RAS},
        {'scalar_type': ScalarType.INT16},
        {'scalar_type': ScalarType.UINT32, 'components': 1},
        {'axes': (1.0, *FIELDS['axes'][1:])},
        {'position': (10.0, -20.0, 30.5)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_b22_a_part_that_contradicts_what_is_there_begins_anew(other: dict[str, Any]) -> None:
    parts = assembler()
    assert parts.add('MRI', HALVES[0]) is None
    fields = {**FIELDS, **other}
    second = codec.Image(HALVES[1].data, SIZE, **fields, offset=(0, 0, 1), sub_size=(4, 3, 1))
    assert parts.add('MRI', second) is None
    assert parts.add('MRI', HALVES[1]) is None
    assert parts.add('MRI', HALVES[0]) == WHOLE


def test_b22_a_part_of_a_volume_of_another_size_begins_anew() -> None:
    parts = assembler()
    assert parts.add('MRI', HALVES[0]) is None
    larger = np.concatenate([PIXELS, PIXELS])
    assert parts.add('MRI', slice_of(larger, 1)) is None
    assert parts.add('MRI', HALVES[1]) is None
    assert parts.add('MRI', HALVES[0]) == WHOLE


def test_a_whole_image_passes_and_ends_what_was_there_in_parts() -> None:
    parts = assembler()
    assert parts.add('MRI', HALVES[0]) is None
    assert parts.add('MRI', WHOLE) is WHOLE
    assert parts.held_bytes == 0
    assert parts.add('MRI', HALVES[1]) is None


def test_devices_do_not_mix() -> None:
    parts = assembler()
    assert parts.add('A', HALVES[0]) is None
    assert parts.add('B', HALVES[1]) is None
    assert parts.add('B', HALVES[0]) == WHOLE
    assert parts.add('A', HALVES[1]) == WHOLE


def test_what_was_given_away_does_not_change_any_more() -> None:
    parts = assembler()
    parts.add('MRI', HALVES[0])
    first: Any = parts.add('MRI', HALVES[1])
    parts.add('MRI', slice_of(PIXELS + 1, 0))
    parts.add('MRI', slice_of(PIXELS + 1, 1))
    assert first == WHOLE


def test_a_volume_larger_than_allowed_is_refused_and_others_go_on() -> None:
    needed = 48 * 2 + 24 + 2 * PART_BYTES  # voxels, a byte for each, and two parts
    parts = assembler(needed)
    assert parts.add('MRI', HALVES[0]) is None
    with pytest.raises(ConvertError, match=f'{needed} are allowed') as refusal:
        parts.add('CT', slice_of(np.zeros((30, 3, 4, 2), '>u2'), 0))
    assert refusal.value.cause == 'volume_too_large'
    assert parts.add('MRI', HALVES[1]) == WHOLE


def test_b22_the_largest_volume_that_can_be_announced_is_refused_like_any_other() -> None:
    size = (65535, 65535, 65535)
    part = codec.Image(
        bytes(255 * 8), size, ScalarType.FLOAT64, 255, offset=(1, 2, 3), sub_size=(1, 1, 1)
    )
    with pytest.raises(ConvertError) as refusal:
        assembler().add('MRI', part)
    assert refusal.value.cause == 'volume_too_large'


def test_what_is_remembered_of_parts_counts_too() -> None:
    parts = assembler(48 * 2 + 24 + 3 * PART_BYTES)
    boxes = WAYS['rows']
    for box in boxes[:3]:
        assert parts.add('MRI', part_of(PIXELS, *box)) is None
    with pytest.raises(ConvertError) as refusal:
        parts.add('MRI', part_of(PIXELS, *boxes[3]))
    assert refusal.value.cause == 'volume_too_large'
    assert parts.held_bytes == 0


def test_the_volume_that_has_waited_longest_gives_way() -> None:
    parts = assembler(2 * (48 * 2 + 24) + 3 * PART_BYTES)
    assert parts.add('A', HALVES[0]) is None
    assert parts.add('B', HALVES[0]) is None
    assert parts.add('A', part_of(PIXELS, (0, 0, 1), (4, 1, 1))) is None
    assert parts.add('C', HALVES[0]) is None  # B goes
    assert parts.held_bytes <= parts.max_bytes
    assert parts.add('A', part_of(PIXELS, (0, 1, 1), (4, 2, 1))) == WHOLE
    assert parts.add('C', HALVES[1]) == WHOLE
    assert parts.add('B', HALVES[1]) is None


def test_b22_a_part_that_announces_a_huge_volume_takes_no_memory_for_it() -> None:
    huge = codec.Image(b'1', (1024, 1024, 200), offset=(0, 0, 100), sub_size=(1, 1, 1))
    parts = assembler(500_000_000)
    resident = _resident_bytes()
    for number in range(20):
        moved = codec.Image(
            b'1', huge.size, offset=(number, 0, 100), sub_size=(1, 1, 1), position=(number, 0, 0)
        )
        assert parts.add('MRI', moved) is None  # each begins anew
    assert _resident_bytes() - resident < 20_000_000


COLUMNS = [(i, j, 0) for i in range(0, 512, 8) for j in range(0, 512, 32)]


@pytest.mark.alone
def test_f46_a_few_columns_take_neither_the_memory_of_their_volume_nor_time() -> None:
    parts = assembler(500_000_000)
    resident, longest = _resident_bytes(), 0.0
    for offset in COLUMNS:  # 0.2 MB of 200 MB; each voxel in another page
        column = codec.Image(bytes(200), (1024, 1024, 200), offset=offset, sub_size=(1, 1, 200))
        begin = time.perf_counter()
        assert parts.add('MRI', column) is None
        longest = max(longest, time.perf_counter() - begin)
    assert parts.held_bytes == len(COLUMNS) * (200 + PART_BYTES)
    assert _resident_bytes() - resident < 10_000_000
    wall = codec.Image(bytes(1024 * 200), (1024, 1024, 200), sub_size=(1, 1024, 200))
    begin = time.perf_counter()
    assert parts.add('MRI', wall) is None
    assert max(longest, time.perf_counter() - begin) < 0.02


@pytest.mark.parametrize('step', [(64, 64, 1), (64, 8, 4), (1, 64, 16), (1, 1, 16), (64, 1, 1)])
def test_f46_memory_follows_the_parts_that_have_arrived(step: tuple[int, int, int]) -> None:
    size = (64, 64, 64)
    voxels = np.random.default_rng(1).integers(0, 256, size[::-1], np.uint8)
    plain = {'scalar_type': ScalarType.UINT8, 'components': 1}
    offsets = list(product(*(range(0, n, d) for n, d in zip(size, step, strict=True))))
    random.Random(1).shuffle(offsets)
    parts = assembler(100_000_000)
    arrived = 0
    for number, offset in enumerate(offsets, 1):
        whole = parts.add('MRI', part_of(voxels, offset, step, **plain))
        arrived += math.prod(step)
        assert (whole is None) == (number < len(offsets))
        assert parts.held_bytes <= 5 * arrived + number * PART_BYTES
    assert whole is not None
    assert np.array_equal(whole.pixels, voxels)


def test_f46_a_kept_part_frees_the_message_that_it_came_in() -> None:
    large = bytearray(1000)
    column = codec.Image(memoryview(large)[:2], (4, 3, 2), offset=(1, 1, 0), sub_size=(1, 1, 2))
    assert assembler().add('MRI', column) is None
    del column
    large.clear()  # raises BufferError while there is a view


def _resident_bytes() -> int:
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.parametrize(
    ('offset', 'sub_size'),
    [((0, 0, 2), (4, 3, 1)), ((0, 0, 1), (4, 3, 0)), ((1, 0, 1), (4, 3, 1))],
)
def test_b22_a_part_outside_its_volume_does_not_come_so_far(offset: Any, sub_size: Any) -> None:
    packed = bytearray(codec.pack(codec.Message(HALVES[1])))
    packed[58 + 60 : 58 + 72] = np.array([*offset, *sub_size], '>u2').tobytes()
    packed[50:58] = codec.pack(codec.Message(codec.Unknown('IMAGE', bytes(packed[58:]))))[50:58]
    with pytest.raises(codec.DecodeError):
        codec.unpack(packed)

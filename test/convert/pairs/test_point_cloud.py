# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.point_cloud: PointCloud2 as arrays."""

from __future__ import annotations

import struct
from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.clouds import color_bytes
from ros2_igtl.convert.pairs import point_cloud
from ros2_igtl.convert.pairs.point_cloud import read_cloud

# datatype, the letter of struct, its bytes
DATATYPES = [
    (PointField.INT8, 'b', 1),
    (PointField.UINT8, 'B', 1),
    (PointField.INT16, 'h', 2),
    (PointField.UINT16, 'H', 2),
    (PointField.INT32, 'i', 4),
    (PointField.UINT32, 'I', 4),
    (PointField.FLOAT32, 'f', 4),
    (PointField.FLOAT64, 'd', 8),
]


def field(
    name: str, offset: int, datatype: int = PointField.FLOAT32, count: int = 1
) -> PointField:
    return PointField(name=name, offset=offset, datatype=datatype, count=count)


XYZ = [field('x', 0), field('y', 4), field('z', 8)]


def cloud(*points: tuple[float, float, float], **fields: Any) -> PointCloud2:
    """Return a valid cloud of x, y and z."""
    values = {
        'height': 1,
        'width': len(points),
        'fields': XYZ,
        'point_step': 12,
        'row_step': 12 * len(points),
        'data': array('B', b''.join(struct.pack('<3f', *point) for point in points)),
        'is_dense': True,
    }
    return PointCloud2(**{**values, **fields})


def cause(message: PointCloud2) -> str:
    with pytest.raises(ConvertError) as refusal:
        read_cloud(message)
    return refusal.value.cause


@st.composite
def clouds(draw: st.DrawFn) -> tuple[PointCloud2, list[dict[str, list[int]]]]:
    """Return a cloud packed with struct, value by value, and what it has to be read as."""
    big = draw(st.booleans())
    names = draw(st.permutations(['x', 'y', 'z', 'intensity', 'ring', 'time']))
    offset, fields, codes = draw(st.integers(0, 3)), [], []
    for name in names:
        datatype, letter, size = draw(st.sampled_from(DATATYPES))
        count = 1 if name in ('x', 'y', 'z') else draw(st.integers(1, 3))
        fields.append(field(name, offset, datatype, count))
        codes.append(f'{">" if big else "<"}{count}{letter}')
        offset += size * count + draw(st.integers(0, 3))
    height, width = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    row_step = width * offset + draw(st.integers(0, 5))
    data = bytearray(draw(st.binary(min_size=row_step * height, max_size=row_step * height)))
    expected = []
    for row in range(height):
        for column in range(width):
            point: dict[str, list[int]] = {}
            for one, code in zip(fields, codes, strict=True):
                # numbers that each type has
                values = [draw(st.integers(0, 100)) for _ in range(one.count)]
                place = row * row_step + column * offset + one.offset
                struct.pack_into(code, data, place, *values)
                point[one.name] = values
            expected.append(point)
    message = PointCloud2(
        header=Header(frame_id='camera'),
        height=height,
        width=width,
        fields=fields,
        is_bigendian=big,
        point_step=offset,
        row_step=row_step,
        data=array('B', bytes(data)),
        is_dense=draw(st.booleans()),
    )
    return message, expected


@given(clouds())
def test_b35_any_cloud_is_read_as_struct_reads_it(case: Any) -> None:
    message, expected = case
    read = read_cloud(message)
    assert read.positions.dtype == np.float64
    assert read.positions.tolist() == [
        [*point['x'], *point['y'], *point['z']] for point in expected
    ]
    assert list(read.columns) == [f.name for f in message.fields if f.name not in ('x', 'y', 'z')]
    for name, column in read.columns.items():
        rows = column if column.ndim == 2 else column[:, None]
        assert rows.tolist() == [point[name] for point in expected]


def test_b35_points_that_are_nowhere_are_left_out_unless_the_cloud_is_dense() -> None:
    nan, inf = float('nan'), float('inf')
    points = [(1, 2, 3), (nan, 0, 0), (0, inf, 0), (4, 5, 6), (0, 0, -inf), (nan, nan, nan)]
    message = cloud(*points, is_dense=False)
    assert read_cloud(message).positions.tolist() == [[1, 2, 3], [4, 5, 6]]
    message.is_dense = True
    assert read_cloud(message).positions.shape == (6, 3)


def test_b35_what_is_left_out_is_left_out_of_all_fields() -> None:
    message = cloud(
        fields=[*XYZ, field('ring', 12, PointField.UINT16), field('rgb', 14)],
        width=3,
        point_step=18,
        row_step=54,
        data=array(
            'B',
            b''.join(
                struct.pack('<3fHI', x, 0, 0, ring, 0x010203 + ring)
                for x, ring in ((1, 7), (float('nan'), 8), (2, 9))
            ),
        ),
        is_dense=False,
    )
    read = read_cloud(message)
    assert read.columns['ring'].tolist() == [7, 9]
    assert read.columns['rgb'].view('<u4').tolist() == [0x01020A, 0x01020C]


def test_b35_a_signalling_nan_is_nowhere_without_a_warning() -> None:
    data = array('B', bytes.fromhex('0000a07f') * 3)
    assert read_cloud(cloud((1, 2, 3), data=data, is_dense=False)).positions.shape == (0, 3)
    components = np.frombuffer(data, '<f4')
    with pytest.raises(ConvertError) as refusal:
        color_bytes(components)
    assert refusal.value.cause == 'color_range'


def test_b35_a_cloud_of_no_points_has_none() -> None:
    for message in (cloud(), cloud(height=0, width=7, row_step=84), cloud(height=3, width=0)):
        read = read_cloud(message)
        assert read.positions.shape == (0, 3)


def test_the_numbers_are_those_of_the_message_itself() -> None:
    message = cloud((1, 2, 3), fields=[*XYZ, field('same', 0)])
    read = read_cloud(message)
    memoryview(message.data)[2:4] = struct.pack('<f', 8)[2:]
    assert read.columns['same'].tolist() == [8.0]


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({'fields': XYZ[:2]}, 'point_fields'),
        ({'fields': []}, 'point_fields'),
        ({'fields': [*XYZ[:2], field('Z', 8)]}, 'point_fields'),
        ({'fields': [*XYZ[:2], field('z', 0, count=3)]}, 'point_fields'),
        ({'fields': [*XYZ[:2], field('z', 9)]}, 'point_fields'),
        ({'fields': [*XYZ[:2], field('z', 2**32 - 1)]}, 'point_fields'),
        ({'fields': [*XYZ, field('more', 0, PointField.FLOAT64, 2)]}, 'point_fields'),
        ({'fields': [*XYZ, field('more', 0, PointField.UINT8, 2**32 - 1)]}, 'point_fields'),
        ({'fields': [*XYZ, field('more', 0, 0)]}, 'point_fields'),
        ({'fields': [*XYZ, field('more', 0, 9)]}, 'point_fields'),
        ({'point_step': 11}, 'point_fields'),
        ({'point_step': 0, 'row_step': 0, 'data': array('B')}, 'point_fields'),
        ({'point_step': 2**32 - 1}, 'point_fields'),
        ({'point_step': 13}, 'size_mismatch'),
        ({'row_step': 23}, 'size_mismatch'),
        ({'row_step': 25}, 'size_mismatch'),
        ({'width': 3}, 'size_mismatch'),
        ({'height': 2}, 'size_mismatch'),
        ({'height': 0}, 'size_mismatch'),
        ({'data': array('B', bytes(23))}, 'size_mismatch'),
        ({'data': array('B')}, 'size_mismatch'),
        ({'width': 2**32 - 1, 'height': 2**32 - 1}, 'size_mismatch'),
    ],
)
def test_b35_a_cloud_that_contradicts_itself_is_refused(
    fields: dict[str, Any], expected: str
) -> None:
    read_cloud(cloud((1, 2, 3), (4, 5, 6)))
    assert cause(cloud((1, 2, 3), (4, 5, 6), **fields)) == expected


def test_b35_a_count_of_0_is_one_number_and_the_first_of_two_names_holds() -> None:
    message = cloud(
        (1, 2, 3), fields=[field('x', 0, count=0), *XYZ[1:], field('x', 8), field('', 4)]
    )
    read = read_cloud(message)
    assert read.positions.tolist() == [[1, 2, 3]]
    assert read.columns[''].tolist() == [2]


names = st.text(min_size=1, max_size=5).filter(lambda name: name not in 'xyz')


@given(
    st.integers(0, 4),
    st.dictionaries(
        names, st.tuples(st.sampled_from(['<f4', '<u4', 'u1', '<f8', '<i2']), st.integers(1, 3))
    ),
)
def test_what_is_made_is_read_again(count: int, kinds: dict[str, tuple[str, int]]) -> None:
    positions = np.arange(3.0 * count).reshape(count, 3) / 7
    columns = {
        name: np.arange(count * n).reshape((count, n) if n > 1 else (count,)).astype(code)
        for name, (code, n) in kinds.items()
    }
    header = Header(frame_id='camera')
    message = point_cloud.make_cloud(header, positions, columns)
    assert message.header is header
    assert (message.height, message.width, message.is_dense) == (1, count, True)
    assert isinstance(message.data, array)
    read = read_cloud(message)
    assert np.array_equal(read.positions, positions.astype(np.float32))
    assert list(read.columns) == list(columns)
    for name, column in columns.items():
        assert read.columns[name].dtype == column.dtype
        assert np.array_equal(read.columns[name], column)

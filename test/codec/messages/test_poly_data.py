# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from helpers.golden import golden
from ros2_igtl import codec
from ros2_igtl.codec import AttributeType

POINTS = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, -1]]
POINT_BYTES = struct.pack('>12f', *(value for point in POINTS for value in point))


def words(*values: int) -> bytes:
    return struct.pack(f'>{len(values)}I', *values)


def floats(*values: float) -> bytes:
    return struct.pack(f'>{len(values)}f', *values)


def header(points: int = 0, attributes: int = 0, **cells: tuple[int, int]) -> bytes:
    """Return the 40 bytes; cells are number and bytes."""
    sections = (cells.get(name, (0, 0)) for name in ('vertices', 'lines', 'polygons', 'strips'))
    return words(points, *(value for section in sections for value in section), attributes)


CASES = [
    (codec.PolyData(), header()),
    (codec.PolyData(POINTS), header(4) + POINT_BYTES),
    (
        codec.PolyData(
            POINTS,
            vertices=[[0], [3]],
            lines=[[0, 1, 2]],
            polygons=np.array([[0, 1, 2], [0, 1, 3]]),
            triangle_strips=codec.Cells.from_rows([[0, 1, 2, 3], []]),
        ),
        header(4, vertices=(2, 16), lines=(1, 16), polygons=(2, 32), strips=(2, 24))
        + POINT_BYTES
        + words(1, 0, 1, 3)
        + words(3, 0, 1, 2)
        + words(3, 0, 1, 2, 3, 0, 1, 3)
        + words(4, 0, 1, 2, 3, 0),
    ),
    (
        codec.PolyData(
            POINTS,
            attributes=[
                codec.Attribute(AttributeType.POINT_SCALARS, 'curvature', [1, 2, 3, math.inf]),
                codec.Attribute(AttributeType.CELL_SCALARS, '', np.zeros((0, 2))),
                codec.Attribute(AttributeType.POINT_RGBA, 'RGBA', [[1, 0.5, 0, 1]]),
            ],
        ),
        header(4, 3)
        + POINT_BYTES
        + b'\x00\1\0\0\0\4'
        + b'\x10\2\0\0\0\0'
        + b'\x04\4\0\0\0\1'
        + b'curvature\0'
        + b'\0'
        + b'RGBA\0'
        + floats(1, 2, 3, math.inf)
        + floats(1, 0.5, 0, 1),
    ),
    (
        codec.PolyData(
            attributes=[codec.Attribute(AttributeType.POINT_NORMALS, 'ab', [[0, 0, 1]])]
        ),
        header(0, 1) + b'\x02\3\0\0\0\1' + b'ab\0\0' + floats(0, 0, 1),
    ),
]


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_mesh_packs_to_its_bytes(value: codec.PolyData, data: bytes) -> None:
    assert content_bytes(value) == data


@pytest.mark.parametrize(('value', 'data'), CASES)
def test_a_mesh_is_read_from_its_bytes(value: codec.PolyData, data: bytes) -> None:
    assert receive_content('POLYDATA', data) == value


def test_all_of_a_mesh_views_the_received_bytes_and_is_packed_without_a_copy() -> None:
    mesh = codec.PolyData(
        np.zeros((100, 3)),
        polygons=np.zeros((50, 3), int),
        attributes=[codec.Attribute(AttributeType.POINT_SCALARS, 'a', np.zeros(100))],
    )
    data = codec.pack(codec.Message(mesh))
    message = codec.unpack(data)
    received = message.content
    buffers = [received.points, received.polygons.words, received.attributes[0].values]
    for buffer in buffers:
        assert np.shares_memory(buffer, np.frombuffer(data, np.uint8))
        assert any(np.shares_memory(part, buffer) for part in codec.pack_parts(message)[2:])


COMPONENTS = {'SCALARS': 2, 'VECTORS': 3, 'NORMALS': 3, 'TENSORS': 9, 'RGBA': 4, 'COORDINATES': 3}


@pytest.mark.parametrize('kind', AttributeType)
def test_every_attribute_is_written_with_its_own_components(kind: AttributeType) -> None:
    components = COMPONENTS[kind.name.rpartition('_')[2]]
    values = np.arange(2 * components, dtype=np.float32).reshape(2, components)
    value = codec.PolyData(attributes=[codec.Attribute(kind, 'a', values)])
    data = content_bytes(value)
    assert data[40:46] == bytes((kind, components, 0, 0, 0, 2))
    assert receive_content('POLYDATA', data) == value


# What igtl_polydata.c makes of the types that it does not know: 9 components announced and room
# for as many, the true ones first.
NINE = {
    AttributeType.POINT_RGBA: 4,
    AttributeType.CELL_SCALARS: 1,
    AttributeType.CELL_VECTORS: 3,
    AttributeType.CELL_NORMALS: 3,
    AttributeType.CELL_RGBA: 4,
    AttributeType.CELL_TEXTURE_COORDINATES: 3,
}


@pytest.mark.parametrize(('kind', 'components'), NINE.items())
def test_what_the_reference_announces_with_nine_components_is_read(
    kind: AttributeType, components: int
) -> None:
    true = floats(*range(2 * components))
    data = (
        header(0, 2)
        + bytes((kind, 9, 0, 0, 0, 2))
        + b'\0\1\0\0\0\1'
        + b'a\0b\0'
        + true.ljust(72, b'\xee')
        + floats(7)
    )
    first, second = receive_content('POLYDATA', data).attributes
    assert first.values.tolist() == np.arange(2 * components).reshape(2, components).tolist()
    assert second.values.tolist() == [[7]]


def test_texture_coordinates_of_the_reference_are_followed_at_once_by_what_is_next() -> None:
    data = (
        header(0, 2)
        + b'\5\x09\0\0\0\2'
        + b'\0\1\0\0\0\1'
        + b'a\0b\0'
        + floats(0, 1, 2, 3, 4, 5)
        + floats(7)
        + b'\xee' * 48
    )
    first, second = receive_content('POLYDATA', data).attributes
    assert first.values.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert second.values.tolist() == [[7]]


@pytest.mark.parametrize('kind', [AttributeType.POINT_SCALARS, AttributeType.POINT_TENSORS])
def test_nine_components_are_nine_where_the_reference_knows_the_type(kind: AttributeType) -> None:
    value = codec.PolyData(attributes=[codec.Attribute(kind, 'a', np.ones((2, 9)))])
    assert receive_content('POLYDATA', content_bytes(value)) == value


@pytest.mark.parametrize(
    ('kind', 'components'),
    [
        (AttributeType.POINT_SCALARS, 0),  # which cannot be read
        (AttributeType.POINT_VECTORS, 2),
        (AttributeType.CELL_TENSORS, 3),
        (AttributeType.POINT_RGBA, 3),
        (AttributeType.CELL_RGBA, 9),
        (AttributeType.CELL_SCALARS, 9),
        (AttributeType.POINT_TEXTURE_COORDINATES, 9),
    ],
)
def test_an_attribute_of_other_components_is_not_packed(
    kind: AttributeType, components: int
) -> None:
    attribute = codec.Attribute(kind, 'a', np.zeros((1, components)))
    assert_not_packed(
        codec.PolyData(attributes=[attribute]),
        codec.ValueRangeError,
        f'{kind.name} has {components} components',
    )


@pytest.mark.parametrize(
    ('data', 'error', 'match'),
    [
        (b'', codec.NoDataError, 'empty content'),
        (bytes(39), codec.ContentSizeError, '40 bytes or more'),
        (bytes(41), codec.ContentSizeError, 'take 0 bytes, got 1'),
        (header(1) + bytes(11), codec.ContentSizeError, 'got 51 bytes'),
        (header(2**32 - 1) + bytes(12), codec.ContentSizeError, 'got 52 bytes'),
        (header(lines=(1, 8)) + words(1), codec.ContentSizeError, 'got 44 bytes'),
        (header(lines=(1, 2**32 - 1)), codec.ContentSizeError, 'got 40 bytes'),
        (header(1, lines=(1, 6)) + bytes(18), codec.ContentSizeError, 'announces'),
        (header(0, 2**32 - 1), codec.ContentSizeError, 'got 40 bytes'),
        # cells
        (header(lines=(10**8, 4)) + words(0), codec.ContentValueError, '100000000 cells, got 1'),
        (header(lines=(0, 4)) + words(0), codec.ContentValueError, '0 cells, got 1'),
        (header(lines=(1, 0)), codec.ContentValueError, '1 cells, got 0'),
        (header(lines=(1, 4)) + words(2), codec.ContentValueError, '3 words or more, got 1'),
        (
            header(1, strips=(1, 8)) + bytes(12) + words(1, 1),
            codec.ContentValueError,
            'points beyond its 1',
        ),
        (
            header(1, vertices=(1, 8)) + bytes(12) + words(1, 2**32 - 1),
            codec.ContentValueError,
            'points beyond its 1',
        ),
        # attributes
        (header(0, 1) + b'\0\1\0\0\0\0', codec.ContentValueError, 'needs 1 attribute names'),
        (header(0, 1) + b'\0\1\0\0\0\0abc', codec.ContentValueError, 'needs 1 attribute names'),
        (
            header(0, 1) + b'\0\1\0\0\0\0' + b'x' * 256 + b'\0\0',
            codec.ContentValueError,
            'at most 255 bytes',
        ),
        (header(0, 1) + b'\0\1\0\0\0\1a\0', codec.ContentSizeError, 'take 12 bytes, got 8'),
        (header(0, 1) + b'\0\1\0\0\0\0a\0' + bytes(4), codec.ContentSizeError, 'take 8 bytes'),
        (header(0, 1) + b'\0\1\0\0\0\0ab\0', codec.ContentSizeError, 'take 10 bytes, got 9'),
        (
            header(0, 1) + b'\0\xff\xff\xff\xff\xffa\0',
            codec.ContentSizeError,
            'take 4380866640908 bytes',
        ),
        (header(0, 1) + b'\6\1\0\0\0\0a\0', codec.ContentValueError, '6 is not a valid'),
        (header(0, 1) + b'\0\0\0\0\0\0a\0', codec.ContentValueError, 'SCALARS has 0 components'),
        (header(0, 1) + b'\1\2\0\0\0\0a\0', codec.ContentValueError, 'VECTORS has 2 components'),
        (header(0, 1) + b'\1\x09\0\0\0\0a\0', codec.ContentValueError, 'VECTORS has 9 components'),
    ],
)
def test_b27_a_mesh_that_is_none_is_refused(
    data: bytes, error: type[codec.MessageError], match: str
) -> None:
    assert_content_refused('POLYDATA', data, error, match)


def test_b27_more_attributes_than_any_mesh_has_are_refused() -> None:
    data = codec.pack(
        codec.Message(codec.Unknown('POLYDATA', header(0, 65536) + bytes(7 * 65536 + 1)))
    )
    with pytest.raises(codec.ContentValueError, match='65536 attributes, 65535 are allowed'):
        codec.unpack(data)
    attribute = codec.Attribute(AttributeType.POINT_SCALARS, '', [])
    assert codec.PolyData(attributes=[attribute] * 3).item_count == 3
    assert_not_packed(
        codec.PolyData(attributes=[attribute] * 65536), codec.ValueRangeError, '65535 are allowed'
    )


def test_b28_the_attributes_of_meshes_in_a_bind_are_bounded_together() -> None:
    attribute = codec.Attribute(AttributeType.POINT_SCALARS, '', np.zeros((0, 1)))
    half = codec.Message(codec.PolyData(attributes=[attribute] * 32766), 'A')
    assert half.content.item_count == 32766
    assert len(codec.pack(codec.Message(codec.Bind((half, half))))) > 2 * 32766
    more = codec.Message(codec.PolyData(attributes=[attribute] * 32768), 'B')
    assert_not_packed(codec.Bind((half, more)), codec.ValueRangeError, 'BIND has 65536 children')


def test_b27_nothing_is_set_aside_for_cells_that_are_only_announced() -> None:
    data = codec.pack(
        codec.Message(codec.Unknown('POLYDATA', header(polygons=(10**8, 400_000_000))))
    )
    tracemalloc.start()
    try:
        with pytest.raises(codec.ContentSizeError):
            codec.unpack(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_b27_cells_of_many_sizes_are_found_in_bounded_memory() -> None:
    cells = np.zeros(3_000_001, '>u4')
    cells[0] = 1  # one alone is not like the others
    cells[2::3] = 0
    value = codec.PolyData([[0, 0, 0]], lines=codec.Cells(cells))
    data = codec.pack(codec.Message(value))
    tracemalloc.start()
    try:
        assert len(codec.unpack(data).content.lines) == 3_000_000
        assert tracemalloc.get_traced_memory()[1] < 6 * len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ('fields', 'match'),
    [
        ({'points': [[1, 2]]}, r'points: numbers of f4 of shape \(n, 3\)'),
        ({'points': [1, 2, 3]}, r'shape \(n, 3\)'),
        ({'points': [[1, 2, 1e39]]}, r'shape \(n, 3\)'),
        ({'points': [[1, 2], [3]]}, r'shape \(n, 3\)'),
        ({'points': [['a', 'b', 'c']]}, r'shape \(n, 3\)'),
        ({'points': np.zeros((2, 2, 3))}, r'shape \(n, 3\)'),
        ({'points': 5}, r'shape \(n, 3\)'),
        ({'lines': [[-1]]}, 'whole numbers'),
    ],
)
def test_what_is_no_mesh_is_refused(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(codec.ValueRangeError, match=match):
        codec.PolyData(**fields)


@pytest.mark.parametrize('values', [[[1, 2], [3]], [1e39], 'x', np.zeros((1, 1, 1))])
def test_what_is_no_attribute_is_refused(values: Any) -> None:
    with pytest.raises(codec.ValueRangeError, match=r"attribute 'a': .* \(n, components\)"):
        codec.Attribute(AttributeType.POINT_SCALARS, 'a', values)


def test_a_mesh_whose_cells_have_points_that_are_not_there_is_not_packed() -> None:
    value = codec.PolyData(POINTS, polygons=[[0, 1, 4]])
    assert_not_packed(value, codec.ValueRangeError, 'points beyond its 4')


@pytest.mark.parametrize(('name', 'match'), [('x' * 256, '255 are allowed'), ('a\0', 'a NUL')])
def test_a_name_that_does_not_fit_is_not_packed(name: str, match: str) -> None:
    attribute = codec.Attribute(AttributeType.POINT_SCALARS, name, [1])
    assert_not_packed(codec.PolyData(attributes=[attribute]), codec.NameTooLongError, match)


def test_an_attribute_knows_its_components() -> None:
    assert codec.Attribute(AttributeType.POINT_RGBA, 'a', np.zeros((2, 4))).components == 4
    assert codec.Attribute(AttributeType.POINT_SCALARS, 'a', [1, 2]).components == 1


def test_meshes_are_equal_by_all_they_have() -> None:
    attribute = codec.Attribute(AttributeType.POINT_SCALARS, 'a', [1])
    mesh = codec.PolyData(POINTS, polygons=[[0, 1, 2]], attributes=[attribute])
    again = codec.PolyData(np.array(POINTS), polygons=[[0, 1, 2]], attributes=(attribute,))
    assert mesh == again
    assert mesh != codec.PolyData(POINTS, polygons=[[0, 1, 2]])
    assert mesh != codec.PolyData(POINTS, lines=[[0, 1, 2]], attributes=[attribute])
    assert mesh != codec.PolyData(POINTS[:3], polygons=[[0, 1, 2]], attributes=[attribute])
    assert mesh != 1
    assert attribute == codec.Attribute(AttributeType.POINT_SCALARS, 'a', np.array([[1.0]]))
    assert attribute != codec.Attribute(AttributeType.POINT_SCALARS, 'a', [2])
    assert attribute != codec.Attribute(AttributeType.CELL_SCALARS, 'a', [1])
    assert attribute != 1
    assert repr(mesh) == (
        'PolyData(4 points, 0 vertices, 0 lines, 1 polygons, 0 triangle strips, '
        "[Attribute(POINT_SCALARS, 'a', (1, 1))])"
    )


def test_the_golden_cube_has_its_faces() -> None:
    cube = codec.unpack(golden('polydata')).content
    assert cube.polygons.uniform is not None
    assert cube.polygons.uniform.shape == (6, 4)
    assert cube.points.shape == (8, 3)


START_CASES = [
    (codec.StartPolyData(), b''),
    (codec.StartPolyData(0), bytes(8)),
    (codec.StartPolyData(50_000_000), b'\0\0\0\0\x02\xfa\xf0\x80'),
]


@pytest.mark.parametrize(('value', 'data'), START_CASES)
def test_b29_a_start_is_empty_or_a_resolution(value: codec.StartPolyData, data: bytes) -> None:
    assert content_bytes(value) == data
    assert receive_content('STT_POLYDATA', data) == value


@pytest.mark.parametrize('size', [1, 7, 9])
def test_b29_a_start_of_any_other_size_is_refused(size: int) -> None:
    assert_content_refused(
        'STT_POLYDATA', bytes(size), codec.ContentSizeError, f'0 or 8 bytes, got {size}'
    )


@pytest.mark.parametrize('resolution', [-1, 2**64])
def test_a_resolution_that_does_not_fit_is_not_packed(resolution: int) -> None:
    assert_not_packed(codec.StartPolyData(resolution), codec.ValueRangeError, 'resolution')

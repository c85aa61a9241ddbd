# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
POLYDATA: points, cells, and numbers that belong to them.

Source: ``polydata.md``, ``igtl_polydata.h``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ContentSizeError, ContentValueError, ValueRangeError
from ros2_igtl.codec.messages.cells import WORD, Cells
from ros2_igtl.codec.messages.companions import Get, Reply, Start, Stop, companions
from ros2_igtl.codec.names import pack_name
from ros2_igtl.codec.registry import MAX_ITEMS, Content, check_minimum_size, register
from ros2_igtl.codec.wire import U8, U32, U64, Buffer

__all__ = [
    'Attribute',
    'AttributeType',
    'GetPolyData',
    'PolyData',
    'PolyDataReply',
    'StartPolyData',
    'StopPolyData',
]


class AttributeType(IntEnum):
    """The meaning of an attribute's numbers, and whether they belong to points or to cells."""

    POINT_SCALARS = 0x00
    POINT_VECTORS = 0x01
    POINT_NORMALS = 0x02
    POINT_TENSORS = 0x03
    POINT_RGBA = 0x04  # 0 to 1
    POINT_TEXTURE_COORDINATES = 0x05  # this and 0x15 are only in igtlPolyDataMessage.h
    CELL_SCALARS = 0x10
    CELL_VECTORS = 0x11
    CELL_NORMALS = 0x12
    CELL_TENSORS = 0x13
    CELL_RGBA = 0x14
    CELL_TEXTURE_COORDINATES = 0x15


class _PolyDataHeader(NamedTuple):
    points: U32
    vertices: U32
    vertices_size: U32  # bytes, as are the other sizes
    lines: U32
    lines_size: U32
    polygons: U32
    polygons_size: U32
    triangle_strips: U32
    triangle_strips_size: U32
    attributes: U32


class _AttributeHeader(NamedTuple):
    attribute_type: U8  # polydata.md: the lower byte of a uint16; igtl_polydata.h puts it first
    components: U8
    length: U32  # number of points or cells


_LAYOUT = wire.struct_of(_PolyDataHeader)
_ATTRIBUTE = wire.struct_of(_AttributeHeader)
_CELLS = ('vertices', 'lines', 'polygons', 'triangle_strips')  # in the order of the wire
_FLOAT = np.dtype('>f4')
# Components by the lower four bits of the type; other types have any number.
_COMPONENTS = {1: 3, 2: 3, 3: 9, 4: 4}
# igtl_polydata.c announces 9 components for the types that it does not know and leaves room for 9;
# the true ones come first. This codec writes the true number, and reads either.
_COMPONENTS_SENT_AS_NINE = {
    AttributeType.POINT_RGBA: 4,
    AttributeType.POINT_TEXTURE_COORDINATES: 3,
    AttributeType.CELL_SCALARS: 1,
    AttributeType.CELL_VECTORS: 3,
    AttributeType.CELL_NORMALS: 3,
    AttributeType.CELL_RGBA: 4,
    AttributeType.CELL_TEXTURE_COORDINATES: 3,
}


class Attribute:
    """
    Numbers that belong to the points or the cells.

    :param attribute_type: the meaning of the numbers.
    :param name: at most 255 bytes.
    :param values: shape (n, components) or (n,) for 1 component; kept as big-endian f4.
    :raises ValueRangeError: the values are not numbers that fit f4, or have another shape.
    """

    __slots__ = ('attribute_type', 'name', 'values')
    max_name_size: ClassVar[int] = 255
    """Bytes of the longest name, without the NUL after it."""

    def __init__(self, attribute_type: AttributeType, name: str, values: ArrayLike) -> None:
        self.attribute_type = attribute_type
        self.name = name
        self.values = _floats(values, f'attribute {name!r}')

    @property
    def components(self) -> int:
        """The number of components of a point or a cell."""
        return int(self.values.shape[1])

    def pack_header(self) -> bytes:
        """
        Return the 6 bytes before the names.

        :raises ValueRangeError: the type does not allow this number of components.
        """
        kind = AttributeType(self.attribute_type)
        components = self.components
        unreadable = components == 9 and kind in _COMPONENTS_SENT_AS_NINE
        meant = _COMPONENTS.get(kind & 15, components)
        if not components or components != meant or unreadable:
            any_but_nine = f'1 to 255{", but not 9," if kind in _COMPONENTS_SENT_AS_NINE else ""}'
            raise ValueRangeError(
                f'attribute {self.name!r}: {kind.name} has {components} components; '
                f'{_COMPONENTS.get(kind & 15, any_but_nine)} are allowed'
            )
        return _ATTRIBUTE.pack(kind, components, len(self.values))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attribute):
            return NotImplemented
        return (self.attribute_type, self.name) == (
            other.attribute_type,
            other.name,
        ) and wire.same_array(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        kind = AttributeType(self.attribute_type).name
        return f'Attribute({kind}, {self.name!r}, {self.values.shape})'


def _floats(values: ArrayLike, what: str, components: int | None = None) -> NDArray[Any]:
    """
    Return numbers as big-endian f4 of shape (n, components), copied only if needed.

    :raises ValueRangeError: they have another shape, or a number does not fit.
    """
    try:
        given = np.asarray(values)
        if given.ndim == 1 and (components is None or not given.size):
            given = given.reshape(-1, components or 1)
        fits = given.dtype.newbyteorder('>') == _FLOAT
        stored = given
        if not fits:
            with np.errstate(over='ignore', invalid='ignore'):
                stored = given.astype(_FLOAT)
            fits = np.array_equal(np.isfinite(stored), np.isfinite(given))
    except (TypeError, ValueError):  # ragged, or not numbers
        fits = False
    if not fits or given.ndim != 2 or given.shape[1] != (components or given.shape[1]):
        shape = f'(n, {components or "components"})'
        raise ValueRangeError(f'POLYDATA {what}: numbers of f4 of shape {shape} are allowed')
    return stored


@register
class PolyData(Content):
    """
    Points and the cells between them; all arrays are views of the received bytes.

    :param points: shape (n, 3) of f4, millimetres.
    :param vertices: groups of single points. All cells are given as :class:`Cells`, as an array of
        shape (n, k), or as rows of indices.
    :param lines: polylines.
    :param polygons: closed polygons.
    :param triangle_strips: strips of triangles with shared edges.
    :param attributes: numbers that belong to the points or the cells.
    :raises ValueRangeError: a number does not fit, or an array has another shape.
    """

    __slots__ = ('attributes', 'lines', 'points', 'polygons', 'triangle_strips', 'vertices')
    type_name = 'POLYDATA'
    sizes = f'{_LAYOUT.size} + sections'
    protocol_version = 2

    def __init__(
        self,
        points: ArrayLike = (),
        vertices: Any = (),
        lines: Any = (),
        polygons: Any = (),
        triangle_strips: Any = (),
        attributes: Iterable[Attribute] = (),
    ) -> None:
        self.points = _floats(points, 'points', 3)
        self.vertices = _cells(vertices)
        self.lines = _cells(lines)
        self.polygons = _cells(polygons)
        self.triangle_strips = _cells(triangle_strips)
        self.attributes = tuple(attributes)

    @property
    def item_count(self) -> int:
        """The number of attributes."""
        return len(self.attributes)

    @classmethod
    def unpack(cls, content: memoryview) -> PolyData:
        """
        Return the mesh from 40 bytes and its sections.

        :raises ContentSizeError: the sections do not have the announced sizes.
        :raises ContentValueError: there are more or fewer cells than announced, a cell refers to a
            point that does not exist, or the specification does not define an attribute.
        """
        check_minimum_size('POLYDATA', content, _LAYOUT.size)
        header = _LAYOUT.unpack_from(content)
        sizes = (12 * header[0], *header[2:9:2])
        end = _LAYOUT.size + sum(sizes)
        if end + _ATTRIBUTE.size * header[9] > len(content) or any(size % 4 for size in sizes):
            raise ContentSizeError(f'POLYDATA announces {header}, got {len(content)} bytes')
        start = _LAYOUT.size + sizes[0]
        points = np.frombuffer(content[_LAYOUT.size : start], _FLOAT).reshape(-1, 3)
        cells = {}
        for name, count, size in zip(_CELLS, header[1:9:2], sizes[1:], strict=True):
            words = np.frombuffer(content[start : start + size], WORD)
            cells[name] = _unpack_cells(words, count, len(points))
            start += size
        return cls(points, **cells, attributes=_unpack_attributes(content[end:], header[9]))

    def pack_parts(self) -> list[Any]:
        """Return 40 bytes and the sections, which are not copied."""
        counts: list[int] = []
        sections = [wire.big_endian(self.points)]
        for cells in (getattr(self, name) for name in _CELLS):
            if not cells.within(len(self.points)):
                raise ValueRangeError(
                    f'POLYDATA has cells with points beyond its {len(self.points)}'
                )
            sections.append(wire.big_endian(cells.words))
            counts += (len(cells), len(sections[-1]))
        if len(self.attributes) > MAX_ITEMS:
            raise ValueRangeError(
                f'POLYDATA has {len(self.attributes)} attributes, {MAX_ITEMS} are allowed'
            )
        names = b''.join(
            pack_name(attribute.name, Attribute.max_name_size, 'attribute name') + b'\0'
            for attribute in self.attributes
        )
        return [
            _LAYOUT.pack(len(self.points), *counts, len(self.attributes)),
            *sections,
            b''.join(attribute.pack_header() for attribute in self.attributes),
            names + bytes(len(names) % 2),
            *(wire.big_endian(attribute.values) for attribute in self.attributes),
        ]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PolyData):
            return NotImplemented
        return wire.same_array(self.points, other.points) and all(
            getattr(self, name) == getattr(other, name)
            for name in self.__slots__
            if name != 'points'
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f'PolyData({len(self.points)} points, {len(self.vertices)} vertices, '
            f'{len(self.lines)} lines, {len(self.polygons)} polygons, '
            f'{len(self.triangle_strips)} triangle strips, {list(self.attributes)})'
        )


def _cells(given: Cells | NDArray[Any] | Sequence[Any]) -> Cells:
    return given if isinstance(given, Cells) else Cells.from_rows(given)


def _unpack_cells(words: NDArray[Any], count: int, points: int) -> Cells:
    """
    Return the cells of a section.

    :raises ContentValueError: there are more or fewer, or a point does not exist.
    """
    try:
        cells = Cells(words)
    except ValueRangeError as error:
        raise ContentValueError(f'POLYDATA: {error}') from None
    if len(cells) != count:
        raise ContentValueError(f'POLYDATA announces {count} cells, got {len(cells)}')
    if not cells.within(points):
        raise ContentValueError(f'POLYDATA has cells with points beyond its {points}')
    return cells


def _unpack_attributes(section: memoryview, count: int) -> list[Attribute]:
    """
    Return the attributes.

    :raises ContentValueError: a type or a number of components is not defined, or a name is
        missing or too long.
    :raises ContentSizeError: there are more or fewer numbers than announced.
    """
    if count > MAX_ITEMS:
        raise ContentValueError(f'POLYDATA has {count} attributes, {MAX_ITEMS} are allowed')
    start = count * _ATTRIBUTE.size
    headers = list(_ATTRIBUTE.iter_unpack(section[:start]))
    longest = Attribute.max_name_size
    # The names can take no more bytes than these, so no more are copied.
    names = bytes(section[start : start + count * (longest + 1)]).split(b'\0', count)
    if len(names) <= count or any(len(name) > longest for name in names[:count]):
        raise ContentValueError(
            f'POLYDATA needs {count} attribute names of at most {longest} bytes, each with a NUL'
        )
    names_size = sum(len(name) + 1 for name in names[:count])
    start += names_size + names_size % 2
    announced = sum(4 * components * values for _, components, values in headers)
    if len(section) != start + announced:
        raise ContentSizeError(
            f'POLYDATA attributes take {start + announced} bytes, got {len(section)}'
        )
    attributes = []
    for (number, announced_components, values), name in zip(headers, names, strict=False):
        try:
            kind = AttributeType(number)
        except ValueError as error:
            raise ContentValueError(f'POLYDATA: {error}') from None
        components = announced_components
        if components == 9:
            components = _COMPONENTS_SENT_AS_NINE.get(kind, 9)
        if not components or components != _COMPONENTS.get(kind & 15, components):
            raise ContentValueError(f'POLYDATA {kind.name} has {announced_components} components')
        end = start + 4 * components * values
        array = np.frombuffer(section[start:end], _FLOAT).reshape(values, components)
        attributes.append(Attribute(kind, wire.text(name), array))
        if kind is AttributeType.POINT_TEXTURE_COORDINATES:
            start = end  # igtl_polydata.c leaves room for 9 but continues after 3
        else:
            start += 4 * announced_components * values
    return attributes


class _StartPolyData(NamedTuple):
    resolution_ns: U64


_START = wire.struct_of(_StartPolyData)


@register
@dataclass(slots=True)
class StartPolyData(Start):
    """
    STT_POLYDATA: asks for a stream of meshes. Empty, or 8 bytes.

    :ivar resolution_ns: smallest time between two messages in nanoseconds, or None for an empty
        content, the only form that the reference sends.
    """

    type_name = 'STT_POLYDATA'
    sizes = f'0 or {_START.size}'
    subject = 'POLYDATA'

    resolution_ns: int | None = None

    @classmethod
    def unpack(cls, content: Buffer) -> StartPolyData:
        """Return the query from 0 or 8 bytes."""
        if len(content) not in (0, _START.size):
            raise ContentSizeError(f'STT_POLYDATA takes 0 or 8 bytes, got {len(content)}')
        return cls(*(_START.unpack(content) if len(content) else ()))

    def pack_parts(self) -> tuple[bytes, ...]:
        """Return 0 or 8 bytes."""
        if self.resolution_ns is None:
            return ()
        if not 0 <= self.resolution_ns < 2**64:
            raise ValueRangeError(
                f'resolution {self.resolution_ns} ns: 0 to 2**64 - 1 are allowed'
            )
        return (_START.pack(self.resolution_ns),)


GetPolyData, StopPolyData, PolyDataReply = companions(PolyData, Get, Stop, Reply)

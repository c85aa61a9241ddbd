# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The reference library reads in every message that is packed here what was put into it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.reference_reader import ReferenceReader
from helpers.strategies import messages
from ros2_igtl import codec
from ros2_igtl.codec.messages.elements import ElementList

# All that version 1.11 has a class or a C structure for
TYPES = (
    *('TRANSFORM', 'POSITION', 'IMAGE', 'STATUS', 'CAPABILITY', 'COLORT', 'IMGMETA', 'LBMETA'),
    *('NDARRAY', 'POINT', 'POLYDATA', 'QTDATA', 'SENSOR', 'STRING', 'TDATA', 'TRAJ', 'BIND'),
    *('GET_BIND', 'STT_BIND', 'RTS_BIND', 'STT_QTDATA', 'RTS_QTDATA', 'STT_TDATA', 'RTS_TDATA'),
)
EMPTY_TYPES = (
    *('GET_TRANS', 'GET_IMAGE', 'GET_STATUS', 'GET_CAPABIL', 'GET_COLORT', 'GET_IMGMETA'),
    *('GET_LBMETA', 'GET_POINT', 'GET_POLYDATA', 'GET_TRAJ'),
    *('STP_BIND', 'STP_QTDATA', 'STP_TDATA'),
)

# the first test waits for the compiler
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope='module')
def reader() -> Iterator[ReferenceReader]:
    with ReferenceReader() as reader:
        yield reader


def cut(name: str, size: int) -> str:
    """Return as much of a name as has so many bytes."""
    return codec.text(name.encode('utf-8', 'surrogateescape')[:size])


def sound_elements(content: Any) -> Any:
    """Return a list of elements without what the library loses."""
    elements = content.elements.copy()
    for field, (dtype, *_) in (elements.dtype.fields or {}).items():
        if dtype.kind == 'S':
            # strncpy() leaves a name that fills its field without an end, and the setter refuses
            # it (igtlPointMessage.cxx and its kin); what stands behind a NUL is not packed again
            names = [name.partition(b'\0')[0][: dtype.itemsize - 1] for name in elements[field]]
            elements[field] = names
    if isinstance(content, (codec.TrackingData, codec.QuaternionTrackingData)):
        elements['tool_type'] = elements['tool_type'] % 4 + 1  # SetType() refuses others
    if isinstance(content, codec.ImageMeta):
        known = np.array(codec.ScalarType)  # SetScalarType() takes others for 0
        elements['scalar_type'] = known[elements['scalar_type'] % len(known)]
    return type(content)(elements)


def sound_poly_data(content: codec.PolyData) -> codec.PolyData:
    """Return a mesh without what the library loses or misreads."""
    cells = {
        # AddCell() passes over cells without points
        name: [row for row in getattr(content, name).rows() if len(row)]
        for name in ('vertices', 'lines', 'polygons', 'triangle_strips')
    }
    # igtl_polydata.c compares with three types, and takes all others for tensors of points
    attributes = [attr for attr in content.attributes if attr.attribute_type in (0, 1, 2, 3, 0x13)]
    return codec.PolyData(content.points, **cells, attributes=attributes)


def sound(content: Any) -> Any:
    """Return a content without what the library is known to lose or to misread."""
    if isinstance(content, ElementList):
        return sound_elements(content)
    if isinstance(content, codec.PolyData):
        return sound_poly_data(content)
    if isinstance(content, codec.Position) and content.content_size == 24:
        # the root is taken in single precision; tested by itself
        return dataclasses.replace(content, content_size=28, w=1.0)
    if isinstance(content, codec.Status):
        # igtlStatusMessage.h keeps 20 bytes and no NUL behind them
        return dataclasses.replace(content, error_name=cut(content.error_name, 19))
    if isinstance(content, codec.String):
        # igtlStringMessage.cxx keeps a NUL, and GetString() ends there
        return codec.String.from_raw(content.raw.replace(b'\0', b''), content.encoding)
    if isinstance(content, codec.NDArray):
        # igtlNDArrayMessage.cxx has no memory for an array without dimensions
        array = content.array.reshape(content.array.shape or 1)
        return codec.NDArray(array.astype(array.dtype.newbyteorder('>')))
    if isinstance(content, codec.ColorTable):
        return codec.ColorTable(content.table.astype(content.table.dtype.newbyteorder('>')))
    if isinstance(content, codec.Bind):
        return codec.Bind([sound_child(child) for child in content.children if is_known(child)])
    return content


def is_known(child: codec.Message) -> bool:
    return child.type_name in (*TYPES, *EMPTY_TYPES) or isinstance(child.content, codec.Unknown)


def sound_child(child: codec.Message) -> codec.Message:
    return codec.Message(sound(child.content), child.device_name, type_name=child.type_name)


def sound_messages(type_name: str) -> st.SearchStrategy[codec.Message]:
    """Return messages that the library reads: of header version 1, which is all that it knows."""
    return messages(type_name).map(
        lambda message: codec.Message(
            sound(message.content),
            message.device_name,
            message.timestamp,
            type_name=message.type_name,
        )
    )


def expected(message: codec.Message) -> str:
    """Return what ``describe`` says of a message, without what is only said for ``compose``."""
    said = codec.describe(message, data=True)
    for name in ('time_s', 'header_version', 'message_id', 'metadata'):
        del said[name]  # the library has none of them, or rounds
    return shown(json.loads(json.dumps(said), object_hook=without_base64))


def without_base64(said: dict[str, Any]) -> dict[str, Any]:
    """Leave out the bytes that are said beside values which JSON cannot say exactly."""
    return {name: said[name] for name in said if name not in ('base64', 'content_base64')}


def as_described(said: dict[str, Any]) -> dict[str, Any]:
    """Return what the library says of an object in the words of ``describe``."""
    if said.keys() == {'encoding', 'text'}:
        raw = said['text'].encode('utf-8', 'surrogateescape')
        return {**said, 'text': codec.String.from_raw(raw, said['encoding']).text}
    if 'unit' in said:
        return {**said, 'unit': str(codec.Unit(said['unit']['word']))}
    return said


def shown(said: dict[str, Any]) -> str:
    """Return a text that tells 0.0 from -0.0 and 1 from 1.0, and differs line by line."""
    return json.dumps(said, indent=1, sort_keys=True)


def assert_read(reader: ReferenceReader, message: codec.Message) -> bool | None:
    """Assert that the library reads what was packed; return whether it packs to the same."""
    said = reader.read(codec.pack(message))
    same: bool | None = said.pop('packs_to_the_same')
    assert shown(json.loads(json.dumps(said), object_hook=as_described)) == expected(message)
    return same


@pytest.mark.parametrize('type_name', TYPES)
@given(data=st.data())
def test_the_library_reads_what_was_packed(
    reader: ReferenceReader, type_name: str, data: st.DataObject
) -> None:
    message = data.draw(sound_messages(type_name))
    same = assert_read(reader, message)
    # it takes axes apart and puts them together again, and keeps nanoseconds of time stamps
    if type_name not in ('IMAGE', 'IMGMETA'):
        assert same is not False


@pytest.mark.parametrize('type_name', EMPTY_TYPES)
def test_the_library_reads_a_query_without_content(
    reader: ReferenceReader, type_name: str
) -> None:
    message = codec.Message(codec.MESSAGE_TYPES[type_name](), 'Device', 2**63 + 1)
    assert assert_read(reader, message) is True


def test_the_library_refuses_a_wrong_crc_and_stays_in_step(reader: ReferenceReader) -> None:
    data = bytearray(codec.pack(codec.Message(codec.String('needle'), 'Robot')))
    data[-1] ^= 1
    with pytest.raises(AssertionError, match='refused'):
        reader.read(bytes(data))
    assert assert_read(reader, codec.Message(codec.String('needle'), 'Robot')) is True


@given(st.tuples(*[st.floats(-0.5, 0.5, width=32)] * 3))
def test_the_library_takes_the_same_root_of_a_short_quaternion(
    reader: ReferenceReader, quaternion: tuple[float, float, float]
) -> None:
    data = codec.pack(codec.Message(codec.Position(1.0, 2.0, 3.0, *quaternion, content_size=24)))
    said, found = reader.read(data)['content'], codec.unpack(data).content
    assert said.pop('w') == pytest.approx(found.w, abs=1e-6)
    ox, oy, oz = quaternion
    assert said == {
        **{'x': 1.0, 'y': 2.0, 'z': 3.0, 'ox': ox, 'oy': oy, 'oz': oz},
        'content_size': 24,
    }


@pytest.mark.parametrize(
    ('unit', 'prefix', 'units', 'exponents'),
    [
        # by the numbers of igtlUnit.h
        ('mm/s^2', 0xB, [1, 3, 0, 0, 0, 0], [1, -2, 0, 0, 0, 0]),
        ('N*m', 0x0, [0xB, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]),
        ('GHz*s^7/mol^7*cd/rad/sr', 0x5, [0xA, 3, 6, 7, 8, 9], [1, 7, -7, 1, -1, -1]),
    ],
)
def test_the_library_takes_a_unit_apart_alike(
    reader: ReferenceReader, unit: str, prefix: int, units: list[int], exponents: list[int]
) -> None:
    message = codec.Message(codec.Sensor([0.5], unit, status=3))
    said = reader.read(codec.pack(message))['content']
    del said['unit']['word']
    assert said == {
        'values': [0.5],
        'status': 3,
        'unit': {'prefix': prefix, 'units': units, 'exponents': exponents},
    }


@pytest.mark.parametrize(
    'content',
    [
        # axes whose lengths come out even, and a stamp of whole seconds
        codec.Image.from_pixels(
            np.arange(24, dtype='>i2').reshape(2, 3, 4),
            axes=(0.0, 0.5, 0.0, -0.75, 0.0, 0.0, 0.0, 0.0, 2.0),
            position=(1.5, -2.5, 3.5),
        ),
        codec.ImageMeta.from_images([{'name': 'Head', 'timestamp': 5 << 32, 'scalar_type': 5}]),
        # too long to be said number by number
        codec.NDArray(np.arange(-150, 150, dtype='>i2').reshape(3, 100)),
        codec.NDArray((np.arange(300) * (1 - 2j)).astype('>c16')),
    ],
    ids=['IMAGE', 'IMGMETA', 'NDARRAY', 'NDARRAY of complex numbers'],
)
def test_the_library_packs_to_the_same_what_it_does_not_round(
    reader: ReferenceReader, content: codec.Content
) -> None:
    assert assert_read(reader, codec.Message(content, 'Scanner')) is True

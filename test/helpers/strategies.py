# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What hypothesis makes: canonical contents and messages of every registered type."""

from __future__ import annotations

import math
import string
import struct
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ros2_igtl import codec


def names(size: int) -> st.SearchStrategy[str]:
    """Texts of at most ``size`` bytes without a NUL, some of them bytes that are no UTF-8."""
    return st.binary(max_size=size).map(
        lambda raw: raw.replace(b'\0', b'-').decode('utf-8', 'surrogateescape')
    )


float32s = st.floats(width=32)
texts = st.text(max_size=60)
raws = st.binary(max_size=60)
encodings = st.integers(0, 0xFFFF)


@st.composite
def positions(draw: st.DrawFn) -> codec.Position:
    size = draw(st.sampled_from([28, 24, 12]))
    values = struct.pack(f'>{size // 4}f', *(draw(float32s) for _ in range(size // 4)))
    return codec.Position.unpack(memoryview(values))


def strings() -> st.SearchStrategy[codec.String]:
    return st.builds(codec.String, texts) | st.builds(codec.String.from_raw, raws, encodings)


@st.composite
def commands(draw: st.DrawFn, kind: type[codec.Command] = codec.Command) -> codec.Command:
    command = kind(draw(st.integers(0, 2**32 - 1)), draw(names(127)), draw(texts))
    if draw(st.booleans()):
        command.raw, command.encoding = draw(raws), draw(encodings)
    return command


@st.composite
def images(draw: st.DrawFn) -> codec.Image:
    size = draw(st.tuples(*[st.integers(1, 5)] * 3))
    offset = tuple(draw(st.integers(0, whole - 1)) for whole in size)
    part = tuple(draw(st.integers(1, n - first)) for n, first in zip(size, offset, strict=True))
    scalar_type = draw(st.sampled_from(codec.ScalarType))
    endian = draw(st.sampled_from(codec.Endian))
    components = draw(st.integers(1, 3))
    width = {'INT8': 1, 'UINT8': 1, 'INT16': 2, 'UINT16': 2, 'FLOAT64': 8}
    count = part[0] * part[1] * part[2] * components * width.get(scalar_type.name, 4)
    return codec.Image(
        draw(st.binary(min_size=count, max_size=count)),
        size,
        scalar_type,
        components,
        endian,
        draw(st.sampled_from(codec.CoordinateSystem)),
        tuple(draw(float32s) for _ in range(9)),
        tuple(draw(float32s) for _ in range(3)),
        offset,  # type: ignore[arg-type]
        part,  # type: ignore[arg-type]
    )


@st.composite
def element_lists(draw: st.DrawFn, kind: Any) -> Any:
    count = draw(st.integers(0, 4))
    size = count * kind.dtype.itemsize
    raw = draw(st.binary(min_size=size, max_size=size))
    return kind(np.frombuffer(raw, kind.dtype))


@st.composite
def videos(draw: st.DrawFn) -> codec.Video:
    size = draw(st.tuples(*[st.integers(1, 65535)] * 3))
    offset = tuple(draw(st.integers(0, whole - 1)) for whole in size)
    part = tuple(draw(st.integers(1, n - first)) for n, first in zip(size, offset, strict=True))
    kind = draw(st.sampled_from(codec.FrameType))
    return codec.Video(
        draw(raws),
        size,
        draw(st.binary(min_size=4, max_size=4)).decode('latin-1'),
        kind,
        kind is not codec.FrameType.INVALID and draw(st.booleans()),
        draw(st.sampled_from(codec.Endian)),
        draw(st.sampled_from(codec.CoordinateSystem)),
        tuple(draw(float32s) for _ in range(9)),
        tuple(draw(float32s) for _ in range(3)),
        offset,  # type: ignore[arg-type]
        part,  # type: ignore[arg-type]
    )


@st.composite
def arrays(draw: st.DrawFn, dtypes: list[str], shape: tuple[int, ...]) -> Any:
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    size = math.prod(shape) * dtype.itemsize
    # a pattern, for a table of 65536 entries is more than hypothesis draws
    pattern = draw(st.binary(min_size=1, max_size=64))
    return np.frombuffer((pattern * (size // len(pattern) + 1))[:size], dtype).reshape(shape)


@st.composite
def nd_arrays(draw: st.DrawFn) -> codec.NDArray:
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    dtypes = ['i1', 'u1', '>i2', '<u2', '>i4', '<u4', '>f4', '<f8', '>c16']
    return codec.NDArray(draw(arrays(dtypes, shape)))


@st.composite
def color_tables(draw: st.DrawFn) -> codec.ColorTable:
    count = draw(st.sampled_from([256, 65536]))
    if draw(st.booleans()):
        return codec.ColorTable(draw(arrays(['u1'], (count, 3))))
    return codec.ColorTable(draw(arrays(['u1', '<u2', '>u2'], (count,))))


@st.composite
def sensors(draw: st.DrawFn) -> codec.Sensor:
    values = draw(st.lists(st.floats(), max_size=8))
    return codec.Sensor(values, draw(st.integers(0, 2**64 - 1)), draw(st.integers(0, 255)))


COMPONENTS = {'VECTORS': 3, 'NORMALS': 3, 'TENSORS': 9, 'RGBA': 4, 'COORDINATES': 3}


@st.composite
def attributes(draw: st.DrawFn) -> codec.Attribute:
    kind = draw(st.sampled_from(codec.AttributeType))
    components = COMPONENTS.get(kind.name.rpartition('_')[2]) or draw(st.integers(1, 8))
    values = draw(arrays(['>f4'], (draw(st.integers(0, 4)), components)))
    return codec.Attribute(kind, draw(names(40)), values)


@st.composite
def poly_data(draw: st.DrawFn) -> codec.PolyData:
    points = draw(arrays(['>f4'], (draw(st.integers(1, 6)), 3)))
    rows = st.lists(st.lists(st.integers(0, len(points) - 1), max_size=4), max_size=4)
    cells = ('vertices', 'lines', 'polygons', 'triangle_strips')
    return codec.PolyData(
        points,
        **{name: draw(rows) for name in cells},
        attributes=draw(st.lists(attributes(), max_size=3)),
    )


type_names = st.text(string.ascii_letters + string.digits + '_', min_size=1, max_size=12)
wanted = st.lists(st.tuples(type_names, names(20)), max_size=3).map(tuple)


@st.composite
def children(draw: st.DrawFn) -> codec.Message:
    type_name = draw(st.sampled_from([name for name in CONTENTS if name != 'COLORT'] + ['']))
    content = draw(CONTENTS.get(type_name, unknowns))
    return codec.Message(content, draw(names(20)), type_name=type_name or content.type_name)


CONTENTS: dict[str, st.SearchStrategy[Any]] = {
    'TRANSFORM': st.builds(codec.Transform, *[float32s] * 12),
    'POSITION': positions(),
    'IMAGE': images(),
    'STATUS': st.builds(
        codec.Status,
        st.integers(0, 65535),
        st.integers(-(2**63), 2**63 - 1),
        names(20),
        names(80),
    ),
    'CAPABILITY': st.lists(names(12), max_size=5).map(tuple).map(codec.Capability),
    'POINT': element_lists(codec.Point),
    'TDATA': element_lists(codec.TrackingData),
    'STT_TDATA': st.builds(codec.StartTrackingData, st.integers(-(2**31), 2**31 - 1), names(31)),
    'STRING': strings(),
    'COMMAND': commands(),
    'RTS_COMMAND': commands(codec.CommandReply),
    'TRAJ': element_lists(codec.Trajectory),
    'IMGMETA': element_lists(codec.ImageMeta),
    'LBMETA': element_lists(codec.LabelMeta),
    'VIDEOMETA': element_lists(codec.VideoMeta),
    'QTDATA': element_lists(codec.QuaternionTrackingData),
    'STT_QTDATA': st.builds(
        codec.StartQuaternionTrackingData, st.integers(-(2**31), 2**31 - 1), names(31)
    ),
    'COLORT': color_tables(),
    'NDARRAY': nd_arrays(),
    'SENSOR': sensors(),
    'STT_SENSOR': st.builds(codec.StartSensor, st.none() | st.integers(0, 255)),
    'POLYDATA': poly_data(),
    'STT_POLYDATA': st.builds(codec.StartPolyData, st.none() | st.integers(0, 2**64 - 1)),
    'VIDEO': videos(),
    'STT_VIDEO': st.builds(
        codec.StartVideo, st.text('AHV0149', min_size=4, max_size=4), st.integers(0, 2**32 - 1)
    ),
    'QUERY': st.builds(codec.Query, st.integers(0, 2**32 - 1), names(31), names(60)),
    'BIND': st.lists(st.deferred(children), max_size=3).map(tuple).map(codec.Bind),
    'GET_BIND': st.builds(codec.GetBind, wanted),
    'STT_BIND': st.builds(codec.StartBind, st.integers(0, 2**64 - 1), wanted),
}
OWN = [*CONTENTS]  # what has a content of its own
# The companions that have none, and all other names of the types above.
for name, kind in codec.MESSAGE_TYPES.items():
    if kind.type_name in CONTENTS:
        CONTENTS.setdefault(name, CONTENTS[kind.type_name])
    elif issubclass(kind, codec.Reply):
        CONTENTS[name] = st.builds(kind, st.integers(0, 255))
    elif issubclass(kind, (codec.Get, codec.Start, codec.Stop)):
        CONTENTS[name] = st.builds(kind)

unknowns = st.builds(
    codec.Unknown, type_names.filter(lambda name: name not in codec.MESSAGE_TYPES), raws
)


@st.composite
def messages(draw: st.DrawFn, type_name: str | None = None) -> codec.Message:
    """Return a strategy of messages of one type, or of any."""
    chosen = type_name or draw(st.sampled_from([*CONTENTS, '']))
    content = draw(CONTENTS.get(chosen, unknowns))
    message = codec.Message(
        content,
        draw(names(20)),
        draw(st.integers(0, 2**64 - 1)),
        type_name=chosen or content.type_name,
    )
    if draw(st.booleans()):
        message.header_version = 2
        message.message_id = draw(st.integers(0, 2**32 - 1))
        values = texts | st.builds(codec.EncodedText, raws, encodings)
        message.metadata = draw(st.dictionaries(texts, values, max_size=4))
    return message

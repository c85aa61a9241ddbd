# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What hypothesis makes: canonical contents and messages of every registered type."""

from __future__ import annotations

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


type_names = st.text(string.ascii_letters + string.digits + '_', min_size=1, max_size=12)

CONTENTS: dict[str, st.SearchStrategy[Any]] = {
    'TRANSFORM': st.builds(codec.Transform, *[float32s] * 12),
    'POSITION': positions(),
    'QTRANS': positions(),
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
    'STP_TDATA': st.builds(codec.StopTrackingData),
    'RTS_TDATA': st.builds(codec.TrackingDataReply, st.integers(0, 255)),
    'STRING': strings(),
    'COMMAND': commands(),
    'RTS_COMMAND': commands(codec.CommandReply),
}

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

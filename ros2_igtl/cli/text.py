# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages as lines: for people, or as JSON for programs."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ros2_igtl import codec
from ros2_igtl.codec.messages.elements import ElementList

LONGEST_SUMMARY = 160
SHOWN = 5  # elements of a list


def line(result: codec.Message | codec.DecodeError) -> str:
    """Return a message or the error that rejected it as one printable line."""
    if isinstance(result, codec.DecodeError):
        type_name, device_name, timestamp = _header_of(result)
        gist = f'rejected ({result.cause}): {result}'
        if not gist.isprintable():  # the codec escapes names; a type of another package may not
            gist = codec.escape(gist)
    else:
        type_name, device_name = result.type_name, result.device_name
        timestamp, gist = result.timestamp, summary(result.content)
        if result.metadata:
            gist += f' {_unescaped(result.metadata)}'
        gist = codec.escape(gist)
    type_name, device_name = codec.escape(type_name), codec.escape(device_name)
    return f'{type_name:12} {device_name:20} {_stamp(timestamp):>20} {gist}'


def json_line(
    result: codec.Message | codec.DecodeError, *, data: bool = False, **more: object
) -> str:
    """
    Return a message or the error that rejected it as one line of JSON.

    :param data: include all data, so that `igtl pack` makes the same message from the line.
    :param more: further values, before those of the message.
    """
    if isinstance(result, codec.DecodeError):
        type_name, device_name, _ = _header_of(result)
        described: dict[str, Any] = {
            'type_name': type_name,
            'device_name': device_name,
            'rejected': result.cause,
            'error': str(result),
        }
    else:
        described = codec.describe(result, data=data)
    return json.dumps({**more, **described})


def _header_of(error: codec.DecodeError) -> tuple[str, str, int]:
    if error.header is None:
        return '?', '', 0
    return error.header.type_name, error.header.device_name, error.header.timestamp


def _stamp(timestamp: int) -> str:
    """Return a raw time stamp in seconds since 1970, or - if it is unset."""
    if timestamp == 0:
        return '-'
    seconds, nanoseconds = divmod(codec.timestamp.to_nanoseconds(timestamp), 1_000_000_000)
    return f'{seconds}.{nanoseconds:09}'


def _numbers(values: Iterable[float]) -> str:
    return '(' + ', '.join(f'{value:.3f}' for value in values) + ')'


def _unescaped(value: Any) -> str:
    """Return a plain value as JSON, except that texts are not escaped: `line` does that."""
    if isinstance(value, Mapping):
        items = (f'{_unescaped(key)}: {_unescaped(item)}' for key, item in value.items())
        return '{' + ', '.join(items) + '}'
    if isinstance(value, list):
        return '[' + ', '.join(map(_unescaped, value)) + ']'
    return f'"{value}"' if isinstance(value, str) else json.dumps(value)


@functools.singledispatch
def summary(content: codec.Content) -> str:
    """Return a short summary of a content, lengths in millimetres; texts in it are unescaped."""
    described = _unescaped(codec.describe(codec.Message(content))['content'])
    if len(described) > LONGEST_SUMMARY:
        return described[:LONGEST_SUMMARY] + ' ...'
    return described


@summary.register
def _(content: codec.Transform) -> str:
    return f'translation {_numbers((content.tx, content.ty, content.tz))} mm'


@summary.register
def _(content: codec.Position) -> str:
    position = _numbers((content.x, content.y, content.z))
    orientation = _numbers((content.ox, content.oy, content.oz, content.w))
    return f'position {position} mm, orientation {orientation}'


@summary.register
def _(content: codec.Image) -> str:
    words = f'{_times(content.size)} {codec.ScalarType(content.scalar_type).name.lower()}'
    if content.components > 1:
        words += f' x {content.components} components'
    if not content.is_whole:
        words += f', part {_times(content.sub_size)} at {tuple(content.offset)}'
    centre, spacing = _numbers(content.position), _numbers(content.spacing)
    return f'{words}, spacing {spacing} mm, centre {centre} mm'


@summary.register
def _(content: codec.Status) -> str:
    known = content.code in set(codec.StatusCode)
    code = codec.StatusCode(content.code).name if known else 'unknown'
    return f"{content.code} {code} {content.subcode} '{content.error_name}' '{content.message}'"


@summary.register
def _(content: codec.Capability) -> str:
    return ' '.join(content.type_names)


@summary.register
def _(content: codec.Point) -> str:
    return _named(content, 'point', 'points')


@summary.register
def _(content: codec.TrackingData) -> str:
    return _named(content, 'tool', 'tools')


@summary.register
def _(content: codec.QuaternionTrackingData) -> str:
    return _named(content, 'tool', 'tools')


@summary.register
def _(content: codec.Trajectory) -> str:
    return _named(content, 'trajectory', 'trajectories')


@summary.register
def _(content: codec.ImageMeta) -> str:
    return _named(content, 'image', 'images')


@summary.register
def _(content: codec.LabelMeta) -> str:
    return _named(content, 'label', 'labels')


@summary.register
def _(content: codec.VideoMeta) -> str:
    return _named(content, 'video', 'videos')


@summary.register
def _(content: codec.Sensor) -> str:
    more = ', ...' if len(content.values) > SHOWN else ''
    numbers = ', '.join(f'{value:.6g}' for value in content.values[:SHOWN].tolist())
    return f'({numbers}{more}) {content.unit}'


@summary.register
def _(content: codec.NDArray) -> str:
    return f'{_times(content.array.shape) or "one"} {content.array.dtype.name}'


@summary.register
def _(content: codec.ColorTable) -> str:
    colours = 'rgb' if content.table.ndim == 2 else content.table.dtype.name
    return f'{len(content.table)} entries {colours}'


@summary.register
def _(content: codec.PolyData) -> str:
    words = [_count(len(content.points), 'point', 'points')]
    for cells, one, many in (
        (content.vertices, 'vertex', 'vertices'),
        (content.lines, 'line', 'lines'),
        (content.polygons, 'polygon', 'polygons'),
        (content.triangle_strips, 'triangle strip', 'triangle strips'),
        (content.attributes, 'attribute', 'attributes'),
    ):
        if len(cells):
            words.append(_count(len(cells), one, many))
    return ', '.join(words)


@summary.register
def _(content: codec.Video) -> str:
    colour = ' grey' if content.is_grayscale else ''
    frame_type = codec.FrameType(content.frame_type).name.lower()
    return (
        f"{_times(content.size)} '{content.fourcc}'{colour}, {frame_type} frame, "
        f'{memoryview(content.data).nbytes} bytes'
    )


@summary.register
def _(content: codec.Bind) -> str:
    names = [f"{child.type_name} '{child.device_name}'" for child in content.children[:SHOWN]]
    return _counted(len(content.children), 'child', 'children', names)


@summary.register
def _(content: codec.String) -> str:
    return f"'{content.text}'"


@summary.register
def _(content: codec.Command) -> str:
    return f"{content.command_id} '{content.name}' '{content.text}'"


@summary.register
def _(content: codec.Unknown) -> str:
    return f'{len(content.body)} bytes of an unknown type'


def _times(sizes: Iterable[int]) -> str:
    return 'x'.join(map(str, sizes))


def _named(content: ElementList, one: str, many: str) -> str:
    names = [codec.text(name) for name in content.elements['name'][:SHOWN]]
    return _counted(len(content), one, many, names)


def _count(count: int, one: str, many: str) -> str:
    return f'{count} {one if count == 1 else many}'


def _counted(count: int, one: str, many: str, first_names: list[str]) -> str:
    names = ', '.join(first_names) + (', ...' if count > len(first_names) else '')
    return f'{_count(count, one, many)}: {names}'

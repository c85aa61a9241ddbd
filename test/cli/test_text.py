# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Every message fits a line, for people and for programs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ros2_igtl import codec
from ros2_igtl.cli import text

SUMMARIES = [
    (codec.Transform.from_matrix(np.eye(4)), 'translation (0.000, 0.000, 0.000) mm'),
    (
        codec.Position(1, 2, 3, 0, 0, 0, 1),
        'position (1.000, 2.000, 3.000) mm, orientation (0.000, 0.000, 0.000, 1.000)',
    ),
    (
        codec.Image.from_pixels(np.zeros((2, 3, 4, 3), 'u2')),
        '4x3x2 uint16 x 3 components, spacing (1.000, 1.000, 1.000) mm, '
        'centre (0.000, 0.000, 0.000) mm',
    ),
    (
        codec.Image(bytes(2), (8, 8, 8), offset=(1, 2, 3), sub_size=(2, 1, 1)),
        '8x8x8 uint8, part 2x1x1 at (1, 2, 3), spacing (1.000, 1.000, 1.000) mm, '
        'centre (0.000, 0.000, 0.000) mm',
    ),
    (codec.Status(5, -1, 'Name', 'text'), "5 ACCESS_DENIED -1 'Name' 'text'"),
    (codec.Status(77), "77 unknown 0 '' ''"),
    (codec.Capability(('IMAGE', 'POINT')), 'IMAGE POINT'),
    (codec.Point.from_points([{'name': 'A'}]), '1 point: A'),
    (
        codec.Point.from_points([{'name': str(n)} for n in range(7)]),
        '7 points: 0, 1, 2, 3, 4, ...',
    ),
    (codec.TrackingData.from_tools([('A', 2, np.eye(4)), ('B', 2, np.eye(4))]), '2 tools: A, B'),
    (
        codec.QuaternionTrackingData.from_tools([('A', 2, (0, 0, 0), (0, 0, 0, 1))]),
        '1 tool: A',
    ),
    (codec.Trajectory.from_trajectories([{'name': 'A'}]), '1 trajectory: A'),
    (codec.Trajectory.from_trajectories([]), '0 trajectories: '),
    (codec.ImageMeta.from_images([{'name': 'A'}, {}]), '2 images: A, '),
    (codec.LabelMeta.from_labels([{'name': 'A'}]), '1 label: A'),
    (codec.VideoMeta.from_videos([{'name': 'A'}]), '1 video: A'),
    (codec.Sensor([1.5, -2], 'mm/s^2'), '(1.5, -2) mm/s^2'),
    (codec.Sensor(range(7)), '(0, 1, 2, 3, 4, ...) 1'),
    (codec.NDArray(np.zeros((5, 4, 3))), '5x4x3 float64'),
    (codec.NDArray(np.array(1, 'u1')), 'one uint8'),
    (codec.ColorTable(np.zeros(256, 'u2')), '256 entries uint16'),
    (codec.ColorTable(np.zeros((256, 3), 'u1')), '256 entries rgb'),
    (codec.PolyData(), '0 points'),
    (
        codec.PolyData(
            np.zeros((3, 3)),
            polygons=[[0, 1, 2]],
            triangle_strips=[[0, 1, 2]],
            attributes=[codec.Attribute(codec.AttributeType.POINT_SCALARS, 'a', [1])],
        ),
        '3 points, 1 polygon, 1 triangle strip, 1 attribute',
    ),
    (codec.Video(b'abc', (640, 480, 1)), "640x480x1 'H264', unknown frame, 3 bytes"),
    (
        codec.Video(b'', (8, 8, 1), 'I420', codec.FrameType.KEY, True),
        "8x8x1 'I420' grey, key frame, 0 bytes",
    ),
    (
        codec.Bind((codec.Message(codec.String(), 'A'), codec.Message(codec.Status(), ''))),
        "2 children: STRING 'A', STATUS ''",
    ),
    (codec.GetImage(), '{}'),
    (codec.String('hello'), "'hello'"),
    (codec.Command(7, 'Name', '<x/>'), "7 'Name' '<x/>'"),
    (codec.CommandReply(7, '', 'ok'), "7 '' 'ok'"),
    (codec.Unknown('MYTYPE', b'1234'), '4 bytes of an unknown type'),
    (
        codec.StartTrackingData(50, 'Patient'),
        '{"resolution": 50, "coordinate_name": "Patient"}',
    ),
]


@pytest.mark.parametrize(
    ('content', 'summary'), SUMMARIES, ids=[type(content).__name__ for content, _ in SUMMARIES]
)
def test_a_content_has_a_gist(content: codec.Content, summary: str) -> None:
    assert text.summary(content) == summary


def test_a_long_gist_is_cut() -> None:
    summary = text.summary(codec.StartTrackingData(50, 'x' * 31))
    assert len(summary) < text.LONGEST_SUMMARY
    original = text.LONGEST_SUMMARY
    try:
        text.LONGEST_SUMMARY = 20
        assert text.summary(codec.StartTrackingData(50)) == '{"resolution": 50, " ...'
    finally:
        text.LONGEST_SUMMARY = original


def test_metadata_stand_behind_the_gist() -> None:
    message = codec.Message(codec.String('x'), 'D', 0, 2, 0, {'Größe': '5'})
    assert text.line(message).endswith('\'x\' {"Größe": "5"}')


def test_no_control_character_of_a_peer_reaches_a_line() -> None:
    nasty = 'a\x1b[31m\nb\u202e'
    message = codec.Message(codec.Capability((nasty,)), nasty, 0, 2, 0, {nasty: nasty})
    for line in (text.line(message), text.json_line(message)):
        assert line.isprintable()


@pytest.mark.parametrize(
    ('content', 'gist'),
    [
        (codec.String('a\nb \\n'), r"'a\nb \\n'"),
        (codec.Status(1, 0, '\x1b', '\\'), r"1 OK 0 '\x1b' '\\'"),
        (codec.Command(1, '\\', '\t'), r"1 '\\' '\t'"),
        (codec.Bind((codec.Message(codec.String(), '\\\0'),)), r"1 child: STRING '\\\x00'"),
        (codec.StartTrackingData(0, '\\\n'), r'{"resolution": 0, "coordinate_name": "\\\n"}'),
    ],
)
def test_the_texts_of_a_line_are_escaped_once(content: codec.Content, gist: str) -> None:
    message = codec.Message(content, 'D', 0, 2, 0, {'\\': '\n'})
    assert text.line(message).endswith(rf' - {gist} {{"\\": "\n"}}')


def test_an_error_of_another_package_is_printable() -> None:
    line = text.line(codec.ContentValueError('mine: \x1b[2J'))
    assert line.endswith(r'rejected (content_value): mine: \x1b[2J')


def test_a_refused_message_is_a_line_with_its_cause() -> None:
    data = bytearray(codec.pack(codec.Message(codec.String('x'), 'Probe')))
    data[-1] ^= 1
    with pytest.raises(codec.CrcError) as raised:
        codec.unpack(data)
    words = text.line(raised.value).split()
    assert words[:5] == ['STRING', 'Probe', '-', 'rejected', '(crc):']
    described = json.loads(text.json_line(raised.value, offset=3))
    assert described == {
        'offset': 3,
        'type_name': 'STRING',
        'device_name': 'Probe',
        'rejected': 'crc',
        'error': str(raised.value),
    }


def test_an_error_before_any_header_is_a_line_too() -> None:
    assert text.line(codec.TruncatedError('too short')).split()[:2] == ['?', '-']

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
ros2_igtl.convert.mappings: each row of the table, both ways, with values that differ everywhere.

A row without a case here fails the suite.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import (
    Point,
    PointStamped,
    Pose,
    PoseArray,
    PoseStamped,
    Quaternion,
    Transform,
    TransformStamped,
    Vector3,
)
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import ColorRGBA, Header, String

from ros2_igtl import codec
from ros2_igtl.convert import mappings
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.mappings import MAPPINGS, Mapping
from ros2_igtl.msg import (
    ImageGeometry,
    LabeledPoint,
    PointArray,
    TrackedTool,
    TrackingData,
    Volume,
)

STAMP = Time(sec=1234567890, nanosec=987654321)
STAMP_NS = 1234567890987654321
CONTEXT = Context('Stylus', STAMP, 'tracker_ras', 'stylus_tip')
HEADER = Header(stamp=STAMP, frame_id='tracker_ras')
PLANE_HEADER = Header(stamp=STAMP, frame_id='stylus_tip')

# The quaternion (2, 4, 5, 6) / 9 and its matrix: every number another one.
QUATERNION = Quaternion(x=2 / 9, y=4 / 9, z=5 / 9, w=6 / 9)
MATRIX = np.array([[-1, -44, 68, 11.5], [76, 23, 16, -22.25], [-28, 64, 41, 33.125]])
MATRIX[:, :3] /= 81
# Half of a turn by QUATERNION's axis and sine: another rotation with other numbers.
OTHER_QUATERNION = Quaternion(x=4 / 9, y=5 / 9, z=-2 / 9, w=6 / 9)
OTHER_MATRIX = np.array([[23, 64, 44, -7.0], [16, 41, -68, 8.5], [-76, 28, -1, 9.75]])
OTHER_MATRIX[:, :3] /= 81

TRANSFORM = codec.Transform.from_matrix(MATRIX)
TRANSFORM_MESSAGE = TransformStamped(
    header=HEADER,
    child_frame_id='stylus_tip',
    transform=Transform(
        translation=Vector3(x=0.0115, y=-0.02225, z=0.033125), rotation=QUATERNION
    ),
)
POSE = Pose(position=Point(x=0.0115, y=-0.02225, z=0.033125), orientation=QUATERNION)
OTHER_POSE = Pose(position=Point(x=-0.007, y=0.0085, z=0.00975), orientation=OTHER_QUATERNION)
POSITION = codec.Position(11.5, -22.25, 33.125, 2 / 9, 4 / 9, 5 / 9, 6 / 9)

TOOLS = [('Stylus', 2, MATRIX), ('Needle', 4, OTHER_MATRIX)]

IMAGE_FIELDS: dict[str, Any] = {
    'scalar_type': codec.ScalarType.UINT16,
    'components': 3,
    'endian': codec.Endian.BIG,
    'axes': (0.5, 0.0625, 0.125, -0.25, 1.5, 0.375, 0.03125, -0.75, 2.5),
    'position': (10.0, -20.0, 30.0),
}
SLICE = codec.Image(array('B', range(36)), (3, 2, 1), **IMAGE_FIELDS)
SLICE_MATRIX = [0.0005, -0.00025, 0.00003125, 0.009625, 0.0000625, 0.0015, -0.00075, -0.0208125]
SLICE_MATRIX += [0.000125, 0.000375, 0.0025, 0.0296875]
VOLUME = codec.Image(array('B', range(72)), (3, 2, 2), **IMAGE_FIELDS)
# half a step along k before the slice
VOLUME_MATRIX = [0.0005, -0.00025, 0.00003125, 0.009609375]
VOLUME_MATRIX += [0.0000625, 0.0015, -0.00075, -0.0204375]
VOLUME_MATRIX += [0.000125, 0.000375, 0.0025, 0.0284375]

POINTS: list[dict[str, Any]] = [
    {
        'name': 'Nasion',
        'group': 'Fiducial',
        'rgba': (1, 2, 254, 255),
        'position': (1.0, 2.0, -3.0),
        'size': 4.0,
        'owner': 'CT',
    },
    {
        'name': 'Tragus',
        'group': 'Landmark',
        'rgba': (0, 17, 99, 128),
        'position': (-5.0, 6.0, 7.5),
        'size': 8.0,
        'owner': 'MR',
    },
]
PLAIN = {'group': '', 'rgba': (255, 255, 255, 255), 'size': 0.0, 'owner': ''}


class Case(NamedTuple):
    """A content, the messages it becomes, and what they become again."""

    content: codec.Content
    messages: list[Any]
    sent: list[Outbound] | None  # for each message; None where the row goes one way only


def sent(content: codec.Content, child_frame_id: str = '') -> list[Outbound]:
    return [Outbound(content, STAMP_NS, 'tracker_ras', child_frame_id)]


CASES: dict[tuple[str, str], Case] = {
    ('TRANSFORM', 'geometry_msgs/msg/TransformStamped'): Case(
        TRANSFORM, [TRANSFORM_MESSAGE], sent(TRANSFORM, 'stylus_tip')
    ),
    ('TRANSFORM', 'geometry_msgs/msg/PoseStamped'): Case(
        TRANSFORM, [PoseStamped(header=HEADER, pose=POSE)], sent(TRANSFORM)
    ),
    ('POSITION', 'geometry_msgs/msg/PoseStamped'): Case(
        POSITION, [PoseStamped(header=HEADER, pose=POSE)], sent(POSITION)
    ),
    ('POSITION', 'geometry_msgs/msg/PointStamped'): Case(
        POSITION,
        [PointStamped(header=HEADER, point=POSE.position)],
        sent(codec.Position(11.5, -22.25, 33.125)),  # the rotation stays behind
    ),
    ('POSITION', 'geometry_msgs/msg/TransformStamped'): Case(
        POSITION, [TRANSFORM_MESSAGE], sent(POSITION, 'stylus_tip')
    ),
    ('TDATA', 'ros2_igtl/msg/TrackingData'): Case(
        codec.TrackingData.from_tools(TOOLS),
        [
            TrackingData(
                header=HEADER,
                tools=[
                    TrackedTool(name='Stylus', tool_type=2, pose=POSE),
                    TrackedTool(name='Needle', tool_type=4, pose=OTHER_POSE),
                ],
            )
        ],
        sent(codec.TrackingData.from_tools(TOOLS)),
    ),
    ('TDATA', 'geometry_msgs/msg/PoseArray'): Case(
        codec.TrackingData.from_tools(TOOLS),
        [PoseArray(header=HEADER, poses=[POSE, OTHER_POSE])],
        sent(codec.TrackingData.from_tools([('Tool0', 2, MATRIX), ('Tool1', 2, OTHER_MATRIX)])),
    ),
    ('IMAGE', 'sensor_msgs/msg/Image'): Case(
        SLICE,
        [
            Image(
                header=PLANE_HEADER,
                height=2,
                width=3,
                encoding='rgb16',
                is_bigendian=1,
                step=18,
                data=range(36),
            )
        ],
        [
            Outbound(
                codec.Image(
                    array('B', range(36)),
                    (3, 2, 1),
                    **{
                        **IMAGE_FIELDS,
                        'axes': (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
                        'position': (1.0, 0.5, 0.0),
                    },
                ),
                STAMP_NS,
                '',
                'stylus_tip',
            )
        ],
    ),
    ('IMAGE', 'ros2_igtl/msg/ImageGeometry'): Case(
        SLICE,
        [ImageGeometry(header=HEADER, size=[3, 2, 1], ijk_to_frame=SLICE_MATRIX)],
        None,
    ),
    ('IMAGE', 'ros2_igtl/msg/Volume'): Case(
        VOLUME,
        [
            Volume(
                header=HEADER,
                size=[3, 2, 2],
                ijk_to_frame=VOLUME_MATRIX,
                components=3,
                scalar_type=Volume.UINT16,
                is_bigendian=True,
                data=range(72),
            )
        ],
        sent(VOLUME),
    ),
    ('POINT', 'geometry_msgs/msg/PoseArray'): Case(
        codec.Point.from_points(POINTS),
        [
            PoseArray(
                header=HEADER,
                poses=[
                    Pose(position=Point(x=0.001, y=0.002, z=-0.003)),
                    Pose(position=Point(x=-0.005, y=0.006, z=0.0075)),
                ],
            )
        ],
        sent(
            codec.Point.from_points(
                [
                    {**PLAIN, 'name': 'P0', 'position': (1.0, 2.0, -3.0)},
                    {**PLAIN, 'name': 'P1', 'position': (-5.0, 6.0, 7.5)},
                ]
            )
        ),
    ),
    ('POINT', 'ros2_igtl/msg/PointArray'): Case(
        codec.Point.from_points(POINTS),
        [
            PointArray(
                header=HEADER,
                points=[
                    LabeledPoint(
                        name='Nasion',
                        group='Fiducial',
                        color=ColorRGBA(r=1 / 255, g=2 / 255, b=254 / 255, a=1.0),
                        position=Point(x=0.001, y=0.002, z=-0.003),
                        size=0.004,
                        owner='CT',
                    ),
                    LabeledPoint(
                        name='Tragus',
                        group='Landmark',
                        color=ColorRGBA(r=0.0, g=17 / 255, b=99 / 255, a=128 / 255),
                        position=Point(x=-0.005, y=0.006, z=0.0075),
                        size=0.008,
                        owner='MR',
                    ),
                ],
            )
        ],
        sent(codec.Point.from_points(POINTS)),
    ),
    ('POINT', 'geometry_msgs/msg/PointStamped'): Case(
        codec.Point.from_points(POINTS),
        [
            PointStamped(header=HEADER, point=Point(x=0.001, y=0.002, z=-0.003)),
            PointStamped(header=HEADER, point=Point(x=-0.005, y=0.006, z=0.0075)),
        ],
        [
            *sent(
                codec.Point.from_points([{**PLAIN, 'name': 'P0', 'position': (1.0, 2.0, -3.0)}])
            ),
            *sent(
                codec.Point.from_points([{**PLAIN, 'name': 'P0', 'position': (-5.0, 6.0, 7.5)}])
            ),
        ],
    ),
    ('STRING', 'std_msgs/msg/String'): Case(
        codec.String('Grüße'), [String(data='Grüße')], [Outbound(codec.String('Grüße'))]
    ),
    ('STATUS', 'diagnostic_msgs/msg/DiagnosticStatus'): Case(
        codec.Status(13, -42, 'Warming up', 'Wait two minutes'),
        [
            DiagnosticStatus(
                level=DiagnosticStatus.WARN,
                name='Stylus',
                message='Wait two minutes',
                values=[
                    KeyValue(key='code', value='13'),
                    KeyValue(key='subcode', value='-42'),
                    KeyValue(key='error_name', value='Warming up'),
                ],
            )
        ],
        [Outbound(codec.Status(13, -42, 'Warming up', 'Wait two minutes'))],
    ),
}

# Where the contents keep their values.
FIELDS: dict[type[codec.Content], Sequence[str]] = {
    codec.Position: ('x', 'y', 'z', 'ox', 'oy', 'oz', 'w', 'content_size'),
    codec.TrackingData: ('tools',),
    codec.Point: ('points',),
    codec.Image: codec.Image.__slots__,
    codec.String: ('raw', 'encoding'),
    codec.Status: ('code', 'subcode', 'error_name', 'message'),
}

# Fields that keep their default, and why.
CONSTANT = {
    'DiagnosticStatus.hardware_id',  # OpenIGTLink has no such thing
    'Pose.orientation.x',  # of points, which have no orientation
    'Pose.orientation.y',
    'Pose.orientation.z',
    'Pose.orientation.w',
    'ImageGeometry.size.2',  # a slice is one voxel deep
}


def key(row: Mapping) -> tuple[str, str]:
    return row.type_name, row.ros_type_name


def leaves(value: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Walk over all numbers and texts of a message or content, each with its path."""
    if isinstance(value, (str, bytes, int, float, np.generic)) and not isinstance(value, np.void):
        yield path, value
        return
    if hasattr(value, 'get_fields_and_field_types'):
        parts = [(name, getattr(value, name)) for name in value.get_fields_and_field_types()]
    elif isinstance(value, np.void):
        parts = [(name, value[name]) for name in value.dtype.names or ()]
    elif isinstance(value, codec.Content) and not isinstance(value, tuple):
        parts = [(name, getattr(value, name)) for name in FIELDS[type(value)]]
    else:
        yield f'{path}.length', len(value)
        parts = [(str(index), item) for index, item in enumerate(value)]
    for name, part in parts:
        yield from leaves(part, f'{path}.{name}')


def assert_same(actual: Any, expected: Any) -> None:
    """Compare every number and text; rotations pass through a quaternion, others are exact."""
    actual_leaves, expected_leaves = dict(leaves(actual)), dict(leaves(expected))
    assert actual_leaves.keys() == expected_leaves.keys()
    for path, value in expected_leaves.items():
        if isinstance(value, (float, np.floating)):
            assert actual_leaves[path] == pytest.approx(value, rel=1e-12, abs=5e-7), path
        else:
            assert actual_leaves[path] == value, path


rows = pytest.mark.parametrize('row', MAPPINGS, ids=lambda row: '-'.join(key(row)))


@rows
def test_a_row_gives_its_ros_messages(row: Mapping) -> None:
    case = CASES[key(row)]
    assert row.to_ros is not None
    messages = row.to_ros(case.content, CONTEXT)
    assert all(type(message) is mappings.ros_type(row.ros_type_name) for message in messages)
    assert_same(list(messages), case.messages)


@rows
def test_a_row_gives_its_content_back(row: Mapping) -> None:
    case = CASES[key(row)]
    if row.from_ros is None:
        assert case.sent is None
        return
    assert case.sent is not None
    for message, expected in zip(case.messages, case.sent, strict=True):
        results = row.from_ros(message)
        assert len(results) == 1
        assert type(results[0].content) is type(expected.content)
        assert results[0][1:] == expected[1:]
        assert_same(results[0].content, expected.content)


@rows
def test_what_a_row_sends_can_be_packed_and_comes_back_the_same(row: Mapping) -> None:
    if row.from_ros is None:
        return
    for message in CASES[key(row)].messages:
        content = row.from_ros(message)[0].content
        received = codec.unpack(codec.pack(codec.Message(content, 'Stylus')))
        assert received.type_name == row.type_name
        assert_same(received.content, content)


@rows
def test_a_received_message_passes_through_ros_within_the_stated_tolerance(row: Mapping) -> None:
    case = CASES[key(row)]
    received = codec.unpack(codec.pack(codec.Message(case.content, 'Stylus'))).content
    assert row.to_ros is not None
    assert_same(list(row.to_ros(received, CONTEXT)), case.messages)


@rows
def test_what_a_row_gives_survives_the_way_through_dds(row: Mapping) -> None:
    assert row.to_ros is not None
    for message in row.to_ros(CASES[key(row)].content, CONTEXT):
        sent = serialize_message(message)
        assert_same(deserialize_message(sent, type(message)), message)


@rows
def test_the_case_of_a_row_has_a_value_in_every_field(row: Mapping) -> None:
    message = CASES[key(row)].messages[0]
    name = type(message).__name__
    default = dict(leaves(type(message)()))
    values = dict(leaves(message))
    unset = {
        f'{name}{path}'
        for path, value in default.items()
        # a list of a fixed length has it from the start
        if values[path] == value and not (path.endswith('.length') and value)
    }
    assert unset <= CONSTANT


def test_no_two_rows_are_the_same_and_none_is_without_a_case() -> None:
    keys = [key(row) for row in MAPPINGS]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(CASES)


def test_the_first_row_of_each_type_is_a_default_and_topics_do_not_meet() -> None:
    for type_name in dict.fromkeys(row.type_name for row in MAPPINGS):
        of_type = [row for row in MAPPINGS if row.type_name == type_name]
        assert of_type[0].default
        assert type_name in codec.MESSAGE_TYPES
        for content in (CASES[key(row)].content for row in of_type):
            suffixes = [row.topic_suffix for row in mappings.mappings_for(type_name, content)]
            assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize(
    ('type_name', 'content', 'ros_type_names'),
    [
        ('TRANSFORM', TRANSFORM, ['geometry_msgs/msg/TransformStamped']),
        ('POSITION', POSITION, ['geometry_msgs/msg/PoseStamped']),
        ('QTRANS', POSITION, ['geometry_msgs/msg/PoseStamped']),
        ('IMAGE', SLICE, ['sensor_msgs/msg/Image', 'ros2_igtl/msg/ImageGeometry']),
        ('IMAGE', VOLUME, ['ros2_igtl/msg/Volume']),
        (
            'POINT',
            codec.Point.from_points(POINTS),
            ['geometry_msgs/msg/PoseArray', 'ros2_igtl/msg/PointArray'],
        ),
        ('CAPABILITY', codec.Capability(('IMAGE',)), []),
        ('NOSUCHTYPE', codec.Unknown('NOSUCHTYPE', b''), []),
    ],
)
def test_a_content_is_published_as_its_default_rows_say(
    type_name: str, content: codec.Content, ros_type_names: list[str]
) -> None:
    found = [row.ros_type_name for row in mappings.mappings_for(type_name, content)]
    assert found == ros_type_names


def test_images_are_told_apart_by_their_slices() -> None:
    by_name = {row.ros_type_name: row for row in MAPPINGS if row.type_name == 'IMAGE'}
    image, volume = by_name['sensor_msgs/msg/Image'], by_name['ros2_igtl/msg/Volume']
    assert (image.traffic, image.latched) == ('state', False)
    assert (volume.traffic, volume.latched) == ('event', True)
    assert (image.accepts(SLICE), image.accepts(VOLUME)) == (True, False)
    assert (volume.accepts(SLICE), volume.accepts(VOLUME)) == (False, True)


def test_a_companion_is_a_row_of_the_same_type_and_is_taken_beside_the_message() -> None:
    (row,) = (row for row in MAPPINGS if row.companion)
    assert key(row) == ('IMAGE', 'sensor_msgs/msg/Image')
    (companion,) = (
        other
        for other in MAPPINGS
        if other.type_name == row.type_name and other.topic_suffix == row.companion
    )
    assert row.from_ros is not None
    (result,) = row.from_ros(CASES[key(row)].messages[0], CASES[key(companion)].messages[0])
    assert_same(result.content, SLICE)
    assert result[1:] == (STAMP_NS, 'tracker_ras', 'stylus_tip')


def test_events_are_what_may_not_be_lost() -> None:
    events = {row.type_name for row in MAPPINGS if row.traffic == 'event'}
    assert events == {'IMAGE', 'POINT', 'STRING', 'STATUS'}


def test_a_pair_of_types_finds_its_row() -> None:
    for row in MAPPINGS:
        assert mappings.find_mapping(row.type_name, row.ros_type_name) is row
    row = mappings.find_mapping('QTRANS', 'geometry_msgs/msg/PointStamped')
    assert row.type_name == 'POSITION'


def test_a_pair_that_does_not_exist_is_refused_with_what_does() -> None:
    with pytest.raises(ConvertError, match='PoseStamped, geometry_msgs/msg/PointSt') as refusal:
        mappings.find_mapping('POSITION', 'std_msgs/msg/String')
    assert refusal.value.cause == 'unknown_mapping'
    with pytest.raises(ConvertError, match='NOSUCHTYPE: TRANSFORM, POSITION, TDATA') as refusal:
        mappings.find_mapping('NOSUCHTYPE', 'std_msgs/msg/String')
    assert refusal.value.cause == 'unknown_mapping'


@pytest.mark.parametrize(
    ('type_name', 'content', 'frames'),
    [
        ('TRANSFORM', TRANSFORM, [('stylus_tip', 'tracker_ras')]),
        ('POSITION', POSITION, [('stylus_tip', 'tracker_ras')]),
        ('QTRANS', POSITION, [('stylus_tip', 'tracker_ras')]),
        (
            'TDATA',
            codec.TrackingData.from_tools(TOOLS),
            [('Stylus', 'tracker_ras'), ('Needle', 'tracker_ras')],
        ),
        ('IMAGE', codec.Image(bytes(6), (3, 2, 1)), [('stylus_tip', 'tracker_ras')]),
        ('IMAGE', VOLUME, []),
    ],
)
def test_tf_gets_what_has_a_pose(
    type_name: str, content: codec.Content, frames: list[tuple[str, str]]
) -> None:
    transforms = mappings.TF_SOURCES[type_name](content, CONTEXT)
    assert [(t.child_frame_id, t.header.frame_id) for t in transforms] == frames
    assert all(type(t) is TransformStamped and t.header.stamp == STAMP for t in transforms)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
ros2_igtl.convert.conversions: each row, both ways, with values that differ everywhere.

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
    Wrench,
    WrenchStamped,
)
from nav_msgs.msg import Path
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import (
    CompressedImage,
    FluidPressure,
    Image,
    JointState,
    MagneticField,
    PointCloud2,
    PointField,
    Temperature,
)
from shape_msgs.msg import Mesh, MeshTriangle
from std_msgs.msg import ColorRGBA, Header, MultiArrayDimension, MultiArrayLayout, String
from visualization_msgs.msg import Marker, MarkerArray

from ros2_igtl import codec
from ros2_igtl.convert import conversions
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.conversions import CONVERSIONS, Conversion
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.msg import (
    Capability,
    ColorTable,
    ImageGeometry,
    ImageMeta,
    ImageMetaArray,
    LabeledPoint,
    LabelMeta,
    LabelMetaArray,
    MetadataEntry,
    PointArray,
    PolyData,
    PolyDataAttribute,
    PolyDataCells,
    RawMessage,
    Sensor,
    TrackedTool,
    TrackingData,
    Trajectory,
    TrajectoryArray,
    VideoMeta,
    VideoMetaArray,
    Volume,
)

STAMP = Time(sec=1234567890, nanosec=987654321)
STAMP_NS = 1234567890987654321
METADATA = {'Operator': codec.EncodedText(b'Gr\xfc\xdfe', 4), 'Room': '7'}
CONTEXT = Context('Stylus', STAMP, 'tracker_ras', 'stylus_tip', 2, 42, METADATA)
HEADER = Header(stamp=STAMP, frame_id='tracker_ras')
PLANE_HEADER = Header(stamp=STAMP, frame_id='stylus_tip')
NO_FRAME = Header(stamp=STAMP)

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
QUATERNION_TOOLS = [
    ('Stylus', 2, (11.5, -22.25, 33.125), (2 / 9, 4 / 9, 5 / 9, 6 / 9)),
    ('Needle', 4, (-7.0, 8.5, 9.75), (4 / 9, 5 / 9, -2 / 9, 6 / 9)),
]

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

VOXELS = codec.Image(
    array('B', [0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 250]),
    (3, 2, 2),
    axes=IMAGE_FIELDS['axes'],
    position=IMAGE_FIELDS['position'],
)

# In steps of 125 mm, which are metres of float32 without rounding.
MESH_POINTS = [(125, 250, -375), (500, -625, 750), (-875, 1000, 1125), (1250, -1375, 1500)]
MESH_POINTS_M = [(x / 1000, y / 1000, z / 1000) for x, y, z in MESH_POINTS]
MESH_COLORS = [
    (0.25, 0.5, 0.75, 1.0),
    (0.5, 0.25, 1.0, 0.75),
    (1.0, 0.0, 0.0, 0.5),
    (0, 1, 0.5, 1),
]
POLY_DATA = codec.PolyData(
    MESH_POINTS,
    vertices=[[3]],
    lines=[[0, 1, 2], [2, 3]],
    polygons=[[0, 1, 2], [3, 2, 1, 0]],
    triangle_strips=[[1, 0, 2, 3]],
    attributes=[
        codec.Attribute(codec.AttributeType.POINT_RGBA, 'Colour', MESH_COLORS),
        codec.Attribute(codec.AttributeType.CELL_VECTORS, 'Flow', np.arange(18).reshape(6, 3)),
    ],
)
TRIANGLES = codec.PolyData(MESH_POINTS, polygons=[[0, 1, 2], [3, 2, 1]])
CORNERS = [0, 1, 2, 3, 2, 1]
COLOR_BYTES = [(17, 34, 51, 255), (68, 85, 102, 204), (119, 136, 153, 170), (0, 255, 1, 254)]
POINT_CLOUD = codec.PolyData(
    MESH_POINTS,
    vertices=[[0], [1], [2], [3]],
    attributes=[
        codec.Attribute(codec.AttributeType.POINT_SCALARS, 'depth', [1.5, 2.5, 3.5, 4.5]),
        codec.Attribute(codec.AttributeType.POINT_RGBA, 'rgba', np.array(COLOR_BYTES) / 255),
    ],
)

VIDEO_FIELDS = {'axes': IMAGE_FIELDS['axes'], 'position': IMAGE_FIELDS['position']}
VIDEO_GEOMETRY_MATRIX = [0.0005, -0.00025, 0.00003125, 0.009375]
VIDEO_GEOMETRY_MATRIX += [0.0000625, 0.0015, -0.00075, -0.02084375]
VIDEO_GEOMETRY_MATRIX += [0.000125, 0.000375, 0.0025, 0.029625]
VIDEO_GEOMETRY = ImageGeometry(header=HEADER, size=[4, 2, 1], ijk_to_frame=VIDEO_GEOMETRY_MATRIX)
VIDEO = codec.Video(array('B', b'\0\0\0\1h264'), (4, 2, 1), 'H264', **VIDEO_FIELDS)
GREY_FRAME = codec.Video(
    array('B', [*range(8), *[128] * 4]),
    (4, 2, 1),
    'I420',
    codec.FrameType.KEY,
    is_grayscale=True,
    **VIDEO_FIELDS,
)


def cloud(names: str, points: Sequence[tuple[Any, ...]]) -> PointCloud2:
    """Return a cloud of fields of 4 bytes, numbers of float32 or bytes."""
    kinds = [PointField.FLOAT32 if name != 'rgba' else PointField.UINT32 for name in names.split()]
    data = b''.join(
        value if isinstance(value, bytes) else np.float32(value).tobytes()
        for point in points
        for value in point
    )
    step = 4 * len(kinds)
    return PointCloud2(
        header=HEADER,
        height=1,
        width=len(points),
        fields=[
            PointField(name=name, offset=4 * index, datatype=kind, count=1)
            for index, (name, kind) in enumerate(zip(names.split(), kinds, strict=True))
        ],
        point_step=step,
        row_step=step * len(points),
        data=data,
        is_dense=True,
    )


TRAJECTORIES: list[dict[str, Any]] = [
    {
        'name': 'Biopsy',
        'group': 'Plan A',
        'trajectory_type': 3,
        'rgba': (1, 2, 254, 255),
        'entry': (10.0, -20.0, 30.5),
        'target': (1.0, 2.0, -3.25),
        'size': 2.5,
        'owner': 'CT',
    },
    {
        'name': 'Drain',
        'group': 'Plan B',
        'trajectory_type': 2,
        'rgba': (0, 17, 99, 128),
        'entry': (-40.0, 50.0, 60.0),
        'target': (-5.0, 6.0, 7.5),
        'size': 8.0,
        'owner': 'MR',
    },
]
# Of a trajectory of one end the other is not told.
DRAIN = {**TRAJECTORIES[1], 'entry': (-5.0, 6.0, 7.5)}

IMAGE_META = codec.ImageMeta.from_images(
    [
        {
            'name': 'Head',
            'device_name': 'CT',
            'modality': 'CT 64',
            'patient_name': 'Doe^Jane',
            'patient_id': 'P-17',
            'timestamp': codec.timestamp.from_nanoseconds(STAMP_NS),
            'size': (512, 511, 90),
            'scalar_type': 4,
        },
        {'name': 'Neck', 'size': (1, 2, 65535), 'scalar_type': 255},
    ]
)
LABEL_META = codec.LabelMeta.from_labels(
    [
        {
            'name': 'Tumour',
            'device_name': 'Labels',
            'label': 7,
            'rgba': (1, 2, 254, 255),
            'size': (30, 31, 12),
            'owner': 'CT',
        },
        {'name': 'Vessel', 'label': 255, 'size': (1, 2, 65535)},
    ]
)
VIDEO_META = codec.VideoMeta.from_videos(
    [
        {
            'name': 'Endoscope',
            'device_name': 'Scope',
            'patient_name': 'Doe^Jane',
            'patient_id': 'P-17',
            'zoom_level': -3,
            'focal_length': 12.5,
            'size': (1920, 1080, 1),
            'axes': ((0.5, 0.25, -0.125), (1.5, 2.5, 3.5), (-4.0, 5.0, 6.0)),
            'position': (10.0, -20.0, 30.0),
            'scalar_type': 3,
        },
    ]
)

ARRAYS = {
    'Float64MultiArray': np.array([[0.5, -1.25, 1e300], [2.0, 3.5, np.pi]], '>f8'),
    'Float32MultiArray': np.array([[0.5, -1.25, 3e38], [2.0, 3.5, 4.5]], '>f4'),
    'Int8MultiArray': np.array([[-128, 127, 1], [2, 3, 4]], 'i1'),
    'UInt8MultiArray': np.array([[255, 1, 2], [3, 4, 5]], 'u1'),
    'Int16MultiArray': np.array([[-32768, 32767, 1], [2, 3, 4]], '>i2'),
    'UInt16MultiArray': np.array([[65535, 1, 2], [3, 4, 5]], '>u2'),
    'Int32MultiArray': np.array([[-(2**31), 2**31 - 1, 1], [2, 3, 4]], '>i4'),
    'UInt32MultiArray': np.array([[2**32 - 1, 1, 2], [3, 4, 5]], '>u4'),
}
LAYOUT = MultiArrayLayout(
    dim=[MultiArrayDimension(size=2, stride=6), MultiArrayDimension(size=3, stride=3)]
)


class Case(NamedTuple):
    """A content, the messages it becomes, and what they become again."""

    content: codec.Content
    messages: list[Any]
    sent: list[Outbound] | None  # for each message; None where the row goes one way only
    beside: tuple[Any, ...] = ()  # the companion that the way back takes, or needs


def sent(content: codec.Content, child_frame_id: str = '') -> list[Outbound]:
    return [Outbound(content, STAMP_NS, 'tracker_ras', child_frame_id)]


def sent_without_frame(content: codec.Content) -> list[Outbound]:
    return [Outbound(content, STAMP_NS)]


def sent_by_sensor(content: codec.Content) -> list[Outbound]:
    return [Outbound(content, STAMP_NS, '', 'stylus_tip')]


def path(*ends: tuple[float, float, float]) -> Path:
    return Path(
        header=HEADER,
        poses=[
            PoseStamped(header=HEADER, pose=Pose(position=Point(x=x, y=y, z=z)))
            for x, y, z in ends
        ],
    )


def array_case(name: str) -> Case:
    array = ARRAYS[name]
    message = conversions.ros_type(f'std_msgs/msg/{name}')(
        layout=LAYOUT, data=array.ravel().tolist()
    )
    return Case(codec.NDArray(array), [message], [Outbound(codec.NDArray(array))])


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
    ('IMAGE', 'sensor_msgs/msg/PointCloud2'): Case(
        VOXELS,
        [
            cloud(
                'x y z intensity',
                [
                    (0.010109375, -0.020375, 0.0285625, 7.0),
                    (0.010390625, -0.0195625, 0.0315625, 250.0),
                ],
            )
        ],
        None,
    ),
    ('POINT', 'visualization_msgs/msg/MarkerArray'): Case(
        codec.Point.from_points(POINTS),
        [
            MarkerArray(
                markers=[
                    Marker(header=HEADER, action=Marker.DELETEALL),
                    Marker(
                        header=HEADER,
                        ns='Fiducial',
                        id=0,
                        type=Marker.SPHERE,
                        pose=Pose(position=Point(x=0.001, y=0.002, z=-0.003)),
                        scale=Vector3(x=0.004, y=0.004, z=0.004),
                        color=ColorRGBA(r=1 / 255, g=2 / 255, b=254 / 255, a=1.0),
                        text='Nasion',
                    ),
                    Marker(
                        header=HEADER,
                        ns='Landmark',
                        id=1,
                        type=Marker.SPHERE,
                        pose=Pose(position=Point(x=-0.005, y=0.006, z=0.0075)),
                        scale=Vector3(x=0.008, y=0.008, z=0.008),
                        color=ColorRGBA(r=0.0, g=17 / 255, b=99 / 255, a=128 / 255),
                        text='Tragus',
                    ),
                ]
            )
        ],
        sent(codec.Point.from_points({**point, 'owner': ''} for point in POINTS)),
    ),
    ('POINT', 'sensor_msgs/msg/PointCloud2'): Case(
        codec.Point.from_points(POINTS),
        [
            cloud(
                'x y z rgba',
                [
                    (0.001, 0.002, -0.003, bytes([254, 2, 1, 255])),
                    (-0.005, 0.006, 0.0075, bytes([99, 17, 0, 128])),
                ],
            )
        ],
        sent(
            codec.Point.from_points(
                {**PLAIN, 'name': f'P{n}', 'position': p['position'], 'rgba': p['rgba']}
                for n, p in enumerate(POINTS)
            )
        ),
    ),
    ('POLYDATA', 'ros2_igtl/msg/PolyData'): Case(
        POLY_DATA,
        [
            PolyData(
                header=HEADER,
                points=[number for point in MESH_POINTS_M for number in point],
                vertices=PolyDataCells(offsets=[0, 1], indices=[3]),
                lines=PolyDataCells(offsets=[0, 3, 5], indices=[0, 1, 2, 2, 3]),
                polygons=PolyDataCells(offsets=[0, 3, 7], indices=[0, 1, 2, 3, 2, 1, 0]),
                triangle_strips=PolyDataCells(offsets=[0, 4], indices=[1, 0, 2, 3]),
                attributes=[
                    PolyDataAttribute(
                        name='Colour',
                        attribute_type=PolyDataAttribute.POINT_RGBA,
                        components=4,
                        values=[float(part) for color in MESH_COLORS for part in color],
                    ),
                    PolyDataAttribute(
                        name='Flow',
                        attribute_type=PolyDataAttribute.CELL_VECTORS,
                        components=3,
                        values=[float(number) for number in range(18)],
                    ),
                ],
            )
        ],
        sent(POLY_DATA),
    ),
    ('POLYDATA', 'shape_msgs/msg/Mesh'): Case(
        TRIANGLES,
        [
            Mesh(
                vertices=[Point(x=x, y=y, z=z) for x, y, z in MESH_POINTS_M],
                triangles=[
                    MeshTriangle(vertex_indices=[0, 1, 2]),
                    MeshTriangle(vertex_indices=[3, 2, 1]),
                ],
            )
        ],
        [Outbound(TRIANGLES)],
    ),
    ('POLYDATA', 'visualization_msgs/msg/Marker'): Case(
        codec.PolyData(
            MESH_POINTS, polygons=[[0, 1, 2], [3, 2, 1]], attributes=POLY_DATA.attributes[:1]
        ),
        [
            Marker(
                header=HEADER,
                ns='Stylus',
                type=Marker.TRIANGLE_LIST,
                scale=Vector3(x=1.0, y=1.0, z=1.0),
                color=ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0),
                points=[Point(x=x, y=y, z=z) for x, y, z in (MESH_POINTS_M[n] for n in CORNERS)],
                colors=[
                    ColorRGBA(r=float(r), g=float(g), b=float(b), a=float(a))
                    for r, g, b, a in (MESH_COLORS[n] for n in CORNERS)
                ],
            )
        ],
        sent(
            codec.PolyData(
                [MESH_POINTS[n] for n in CORNERS],
                polygons=[[0, 1, 2], [3, 4, 5]],
                attributes=[
                    codec.Attribute(
                        codec.AttributeType.POINT_RGBA, 'rgba', [MESH_COLORS[n] for n in CORNERS]
                    )
                ],
            )
        ),
    ),
    ('POLYDATA', 'sensor_msgs/msg/PointCloud2'): Case(
        POINT_CLOUD,
        [
            cloud(
                'x y z depth rgba',
                [
                    (*point, depth, bytes([b, g, r, a]))
                    for point, depth, (r, g, b, a) in zip(
                        MESH_POINTS_M, (1.5, 2.5, 3.5, 4.5), COLOR_BYTES, strict=True
                    )
                ],
            )
        ],
        sent(POINT_CLOUD),
    ),
    ('VIDEO', 'sensor_msgs/msg/CompressedImage'): Case(
        VIDEO,
        [CompressedImage(header=PLANE_HEADER, format='h264', data=b'\0\0\0\1h264')],
        sent(VIDEO, 'stylus_tip'),
        (VIDEO_GEOMETRY,),
    ),
    ('VIDEO', 'ros2_igtl/msg/ImageGeometry'): Case(VIDEO, [VIDEO_GEOMETRY], None),
    ('VIDEO', 'sensor_msgs/msg/Image'): Case(
        GREY_FRAME,
        [Image(header=PLANE_HEADER, height=2, width=4, encoding='mono8', step=4, data=range(8))],
        sent(GREY_FRAME, 'stylus_tip'),
        (VIDEO_GEOMETRY,),
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
    ('QTDATA', 'ros2_igtl/msg/TrackingData'): Case(
        codec.QuaternionTrackingData.from_tools(QUATERNION_TOOLS),
        [
            TrackingData(
                header=HEADER,
                tools=[
                    TrackedTool(name='Stylus', tool_type=2, pose=POSE),
                    TrackedTool(name='Needle', tool_type=4, pose=OTHER_POSE),
                ],
            )
        ],
        sent(codec.QuaternionTrackingData.from_tools(QUATERNION_TOOLS)),
    ),
    ('QTDATA', 'geometry_msgs/msg/PoseArray'): Case(
        codec.QuaternionTrackingData.from_tools(QUATERNION_TOOLS),
        [PoseArray(header=HEADER, poses=[POSE, OTHER_POSE])],
        sent(
            codec.QuaternionTrackingData.from_tools(
                [(f'Tool{i}', 2, *tool[2:]) for i, tool in enumerate(QUATERNION_TOOLS)]
            )
        ),
    ),
    ('CAPABILITY', 'ros2_igtl/msg/Capability'): Case(
        codec.Capability(('TRANSFORM', 'GET_POLYDATA')),
        [Capability(header=NO_FRAME, type_names=['TRANSFORM', 'GET_POLYDATA'])],
        sent_without_frame(codec.Capability(('TRANSFORM', 'GET_POLYDATA'))),
    ),
    ('SENSOR', 'ros2_igtl/msg/Sensor'): Case(
        codec.Sensor([0.5, -1.25, np.pi], 'mm/s^2', 3),
        [
            Sensor(
                header=PLANE_HEADER,
                values=[0.5, -1.25, np.pi],
                unit='mm/s^2',
                unit_word=0xB0443E0000000000,
                status=3,
            )
        ],
        sent_by_sensor(codec.Sensor([0.5, -1.25, np.pi], 'mm/s^2', 3)),
    ),
    ('SENSOR', 'geometry_msgs/msg/WrenchStamped'): Case(
        codec.Sensor([1500.0, -2500.0, 3500.0, 45.0, 55.0, -65.0], 'mN'),
        [
            WrenchStamped(
                header=PLANE_HEADER,
                wrench=Wrench(
                    force=Vector3(x=1.5, y=-2.5, z=3.5),
                    torque=Vector3(x=0.045, y=0.055, z=-0.065),
                ),
            )
        ],
        sent_by_sensor(codec.Sensor([1.5, -2.5, 3.5, 0.045, 0.055, -0.065], 'N')),
    ),
    ('SENSOR', 'sensor_msgs/msg/JointState'): Case(
        codec.Sensor([0.5, -1.25], 'rad'),
        [JointState(header=PLANE_HEADER, name=['Stylus0', 'Stylus1'], position=[0.5, -1.25])],
        sent_by_sensor(codec.Sensor([0.5, -1.25], 'rad')),
    ),
    ('SENSOR', 'sensor_msgs/msg/Temperature'): Case(
        codec.Sensor([309.65], 'K'),
        [Temperature(header=PLANE_HEADER, temperature=36.5)],
        sent_by_sensor(codec.Sensor([309.65], 'K')),
    ),
    ('SENSOR', 'sensor_msgs/msg/FluidPressure'): Case(
        codec.Sensor([1013.25], 'hPa'),
        [FluidPressure(header=PLANE_HEADER, fluid_pressure=101325.0)],
        sent_by_sensor(codec.Sensor([101325.0], 'Pa')),
    ),
    ('SENSOR', 'sensor_msgs/msg/MagneticField'): Case(
        codec.Sensor([25.0, -35.0, 45.0], 'T'),
        [MagneticField(header=PLANE_HEADER, magnetic_field=Vector3(x=25.0, y=-35.0, z=45.0))],
        sent_by_sensor(codec.Sensor([25.0, -35.0, 45.0], 'T')),
    ),
    **{('NDARRAY', f'std_msgs/msg/{name}'): array_case(name) for name in ARRAYS},
    ('TRAJ', 'ros2_igtl/msg/TrajectoryArray'): Case(
        codec.Trajectory.from_trajectories(TRAJECTORIES),
        [
            TrajectoryArray(
                header=HEADER,
                trajectories=[
                    Trajectory(
                        name='Biopsy',
                        group='Plan A',
                        trajectory_type=Trajectory.ENTRY_TARGET,
                        color=ColorRGBA(r=1 / 255, g=2 / 255, b=254 / 255, a=1.0),
                        entry=Point(x=0.01, y=-0.02, z=0.0305),
                        target=Point(x=0.001, y=0.002, z=-0.00325),
                        size=0.0025,
                        owner='CT',
                    ),
                    Trajectory(
                        name='Drain',
                        group='Plan B',
                        trajectory_type=Trajectory.TARGET,
                        color=ColorRGBA(r=0.0, g=17 / 255, b=99 / 255, a=128 / 255),
                        entry=Point(x=-0.04, y=0.05, z=0.06),
                        target=Point(x=-0.005, y=0.006, z=0.0075),
                        size=0.008,
                        owner='MR',
                    ),
                ],
            )
        ],
        sent(codec.Trajectory.from_trajectories(TRAJECTORIES)),
    ),
    ('TRAJ', 'nav_msgs/msg/Path'): Case(
        codec.Trajectory.from_trajectories(TRAJECTORIES),
        [path((0.01, -0.02, 0.0305), (0.001, 0.002, -0.00325)), path((-0.005, 0.006, 0.0075))],
        [
            *sent(
                codec.Trajectory.from_trajectories([{**TRAJECTORIES[0], **PLAIN, 'name': 'T0'}])
            ),
            *sent(codec.Trajectory.from_trajectories([{**DRAIN, **PLAIN, 'name': 'T0'}])),
        ],
    ),
    ('TRAJ', 'visualization_msgs/msg/MarkerArray'): Case(
        codec.Trajectory.from_trajectories(TRAJECTORIES),
        [
            MarkerArray(
                markers=[
                    Marker(header=HEADER, action=Marker.DELETEALL),
                    Marker(
                        header=HEADER,
                        ns='Plan A',
                        id=0,
                        type=Marker.ARROW,
                        scale=Vector3(x=0.0025, y=0.005, z=0.0),
                        color=ColorRGBA(r=1 / 255, g=2 / 255, b=254 / 255, a=1.0),
                        points=[
                            Point(x=0.01, y=-0.02, z=0.0305),
                            Point(x=0.001, y=0.002, z=-0.00325),
                        ],
                        text='Biopsy',
                    ),
                    Marker(
                        header=HEADER,
                        ns='Plan B',
                        id=1,
                        type=Marker.SPHERE,
                        pose=Pose(position=Point(x=-0.005, y=0.006, z=0.0075)),
                        scale=Vector3(x=0.008, y=0.008, z=0.008),
                        color=ColorRGBA(r=0.0, g=17 / 255, b=99 / 255, a=128 / 255),
                        text='Drain',
                    ),
                ]
            )
        ],
        sent(
            codec.Trajectory.from_trajectories(
                [{**trajectory, 'owner': ''} for trajectory in (TRAJECTORIES[0], DRAIN)]
            )
        ),
    ),
    ('IMGMETA', 'ros2_igtl/msg/ImageMetaArray'): Case(
        IMAGE_META,
        [
            ImageMetaArray(
                header=NO_FRAME,
                images=[
                    ImageMeta(
                        name='Head',
                        device_name='CT',
                        modality='CT 64',
                        patient_name='Doe^Jane',
                        patient_id='P-17',
                        scan_time=STAMP,
                        size=[512, 511, 90],
                        scalar_type=ImageMeta.INT16,
                    ),
                    ImageMeta(name='Neck', size=[1, 2, 65535], scalar_type=255),
                ],
            )
        ],
        sent_without_frame(IMAGE_META),
    ),
    ('LBMETA', 'ros2_igtl/msg/LabelMetaArray'): Case(
        LABEL_META,
        [
            LabelMetaArray(
                header=NO_FRAME,
                labels=[
                    LabelMeta(
                        name='Tumour',
                        device_name='Labels',
                        label=7,
                        color=ColorRGBA(r=1 / 255, g=2 / 255, b=254 / 255, a=1.0),
                        size=[30, 31, 12],
                        owner='CT',
                    ),
                    LabelMeta(name='Vessel', label=255, size=[1, 2, 65535]),
                ],
            )
        ],
        sent_without_frame(LABEL_META),
    ),
    ('VIDEOMETA', 'ros2_igtl/msg/VideoMetaArray'): Case(
        VIDEO_META,
        [
            VideoMetaArray(
                header=HEADER,
                videos=[
                    VideoMeta(
                        name='Endoscope',
                        device_name='Scope',
                        patient_name='Doe^Jane',
                        patient_id='P-17',
                        zoom_level=-3,
                        focal_length=0.0125,
                        size=[1920, 1080, 1],
                        i_axis=Vector3(x=0.0005, y=0.00025, z=-0.000125),
                        j_axis=Vector3(x=0.0015, y=0.0025, z=0.0035),
                        k_axis=Vector3(x=-0.004, y=0.005, z=0.006),
                        center=Point(x=0.01, y=-0.02, z=0.03),
                        scalar_type=VideoMeta.UINT8,
                    )
                ],
            )
        ],
        sent(VIDEO_META),
    ),
    ('COLORT', 'ros2_igtl/msg/ColorTable'): Case(
        codec.ColorTable(np.arange(768, dtype=np.uint8).reshape(256, 3)),
        [
            ColorTable(
                header=NO_FRAME,
                map_type=ColorTable.RGB,
                entries=[number % 256 for number in range(768)],
            )
        ],
        sent_without_frame(codec.ColorTable(np.arange(768, dtype=np.uint8).reshape(256, 3))),
    ),
    ('*', 'ros2_igtl/msg/RawMessage'): Case(
        codec.Unknown('NEWTYPE', array('B', b'\1\2\3\xff')),
        [
            RawMessage(
                header=NO_FRAME,
                type_name='NEWTYPE',
                device_name='Stylus',
                header_version=2,
                message_id=42,
                metadata=[
                    MetadataEntry(key='Operator', value='Grüße', encoding=4),
                    MetadataEntry(key='Room', value='7'),
                ],
                body=b'\1\2\3\xff',
            )
        ],
        [
            Outbound(
                codec.Unknown('NEWTYPE', array('B', b'\1\2\3\xff')),
                STAMP_NS,
                message_id=42,
                metadata=METADATA,
            )
        ],
    ),
}

# Where the contents keep their values.
PICTURE = ('data', 'size', 'endian', 'coordinate', 'axes', 'position', 'offset', 'sub_size')
FIELDS: dict[type[Any], Sequence[str]] = {
    codec.Position: ('x', 'y', 'z', 'ox', 'oy', 'oz', 'w', 'content_size'),
    codec.TrackingData: ('tools',),
    codec.Point: ('points',),
    codec.Image: (*PICTURE, 'components', 'scalar_type'),
    codec.Video: (*PICTURE, 'fourcc', 'frame_type', 'is_grayscale'),
    codec.PolyData: (
        'points',
        'vertices',
        'lines',
        'polygons',
        'triangle_strips',
        'attributes',
    ),
    codec.Cells: ('words',),
    codec.Attribute: ('attribute_type', 'name', 'values'),
    codec.String: ('raw', 'encoding'),
    codec.Status: ('code', 'subcode', 'error_name', 'message'),
    codec.QuaternionTrackingData: ('tools',),
    codec.Capability: ('type_names',),
    codec.Sensor: ('values', 'unit', 'status'),
    codec.NDArray: ('array',),
    codec.Trajectory: ('trajectories',),
    codec.ImageMeta: ('images',),
    codec.LabelMeta: ('labels',),
    codec.VideoMeta: ('videos',),
    codec.ColorTable: ('table',),
    codec.Unknown: ('type_name', 'body'),
}

# Fields that keep their default, and why.
CONSTANT = {
    'DiagnosticStatus.hardware_id',  # OpenIGTLink has no such thing
    'Pose.orientation.x',  # of points, which have no orientation
    'Pose.orientation.y',
    'Pose.orientation.z',
    'Pose.orientation.w',
    'ImageGeometry.size.2',  # a slice is one voxel deep
    'Capability.header.frame_id',  # what is nowhere has no frame
    'ImageMetaArray.header.frame_id',
    'LabelMetaArray.header.frame_id',
    'ColorTable.header.frame_id',
    'RawMessage.header.frame_id',
    'JointState.velocity.length',  # there is one unit only
    'JointState.effort.length',
    'Temperature.variance',  # OpenIGTLink does not say it
    'FluidPressure.variance',
    *(f'MagneticField.magnetic_field_covariance.{index}' for index in range(9)),
    *(f'{name}.layout.data_offset' for name in ARRAYS),  # there is nothing to pass over
    'PointCloud2.is_bigendian',  # it never is
    'Image.is_bigendian',  # of the bytes of a video
    'Marker.id',  # there is one
    'Marker.action',  # 0 adds it
}
# Parts of messages that are not used at all.
UNUSED = (
    'Marker.pose',
    'Marker.lifetime',
    'Marker.frame_locked',
    'Marker.text',
    'Marker.mesh',
    'Marker.uv',
)


def key(row: Conversion) -> tuple[str, str]:
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
    elif type(value) in FIELDS:
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


rows = pytest.mark.parametrize('row', CONVERSIONS, ids=lambda row: '-'.join(key(row)))


@rows
def test_a_row_gives_its_ros_messages(row: Conversion) -> None:
    case = CASES[key(row)]
    assert row.to_ros is not None
    messages = row.to_ros(case.content, CONTEXT)
    assert all(type(message) is conversions.ros_type(row.ros_type_name) for message in messages)
    assert_same(list(messages), case.messages)


@rows
def test_a_row_gives_its_content_back(row: Conversion) -> None:
    case = CASES[key(row)]
    if row.from_ros is None:
        assert case.sent is None
        return
    assert case.sent is not None
    for message, expected in zip(case.messages, case.sent, strict=True):
        results = row.from_ros(message, *case.beside)
        assert len(results) == 1
        assert type(results[0].content) is type(expected.content)
        assert results[0][1:] == expected[1:]
        assert_same(results[0].content, expected.content)


@rows
def test_what_a_row_sends_can_be_packed_and_comes_back_the_same(row: Conversion) -> None:
    if row.from_ros is None:
        return
    case = CASES[key(row)]
    for message in case.messages:
        content = row.from_ros(message, *case.beside)[0].content
        received = codec.unpack(codec.pack(codec.Message(content, 'Stylus')))
        assert row.type_name in (received.type_name, conversions.ANY_OTHER_TYPE)
        assert_same(received.content, content)


@rows
def test_a_received_message_passes_through_ros_within_the_stated_tolerance(
    row: Conversion,
) -> None:
    case = CASES[key(row)]
    received = codec.unpack(codec.pack(codec.Message(case.content, 'Stylus'))).content
    assert row.to_ros is not None
    assert_same(list(row.to_ros(received, CONTEXT)), case.messages)


@rows
def test_what_a_row_gives_survives_the_way_through_dds(row: Conversion) -> None:
    assert row.to_ros is not None
    for message in row.to_ros(CASES[key(row)].content, CONTEXT):
        sent = serialize_message(message)
        assert_same(deserialize_message(sent, type(message)), message)


@rows
def test_the_case_of_a_row_has_a_value_in_every_field(row: Conversion) -> None:
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
    assert {path for path in unset if not path.startswith(UNUSED)} <= CONSTANT


def test_no_two_rows_are_the_same_and_none_is_without_a_case() -> None:
    keys = [key(row) for row in CONVERSIONS]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(CASES)


def test_the_first_row_of_each_type_is_a_default_and_topics_do_not_meet() -> None:
    for type_name in dict.fromkeys(row.type_name for row in CONVERSIONS):
        of_type = [row for row in CONVERSIONS if row.type_name == type_name]
        assert of_type[0].default
        assert type_name in (*codec.MESSAGE_TYPES, conversions.ANY_OTHER_TYPE)
        for content in (CASES[key(row)].content for row in of_type):
            suffixes = [row.sibling for row in conversions.conversions_for(type_name, content)]
            assert len(set(suffixes)) == len(suffixes) > 0


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
        ('NDARRAY', codec.NDArray(np.zeros(2, '>f8')), ['std_msgs/msg/Float64MultiArray']),
        ('NDARRAY', codec.NDArray(np.zeros(2, '>i2')), ['std_msgs/msg/Int16MultiArray']),
        ('NDARRAY', codec.NDArray(np.zeros(2, '>c16')), ['std_msgs/msg/Float64MultiArray']),
        ('COLORTABLE', codec.ColorTable(np.zeros(256, 'u1')), ['ros2_igtl/msg/ColorTable']),
        ('SENSOR', codec.Sensor([1.0], 'K'), ['ros2_igtl/msg/Sensor']),
        ('POLYDATA', POLY_DATA, ['ros2_igtl/msg/PolyData']),
        ('VIDEO', VIDEO, ['sensor_msgs/msg/CompressedImage', 'ros2_igtl/msg/ImageGeometry']),
        ('NOSUCHTYPE', codec.Unknown('NOSUCHTYPE', b''), ['ros2_igtl/msg/RawMessage']),
        # known, but in no row
        ('GET_IMAGE', codec.GetImage(), []),
    ],
)
def test_a_content_is_published_as_its_default_rows_say(
    type_name: str, content: codec.Content, ros_type_names: list[str]
) -> None:
    found = [row.ros_type_name for row in conversions.conversions_for(type_name, content)]
    assert found == ros_type_names


def test_images_are_told_apart_by_their_slices() -> None:
    by_name = {row.ros_type_name: row for row in CONVERSIONS if row.type_name == 'IMAGE'}
    image, volume = by_name['sensor_msgs/msg/Image'], by_name['ros2_igtl/msg/Volume']
    assert (image.traffic, image.latched) == ('state', False)
    assert (volume.traffic, volume.latched) == ('event', True)
    assert (image.is_for(SLICE), image.is_for(VOLUME)) == (True, False)
    assert (volume.is_for(SLICE), volume.is_for(VOLUME)) == (False, True)
    assert all(row.accepts(content) for row in (image, volume) for content in (SLICE, VOLUME))


@pytest.mark.parametrize(
    'row', [row for row in CONVERSIONS if row.reads_sibling], ids=lambda row: '-'.join(key(row))
)
def test_a_companion_is_a_row_of_the_same_type_and_is_taken_beside_the_message(
    row: Conversion,
) -> None:
    (companion,) = (
        other
        for other in CONVERSIONS
        if other.type_name == row.type_name and other.sibling == row.reads_sibling
    )
    assert row.from_ros is not None
    (result,) = row.from_ros(CASES[key(row)].messages[0], CASES[key(companion)].messages[0])
    assert_same(result.content, CASES[key(row)].content)
    assert result == Outbound(result.content, STAMP_NS, 'tracker_ras', 'stylus_tip')


def test_events_are_what_may_not_be_lost() -> None:
    events = {row.type_name for row in CONVERSIONS if row.traffic == 'event'}
    states = {row.type_name for row in CONVERSIONS if row.traffic == 'state'}
    assert states == {
        'TRANSFORM', 'POSITION', 'TDATA', 'QTDATA', 'IMAGE', 'SENSOR', 'NDARRAY', 'VIDEO',
    }  # fmt: skip
    assert events & states == {'IMAGE', 'VIDEO'}  # volumes and slices, streams and frames


def test_what_seldom_changes_is_latched() -> None:
    latched = {row.type_name for row in CONVERSIONS if row.latched}
    assert latched == {'IMAGE', 'CAPABILITY', 'IMGMETA', 'LBMETA', 'VIDEOMETA', 'COLORT'}


def test_pairs_have_directions_and_the_options_of_their_rows() -> None:
    pairs = conversions.pairs()
    assert pairs['STRING', 'std_msgs/msg/String'] == {'IGTL_TO_ROS', 'ROS_TO_IGTL'}
    assert pairs['IMAGE', 'sensor_msgs/msg/PointCloud2'] == {'IGTL_TO_ROS', 'threshold'}
    assert ('QTRANS', 'geometry_msgs/msg/PoseStamped') in pairs


def test_a_pair_of_types_finds_its_row() -> None:
    for row in CONVERSIONS:
        found = conversions.find_conversion(row.type_name, row.ros_type_name)
        assert found is row or row.type_name == conversions.ANY_OTHER_TYPE
    row = conversions.find_conversion('QTRANS', 'geometry_msgs/msg/PointStamped')
    assert row.type_name == 'POSITION'


def test_a_pair_that_does_not_exist_is_refused_with_what_does() -> None:
    with pytest.raises(ConvertError, match='PoseStamped, geometry_msgs/msg/PointSt') as refusal:
        conversions.find_conversion('POSITION', 'std_msgs/msg/String')
    assert refusal.value.cause == 'unknown_conversion'
    with pytest.raises(ConvertError, match=r'; TRANSFORM, POSITION.* have other') as refusal:
        conversions.find_conversion('NOSUCHTYPE', 'std_msgs/msg/String')
    assert refusal.value.cause == 'unknown_conversion'


@pytest.mark.parametrize(
    ('type_name', 'traffic'),
    [('NOSUCHTYPE', 'event'), ('QUERY', 'event'), ('TRANSFORM', 'state'), ('QTRANS', 'state')],
)
def test_any_type_can_be_a_raw_message_where_somebody_asks_for_it(
    type_name: str, traffic: str
) -> None:
    row = conversions.find_conversion(type_name, conversions.RAW_TYPE)
    assert (row.ros_type_name, row.default, row.traffic) == (conversions.RAW_TYPE, False, traffic)
    assert all(row.accepts(case.content) and row.is_for(case.content) for case in CASES.values())


@pytest.mark.parametrize('pair', CASES, ids='-'.join)
def test_any_content_comes_back_from_a_raw_message(pair: tuple[str, str]) -> None:
    content = codec.unpack(codec.pack(codec.Message(CASES[pair].content, 'Stylus'))).content
    row = conversions.find_conversion(content.type_name, conversions.RAW_TYPE)
    assert row.to_ros is not None
    assert row.from_ros is not None
    (message,) = row.to_ros(content, CONTEXT)
    assert (message.type_name, message.device_name) == (content.type_name, 'Stylus')
    assert bytes(message.body) == b''.join(content.pack_parts())
    (sent,) = row.from_ros(deserialize_message(serialize_message(message), RawMessage))
    conversions.check_type(content.type_name, sent.content)
    assert type(sent.content) is type(content)
    assert_same(sent.content, content)
    assert (sent.stamp_ns, sent.message_id, sent.metadata) == (STAMP_NS, 42, METADATA)


def test_what_is_never_published_itself_is_no_raw_message_either() -> None:
    pairs = conversions.pairs()
    for type_name in ('BIND', 'COMMAND', 'RTS_COMMAND', 'GET_IMAGE', 'STT_TDATA', 'RTS_TRANS'):
        assert pairs[type_name, conversions.RAW_TYPE] == {'ROS_TO_IGTL'}
    assert ('TRANSFORM', conversions.RAW_TYPE) not in pairs
    assert pairs[conversions.ANY_OTHER_TYPE, conversions.RAW_TYPE] == {
        'IGTL_TO_ROS',
        'ROS_TO_IGTL',
    }


@pytest.mark.parametrize(
    ('ros_type_name', 'type_name'),
    [
        ('geometry_msgs/msg/TransformStamped', 'TRANSFORM'),
        ('geometry_msgs/msg/PoseStamped', 'POSITION'),
        ('geometry_msgs/msg/PoseArray', 'POINT'),
        ('ros2_igtl/msg/TrackingData', 'TDATA'),
        ('sensor_msgs/msg/Image', 'IMAGE'),
        ('sensor_msgs/msg/PointCloud2', 'POINT'),
        ('ros2_igtl/msg/ImageGeometry', None),
        ('ros2_igtl/msg/RawMessage', None),
        ('tf2_msgs/msg/TFMessage', None),
    ],
)
def test_a_ros_type_is_sent_by_its_first_default_row_or_else_its_first(
    ros_type_name: str, type_name: str | None
) -> None:
    row = conversions.find_outbound(ros_type_name)
    assert (row and row.type_name) == type_name


def test_a_message_of_another_type_than_its_mapping_says_is_refused() -> None:
    conversions.check_type('TRANSFORM', TRANSFORM)
    conversions.check_type('QTRANS', POSITION)
    conversions.check_type('NEWTYPE', codec.Unknown('NEWTYPE', b''))
    for type_name, content in (
        ('NEWTYPE', codec.Unknown('OTHERTYPE', b'')),
        ('QTRANS', TRANSFORM),
        ('TRANSFORM', codec.Unknown('NEWTYPE', b'')),
    ):
        with pytest.raises(ConvertError) as refusal:
            conversions.check_type(type_name, content)
        assert refusal.value.cause == 'type_name'


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
        (
            'QTDATA',
            codec.QuaternionTrackingData.from_tools(QUATERNION_TOOLS),
            [('Stylus', 'tracker_ras'), ('Needle', 'tracker_ras')],
        ),
        ('IMAGE', codec.Image(bytes(6), (3, 2, 1)), [('stylus_tip', 'tracker_ras')]),
        ('IMAGE', VOLUME, []),
        ('VIDEO', codec.Video(b'', (3, 2, 1)), [('stylus_tip', 'tracker_ras')]),
    ],
)
def test_tf_gets_what_has_a_pose(
    type_name: str, content: codec.Content, frames: list[tuple[str, str]]
) -> None:
    transforms = conversions.TF_SOURCES[type_name](content, CONTEXT)
    assert [(t.child_frame_id, t.header.frame_id) for t in transforms] == frames
    assert all(type(t) is TransformStamped and t.header.stamp == STAMP for t in transforms)


def test_several_look_ups_in_tf_make_one_message_of_each_type_that_can_have_them() -> None:
    contents = {
        'TDATA': codec.TrackingData.from_tools([('Stylus', 2, MATRIX)]),
        'QTDATA': codec.QuaternionTrackingData.from_tools(QUATERNION_TOOLS[:1]),
    }
    assert conversions.TF_TOOLS.keys() == contents.keys()
    for type_name, content in contents.items():
        result = conversions.TF_TOOLS[type_name]([('Stylus', TRANSFORM_MESSAGE)])
        assert result.stamp_ns == STAMP_NS
        assert_same(result.content, content)


def test_the_children_of_a_bind_have_its_stamp_and_metadata() -> None:
    children = [
        codec.Message(codec.String('x'), 'Note'),
        codec.Message(codec.Position(1, 2, 3), 'Tip', type_name='QTRANS'),
    ]
    bind = codec.Message(codec.Bind(children), 'Frame', 77, 2, 5, {'a': 'b'})
    note, tip = conversions.CONTAINERS['BIND'](bind)
    assert note == codec.Message(codec.String('x'), 'Note', 77, 2, 5, {'a': 'b'})
    assert (tip.type_name, tip.device_name, tip.content) == ('QTRANS', 'Tip', children[1].content)


@pytest.mark.parametrize(
    'type_name', sorted({row.type_name for row in CONVERSIONS} - {conversions.ANY_OTHER_TYPE})
)
def test_types_whose_conversions_depend_on_the_content_are_known(type_name: str) -> None:
    # one type becomes slices or volumes, the other one of eleven arrays
    assert conversions.depends_on_content(type_name) == (type_name in ('IMAGE', 'NDARRAY'))

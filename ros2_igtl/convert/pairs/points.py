# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
POINT <-> geometry_msgs, ros2_igtl/PointArray, visualization_msgs and sensor_msgs/PointCloud2.

Units: millimetres on the OpenIGTLink side, metres on the ROS side. Axes: unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from geometry_msgs.msg import Point, PointStamped, Pose, PoseArray, Vector3
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math import positions
from ros2_igtl.convert.math.clouds import color_field, pack_colors, unpack_colors
from ros2_igtl.convert.math.geometry import Vector, metres
from ros2_igtl.convert.pairs import parts, point_cloud
from ros2_igtl.convert.pairs.markers import SHOWN_SIZE_M, added_markers
from ros2_igtl.msg import LabeledPoint, PointArray


def point_positions(content: codec.Point) -> list[Vector]:
    """
    Return the positions of a POINT in metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad point rejects the message.
    """
    return [metres(*position) for position in content.points['position'].tolist()]


def point_to_pose_array(content: codec.Point, context: Context) -> PoseArray:
    """
    Return the positions as poses without rotation.

    Lost: names, groups, owners, colours and sizes.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return PoseArray(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        poses=[
            parts.make_pose(position, (0.0, 0.0, 0.0, 1.0))
            for position in point_positions(content)
        ],
    )


def point_from_pose_array(message: PoseArray) -> Outbound:
    """
    Return the positions as white points ``P0``, ``P1`` ... of size 0.

    Lost: the orientations.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return outbound(_points(pose.position for pose in message.poses), message.header)


def point_to_point_stamped(content: codec.Point, context: Context) -> list[PointStamped]:
    """
    Return one message for each point, all with the same stamp.

    Lost: names, groups, owners, colours and sizes, and which points belong to one message.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad point rejects the message.
    """
    return [parts.point_stamped(position, context) for position in point_positions(content)]


def point_from_point_stamped(message: PointStamped) -> Outbound:
    """
    Return a list of one white point ``P0`` of size 0.

    :raises ConvertError: ``not_finite``; ``out_of_range``.
    """
    return outbound(_points([message.point]), message.header)


def point_to_point_array(content: codec.Point, context: Context) -> PointArray:
    """
    Return the points with all their fields, in the parent frame, metres.

    Lost: bytes that are not UTF-8 in names.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad point rejects the message.
    """
    points = content.points
    rows = zip(
        *(map(parts.ros_name, points[field].tolist()) for field in ('name', 'group', 'owner')),
        points['rgba'].tolist(),
        point_positions(content),
        parts.sizes_of(points),
        strict=True,
    )
    return PointArray(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        points=[
            LabeledPoint(
                name=name,
                group=group,
                owner=owner,
                color=parts.make_color(rgba),
                position=parts.make_point(position),
                size=size,
            )
            for name, group, owner, rgba, position, size in rows
        ],
    )


def point_from_point_array(message: PointArray) -> Outbound:
    """
    Return the points with all their fields.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``color_range``; ``name_too_long``:
        name, group and owner may have 63, 31 and 19 bytes.
    """
    rows = [_row(point) for point in message.points]
    return outbound(codec.Point(np.array(rows, codec.Point.dtype)), message.header)


def point_to_point_cloud(content: codec.Point, context: Context) -> PointCloud2:
    """
    Return the positions in the parent frame, with the field rgba.

    Lost: names, groups, sizes, owners, and the last bit of a position.

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad point rejects the message.
    """
    points = content.points
    return point_cloud.make_cloud(
        Header(stamp=context.stamp, frame_id=context.frame_id),
        positions.metres(points['position']),
        {'rgba': pack_colors(points['rgba'])},
    )


def point_from_point_cloud(message: PointCloud2) -> Outbound:
    """
    Return points ``P0``, ``P1`` ... of size 0, white if the cloud has no colours.

    Points with NaN are left out, unless the cloud declares itself dense.

    Lost: all fields but x, y, z and rgba or rgb.

    :raises ConvertError: ``not_finite``; ``out_of_range``; and as
        :func:`~.point_cloud.read_cloud` and :func:`~.clouds.unpack_colors`.
    """
    cloud = point_cloud.read_cloud(message)
    colors = color_field(cloud.columns)
    points = np.zeros(len(cloud.positions), codec.Point.dtype)
    points['name'] = np.char.add(b'P', np.arange(len(points)).astype('S'))
    points['rgba'] = 255
    if colors is not None:
        points['rgba'] = unpack_colors(colors, cloud.columns[colors])
    points['position'] = positions.millimetres(cloud.positions)
    return outbound(codec.Point(points), message.header)


def point_to_marker_array(content: codec.Point, context: Context) -> MarkerArray:
    """
    Return a sphere for each point; the size of the point is its diameter.

    The first marker deletes those of the previous list. The group becomes the namespace and the
    name the text, which RViz does not show.

    Lost: owners, empty names, and a size of 0 (shown as 1 mm).

    :raises ConvertError: ``not_finite``; ``out_of_range``: one bad point rejects the message;
        ``too_many_elements``.
    """
    parts.check_count(len(content.points))
    header = Header(stamp=context.stamp, frame_id=context.frame_id)
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for index, point in enumerate(point_to_point_array(content, context).points):
        width = point.size if point.size > 0.0 else SHOWN_SIZE_M
        markers.append(
            Marker(
                header=header,
                ns=point.group,
                id=index,
                type=Marker.SPHERE,
                pose=Pose(position=point.position),
                scale=Vector3(x=width, y=width, z=width),
                color=point.color,
                text=point.name,
            )
        )
    return MarkerArray(markers=markers)


def point_from_marker_array(message: MarkerArray) -> Outbound:
    """
    Return a point for each sphere; its scale along x becomes the size.

    Markers that delete others are left out. Names and groups are read from where
    :func:`point_to_marker_array` writes them; without a text the name is ``P0``, ``P1`` ...

    Lost: orientations, sizes along y and z, and other fields of a marker, such as its lifetime.

    :raises ConvertError: ``marker_type``: any other marker; ``several_frames``; ``not_finite``;
        ``out_of_range``; ``color_range``; ``name_too_long``; ``too_many_elements``.
    """
    markers, header = added_markers(message)
    points = []
    for index, marker in enumerate(markers):
        if marker.type != Marker.SPHERE:
            raise ConvertError(
                'marker_type', f'marker {marker.id} has type {marker.type}; spheres are allowed'
            )
        points.append(
            LabeledPoint(
                name=marker.text or f'P{index}',
                group=marker.ns,
                color=marker.color,
                position=marker.pose.position,
                size=marker.scale.x,
            )
        )
    return point_from_point_array(PointArray(header=header, points=points))


def _points(positions: Iterable[Point]) -> codec.Point:
    rows = [
        (f'P{index}'.encode(), b'', (255, 255, 255, 255), parts.position_mm(position), 0.0, b'')
        for index, position in enumerate(positions)
    ]
    return codec.Point(np.array(rows, codec.Point.dtype))


def _row(point: LabeledPoint) -> tuple[object, ...]:
    dtype = codec.Point.dtype
    return (
        naming.content_name(point.name, dtype['name'].itemsize, 'point name'),
        naming.content_name(point.group, dtype['group'].itemsize, 'point group'),
        parts.rgba_of(point.color),
        parts.position_mm(point.position),
        parts.size_mm(point.size),
        naming.content_name(point.owner, dtype['owner'].itemsize, 'point owner'),
    )


CONVERSIONS = (
    Conversion(
        'POINT',
        'geometry_msgs/msg/PoseArray',
        one(point_to_pose_array),
        one(point_from_pose_array),
        default=True,
        traffic='event',
    ),
    Conversion(
        'POINT',
        'ros2_igtl/msg/PointArray',
        one(point_to_point_array),
        one(point_from_point_array),
        default=True,
        sibling='points',
        traffic='event',
    ),
    Conversion(
        'POINT',
        'geometry_msgs/msg/PointStamped',
        point_to_point_stamped,
        one(point_from_point_stamped),
        traffic='event',
    ),
    Conversion(
        'POINT',
        'visualization_msgs/msg/MarkerArray',
        one(point_to_marker_array),
        one(point_from_marker_array),
        traffic='event',
    ),
    Conversion(
        'POINT',
        'sensor_msgs/msg/PointCloud2',
        one(point_to_point_cloud),
        one(point_from_point_cloud),
        traffic='event',
    ),
)

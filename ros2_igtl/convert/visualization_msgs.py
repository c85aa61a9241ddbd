# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
POINT, TRAJ and POLYDATA <-> visualization_msgs.

Units: millimetres on the OpenIGTLink side, metres on the ROS side. Axes: unchanged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Pose, Vector3
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from ros2_igtl import codec
from ros2_igtl.codec import AttributeType, TrajectoryType
from ros2_igtl.convert import elements, naming
from ros2_igtl.convert.context import Context, Outbound, outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import numbers_of
from ros2_igtl.convert.math import meshes, positions
from ros2_igtl.convert.math.geometry import MM_PER_M
from ros2_igtl.convert.ros2_igtl_msgs import point_from_point_array, point_to_point_array
from ros2_igtl.msg import LabeledPoint, PointArray

SHOWN_SIZE_M = 0.001
"""How thick to show what has no size: RViz shows nothing of it otherwise."""

_WHITE = (1.0, 1.0, 1.0, 1.0)


def point_to_marker_array(content: codec.Point, context: Context) -> MarkerArray:
    """
    Return a sphere for each point, its size being the diameter that RViz shows.

    They stand behind a marker that deletes those of the list before. The group is the namespace,
    the name the text, which nothing shows.

    Lost: owners, empty names, and a size of 0 (shown as 1 mm).

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad point refuses all;
        ``too_many_elements``.
    """
    elements.check_count(len(content.points))
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
    Return a point for each sphere, its size along x.

    Markers that delete others are left out. Names and groups are where
    :func:`point_to_marker_array` puts them; without a text the name is ``P0``, ``P1`` ...

    Lost: orientations, sizes along y and z, and what else a marker says, such as its lifetime.

    :raises ConvertError: ``marker_type``: any other marker; ``several_frames``; ``not_finite``;
        ``out_of_range``; ``color_range``; ``name_too_long``; ``too_many_elements``.
    """
    markers, header = _added(message)
    points = []
    for index, marker in enumerate(markers):
        if marker.type != Marker.SPHERE:
            raise ConvertError(
                'marker_type', f'marker {marker.id} of type {marker.type}: spheres are allowed'
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


def trajectory_to_marker_array(content: codec.Trajectory, context: Context) -> MarkerArray:
    """
    Return an arrow from entry to target for each trajectory, or a sphere where it has one end.

    They stand behind a marker that deletes those of the list before. The group is the namespace,
    the name the text, which nothing shows; the size is the thickness.

    Lost: owners, a size of 0 (shown as 1 mm), and which end it is if there is only one.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad one refuses all;
        ``too_many_elements``.
    """
    header = Header(stamp=context.stamp, frame_id=context.frame_id)
    trajectories = content.trajectories
    rows = zip(
        elements.trajectory_ends(content),
        *(map(elements.ros_name, trajectories[field].tolist()) for field in ('name', 'group')),
        map(elements.make_color, trajectories['rgba'].tolist()),
        elements.sizes_of(trajectories),
        strict=True,
    )
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for index, (ends, name, group, color, size) in enumerate(rows):
        width = size if size > 0.0 else SHOWN_SIZE_M
        marker = Marker(header=header, ns=group, id=index, text=name, color=color)
        if len(ends) == 2:
            marker.type = Marker.ARROW
            marker.points = [elements.make_point(end) for end in ends]
            marker.scale = Vector3(
                x=width, y=2.0 * width, z=0.0
            )  # of shaft and head; length: auto
        else:
            marker.type = Marker.SPHERE
            elements.fill_pose(marker.pose, ends[0], (0.0, 0.0, 0.0, 1.0))
            marker.scale = Vector3(x=width, y=width, z=width)
        markers.append(marker)
    return MarkerArray(markers=markers)


def trajectory_from_marker_array(message: MarkerArray) -> Outbound:
    """
    Return a trajectory for each arrow or line of two points, and a target for each sphere.

    Markers that delete others are left out. Names, groups and sizes are where
    :func:`trajectory_to_marker_array` puts them; without a text the name is ``T0``, ``T1`` ...

    Lost: what else a marker says, such as its lifetime.

    :raises ConvertError: ``marker_type``: any other marker; ``several_frames``; ``not_finite``;
        ``out_of_range``; ``zero_quaternion``; ``quaternion_norm``; ``color_range``;
        ``name_too_long``; ``too_many_elements``.
    """
    markers, header = _added(message)
    rows = []
    for index, marker in enumerate(markers):
        ends = _ends(marker)
        trajectory_type = TrajectoryType.TARGET if len(ends) == 1 else TrajectoryType.ENTRY_TARGET
        rows.append(
            elements.trajectory_row(
                marker.text or f'T{index}',
                trajectory_type,
                ends[0],
                ends[-1],
                group=marker.ns,
                rgba=elements.rgba_of(marker.color),
                size=elements.size_mm(marker.scale.x),
            )
        )
    return outbound(elements.trajectories_of(rows), header)


def poly_data_to_marker(content: codec.PolyData, context: Context) -> Marker:
    """
    Return the triangles of a mesh; polygons and strips as :func:`~.meshes.triangles_of`.

    Colours are those of the points, else those of the cells, else white. The namespace is the
    device name. Points of several triangles are one object, so that it is made once.

    Lost: vertices, lines, attributes other than the colours, points that triangles share, and that
    triangles were larger polygons or strips.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``cell_index``; ``color_range``;
        ``size_mismatch``: not a colour for each point or cell; ``too_many_elements``.
    """
    triangles = meshes.triangles_of(content)
    meshes.check_count(len(content.points), len(triangles.corners))
    points = elements.make_points(positions.metres(content.points))
    corners = triangles.corners.reshape(-1)
    return Marker(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        ns=naming.ros_text(context.device_name),
        type=Marker.TRIANGLE_LIST,
        action=Marker.ADD,
        scale=Vector3(x=1.0, y=1.0, z=1.0),
        color=_color(*_WHITE),
        points=[points[index] for index in corners.tolist()],
        colors=_corner_colors(content, triangles),
    )


def poly_data_from_marker(message: Marker) -> Outbound:
    """
    Return the triangles of a triangle list, three points each, in the frame of the header.

    As many colours as points become colours of the points, a third as many those of the cells; a
    colour of the whole other than opaque white becomes that of each point.

    Lost: texture, lifetime, namespace and id.

    :raises ConvertError: ``marker_type``: another marker, or one that deletes; ``not_finite``;
        ``out_of_range``; ``zero_scale``; ``zero_quaternion``; ``quaternion_norm``;
        ``size_mismatch``; ``color_range``; ``too_many_elements``.
    """
    if (message.type, message.action) != (Marker.TRIANGLE_LIST, Marker.ADD):
        raise ConvertError(
            'marker_type',
            f'a marker of type {message.type}, action {message.action}: a triangle list '
            f'({Marker.TRIANGLE_LIST}) that is added ({Marker.ADD}) is allowed',
        )
    count = len(message.points)
    if count % 3:
        raise ConvertError('size_mismatch', f'{count} points are no triangles of 3 each')
    meshes.check_count(count // 3, count // 3)
    points = numbers_of(message.points, 'x', 'y', 'z')
    scale = message.scale
    if not (scale.x and scale.y and scale.z):
        raise ConvertError('zero_scale', 'a marker of no size along x, y or z')
    points *= (scale.x, scale.y, scale.z)
    if message.pose != Pose():  # else not even the sign of a zero changes
        columns = np.array(elements.columns_of_pose(message.pose)).reshape(4, 3)
        points = points @ columns[:3] + columns[3] / MM_PER_M
    content = codec.PolyData(
        positions.millimetres(points),
        polygons=np.arange(count).reshape(-1, 3),
        attributes=_attributes_of(message),
    )
    return outbound(content, message.header)


def _added(message: MarkerArray) -> tuple[list[Marker], Header]:
    """
    Return the markers that do not delete others, and the header of the first.

    :raises ConvertError: ``several_frames``; ``too_many_elements``.
    """
    markers = [marker for marker in message.markers if marker.action == Marker.ADD]
    elements.check_count(len(markers))
    header = markers[0].header if markers else Header()
    for marker in markers:
        if marker.header.frame_id != header.frame_id:
            raise ConvertError(
                'several_frames',
                f"markers in '{header.frame_id}' and '{marker.header.frame_id}': one is allowed",
            )
    return markers, header


def _ends(marker: Marker) -> list[Any]:
    """Return the one or two ends that a marker shows, millimetres."""
    columns = np.array(elements.columns_of_pose(marker.pose)).reshape(4, 3)
    if marker.type == Marker.SPHERE:
        return [columns[3].tolist()]
    if marker.type not in (Marker.ARROW, Marker.LINE_STRIP) or len(marker.points) != 2:
        raise ConvertError(
            'marker_type',
            f'marker {marker.id} of type {marker.type} with {len(marker.points)} points: a '
            'sphere, or an arrow or line strip of 2 points is allowed',
        )
    points = [elements.position_mm(point) for point in marker.points]
    if marker.pose == Pose():  # then not even the sign of a zero changes
        return points
    # points are given in the frame of the pose
    return (np.array(points) @ columns[:3] + columns[3]).tolist()  # type: ignore[no-any-return]


def _corner_colors(content: codec.PolyData, triangles: meshes.Triangles) -> list[ColorRGBA]:
    """Return a colour for each corner; none if the mesh has none."""
    by_type = {attribute.attribute_type: attribute for attribute in reversed(content.attributes)}
    attribute = by_type.get(AttributeType.POINT_RGBA)
    indices: NDArray[Any] = triangles.corners.reshape(-1)
    count = len(content.points)
    if attribute is None:
        attribute = by_type.get(AttributeType.CELL_RGBA)
        if attribute is None:
            return []
        indices = np.repeat(triangles.cells, 3)
        kinds = (content.vertices, content.lines, content.polygons, content.triangle_strips)
        count = sum(map(len, kinds))
    values = attribute.values
    if len(values) != count:
        raise ConvertError('size_mismatch', f'{len(values)} colours of {count} points or cells')
    _check_colors(values)
    colors = [_color(*row) for row in values.tolist()]
    return [colors[index] for index in indices.tolist()]


def _attributes_of(message: Marker) -> list[codec.Attribute]:
    """Return the colours of a triangle list."""
    count = len(message.points)
    colors = message.colors or [message.color]
    values = numbers_of(colors, 'r', 'g', 'b', 'a')
    _check_colors(values)
    if not message.colors:
        if np.array_equal(values[0], _WHITE):
            return []
        values = np.broadcast_to(values, (count, 4))
    kinds = {count: AttributeType.POINT_RGBA, count // 3: AttributeType.CELL_RGBA}
    if len(values) not in kinds:
        raise ConvertError(
            'size_mismatch', f'{len(values)} colours of {count} points or {count // 3} triangles'
        )
    return [codec.Attribute(kinds[len(values)], 'rgba', values)]


def _check_colors(values: NDArray[Any]) -> None:
    with np.errstate(invalid='ignore'):  # some NaN have numpy warn of them
        is_color = np.all((values >= 0.0) & (values <= 1.0))
    if not is_color:
        raise ConvertError('color_range', 'a colour component outside 0 to 1')


def _color(r: float, g: float, b: float, a: float) -> ColorRGBA:
    return ColorRGBA(r=r, g=g, b=b, a=a)

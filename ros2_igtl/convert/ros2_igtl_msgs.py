# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What no standard message says <-> the package's own messages.

IMAGE, TDATA, QTDATA, POINT, TRAJ, SENSOR and CAPABILITY, and types that nobody knows. What a peer
can be asked for is in ``ros2_igtl_meta``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from geometry_msgs.msg import Pose
from std_msgs.msg import Header

from ros2_igtl import codec
from ros2_igtl.codec.registry import is_type_name
from ros2_igtl.convert import elements, metadata, naming, units
from ros2_igtl.convert.context import (
    Context,
    Outbound,
    outbound,
    sensor_header,
    sensor_outbound,
)
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import (
    byte_array,
    message_with_arrays,
    message_with_data,
    number_array,
)
from ros2_igtl.convert.math import image_geometry
from ros2_igtl.convert.math.geometry import metres
from ros2_igtl.convert.slices import slices_of
from ros2_igtl.msg import (
    Capability,
    ImageGeometry,
    LabeledPoint,
    Metadata,
    PointArray,
    RawMessage,
    Sensor,
    TrackedTool,
    TrackingData,
    Trajectory,
    TrajectoryArray,
    Volume,
)

_NAME_SIZE, _GROUP_SIZE, _OWNER_SIZE = 64, 32, 20  # bytes, point.md


def image_to_image_geometry(content: codec.Image | codec.Video, context: Context) -> ImageGeometry:
    """
    Return where an image or a frame of a video lies, in the parent frame.

    A part of an image has the geometry of the whole.

    Lost: the pixels.

    :raises ConvertError: those of :func:`~.image_geometry.ijk_to_frame`.
    """
    return ImageGeometry(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        size=content.size,
        ijk_to_frame=_ijk_to_frame(content),
    )


def image_to_slice_geometries(content: codec.Image, context: Context) -> list[ImageGeometry]:
    """
    Return where each slice of an image lies, with the stamps of :func:`~.slices.slices_of`.

    Lost: the pixels.

    :raises ConvertError: those of :func:`~.slices.slices_of` and :func:`image_to_image_geometry`.
    """
    if content.size[2] == 1:
        return [image_to_image_geometry(content, context)]
    return [image_to_image_geometry(*one) for one in slices_of(content, context)]


def image_to_volume(content: codec.Image, context: Context) -> Volume:
    """
    Return the voxels and where they lie, in the parent frame, metres, RAS.

    The voxels keep their bytes, and are not copied if they are an array('B').

    Lost: the anatomical directions LPS, which become RAS.

    :raises ConvertError: ``sub_volume``; those of :func:`~.image_geometry.ijk_to_frame`.
    """
    image_geometry.check_whole(content.sub_size, content.size)
    return message_with_data(
        Volume,
        content.data,
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        size=content.size,
        ijk_to_frame=_ijk_to_frame(content),
        components=content.components,
        scalar_type=int(content.scalar_type),
        is_bigendian=content.endian == codec.Endian.BIG,
    )


def image_from_volume(message: Volume) -> Outbound:
    """
    Return the voxels, which are not copied, as a whole image in RAS.

    :raises ConvertError: ``scalar_type``: type or number of components; ``image_size``;
        ``size_mismatch``; those of :func:`~.image_geometry.axes_and_position`.
    """
    i, j, k = map(int, message.size)
    size = (i, j, k)
    image_geometry.check_size(size)
    if message.scalar_type not in codec.ScalarType._value2member_map_ or not message.components:
        raise ConvertError(
            'scalar_type',
            f'{message.components} x scalar type {message.scalar_type}: 1 to 255 x '
            f'{", ".join(f"{s} ({s.name})" for s in codec.ScalarType)} are allowed',
        )
    axes, position = image_geometry.axes_and_position(size, message.ijk_to_frame)
    content = codec.Image(
        memoryview(message.data),
        size,
        codec.ScalarType(message.scalar_type),
        message.components,
        codec.Endian.BIG if message.is_bigendian else codec.Endian.LITTLE,
        codec.CoordinateSystem.RAS,
        axes,
        position,
    )
    expected = math.prod(size) * message.components * content.dtype.itemsize
    if len(message.data) != expected:
        raise ConvertError(
            'size_mismatch',
            f'a volume of {size}, {message.components} x {content.dtype} takes {expected} bytes, '
            f'got {len(message.data)}',
        )
    return outbound(content, message.header)


def tracking_data_to_tracking_data(
    content: codec.TrackingData | codec.QuaternionTrackingData, context: Context
) -> TrackingData:
    """
    Return the poses of all tools; an empty list says that all are lost.

    The frame is the one :func:`~.elements.tracking_data_frame` finds.

    Lost: the last bits of a rotation, and the length of a quaternion.

    :raises ConvertError: as :func:`~.elements.tools_of`: a single bad tool refuses all.
    """
    tools = elements.tools_of(content)
    message = TrackingData(
        header=Header(
            stamp=context.stamp,
            frame_id=elements.tracking_data_frame(tools, context),
        )
    )
    for tool in tools:
        tracked = TrackedTool(name=naming.ros_text(tool.name), tool_type=tool.tool_type)
        elements.fill_pose(tracked.pose, tool.position, tool.orientation)
        message.tools.append(tracked)
    return message


def tracking_data_from_tracking_data(message: TrackingData) -> Outbound:
    """
    Return the tools, translations bit by bit as they came, rotations within 5e-7.

    :raises ConvertError: as :func:`~.elements.tracking_data_of`.
    """
    return outbound(elements.tracking_data_of(_tools(message)), message.header)


def quaternion_tracking_data_from_tracking_data(message: TrackingData) -> Outbound:
    """
    Return the tools, positions bit by bit as they came, quaternions of length 1.

    :raises ConvertError: as :func:`~.elements.quaternion_tracking_data_of`.
    """
    return outbound(elements.quaternion_tracking_data_of(_tools(message)), message.header)


def point_to_point_array(content: codec.Point, context: Context) -> PointArray:
    """
    Return the points with all that is known of them, in the parent frame, metres.

    Lost: what is no UTF-8 in names.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad point refuses all.
    """
    points = content.points
    rows = zip(
        *(map(elements.ros_name, points[field].tolist()) for field in ('name', 'group', 'owner')),
        points['rgba'].tolist(),
        elements.point_positions(content),
        elements.sizes_of(points),
        strict=True,
    )
    return PointArray(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        points=[
            LabeledPoint(
                name=name,
                group=group,
                owner=owner,
                color=elements.make_color(rgba),
                position=elements.make_point(position),
                size=size,
            )
            for name, group, owner, rgba, position, size in rows
        ],
    )


def point_from_point_array(message: PointArray) -> Outbound:
    """
    Return the points, every field as it came.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``color_range``; ``name_too_long``:
        name, group and owner have 63, 31 and 19 bytes at most.
    """
    rows = [_row(point) for point in message.points]
    return outbound(codec.Point(np.array(rows, codec.Point.dtype)), message.header)


def trajectory_to_trajectory_array(content: codec.Trajectory, context: Context) -> TrajectoryArray:
    """
    Return the trajectories with all that is known of them, in the parent frame, metres.

    :raises ConvertError: ``not_finite``; ``out_of_range``: a single bad one refuses all, also in
        an end that means nothing; ``too_many_elements``.
    """
    trajectories = content.trajectories
    elements.check_count(len(trajectories))
    rows = zip(
        *(
            map(elements.ros_name, trajectories[field].tolist())
            for field in ('name', 'group', 'owner')
        ),
        trajectories['trajectory_type'].tolist(),
        trajectories['rgba'].tolist(),
        trajectories['entry'].tolist(),
        trajectories['target'].tolist(),
        elements.sizes_of(trajectories),
        strict=True,
    )
    return TrajectoryArray(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        trajectories=[
            Trajectory(
                name=name,
                group=group,
                owner=owner,
                trajectory_type=trajectory_type,
                color=elements.make_color(rgba),
                entry=elements.make_point(metres(*entry)),
                target=elements.make_point(metres(*target)),
                size=size,
            )
            for name, group, owner, trajectory_type, rgba, entry, target, size in rows
        ],
    )


def trajectory_from_trajectory_array(message: TrajectoryArray) -> Outbound:
    """
    Return the trajectories, every field as it came.

    :raises ConvertError: ``not_finite``; ``out_of_range``; ``color_range``; ``name_too_long``;
        ``too_many_elements``.
    """
    rows = [
        elements.trajectory_row(
            trajectory.name,
            trajectory.trajectory_type,
            elements.position_mm(trajectory.entry),
            elements.position_mm(trajectory.target),
            group=trajectory.group,
            rgba=elements.rgba_of(trajectory.color),
            size=elements.size_mm(trajectory.size),
            owner=trajectory.owner,
        )
        for trajectory in message.trajectories
    ]
    return outbound(elements.trajectories_of(rows), message.header)


def sensor_to_sensor(content: codec.Sensor, context: Context) -> Sensor:
    """Return the numbers as they came, NaN and all, with their unit as text and as word."""
    return message_with_arrays(
        Sensor,
        {'values': number_array(content.values)},
        header=sensor_header(context),
        unit=str(content.unit),
        unit_word=int(content.unit),
        status=content.status,
    )


def sensor_from_sensor(message: Sensor) -> Outbound:
    """
    Return the numbers with the unit that the text says, or the word where there is no text.

    :raises ConvertError: ``unit``: the text is no unit, or says another one than the word;
        ``value_count``: more than 255 numbers.
    """
    if len(message.values) > units.MAX_VALUES:
        raise ConvertError(
            'value_count', f'{len(message.values)} numbers, {units.MAX_VALUES} are allowed'
        )
    unit = codec.Unit(message.unit_word)
    if message.unit:
        try:
            unit = codec.Unit.parse(message.unit)
        except codec.ValueRangeError as error:
            raise ConvertError('unit', str(error)) from None
        if message.unit_word not in (0, unit):
            raise ConvertError(
                'unit', f"unit '{message.unit}' is {unit:#018x}, not {message.unit_word:#018x}"
            )
    return sensor_outbound(
        codec.Sensor(np.array(message.values), unit, message.status), message.header
    )


def capability_to_ros(content: codec.Capability, context: Context) -> Capability:
    """
    Return the type names that a peer can receive.

    :raises ConvertError: ``too_many_elements``.
    """
    elements.check_count(len(content.type_names))
    return Capability(
        header=Header(stamp=context.stamp),
        type_names=[naming.ros_text(name) for name in content.type_names],
    )


def capability_from_ros(message: Capability) -> Outbound:
    """
    Return the type names.

    :raises ConvertError: ``name_too_long``: a name of more than 12 bytes; ``too_many_elements``.
    """
    elements.check_count(len(message.type_names))
    for name in message.type_names:
        naming.content_name(name, codec.TYPE_NAME_SIZE + 1, 'type name')
    return outbound(codec.Capability(tuple(message.type_names)), message.header)


def metadata_to_ros(type_name: str, context: Context) -> Metadata:
    """
    Return the metadata of a message, for beside what the message becomes.

    Lost: what is no UTF-8 in the name of the device and in keys.

    :param type_name: of the message.
    """
    return Metadata(
        header=Header(stamp=context.stamp, frame_id=context.frame_id),
        type_name=type_name,
        device_name=naming.ros_text(context.device_name),
        header_version=context.header_version,
        message_id=context.message_id,
        entries=metadata.metadata_to_ros(context.metadata),
    )


def content_to_raw_message(content: codec.Content, context: Context) -> RawMessage:
    """
    Return a message of any type, its content as bytes.

    Of a type that nobody knows they are those that came; of any other those that the codec packs
    the content to, under the name of the type.

    Lost: what is no UTF-8 in the names of the device and of metadata, and another name of a type
    that has two, as QTRANS.

    :raises ConvertError: ``encode``: the content came in a form that cannot be packed.
    """
    try:
        if isinstance(content, codec.Unknown):
            body = content.body
        else:
            body = b''.join(content.pack_parts())
    except codec.EncodeError as error:
        raise ConvertError('encode', str(error)) from None
    return message_with_arrays(
        RawMessage,
        {'body': byte_array(body)},
        header=Header(stamp=context.stamp),
        type_name=content.type_name,
        device_name=naming.ros_text(context.device_name),
        header_version=context.header_version,
        message_id=context.message_id,
        metadata=metadata.metadata_to_ros(context.metadata),
    )


def content_from_raw_message(message: RawMessage) -> Outbound:
    """
    Return the bytes under their type name, with metadata if there are any.

    Bytes of a type that the codec knows have to be a content of it.

    Lost: the device name and the header version; the mapping has the one, the peer the other.

    :raises ConvertError: ``type_name``; ``metadata``; the causes of ``codec.MessageError``.
    """
    if not is_type_name(message.type_name):
        raise ConvertError(
            'type_name',
            f"type name '{naming.escape(message.type_name)}': 1 to 12 printable characters of "
            'ASCII are allowed',
        )
    body = memoryview(message.body)
    content_class = codec.MESSAGE_TYPES.get(message.type_name)
    try:
        content = (
            codec.Unknown(message.type_name, body)
            if content_class is None
            else content_class.unpack(body)
        )
    except codec.MessageError as error:
        raise ConvertError(error.cause, str(error)) from None
    return outbound(content, message.header)._replace(
        message_id=message.message_id, metadata=metadata.metadata_from_ros(message.metadata)
    )


def _tools(message: TrackingData) -> Iterator[tuple[str, int, Pose]]:
    for tool in message.tools:
        yield tool.name, tool.tool_type, tool.pose


def _ijk_to_frame(content: codec.Image | codec.Video) -> list[float]:
    lps = content.coordinate == codec.CoordinateSystem.LPS
    return image_geometry.ijk_to_frame(content.size, content.axes, content.position, lps=lps)


def _row(point: LabeledPoint) -> tuple[object, ...]:
    return (
        naming.content_name(point.name, _NAME_SIZE, 'point name'),
        naming.content_name(point.group, _GROUP_SIZE, 'point group'),
        elements.rgba_of(point.color),
        elements.position_mm(point.position),
        elements.size_mm(point.size),
        naming.content_name(point.owner, _OWNER_SIZE, 'point owner'),
    )

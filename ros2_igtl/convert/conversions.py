# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The table: which OpenIGTLink type becomes which ROS type, by which functions, under which topic.

A new pair of types is a new row here and two functions; nothing else knows message types. Other
packages add rows through the entry point group ``ros2_igtl.mappings``, see ``mapping.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ros2_igtl import codec
from ros2_igtl.convert import (
    diagnostic_msgs,
    geometry_msgs,
    nav_msgs,
    ros2_igtl_meta,
    ros2_igtl_msgs,
    ros2_igtl_poly_data,
    sensor_clouds,
    sensor_msgs,
    sensor_video,
    shape_msgs,
    std_msgs,
    visualization_msgs,
)
from ros2_igtl.convert.context import Outbound
from ros2_igtl.convert.conversion import (
    ANY_OTHER_TYPE,
    Conversion,
    ToRos,
    always,
    with_options,
    with_rows_of_packages,
)
from ros2_igtl.convert.conversion import one as _one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import ros_type

__all__ = [
    'ANY_OTHER_TYPE',
    'CONTAINERS',
    'CONVERSIONS',
    'JOINT_STATES',
    'METADATA',
    'TF_SOURCES',
    'TF_TOOLS',
    'TYPES_IN_PARTS',
    'Conversion',
    'canonical',
    'check_type',
    'conversions_for',
    'find_conversion',
    'find_outbound',
    'pairs',
    'ros_type',
    'with_options',
]


def is_slice(content: Any) -> bool:
    """Accept an image of one slice."""
    return bool(content.size[2] == 1)


def is_volume(content: Any) -> bool:
    """Accept an image of several slices."""
    return not is_slice(content)


def is_unknown(content: Any) -> bool:
    """Accept what nobody can read."""
    return isinstance(content, codec.Unknown)


def is_array_of(name: str) -> Callable[[Any], bool]:
    """Return a function that accepts the arrays which become one class of std_msgs."""

    def accepts(content: Any) -> bool:
        return bool(std_msgs.nd_array_class(content).__name__ == name)

    return accepts


RAW_TYPE = 'ros2_igtl/msg/RawMessage'
"""What a message of any type can become, and be made of."""

# What goes to tf and to a topic is one object, so that it is made once.
_TRANSFORM_TO_TF = _one(geometry_msgs.transform_to_transform_stamped)
_POSITION_TO_TF = _one(geometry_msgs.position_to_transform_stamped)

_OWN_CONVERSIONS = (
    Conversion(
        'TRANSFORM',
        'geometry_msgs/msg/TransformStamped',
        _TRANSFORM_TO_TF,
        _one(geometry_msgs.transform_from_transform_stamped),
        default=True,
        to_tf=_TRANSFORM_TO_TF,
    ),
    Conversion(
        'TRANSFORM',
        'geometry_msgs/msg/PoseStamped',
        _one(geometry_msgs.transform_to_pose_stamped),
        _one(geometry_msgs.transform_from_pose_stamped),
    ),
    Conversion(
        'POSITION',
        'geometry_msgs/msg/PoseStamped',
        _one(geometry_msgs.position_to_pose_stamped),
        _one(geometry_msgs.position_from_pose_stamped),
        default=True,
        to_tf=_POSITION_TO_TF,
    ),
    Conversion(
        'POSITION',
        'geometry_msgs/msg/PointStamped',
        _one(geometry_msgs.position_to_point_stamped),
        _one(geometry_msgs.position_from_point_stamped),
    ),
    Conversion(
        'POSITION',
        'geometry_msgs/msg/TransformStamped',
        _POSITION_TO_TF,
        _one(geometry_msgs.position_from_transform_stamped),
    ),
    Conversion(
        'TDATA',
        'ros2_igtl/msg/TrackingData',
        _one(ros2_igtl_msgs.tracking_data_to_tracking_data),
        _one(ros2_igtl_msgs.tracking_data_from_tracking_data),
        default=True,
        to_tf=geometry_msgs.tracking_data_to_transform_stamped,
    ),
    Conversion(
        'TDATA',
        'geometry_msgs/msg/PoseArray',
        _one(geometry_msgs.tracking_data_to_pose_array),
        _one(geometry_msgs.tracking_data_from_pose_array),
    ),
    Conversion(
        'QTDATA',
        'ros2_igtl/msg/TrackingData',
        _one(ros2_igtl_msgs.tracking_data_to_tracking_data),
        _one(ros2_igtl_msgs.quaternion_tracking_data_from_tracking_data),
        default=True,
        to_tf=geometry_msgs.tracking_data_to_transform_stamped,
    ),
    Conversion(
        'QTDATA',
        'geometry_msgs/msg/PoseArray',
        _one(geometry_msgs.tracking_data_to_pose_array),
        _one(geometry_msgs.quaternion_tracking_data_from_pose_array),
    ),
    Conversion(
        'IMAGE',
        'sensor_msgs/msg/Image',
        sensor_msgs.image_to_slices,
        _one(sensor_msgs.image_from_ros),
        default=True,
        is_for=is_slice,
        companion='geometry',
        to_tf=geometry_msgs.image_to_transform_stamped,
    ),
    Conversion(
        'IMAGE',
        'ros2_igtl/msg/ImageGeometry',
        ros2_igtl_msgs.image_to_slice_geometries,
        None,  # it says where an image lies: sensor_msgs.image_from_ros takes it beside one
        default=True,
        topic_suffix='geometry',
        is_for=is_slice,
    ),
    Conversion(
        'IMAGE',
        'ros2_igtl/msg/Volume',
        _one(ros2_igtl_msgs.image_to_volume),
        _one(ros2_igtl_msgs.image_from_volume),
        default=True,
        latched=True,
        traffic='event',
        is_for=is_volume,
    ),
    Conversion(
        'IMAGE',
        'sensor_msgs/msg/PointCloud2',
        _one(sensor_clouds.image_to_point_cloud),
        None,  # a cloud has no grid, and not all voxels
        traffic='event',
        options=('threshold',),
    ),
    Conversion(
        'POINT',
        'geometry_msgs/msg/PoseArray',
        _one(geometry_msgs.point_to_pose_array),
        _one(geometry_msgs.point_from_pose_array),
        default=True,
        traffic='event',
    ),
    Conversion(
        'POINT',
        'ros2_igtl/msg/PointArray',
        _one(ros2_igtl_msgs.point_to_point_array),
        _one(ros2_igtl_msgs.point_from_point_array),
        default=True,
        topic_suffix='points',
        traffic='event',
    ),
    Conversion(
        'POINT',
        'geometry_msgs/msg/PointStamped',
        geometry_msgs.point_to_point_stamped,
        _one(geometry_msgs.point_from_point_stamped),
        traffic='event',
    ),
    Conversion(
        'POINT',
        'visualization_msgs/msg/MarkerArray',
        _one(visualization_msgs.point_to_marker_array),
        _one(visualization_msgs.point_from_marker_array),
        traffic='event',
    ),
    Conversion(
        'POINT',
        'sensor_msgs/msg/PointCloud2',
        _one(sensor_clouds.point_to_point_cloud),
        _one(sensor_clouds.point_from_point_cloud),
        traffic='event',
    ),
    Conversion(
        'POLYDATA',
        'ros2_igtl/msg/PolyData',
        _one(ros2_igtl_poly_data.poly_data_to_poly_data),
        _one(ros2_igtl_poly_data.poly_data_from_poly_data),
        default=True,
        traffic='event',
    ),
    Conversion(
        'POLYDATA',
        'shape_msgs/msg/Mesh',
        _one(shape_msgs.poly_data_to_mesh),
        _one(shape_msgs.poly_data_from_mesh),
        traffic='event',
    ),
    Conversion(
        'POLYDATA',
        'visualization_msgs/msg/Marker',
        _one(visualization_msgs.poly_data_to_marker),
        _one(visualization_msgs.poly_data_from_marker),
        traffic='event',
    ),
    Conversion(
        'POLYDATA',
        'sensor_msgs/msg/PointCloud2',
        _one(sensor_clouds.poly_data_to_point_cloud),
        _one(sensor_clouds.poly_data_from_point_cloud),
        traffic='event',
    ),
    Conversion(
        'VIDEO',
        'sensor_msgs/msg/CompressedImage',
        _one(sensor_video.video_to_compressed_image),
        _one(sensor_video.video_from_compressed_image),
        default=True,
        traffic='event',  # without one frame those after it mean nothing
        companion='geometry',
        to_tf=geometry_msgs.image_to_transform_stamped,
    ),
    Conversion(
        'VIDEO',
        'ros2_igtl/msg/ImageGeometry',
        _one(ros2_igtl_msgs.image_to_image_geometry),
        None,  # the other rows of VIDEO take it beside a message
        default=True,
        topic_suffix='geometry',
        traffic='event',
    ),
    Conversion(
        'VIDEO',
        'sensor_msgs/msg/Image',
        _one(sensor_video.video_to_ros),
        _one(sensor_video.video_from_ros),
        is_decoded=True,
        companion='geometry',
    ),
    Conversion(
        'STRING',
        'std_msgs/msg/String',
        _one(std_msgs.string_to_ros),
        _one(std_msgs.string_from_ros),
        default=True,
        traffic='event',
    ),
    Conversion(
        'STATUS',
        'diagnostic_msgs/msg/DiagnosticStatus',
        _one(diagnostic_msgs.status_to_ros),
        _one(diagnostic_msgs.status_from_ros),
        default=True,
        traffic='event',
    ),
    Conversion(
        'CAPABILITY',
        'ros2_igtl/msg/Capability',
        _one(ros2_igtl_msgs.capability_to_ros),
        _one(ros2_igtl_msgs.capability_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
    Conversion(
        'SENSOR',
        'ros2_igtl/msg/Sensor',
        _one(ros2_igtl_msgs.sensor_to_sensor),
        _one(ros2_igtl_msgs.sensor_from_sensor),
        default=True,
    ),
    Conversion(
        'SENSOR',
        'geometry_msgs/msg/WrenchStamped',
        _one(geometry_msgs.sensor_to_wrench_stamped),
        _one(geometry_msgs.sensor_from_wrench_stamped),
    ),
    Conversion(
        'SENSOR',
        'sensor_msgs/msg/JointState',
        _one(sensor_msgs.sensor_to_joint_state),
        _one(sensor_msgs.sensor_from_joint_state),
    ),
    Conversion(
        'SENSOR',
        'sensor_msgs/msg/Temperature',
        _one(sensor_msgs.sensor_to_temperature),
        _one(sensor_msgs.sensor_from_temperature),
    ),
    Conversion(
        'SENSOR',
        'sensor_msgs/msg/FluidPressure',
        _one(sensor_msgs.sensor_to_fluid_pressure),
        _one(sensor_msgs.sensor_from_fluid_pressure),
    ),
    Conversion(
        'SENSOR',
        'sensor_msgs/msg/MagneticField',
        _one(sensor_msgs.sensor_to_magnetic_field),
        _one(sensor_msgs.sensor_from_magnetic_field),
    ),
    *(
        Conversion(
            'NDARRAY',
            f'std_msgs/msg/{name}',
            _one(std_msgs.nd_array_to_multi_array),
            _one(std_msgs.nd_array_from_multi_array),
            default=True,
            accepts=is_array_of(name),
        )
        for name in std_msgs.ARRAY_NAMES
    ),
    Conversion(
        'TRAJ',
        'ros2_igtl/msg/TrajectoryArray',
        _one(ros2_igtl_msgs.trajectory_to_trajectory_array),
        _one(ros2_igtl_msgs.trajectory_from_trajectory_array),
        default=True,
        traffic='event',
    ),
    Conversion(
        'TRAJ',
        'nav_msgs/msg/Path',
        nav_msgs.trajectory_to_path,
        _one(nav_msgs.trajectory_from_path),
        traffic='event',
    ),
    Conversion(
        'TRAJ',
        'visualization_msgs/msg/MarkerArray',
        _one(visualization_msgs.trajectory_to_marker_array),
        _one(visualization_msgs.trajectory_from_marker_array),
        traffic='event',
    ),
    Conversion(
        'IMGMETA',
        'ros2_igtl/msg/ImageMetaArray',
        _one(ros2_igtl_meta.image_meta_to_ros),
        _one(ros2_igtl_meta.image_meta_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
    Conversion(
        'LBMETA',
        'ros2_igtl/msg/LabelMetaArray',
        _one(ros2_igtl_meta.label_meta_to_ros),
        _one(ros2_igtl_meta.label_meta_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
    Conversion(
        'VIDEOMETA',
        'ros2_igtl/msg/VideoMetaArray',
        _one(ros2_igtl_meta.video_meta_to_ros),
        _one(ros2_igtl_meta.video_meta_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
    Conversion(
        'COLORT',
        'ros2_igtl/msg/ColorTable',
        _one(ros2_igtl_meta.color_table_to_ros),
        _one(ros2_igtl_meta.color_table_from_ros),
        default=True,
        latched=True,
        traffic='event',
    ),
    Conversion(
        ANY_OTHER_TYPE,
        RAW_TYPE,
        _one(ros2_igtl_msgs.content_to_raw_message),
        _one(ros2_igtl_msgs.content_from_raw_message),
        default=True,
        traffic='event',
        accepts=is_unknown,
    ),
)

CONVERSIONS = with_rows_of_packages(_OWN_CONVERSIONS)
"""Every pair of types; of one type the first row is the one a user would expect."""

METADATA = Conversion(
    ANY_OTHER_TYPE, 'ros2_igtl/msg/Metadata', None, None, topic_suffix='metadata'
)
"""What is published beside a message of any type that has metadata, on ``<topic>/metadata``."""

DEVICE_STATUS = Conversion(
    ANY_OTHER_TYPE, 'diagnostic_msgs/msg/DiagnosticStatus', None, None, topic_suffix='status'
)
"""What is published beside what is watched, on ``<topic>/status``."""

JOINT_STATES = Conversion(
    ANY_OTHER_TYPE, 'sensor_msgs/msg/JointState', None, None, traffic='event'
)
"""What a row can have a chain of frames sent with; every one of them counts."""

TF_SOURCES: dict[str, ToRos] = {
    type_name: row.to_tf
    for type_name, kind in codec.MESSAGE_TYPES.items()
    for row in CONVERSIONS
    if row.type_name == kind.type_name and row.to_tf is not None
}
"""What of each type goes to tf: type name (aliases too) to what gives TransformStamped."""


def children_of(message: codec.Message) -> tuple[codec.Message, ...]:
    """Return the children of a BIND as messages of their own; stamp and metadata are its."""
    return tuple(
        codec.Message(
            child.content,
            child.device_name,
            message.timestamp,
            message.header_version,
            message.message_id,
            message.metadata,
            type_name=child.type_name,
        )
        for child in message.content.children
    )


CONTAINERS: dict[str, Callable[[codec.Message], Sequence[codec.Message]]] = {'BIND': children_of}
"""What is taken apart: type name to a function that gives the messages in it."""

TF_TOOLS: dict[str, Callable[[Any], Outbound]] = {
    'TDATA': geometry_msgs.tracking_data_from_transform_stamped,
    'QTDATA': geometry_msgs.quaternion_tracking_data_from_transform_stamped,
}
"""What becomes one message of several look-ups in tf, each a tool's name and TransformStamped."""

TYPES_IN_PARTS = frozenset({'IMAGE'})
"""Whose messages may be parts, which a ``streams.VolumeAssembler`` pastes into whole ones."""

_ROWS = {
    type_name: tuple(row for row in CONVERSIONS if row.type_name == type_name)
    for type_name in dict.fromkeys(row.type_name for row in CONVERSIONS)
}
# of any content, where somebody asks for it; the row in the table is for what nobody knows
_RAW = replace(_ROWS[ANY_OTHER_TYPE][0], default=False, accepts=always)
_DEFAULTS = {
    type_name: tuple(row for row in rows if row.default) for type_name, rows in _ROWS.items()
}


# What is never published itself: it is taken apart, run or answered.
_TAKEN = (codec.Bind, codec.Command, codec.Companion)


def pairs() -> dict[tuple[str, str], frozenset[str]]:
    """
    Return which pairs of types there are rows for, in which directions and with which options.

    :returns: ``IGTL_TO_ROS``, ``ROS_TO_IGTL`` or both, and the keys of the mapping file that are
        for this pair alone, by type name (aliases too) and ROS type. What is said of any type
        holds for those of which nothing else is.
    """
    type_names = [(name, kind.type_name) for name, kind in codec.MESSAGE_TYPES.items()]
    type_names.append((ANY_OTHER_TYPE, ANY_OTHER_TYPE))
    only_sent = {
        (type_name, RAW_TYPE): frozenset({'ROS_TO_IGTL'})
        for type_name, kind in codec.MESSAGE_TYPES.items()
        if issubclass(kind, _TAKEN)
    }
    return only_sent | {
        (type_name, row.ros_type_name): frozenset(
            direction
            for direction, convert in (('IGTL_TO_ROS', row.to_ros), ('ROS_TO_IGTL', row.from_ros))
            if convert is not None
        ).union(row.options)
        for type_name, row_type in type_names
        for row in _ROWS.get(row_type, ())
    }


def conversions_for(type_name: str, content: codec.Content) -> tuple[Conversion, ...]:
    """
    Return the rows to publish a content by when nobody asked for anything else.

    :param type_name: may be an alias, such as QTRANS.
    :returns: empty if no row takes it.
    """
    rows = _DEFAULTS[_row_type(type_name)]
    # faster than of a generator
    return tuple([row for row in rows if row.accepts(content) and row.is_for(content)])


def depends_on_content(type_name: str) -> bool:
    """
    Tell whether it depends on the content what :func:`conversions_for` returns.

    :param type_name: may be an alias, such as QTRANS.
    """
    rows = _DEFAULTS[_row_type(type_name)]
    return any(row.accepts is not always or row.is_for is not always for row in rows)


def find_conversion(type_name: str, ros_type_name: str) -> Conversion:
    """
    Return the row of a pair of types; RawMessage makes one with any type.

    :param type_name: may be an alias, such as QTRANS.
    :raises ConvertError: ``unknown_conversion``; its text lists what the type can become.
    """
    row_type = _row_type(type_name)
    rows = _ROWS[row_type]
    for row in rows:
        if row.ros_type_name == ros_type_name and row_type != ANY_OTHER_TYPE:
            return row
    if ros_type_name == RAW_TYPE:
        return replace(_RAW, type_name=row_type, traffic=rows[0].traffic)
    allowed = ', '.join(row.ros_type_name for row in rows)
    text = f'{type_name} <-> {ros_type_name}: {allowed} are allowed'
    if row_type == ANY_OTHER_TYPE:
        text += f'; types with others are {", ".join(_ROWS)}'
    raise ConvertError('unknown_conversion', text)


def find_outbound(ros_type_name: str) -> Conversion | None:
    """
    Return the row by which a ROS type is sent where nobody says as what, None if there is none.

    It is the first row of this ROS type that is a default, else the first one; of RawMessage,
    which may be of any type, there is none.
    """
    rows = [
        row
        for row in CONVERSIONS
        if row.ros_type_name == ros_type_name
        and row.from_ros is not None
        and row.type_name != ANY_OTHER_TYPE
    ]
    return next((row for row in rows if row.default), rows[0] if rows else None)


def check_type(type_name: str, content: codec.Content) -> None:
    """
    Hold a content to the type that a mapping says; only a RawMessage can be of another.

    :param type_name: may be an alias, such as QTRANS.
    :raises ConvertError: ``type_name``.
    """
    if content.type_name != canonical(type_name):
        raise ConvertError('type_name', f'a message of type {content.type_name} to {type_name}')


def _row_type(type_name: str) -> str:
    """Return the type name under which the rows of a type stand."""
    name = canonical(type_name)
    return name if name in _ROWS else ANY_OTHER_TYPE


def canonical(type_name: str) -> str:
    """Return the type name that an alias stands for, any other unchanged."""
    content_class = codec.MESSAGE_TYPES.get(type_name)
    return type_name if content_class is None else content_class.type_name

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The table: which OpenIGTLink type becomes which ROS type, and look-ups in it.

It is collected from the modules of ``pairs``, where the conversions are written and declared.
Other packages add theirs through the entry point group ``ros2_igtl.mappings``, see
``conversion.py``. Of one type, and of one ROS type, the first conversion is the usual choice.
"""

from __future__ import annotations

from dataclasses import replace

from ros2_igtl import codec
from ros2_igtl.convert.conversion import (
    ANY_OTHER_TYPE,
    Conversion,
    FromTf,
    ToRos,
    always,
    with_options,
    with_rows_of_packages,
)
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import ros_type
from ros2_igtl.convert.pairs import (
    array,
    image,
    lists,
    mesh,
    mesh_display,
    points,
    pose,
    raw,
    sensor,
    status,
    text,
    tracking,
    trajectory,
    video,
    volume,
)
from ros2_igtl.convert.pairs.bind import CONTAINERS
from ros2_igtl.convert.pairs.image import TYPES_IN_PARTS
from ros2_igtl.convert.pairs.metadata import METADATA
from ros2_igtl.convert.pairs.raw import RAW_TYPE
from ros2_igtl.convert.pairs.status import DEVICE_STATUS

__all__ = [
    'ANY_OTHER_TYPE',
    'CONTAINERS',
    'CONVERSIONS',
    'DEVICE_STATUS',
    'JOINT_STATES',
    'METADATA',
    'RAW_TYPE',
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


_FAMILIES = (
    pose,
    tracking,
    image,
    volume,
    points,
    mesh,
    mesh_display,
    video,
    text,
    status,
    sensor,
    array,
    trajectory,
    lists,
    raw,
)

CONVERSIONS = with_rows_of_packages(
    [conversion for family in _FAMILIES for conversion in family.CONVERSIONS]
)
"""Every pair of types; of one type the first row is the one a user would expect."""

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


TF_TOOLS: dict[str, FromTf] = {
    conversion.type_name: conversion.from_tf
    for conversion in CONVERSIONS
    if conversion.from_tf is not None
}
"""What becomes one message of several look-ups in tf, each a tool's name and TransformStamped."""

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
        return replace(_RAW, type_name=row_type, traffic=rows[0].traffic, is_bulk=rows[0].is_bulk)
    allowed = ', '.join(row.ros_type_name for row in rows)
    problem = f'{type_name} <-> {ros_type_name}: {allowed} are allowed'
    if row_type == ANY_OTHER_TYPE:
        problem += f'; types with others are {", ".join(_ROWS)}'
    raise ConvertError('unknown_conversion', problem)


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

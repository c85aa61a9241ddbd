# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The table of conversions between OpenIGTLink and ROS types, and look-ups in it.

The modules of ``pairs`` implement and declare the conversions; this module collects them. Other
packages add theirs through the entry point group ``ros2_igtl.mappings``, see ``conversion.py``.
The first conversion of an OpenIGTLink type, and of a ROS type, is the usual choice.
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
    with_conversions_of_packages,
    with_options,
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
from ros2_igtl.convert.pairs.image import TYPES_IN_PARTS, image_to_transform_stamped
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
    'TF_PLANES',
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

CONVERSIONS = with_conversions_of_packages(
    [conversion for family in _FAMILIES for conversion in family.CONVERSIONS]
)
"""Every pair of types; the first conversion of a type is the one a user expects."""

JOINT_STATES = Conversion(
    ANY_OTHER_TYPE, 'sensor_msgs/msg/JointState', None, None, traffic='event'
)
"""Subscription to the joint states that trigger sending a chain of frames; none is skipped."""

TF_SOURCES: dict[str, ToRos] = {
    type_name: conversion.to_tf
    for type_name, kind in codec.MESSAGE_TYPES.items()
    for conversion in CONVERSIONS
    if conversion.type_name == kind.type_name and conversion.to_tf is not None
}
"""By type name (aliases too): the function that returns the TransformStamped for tf."""

TF_PLANES = frozenset(
    type_name for type_name, to_tf in TF_SOURCES.items() if to_tf is image_to_transform_stamped
)
"""The types whose pose is the plane of an image, and not that of a tool."""

TF_TOOLS: dict[str, FromTf] = {
    conversion.type_name: conversion.from_tf
    for conversion in CONVERSIONS
    if conversion.from_tf is not None
}
"""By type name: the function that makes one message from several look-ups in tf."""

_BY_TYPE = {
    type_name: tuple(conversion for conversion in CONVERSIONS if conversion.type_name == type_name)
    for type_name in dict.fromkeys(conversion.type_name for conversion in CONVERSIONS)
}
# accepts any content if a mapping row selects it; the one in the table accepts only unknown types
_RAW = replace(_BY_TYPE[ANY_OTHER_TYPE][0], default=False, accepts=always)
_DEFAULTS = {
    type_name: tuple(conversion for conversion in conversions if conversion.default)
    for type_name, conversions in _BY_TYPE.items()
}


# The node never publishes these: it unpacks the first, runs the second and answers the third.
_NOT_PUBLISHED = (codec.Bind, codec.Command, codec.Companion)


def pairs() -> dict[tuple[str, str], frozenset[str]]:
    """
    Return the pairs of types that can be converted, with their directions and options.

    :returns: ``IGTL_TO_ROS``, ``ROS_TO_IGTL`` or both, and the keys of the mapping file that apply
        only to this pair, by type name (including aliases) and ROS type. ``*`` stands for all
        types without an entry of their own.
    """
    type_names = [(name, kind.type_name) for name, kind in codec.MESSAGE_TYPES.items()]
    type_names.append((ANY_OTHER_TYPE, ANY_OTHER_TYPE))
    only_sent = {
        (type_name, RAW_TYPE): frozenset({'ROS_TO_IGTL'})
        for type_name, kind in codec.MESSAGE_TYPES.items()
        if issubclass(kind, _NOT_PUBLISHED)
    }
    return only_sent | {
        (type_name, conversion.ros_type_name): frozenset(
            direction
            for direction, convert in (
                ('IGTL_TO_ROS', conversion.to_ros),
                ('ROS_TO_IGTL', conversion.from_ros),
            )
            if convert is not None
        ).union(conversion.options)
        for type_name, key in type_names
        for conversion in _BY_TYPE.get(key, ())
    }


def conversions_for(type_name: str, content: codec.Content) -> tuple[Conversion, ...]:
    """
    Return the conversions that publish a content unless a mapping file selects others.

    :param type_name: may be an alias, such as QTRANS.
    :returns: empty if no conversion is available.
    """
    conversions = _DEFAULTS[_key_of(type_name)]
    # faster than a generator
    return tuple(
        [
            conversion
            for conversion in conversions
            if conversion.accepts(content) and conversion.is_for(content)
        ]
    )


def depends_on_content(type_name: str) -> bool:
    """
    Return whether the result of :func:`conversions_for` depends on the content.

    :param type_name: may be an alias, such as QTRANS.
    """
    conversions = _DEFAULTS[_key_of(type_name)]
    return any(
        conversion.accepts is not always or conversion.is_for is not always
        for conversion in conversions
    )


def find_conversion(type_name: str, ros_type_name: str) -> Conversion:
    """
    Return the conversion of a pair of types; any type can become a RawMessage.

    :param type_name: may be an alias, such as QTRANS.
    :raises ConvertError: ``unknown_conversion``; its text lists the allowed ROS types.
    """
    key = _key_of(type_name)
    conversions = _BY_TYPE[key]
    for conversion in conversions:
        if conversion.ros_type_name == ros_type_name and key != ANY_OTHER_TYPE:
            return conversion
    if ros_type_name == RAW_TYPE:
        return replace(
            _RAW, type_name=key, traffic=conversions[0].traffic, is_bulk=conversions[0].is_bulk
        )
    allowed = ', '.join(conversion.ros_type_name for conversion in conversions)
    problem = f'{type_name} <-> {ros_type_name}: {allowed} are allowed'
    if key == ANY_OTHER_TYPE:
        problem += f'; {", ".join(_BY_TYPE)} have other conversions'
    raise ConvertError('unknown_conversion', problem)


def find_outbound(ros_type_name: str) -> Conversion | None:
    """
    Return the conversion that sends a ROS type unless a mapping file selects one, else None.

    This is the first default of the ROS type, else its first conversion. RawMessage has no such
    conversion, since it can contain any type.
    """
    conversions = [
        conversion
        for conversion in CONVERSIONS
        if conversion.ros_type_name == ros_type_name
        and conversion.from_ros is not None
        and conversion.type_name != ANY_OTHER_TYPE
    ]
    return next(
        (conversion for conversion in conversions if conversion.default),
        conversions[0] if conversions else None,
    )


def check_type(type_name: str, content: codec.Content) -> None:
    """
    Check that a content has the type of its mapping row; that of a RawMessage may differ.

    :param type_name: may be an alias, such as QTRANS.
    :raises ConvertError: ``type_name``.
    """
    if content.type_name != canonical(type_name):
        raise ConvertError(
            'type_name', f'the message has type {content.type_name}; its row allows {type_name}'
        )


def _key_of(type_name: str) -> str:
    """Return the type name under which the conversions of a type are found."""
    name = canonical(type_name)
    return name if name in _BY_TYPE else ANY_OTHER_TYPE


def canonical(type_name: str) -> str:
    """Return the type name that an alias stands for, any other unchanged."""
    content_class = codec.MESSAGE_TYPES.get(type_name)
    return type_name if content_class is None else content_class.type_name

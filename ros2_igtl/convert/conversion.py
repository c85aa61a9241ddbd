# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The class of a conversion, and the loader for other packages; the table is in ``conversions.py``.

The entry point group ``ros2_igtl.mappings`` names lists of conversions. A package that provides
such a list imports this module, never the table: the table loads the list.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import Any, Literal, TypeAlias, get_args

from ros2_igtl import codec
from ros2_igtl.codec.registry import load_group
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.interfaces import ros_type

ENTRY_POINT_GROUP = 'ros2_igtl.mappings'
ANY_OTHER_TYPE = '*'
"""The type name of conversions for all types without a conversion of their own."""

ToRos: TypeAlias = Callable[..., Sequence[Any]]  # the content, its Context, and options by name
FromRos: TypeAlias = Callable[..., Sequence[Outbound]]  # the message, and its sibling's if any
FromTf: TypeAlias = Callable[[Iterable[tuple[str, Any]]], Outbound]  # name and pose of each tool
Traffic = Literal['state', 'event']
OPTIONS = frozenset({'threshold'})
"""Keys of the mapping file that a conversion to ROS may take as keyword arguments."""


def always(content: codec.Content) -> bool:
    """Accept any content of the type."""
    return True


@dataclass(frozen=True, slots=True)
class Conversion:
    """
    A pair of types, and the functions that convert between them.

    The functions are pure, and raise ``ConvertError`` for values that they cannot convert.
    """

    type_name: str  # 'TRANSFORM', or ANY_OTHER_TYPE
    ros_type_name: str  # 'geometry_msgs/msg/TransformStamped'
    to_ros: ToRos | None  # None: to OpenIGTLink only
    from_ros: FromRos | None  # None: to ROS only
    default: bool = False  # published unless a mapping file selects otherwise
    sibling: str = ''  # 'geometry': published on <connection>/<type>/<device>/geometry
    latched: bool = False
    traffic: Traffic = 'state'  # 'state': the newest replaces older ones; 'event': all are sent
    accepts: Callable[[Any], bool] = always
    is_for: Callable[[Any], bool] = always  # False if another conversion suits a content better
    reads_sibling: str = ''  # 'geometry': from_ros also takes that sibling's, of the same stamp
    options: tuple[str, ...] = ()  # the OPTIONS that to_ros takes
    to_tf: ToRos | None = None  # returns the TransformStamped for tf; applies to the whole type
    is_decoded: bool = False  # to_ros takes the picture that a streams.VideoDecoder returns
    is_bulk: bool = False  # so large that converting one would delay smaller messages
    from_tf: FromTf | None = None  # makes one message from several look-ups in tf


def with_options(conversion: Conversion, values: dict[str, Any]) -> Conversion:
    """Return a conversion whose ``to_ros`` receives those of its options that are set."""
    given = {name: values[name] for name in conversion.options if values.get(name) is not None}
    if not given or conversion.to_ros is None:
        return conversion
    return replace(conversion, to_ros=functools.partial(conversion.to_ros, **given))


def one(convert: Callable[..., Any]) -> Callable[..., tuple[Any]]:
    """Return a function that wraps the single result of another in a sequence."""

    @functools.wraps(convert)
    def convert_one(*arguments: Any, **options: Any) -> tuple[Any]:
        return (convert(*arguments, **options),)

    return convert_one


def with_conversions_of_packages(table: Sequence[Conversion]) -> tuple[Conversion, ...]:
    """
    Return a table followed by the conversions of other packages, from ``ros2_igtl.mappings``.

    If one conversion of an entry point is invalid, all of that entry point are left out, and an
    ``EntryPointWarning`` states the reason.
    """
    conversions = list(table)
    load_group(
        ENTRY_POINT_GROUP,
        'conversions',
        lambda point: conversions.extend(_load(point, conversions)),
    )
    return tuple(conversions)


def _load(entry_point: EntryPoint, table: Sequence[Conversion]) -> list[Conversion]:
    """
    Return the conversions that an entry point names.

    :param table: the conversions already known.
    :raises TypeError: the entry point names something else.
    :raises ValueError: one of them is invalid or conflicts with another.
    """
    conversions = entry_point.load()
    if not isinstance(conversions, Iterable):
        raise TypeError(f'{conversions!r} is not a list of conversions')
    taken: list[Conversion] = []
    for conversion in conversions:
        if not isinstance(conversion, Conversion):
            raise TypeError(f'{conversion!r} is not a {Conversion.__qualname__}')
        _check_functions(conversion)
        _check_types(conversion, table)
        if any(_pair(conversion) == _pair(other) for other in (*table, *taken)):
            raise _refusal(
                conversion, 'this pair already has a conversion, which cannot be replaced'
            )
        taken.append(conversion)
    siblings = {(conversion.type_name, conversion.sibling) for conversion in (*table, *taken)}
    for conversion in taken:
        if (
            conversion.reads_sibling
            and (conversion.type_name, conversion.reads_sibling) not in siblings
        ):
            raise _refusal(
                conversion,
                f'reads_sibling is {conversion.reads_sibling!r}; no conversion of this type has '
                'that sibling',
            )
    return [_checked(conversion) for conversion in taken]


def _pair(conversion: Conversion) -> tuple[str, str]:
    return conversion.type_name, conversion.ros_type_name


def _refusal(conversion: Conversion, text: str) -> ValueError:
    return ValueError(f'{conversion.type_name} <-> {conversion.ros_type_name}: {text}')


def _check_functions(conversion: Conversion) -> None:
    """
    Check the functions, the traffic and the options of a conversion.

    :raises TypeError: a value is not a function.
    :raises ValueError: it converts in no direction, or has an unknown traffic or option.
    """
    for name in ('to_ros', 'from_ros', 'accepts', 'is_for', 'to_tf'):
        value = getattr(conversion, name)
        if not (callable(value) or (value is None and name in ('to_ros', 'from_ros', 'to_tf'))):
            raise TypeError(f'{name} is {value!r}; allowed: a function')
    if conversion.to_ros is None and conversion.from_ros is None:
        raise _refusal(conversion, 'to_ros and from_ros are both None; one function is needed')
    if conversion.traffic not in get_args(Traffic):
        raise _refusal(
            conversion, f'traffic is {conversion.traffic!r}; allowed: {get_args(Traffic)}'
        )
    if not OPTIONS.issuperset(conversion.options):
        raise _refusal(
            conversion, f'options are {conversion.options!r}; allowed: {sorted(OPTIONS)}'
        )


def _check_types(conversion: Conversion, table: Sequence[Conversion]) -> None:
    """
    Check that both types of a conversion exist.

    :param table: the conversions of this package and of other entry points.
    :raises ValueError: the codec does not know the type, or its defaults belong to ``table``.
    :raises ImportError: the package of the ROS type is not installed.
    """
    content_class = codec.MESSAGE_TYPES.get(conversion.type_name)
    if content_class is None:
        raise _refusal(conversion, 'the codec does not know this type; register it first')
    if content_class.type_name != conversion.type_name:
        raise _refusal(conversion, f'use the name of the type itself: {content_class.type_name}')
    ros_type(conversion.ros_type_name)
    if any(other.type_name == conversion.type_name for other in table) and (
        conversion.default or conversion.to_tf
    ):
        raise _refusal(
            conversion,
            'this type already has conversions; default and to_tf are not allowed',
        )
    if conversion.from_tf is not None:
        raise _refusal(conversion, 'from_tf is allowed only for the types of ros2_igtl')


def _checked(conversion: Conversion) -> Conversion:
    """Return a conversion that raises TypeError if it returns messages of another type."""
    to_ros, to_tf = conversion.to_ros, conversion.to_tf
    if to_ros is not None:
        to_ros = _checking(ros_type(conversion.ros_type_name), to_ros)
    if to_tf is not None:
        to_tf = _checking(ros_type('geometry_msgs/msg/TransformStamped'), to_tf)
    return replace(conversion, to_ros=to_ros, to_tf=to_tf)


def _checking(message_class: type[Any], convert: ToRos) -> ToRos:
    """
    Return a function that raises TypeError if its messages are of another class.

    Without this check the node would count such a message as published before the publisher
    rejects it.
    """

    @functools.wraps(convert)
    def convert_checked(content: Any, context: Context, **options: Any) -> tuple[Any, ...]:
        messages = tuple(convert(content, context, **options))
        for message in messages:
            if not isinstance(message, message_class):
                raise TypeError(
                    f'{convert!r} returned {message!r}; allowed: {message_class.__name__}'
                )
        return messages

    return convert_checked

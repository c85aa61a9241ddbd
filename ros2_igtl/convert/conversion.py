# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
One conversion of the table, and those of other packages; the table is in ``conversions.py``.

The entry point group ``ros2_igtl.mappings`` names lists of such rows. A package that has one
imports this module, never the table, which is made of what the package has.
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
"""The type name of rows for the types that have no row of their own."""

ToRos: TypeAlias = Callable[..., Sequence[Any]]  # the content, its Context, and options by name
FromTf: TypeAlias = Callable[[Iterable[tuple[str, Any]]], Outbound]  # tools' names and transforms
FromRos: TypeAlias = Callable[
    ..., Sequence[Outbound]
]  # the message, and that of its sibling if any
Traffic = Literal['state', 'event']
OPTIONS = frozenset({'threshold'})
"""Keys of a row of the mapping file that a conversion to ROS may take by name."""


def always(content: codec.Content) -> bool:
    """Accept any content of the row's type."""
    return True


@dataclass(frozen=True, slots=True)
class Conversion:
    """
    One row: a pair of types and how to get from one to the other.

    The functions are pure, and refuse what they are given by a ``ConvertError``.
    """

    type_name: str  # 'TRANSFORM', or ANY_OTHER_TYPE
    ros_type_name: str  # 'geometry_msgs/msg/TransformStamped'
    to_ros: ToRos | None  # None: this row is one way only
    from_ros: FromRos | None
    default: bool = False  # published without being asked for
    sibling: str = ''  # 'geometry': published beside, on <connection>/<type>/<device>/geometry
    latched: bool = False
    traffic: Traffic = 'state'  # newest wins, or nothing is lost
    accepts: Callable[[Any], bool] = always
    is_for: Callable[[Any], bool] = always  # of what it accepts: what others do not show better
    reads_sibling: str = ''  # 'geometry': from_ros also takes that sibling's, of the same stamp
    options: tuple[str, ...] = ()  # those of OPTIONS that to_ros takes
    to_tf: ToRos | None = None  # gives the TransformStamped that go to tf, for all of the type
    is_decoded: bool = False  # to_ros is given what a streams.VideoDecoder makes of a content
    is_bulk: bool = False  # so large that converting one would delay smaller messages
    from_tf: FromTf | None = None  # makes one message of several look-ups in tf


def with_options(row: Conversion, values: dict[str, Any]) -> Conversion:
    """Return a row whose conversion to ROS is given the options it takes, as far as they are."""
    given = {name: values[name] for name in row.options if values.get(name) is not None}
    if not given or row.to_ros is None:
        return row
    return replace(row, to_ros=functools.partial(row.to_ros, **given))


def one(convert: Callable[..., Any]) -> Callable[..., tuple[Any]]:
    """Return a function that gives the one result of another in a sequence."""

    @functools.wraps(convert)
    def convert_one(*arguments: Any, **options: Any) -> tuple[Any]:
        return (convert(*arguments, **options),)

    return convert_one


def with_rows_of_packages(table: Sequence[Conversion]) -> tuple[Conversion, ...]:
    """
    Return a table with the rows that other packages name in ``ros2_igtl.mappings`` behind it.

    The rows of an entry point are all taken, or none: then an ``EntryPointWarning`` says why.
    """
    rows = list(table)
    load_group(ENTRY_POINT_GROUP, 'mapping rows', lambda point: rows.extend(_load(point, rows)))
    return tuple(rows)


def _load(entry_point: EntryPoint, table: Sequence[Conversion]) -> list[Conversion]:
    """
    Return the rows that an entry point names.

    :param table: the rows that there are already.
    :raises TypeError: they are none.
    :raises ValueError: one of them cannot stand beside the others.
    """
    rows = entry_point.load()
    if not isinstance(rows, Iterable):
        raise TypeError(f'{rows!r} is no list of rows')
    taken: list[Conversion] = []
    for row in rows:
        if not isinstance(row, Conversion):
            raise TypeError(f'{row!r} is no row: {Conversion.__qualname__} is')
        _check_functions(row)
        _check_types(row, table)
        if any(_pair(row) == _pair(other) for other in (*table, *taken)):
            raise _refusal(row, 'there is a row of this pair already, which cannot be replaced')
        taken.append(row)
    siblings = {(row.type_name, row.sibling) for row in (*table, *taken)}
    for row in taken:
        if row.reads_sibling and (row.type_name, row.reads_sibling) not in siblings:
            raise _refusal(row, f'no conversion is published as its sibling {row.reads_sibling!r}')
    return [_checked(row) for row in taken]


def _pair(row: Conversion) -> tuple[str, str]:
    return row.type_name, row.ros_type_name


def _refusal(row: Conversion, text: str) -> ValueError:
    return ValueError(f'{row.type_name} <-> {row.ros_type_name}: {text}')


def _check_functions(row: Conversion) -> None:
    """
    Hold a row to functions where there have to be some.

    :raises TypeError: something else is there.
    :raises ValueError: there is no conversion, no such traffic or no such option.
    """
    for name in ('to_ros', 'from_ros', 'accepts', 'is_for', 'to_tf'):
        value = getattr(row, name)
        if not (callable(value) or (value is None and name in ('to_ros', 'from_ros', 'to_tf'))):
            raise TypeError(f'{name} is {value!r}; allowed: a function')
    if row.to_ros is None and row.from_ros is None:
        raise _refusal(row, 'it converts neither way')
    if row.traffic not in get_args(Traffic):
        raise _refusal(row, f'traffic is {row.traffic!r}; allowed: {get_args(Traffic)}')
    if not OPTIONS.issuperset(row.options):
        raise _refusal(row, f'options are {row.options!r}; allowed: {sorted(OPTIONS)}')


def _check_types(row: Conversion, table: Sequence[Conversion]) -> None:
    """
    Hold a row to the types that there are.

    :param table: the rows of others.
    :raises ValueError: the codec does not know the type, or its defaults are of others.
    :raises ImportError: the package of the ROS type is not there.
    """
    content_class = codec.MESSAGE_TYPES.get(row.type_name)
    if content_class is None:
        raise _refusal(row, 'the codec does not know this type; it has to be registered')
    if content_class.type_name != row.type_name:
        raise _refusal(row, f'{content_class.type_name} is the name of this type')
    ros_type(row.ros_type_name)
    if any(other.type_name == row.type_name for other in table) and (row.default or row.to_tf):
        raise _refusal(row, 'default and to_tf are for types without rows of another package')
    if row.from_tf is not None:
        raise _refusal(row, 'from_tf is for the types of this package')


def _checked(row: Conversion) -> Conversion:
    """Return a row that gives ROS messages of its type, or raises TypeError."""
    to_ros, to_tf = row.to_ros, row.to_tf
    if to_ros is not None:
        to_ros = _giving(ros_type(row.ros_type_name), to_ros)
    if to_tf is not None:
        to_tf = _giving(ros_type('geometry_msgs/msg/TransformStamped'), to_tf)
    return replace(row, to_ros=to_ros, to_tf=to_tf)


def _giving(message_class: type[Any], convert: ToRos) -> ToRos:
    """
    Return a conversion that is held to what it gives.

    What a publisher refuses would be counted as published.
    """

    @functools.wraps(convert)
    def convert_checked(content: Any, context: Context, **options: Any) -> tuple[Any, ...]:
        messages = tuple(convert(content, context, **options))
        for message in messages:
            if not isinstance(message, message_class):
                raise TypeError(f'{convert!r} gave {message!r}, no {message_class.__name__}')
        return messages

    return convert_checked

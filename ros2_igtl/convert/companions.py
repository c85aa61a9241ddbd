# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The companions of a type: the messages that query, start or stop it. This module sends nothing.

It reads the content classes of the codec: ``subject`` is the type that a companion refers to,
and the fields of a companion are the options of a query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from ros2_igtl import codec
from ros2_igtl.codec.messages.companions import Companion
from ros2_igtl.convert.conversions import RAW_TYPE, canonical, pairs

# Fields of STT_ that give the interval between messages, and how many of their units make 1 s.
_INTERVALS = {'resolution': 1e3, 'resolution_ns': 1e9, 'interval': 1e3}
_COORDINATE_NAME = 'coordinate_name'

# A longer interval is garbage: igtlBindMessage sends uninitialised memory.
_MAX_INTERVAL_S = 86_400.0


class Found(NamedTuple):
    """A content class, and the type name to send it under."""

    content_class: type[Any]
    type_name: str


def find_companion(kind: type[Companion], type_name: str, suffix: str = '') -> Found | None:
    """
    Return the GET_, STT_, STP_ or RTS_ of a type, or None.

    :param kind: a class of the codec: Get, Start, Stop or Reply.
    :param type_name: the queried type; may be an alias, such as QTRANS.
    :param suffix: the name that a peer has already used after the prefix, if any.
    """
    subject = canonical(type_name)
    for content_class in codec.MESSAGE_TYPES.values():
        if issubclass(content_class, kind) and content_class.subject == subject:
            alias = content_class.type_name[:4] + (suffix or type_name)
            is_known = alias in content_class.aliases
            return Found(content_class, alias if is_known else content_class.type_name)
    return None


def subjects_of(kind: type[Companion]) -> list[str]:
    """Return the types for which the protocol has a GET_, STT_, STP_ or RTS_, sorted."""
    classes = codec.MESSAGE_TYPES.values()
    return sorted({each.subject for each in classes if issubclass(each, kind)})


def names_of(kinds: Sequence[type[Companion]], subjects: set[str]) -> set[str]:
    """Return the type names, including aliases, of the companions of some types."""
    return {
        type_name
        for type_name, content_class in codec.MESSAGE_TYPES.items()
        if issubclass(content_class, Companion)
        and issubclass(content_class, tuple(kinds))
        and content_class.subject in subjects
    }


def interval_of(start: codec.Start) -> float:
    """Return the interval that a peer asks for, in seconds; 0 for every message or garbage."""
    for name, units in _INTERVALS.items():
        value: int | None = getattr(start, name, None)
        if value is not None and 0 < value <= _MAX_INTERVAL_S * units:
            return value / units
    return 0.0


def start_content(
    content_class: type[Any], resolution_s: float, coordinate_name: str
) -> codec.Start:
    """
    Return an STT_ with an interval and a coordinate name, if it has fields for them.

    :param resolution_s: 0 for every message; rounded up to one unit of the field.
    """
    values: dict[str, Any] = {}
    for field in fields(content_class):
        if field.name in _INTERVALS and (resolution_s or field.default is not None):
            units = round(resolution_s * _INTERVALS[field.name])
            values[field.name] = max(units, 1) if resolution_s else 0
        elif field.name == _COORDINATE_NAME:
            values[field.name] = coordinate_name
    start: codec.Start = content_class(**values)
    return start


def requests() -> dict[str, set[str]]:
    """Return the possible requests of each type: once, stream, resolution, coordinate_name."""
    found: dict[str, set[str]] = {}
    known = {type_name for type_name, ros_type_name in pairs() if ros_type_name != RAW_TYPE}
    for type_name in codec.MESSAGE_TYPES.keys() & known:
        keys = {'once'} if find_companion(codec.Get, type_name) else set()
        start = find_companion(codec.Start, type_name)
        if start is not None:
            names = {field.name for field in fields(start.content_class)}
            keys |= {'stream'} | names & {_COORDINATE_NAME}
            if names & _INTERVALS.keys():
                keys.add('resolution')
        found[type_name] = keys
    return found

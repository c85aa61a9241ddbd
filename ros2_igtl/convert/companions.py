# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The companions of a type: which message queries, starts or stops it. Nothing is sent here.

All of it comes from the content classes of the codec: ``subject`` is the type that a companion is
about, and its fields are the options of a query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from ros2_igtl import codec
from ros2_igtl.codec.messages.companions import Companion
from ros2_igtl.convert.conversions import RAW_TYPE, canonical, pairs

# Fields of STT_ that say how far apart messages are to be, and their units in a second.
_INTERVALS = {'resolution': 1e3, 'resolution_ns': 1e9, 'interval': 1e3}
_COORDINATE_NAME = 'coordinate_name'

# Longer intervals are garbage: igtlBindMessage sends uninitialised memory.
_MAX_INTERVAL_S = 86_400.0


class Found(NamedTuple):
    """A class of messages, and the type name to send it under."""

    content_class: type[Any]
    type_name: str


def find_companion(kind: type[Companion], type_name: str, suffix: str = '') -> Found | None:
    """
    Return the GET_, STT_, STP_ or RTS_ of a type, or None.

    :param kind: of the codec: Get, Start, Stop or Reply.
    :param type_name: of the messages it is about; may be an alias, such as QTRANS.
    :param suffix: what stands behind the prefix where a peer has written it already.
    """
    subject = canonical(type_name)
    for content_class in codec.MESSAGE_TYPES.values():
        if issubclass(content_class, kind) and content_class.subject == subject:
            alias = content_class.type_name[:4] + (suffix or type_name)
            is_known = alias in content_class.aliases
            return Found(content_class, alias if is_known else content_class.type_name)
    return None


def subjects_of(kind: type[Companion]) -> list[str]:
    """Return the types that the protocol has a GET_, STT_, STP_ or RTS_ of, in order."""
    classes = codec.MESSAGE_TYPES.values()
    return sorted({each.subject for each in classes if issubclass(each, kind)})


def names_of(kinds: Sequence[type[Companion]], subjects: set[str]) -> set[str]:
    """Return the type names, aliases too, of the companions about some types."""
    return {
        type_name
        for type_name, content_class in codec.MESSAGE_TYPES.items()
        if issubclass(content_class, Companion)
        and issubclass(content_class, tuple(kinds))
        and content_class.subject in subjects
    }


def interval_of(start: codec.Start) -> float:
    """Return the seconds between messages that a peer asks for; 0: every message, or garbage."""
    for name, units in _INTERVALS.items():
        value: int | None = getattr(start, name, None)
        if value is not None and 0 < value <= _MAX_INTERVAL_S * units:
            return value / units
    return 0.0


def start_content(
    content_class: type[Any], resolution_s: float, coordinate_name: str
) -> codec.Start:
    """
    Return a STT_ with an interval and a coordinate name, if it has fields for them.

    :param resolution_s: 0: every message; a shorter one than the unit of the field is rounded up.
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
    """Return what can be asked of each type: once, stream, resolution, coordinate_name."""
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

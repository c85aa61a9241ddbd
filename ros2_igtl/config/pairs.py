# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks that the conversions and queries that a row needs exist."""

from __future__ import annotations

from collections.abc import Mapping, Set

from ros2_igtl.config import checks
from ros2_igtl.config.section import Section
from ros2_igtl.options import TfLookup

# (OpenIGTLink type name, ROS type name) -> the directions of its conversions, and those of
# PAIR_KEYS that its rows can have.
Pairs = Mapping[tuple[str, str], Set[str]]
# OpenIGTLink type name -> those of 'once', 'stream', 'resolution' and 'coordinate_name' that its
# queries support.
Requests = Mapping[str, Set[str]]

# In Pairs: all type names that have no pair of their own with this ROS type.
ANY_OTHER_TYPE = '*'

# The ROS types that tf lookups are converted from: one pair of frames, or several.
TF_TYPE = 'geometry_msgs/msg/TransformStamped'
TF_TOOLS_TYPE = 'ros2_igtl/msg/TrackingData'

# Keys for rows of some pairs of types only.
PAIR_KEYS = ('threshold',)
# Keys for rows that query a stream only.
STREAM_KEYS = ('resolution', 'coordinate_name')


def check_pair(section: Section, pairs: Pairs) -> None:
    """Refuse types without a conversion in the direction of the row."""
    values = section.values
    type_name, direction = values.get('igtl_type_name'), values.get('direction')
    if type_name is None or direction is None or values.get('skip'):
        return
    ros_type_name = values.get('ros_type_name')
    of_any = pairs.get((ANY_OTHER_TYPE, ros_type_name or ''), ())
    if direction in pairs.get((type_name, ros_type_name or ''), of_any):
        return
    others = [
        ros for igtl, ros in pairs if igtl == ANY_OTHER_TYPE and (type_name, ros) not in pairs
    ]
    known = {
        igtl
        for (igtl, ros), directions in pairs.items()
        if direction in directions and (ANY_OTHER_TYPE, ros) not in pairs
    }
    allowed = sorted(
        ros
        for (igtl, ros), directions in pairs.items()
        if igtl == type_name and direction in directions
    )
    tf: TfLookup | None = values.get('tf')
    if not allowed:
        near = checks.suggest(type_name, known)
        text = f'{type_name!r} has no {direction} conversion{near}; allowed: '
        text += ', '.join([*sorted(known), *(f'any with {ros}' for ros in others)])
        section.refuse('igtl_type_name', text)
    elif tf is not None and (TF_TYPE if tf.child_frame_id else TF_TOOLS_TYPE) not in allowed:
        other = 'ros_topic_name and ros_type_name'
        if TF_TYPE in allowed:
            other = 'tf with parent_frame_id and child_frame_id'
        elif TF_TOOLS_TYPE in allowed:
            other = 'tf with tools or chain'
        section.refuse('tf', f'cannot become {type_name}; allowed: {other}')
    elif ros_type_name is not None and ros_type_name not in allowed:
        near = checks.suggest(ros_type_name, allowed)
        text = f'{ros_type_name!r} has no {direction} conversion with {type_name}{near}; allowed: '
        section.refuse('ros_type_name', text + ', '.join([*allowed, *others]))


def check_pair_keys(section: Section, pairs: Pairs) -> None:
    """Refuse keys for other pairs of types."""
    values = section.values
    if values.get('direction') != 'IGTL_TO_ROS' or values.get('skip'):
        return  # row.py refuses the keys then
    pair = (values.get('igtl_type_name', ''), values.get('ros_type_name', ''))
    for key in PAIR_KEYS:
        if key in values and key not in pairs.get(pair, ()):
            allowed = ', '.join(
                f'{igtl} with ros_type_name {ros}'
                for (igtl, ros), words in pairs.items()
                if key in words
            )
            section.refuse(key, f'is not for this pair of types; allowed: {allowed}')


def check_request(section: Section, requests: Requests) -> None:
    """Refuse queries and answers to queries that the protocol does not have."""
    values = section.values
    type_name = values.get('igtl_type_name')
    if type_name is None:
        return
    known = requests.get(type_name, frozenset())
    request = values.get('request')
    if request is not None and request not in known:
        prefix = {'once': 'GET_', 'stream': 'STT_'}[request]
        text = f'is {request}, but the protocol has no {prefix} for {type_name}; allowed: '
        section.refuse('request', text + _allowed_request(type_name, request, requests))
        return
    for key in STREAM_KEYS:
        if request == 'stream' and key in values and key not in known:
            allowed = ', '.join(sorted(name for name, keys in requests.items() if key in keys))
            text = f'is not in the query for {type_name}; allowed with {allowed}'
            section.refuse(key, text)
    if values.get('on_request') and not known:
        text = f'is true, but the protocol has no query for {type_name}; allowed: false'
        section.refuse('on_request', text)


def _allowed_request(type_name: str, request: str, requests: Requests) -> str:
    """Return the other queries of the type, or else the types that have this query."""
    others = [word for word in ('once', 'stream') if word in requests.get(type_name, ())]
    if others:
        return ', '.join(others)
    askable = sorted(name for name, keys in requests.items() if request in keys)
    return f'{request} for {", ".join(askable)}'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""One row of a mapping file, with checks of which keys go together."""

from __future__ import annotations

from typing import Any

import yaml

from ros2_igtl import options
from ros2_igtl.config import checks
from ros2_igtl.config.errors import Refused
from ros2_igtl.config.pairs import (
    STREAM_KEYS,
    Pairs,
    Requests,
    check_pair,
    check_pair_keys,
    check_request,
)
from ros2_igtl.config.section import Section
from ros2_igtl.config.tf import read_tf
from ros2_igtl.options import MappingRow

INBOUND = 'IGTL_TO_ROS'
OUTBOUND = 'ROS_TO_IGTL'

_OPTIONS = options.SECTIONS['MappingRow']
MAPPING_KEYS = checks.checks_of(_OPTIONS)
QOS_KEYS = checks.checks_of(options.SECTIONS['QosOptions'])

# Keys for rows of one direction only.
INBOUND_KEYS = tuple(name for name, each in _OPTIONS.items() if each.direction == INBOUND)
OUTBOUND_KEYS = tuple(name for name, each in _OPTIONS.items() if each.direction == OUTBOUND)
# Keys that are not allowed with tf, which needs no topic and has tf.rate.
TOPIC_KEYS = ('ros_topic_name', 'ros_type_name', 'qos', 'rate_limit')
# The keys that are allowed with `skip: true`.
SKIP_KEYS = ('igtl_device_name', 'igtl_device_regex', 'igtl_type_name', 'direction', 'skip')


def read_row(
    section: Section, pairs: Pairs | None, requests: Requests | None
) -> MappingRow | None:
    """Return a row, or None if it has problems; `section` was read with MAPPING_KEYS."""
    section.require('igtl_type_name', 'direction')
    if section.values.get('direction') == INBOUND:
        _check_inbound(section)
    elif section.values.get('direction') == OUTBOUND:
        _check_outbound(section)
    if 'qos' in section.values:
        section.values['qos'] = _read_qos(section)
    if 'metadata' in section.values:
        section.values['metadata'] = _read_metadata(section)
    if 'tf' in section.values:
        section.values['tf'] = read_tf(section)
    if pairs is not None:
        check_pair(section, pairs)
        check_pair_keys(section, pairs)
    if requests is not None:
        check_request(section, requests)
    return None if section.is_wrong else MappingRow(line=section.line, **section.values)


def _check_inbound(section: Section) -> None:
    section.forbid(OUTBOUND_KEYS, f'is for {OUTBOUND}, but this row is {INBOUND}')
    if section.has('igtl_device_regex'):
        section.forbid(
            ['igtl_device_name'], 'is given together with igtl_device_regex; allowed: one of them'
        )
        text = 'is one frame, but igtl_device_regex many devices; allowed with igtl_device_name'
        section.forbid(['child_frame_id'], text)
        text = 'is for one device; allowed with igtl_device_name, which may be empty for any'
        section.forbid(['request'], text)
    else:
        section.require('igtl_device_name', hint='allowed: this or igtl_device_regex')
        _limit_device_name(section)
    if section.values.get('request') != 'stream':
        section.forbid(STREAM_KEYS, 'is for a stream; allowed with request: stream')
    frame = section.values.get('frame_id')
    if frame is not None and frame == section.values.get('child_frame_id'):
        section.refuse('child_frame_id', f'is {frame!r}, like frame_id; allowed: another frame')
    if section.values.get('skip'):
        outputs = [key for key in MAPPING_KEYS if key not in SKIP_KEYS]
        section.forbid(outputs, 'is for a published device; allowed without skip: true')


def _check_outbound(section: Section) -> None:
    section.forbid(INBOUND_KEYS, f'is for {INBOUND}, but this row is {OUTBOUND}')
    section.require('igtl_device_name', hint='a sent message needs a device name')
    if section.has('bind'):
        _limit_device_name(section, ' in a BIND, which has no metadata for a longer name')
    if section.has('tf'):
        section.forbid(TOPIC_KEYS, 'is for a topic; allowed without tf')
    else:
        hint = f'{OUTBOUND} needs it, or tf instead of a topic'
        section.require('ros_topic_name', 'ros_type_name', hint=hint)


def _limit_device_name(section: Section, where: str = '') -> None:
    """Refuse a device name that does not fit the message header."""
    try:
        checks.limit_device_name(section.values.get('igtl_device_name', ''))
    except Refused as refused:
        section.refuse('igtl_device_name', f'{refused}{where}')


def _read_qos(section: Section) -> dict[str, Any]:
    qos = Section(section.values['qos'], section.key('qos'), QOS_KEYS, section.problems)
    if qos.values.get('history') == 'keep_all':
        qos.forbid(['depth'], 'has no effect with keep_all; allowed with keep_last')
    return qos.values


def _read_metadata(section: Section) -> dict[str, str]:
    """Return the texts by their keys."""
    node = section.values['metadata']
    if not isinstance(node, yaml.MappingNode):
        section.refuse(
            'metadata', f'is {checks.show(node)}; allowed: a mapping from keys to texts'
        )
        return {}
    scalars = (key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
    keys = dict.fromkeys(scalars, checks.text)
    return Section(node, section.key('metadata'), keys, section.problems).values

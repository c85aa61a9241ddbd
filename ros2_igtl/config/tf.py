# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The key `tf` of a row: frames to look up and send."""

from __future__ import annotations

import yaml

from ros2_igtl import options
from ros2_igtl.config import checks
from ros2_igtl.config.registration import check_frame_pair
from ros2_igtl.config.section import Section
from ros2_igtl.options import TfLookup, TfTool

TF_KEYS = checks.checks_of(options.SECTIONS['TfLookup'])
TF_TOOL_KEYS = checks.checks_of(options.SECTIONS['TfTool'])


def read_tf(section: Section) -> TfLookup | None:
    """Return the lookup, or None if it has problems."""
    problems_before = len(section.problems)
    tf = Section(section.values['tf'], section.key('tf'), TF_KEYS, section.problems)
    if tf.has('joint_states'):
        tf.forbid(['rate'], 'is given together with joint_states; allowed: one of them')
        if not tf.has('chain'):
            tf.refuse('joint_states', 'is for a chain of frames; allowed with chain')
    else:
        hint = 'allowed: this or joint_states' if tf.has('chain') else 'it has no default'
        tf.require('rate', hint=hint)
    if tf.has('chain'):
        _check_chain(tf)
        return TfLookup(**tf.values) if len(section.problems) == problems_before else None
    if not tf.has('tools'):
        check_frame_pair(tf)
        return TfLookup(**tf.values) if len(section.problems) == problems_before else None
    tf.forbid(
        ['parent_frame_id', 'child_frame_id'],
        'is given together with tools; allowed: in each tool',
    )
    tools: dict[str, TfTool] = {}
    nodes = tf.items('tools')
    if isinstance(tf.values['tools'], yaml.SequenceNode) and not nodes:
        tf.refuse('tools', 'is empty; allowed: at least one tool')
    for index, node in enumerate(nodes):
        tool = Section(node, tf.key(f'tools[{index}]'), TF_TOOL_KEYS, section.problems)
        tool.require('name')
        check_frame_pair(tool)
        if tool.values.get('name') in tools:
            tool.refuse('name', f'{tool.values["name"]!r} is given twice; allowed: once')
        elif len(tool.values) == len(TF_TOOL_KEYS):
            tools[tool.values['name']] = TfTool(**tool.values)
    if len(section.problems) > problems_before:
        return None
    return TfLookup(tf.values['rate'], tools=tuple(tools.values()))


def _check_chain(tf: Section) -> None:
    text = 'is given together with chain; allowed: one of chain, child_frame_id and tools'
    tf.forbid(['child_frame_id', 'tools'], text)
    tf.require('parent_frame_id')
    chain = tf.values.get('chain')
    if chain is not None and chain == tf.values.get('parent_frame_id'):
        tf.refuse('chain', f'is {chain!r}, like parent_frame_id; allowed: another frame')

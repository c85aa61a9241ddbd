# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A mapping file to a Config: which keys there are, and which of them go together.

What one value may be is in checks.py; what rows must not do to each other is in consistency.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any

import yaml

from ros2_igtl.config import checks
from ros2_igtl.config.consistency import Consistency
from ros2_igtl.config.device_regex import (
    compile_command_regex,
    compile_device_regex,
    compile_topic_regex,
)
from ros2_igtl.config.document import compose, read_file
from ros2_igtl.config.errors import Problems, Refused
from ros2_igtl.config.registration import check_frame_pair, read_registrations
from ros2_igtl.config.schema import (
    CommandRow,
    Config,
    ConnectionConfig,
    MappingRow,
    TfLookup,
    TfTool,
)
from ros2_igtl.config.section import Section

# (OpenIGTLink type name, ROS type name) -> the directions it can be converted in, and which of
# PAIR_KEYS its rows may have.
Pairs = Mapping[tuple[str, str], Set[str]]
# OpenIGTLink type name -> of 'once', 'stream', 'resolution' and 'coordinate_name' those that a
# peer can be asked for, and with.
Requests = Mapping[str, Set[str]]

# In such pairs: all type names that are in none with this ROS type.
ANY_OTHER_TYPE = '*'

INBOUND = 'IGTL_TO_ROS'
OUTBOUND = 'ROS_TO_IGTL'

# What a tf lookup is converted from, one pair of frames or several.
TF_TYPE = 'geometry_msgs/msg/TransformStamped'
TF_TOOLS_TYPE = 'ros2_igtl/msg/TrackingData'


def _nested(node: yaml.Node) -> yaml.Node:
    """Return the node itself: its inside is read by a function of its own."""
    return node


def _device_regex(node: yaml.Node) -> re.Pattern[str]:
    return compile_device_regex(checks.text(node))


def _device_regex_text(node: yaml.Node) -> str:
    return _device_regex(node).pattern


def _topic_regex_text(node: yaml.Node) -> str:
    return compile_topic_regex(checks.text(node)).pattern


def _command_regex(node: yaml.Node) -> re.Pattern[str]:
    return compile_command_regex(checks.text(node))


# More than a day is a mistake of units.
_seconds = checks.number(0, 86_400, 's')
_timeout = checks.number(0.01, 86_400, 's')
_rate = checks.number(0, 10_000, 'Hz', above=True)

FILE_KEYS: dict[str, checks.Check] = {
    'version': checks.whole_number(1, 1),
    'connections': _nested,
    'registration': _nested,
}

# Node parameters that may differ from connection to connection, by the parameters' names.
OPTION_KEYS: dict[str, checks.Check] = {
    'header_version': checks.whole_number(0, 2),
    'long_device_names': checks.word('truncate', 'reject'),
    'max_clients': checks.whole_number(1, 1000),
    'max_message_bytes': checks.whole_number(1, 2**40),
    'crc_policy': checks.word('reject', 'warn', 'ignore'),
    'send_buffer_limit': checks.whole_number(1, 2**40),
    'send_timeout': _timeout,
    'connect_timeout': _timeout,
    'header_timeout': _timeout,
    'body_timeout': _timeout,
    'tls': checks.truth,
    'certfile': checks.text,
    'keyfile': checks.text,
    'cafile': checks.text,
    'tls_client_auth': checks.word('required', 'none'),
    'handshake_timeout': _timeout,
    'idle_timeout': _seconds,
    'max_rejected_rate': checks.whole_number(0, 1_000_000),
    'keepalive_interval': _seconds,
    'reconnect_initial_delay': _timeout,
    'reconnect_max_delay': _timeout,
    'timestamp_mode': checks.word('auto', 'device', 'receive'),
    'time_offset': checks.number(-1e9, 1e9, 's'),
    'max_clock_skew': _seconds,
    'stale_timeout': _seconds,
    'publish_tf': checks.truth,
    'lazy': checks.truth,
    'default_frame_id': checks.frame_id,
    'frame_prefix': checks.frame_prefix,
}

# Those of them that are lists, by what an item may be.
OPTION_LISTS: dict[str, checks.Check] = {
    'allowed_peers': checks.network,
    'device_whitelist': _device_regex_text,
    'device_blacklist': _device_regex_text,
    'auto_outbound': _topic_regex_text,
}

# What only the one who listens, or only the one who dials, can be told.
SERVER_KEYS = ('allowed_peers', 'max_clients', 'tls_client_auth')
CLIENT_KEYS = ('connect_timeout', 'reconnect_initial_delay', 'reconnect_max_delay')

CONNECTION_KEYS: dict[str, checks.Check] = {
    'name': checks.connection_name,
    'mode': checks.word('client', 'server'),
    'address': checks.address,
    'port': checks.whole_number(0, 65535),
    'auto_inbound': checks.truth,
    'bind_tolerance': _seconds,
    'mappings': _nested,
    'command_dialect': checks.word('command', 'string'),
    'commands': _nested,
    **OPTION_KEYS,
    **dict.fromkeys(OPTION_LISTS, _nested),
}

MAPPING_KEYS: dict[str, checks.Check] = {
    'igtl_device_name': checks.text,  # how long it may be depends on the direction
    'igtl_device_regex': _device_regex,
    'igtl_type_name': checks.type_name,
    'ros_topic_name': checks.topic_name,
    'ros_type_name': checks.ros_type_name,
    'direction': checks.word(INBOUND, OUTBOUND),
    'frame_id': checks.frame_id,
    'child_frame_id': checks.frame_id,
    'publish_tf': checks.truth,
    'lazy': checks.truth,
    'stale_timeout': _seconds,
    'rate_limit': _rate,
    'qos': _nested,
    'tf': _nested,
    'metadata': _nested,
    'bind': checks.device_name,
    'threshold': checks.number(-1e38, 1e38, 'as the voxels have them'),
    'skip': checks.truth,
    'request': checks.word('once', 'stream'),
    'resolution': _seconds,
    'coordinate_name': checks.coordinate_name,
    'on_request': checks.truth,
}
# What only rows of some pairs of types may say.
PAIR_KEYS = ('threshold',)
# What only a row of that direction may say.
STREAM_KEYS = ('resolution', 'coordinate_name')
INBOUND_KEYS = (
    'igtl_device_regex',
    'frame_id',
    'child_frame_id',
    'publish_tf',
    'lazy',
    'skip',
    'request',
    *STREAM_KEYS,
    *PAIR_KEYS,
)
OUTBOUND_KEYS = ('tf', 'metadata', 'bind', 'on_request')
# What a row with tf may not say: it has no topic, and tf.rate is its rate.
TOPIC_KEYS = ('ros_topic_name', 'ros_type_name', 'qos', 'rate_limit')
# What a row with `skip: true` may say.
SKIP_KEYS = ('igtl_device_name', 'igtl_device_regex', 'igtl_type_name', 'direction', 'skip')

COMMAND_KEYS: dict[str, checks.Check] = {
    'igtl_command_name': checks.command_name,
    'igtl_command_regex': _command_regex,
    'ros_service_name': checks.topic_name,
    'timeout': _timeout,
}

QOS_KEYS: dict[str, checks.Check] = {
    'reliability': checks.word('reliable', 'best_effort'),
    'durability': checks.word('volatile', 'transient_local'),
    'history': checks.word('keep_last', 'keep_all'),
    'depth': checks.whole_number(1, 10_000),
}

TF_KEYS: dict[str, checks.Check] = {
    'rate': _rate,
    'parent_frame_id': checks.frame_id,
    'child_frame_id': checks.frame_id,
    'tools': _nested,
    'chain': checks.frame_id,
    'joint_states': checks.topic_name,
}

TF_TOOL_KEYS: dict[str, checks.Check] = {
    'name': checks.tool_name,
    'parent_frame_id': checks.frame_id,
    'child_frame_id': checks.frame_id,
}


def load_config(path: str, pairs: Pairs | None = None, requests: Requests | None = None) -> Config:
    """
    Return what a mapping file says.

    :param path: a file of at most 1 MB, in UTF-8.
    :param pairs: the conversions there are; None: any pair of types is taken.
    :param requests: what a peer can be asked for; None: anything.
    :raises ConfigError: with all that is wrong, a line each: `file:line: key: what, and what is
        allowed`. Nothing is skipped.
    """
    problems = Problems(path)
    return _Reader(problems, pairs, requests).read(compose(read_file(path, problems), problems))


def parse_config(
    data: bytes, file: str, pairs: Pairs | None = None, requests: Requests | None = None
) -> Config:
    """
    Return what the bytes of a mapping file say; problems name it `file`.

    :raises ConfigError: as load_config.
    """
    problems = Problems(file)
    return _Reader(problems, pairs, requests).read(compose(data, problems))


class _Reader:
    """Reads the sections of one file, from the outermost in."""

    def __init__(self, problems: Problems, pairs: Pairs | None, requests: Requests | None) -> None:
        self._problems = problems
        self._pairs = pairs
        self._requests = requests
        self._consistency = Consistency()

    def read(self, root: yaml.Node) -> Config:
        section = Section(root, '', FILE_KEYS, self._problems)
        section.require('version', 'connections')
        nodes = section.items('connections')
        if section.has('connections') and not nodes and not self._problems:
            section.refuse('connections', 'is empty; allowed: at least one connection')
        connections = tuple(
            self._read_connection(node, index, alone=len(nodes) == 1)
            for index, node in enumerate(nodes)
        )
        registration = []
        for at, registered in read_registrations(section):
            self._consistency.add_registration(at, registered)
            registration.append(registered)
        self._consistency.check_tree()
        self._problems.raise_if_any()
        return Config(connections, tuple(registration))

    def _read_connection(self, node: yaml.Node, index: int, *, alone: bool) -> ConnectionConfig:
        section = Section(node, f'connections[{index}]', CONNECTION_KEYS, self._problems)
        values = section.values
        _check_role(section)
        for name in OPTION_LISTS.keys() & values.keys():
            values[name] = _read_list(section, name, OPTION_LISTS[name])
        self._consistency.add_connection(section, alone=alone)
        names = {**OPTION_KEYS, **OPTION_LISTS}
        options = {name: values.pop(name) for name in names if name in values}
        nodes = section.items('mappings')
        rows = (
            self._read_row(row, section.key(f'mappings[{at}]'), index, options)
            for at, row in enumerate(nodes)
        )
        values['mappings'] = tuple(row for row in rows if row is not None)
        if 'commands' in values:
            values['commands'] = self._read_commands(section, index)
        return ConnectionConfig(line=section.line, options=options, **values)

    def _read_commands(self, section: Section, connection: int) -> tuple[CommandRow, ...]:
        """Return the commands that are right."""
        rows = []
        for at, node in enumerate(section.items('commands')):
            problems_before = len(self._problems)
            command = Section(node, section.key(f'commands[{at}]'), COMMAND_KEYS, self._problems)
            command.require('ros_service_name')
            if command.has('igtl_command_regex'):
                text = 'stands beside igtl_command_regex; allowed: one of them'
                command.forbid(['igtl_command_name'], text)
            else:
                hint = 'allowed: it or igtl_command_regex'
                command.require('igtl_command_name', hint=hint)
            if len(self._problems) == problems_before:
                row = CommandRow(line=command.line, **command.values)
                self._consistency.add_command(command, row, connection)
                rows.append(row)
        return tuple(rows)

    def _read_row(
        self, node: yaml.Node, key: str, connection: int, options: dict[str, Any]
    ) -> MappingRow | None:
        """Return a row, or None if anything is wrong with it."""
        problems_before = len(self._problems)
        section = Section(node, key, MAPPING_KEYS, self._problems)
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
            section.values['tf'] = _read_tf(section)
        if self._pairs is not None:
            _check_pair(section, self._pairs)
            _check_pair_keys(section, self._pairs)
        if self._requests is not None:
            _check_request(section, self._requests)
        if len(self._problems) > problems_before:
            return None
        row = MappingRow(line=section.line, **section.values)
        self._consistency.add_row(section, row, connection, options)
        return row


def _check_role(section: Section) -> None:
    """Refuse what the other end of a connection decides."""
    values = section.values
    if values.get('mode') == 'client':
        section.forbid(SERVER_KEYS, 'is for a server, and this is a client')
        if values.get('port') == 0:
            section.refuse('port', 'is 0; allowed: 1 to 65535, a client has to know the port')
    elif values.get('mode') == 'server':
        section.forbid(CLIENT_KEYS, 'is for a client, and this is a server')
    first, most = values.get('reconnect_initial_delay'), values.get('reconnect_max_delay')
    if first is not None and most is not None and first > most:
        text = f'is {first:g}; allowed: up to reconnect_max_delay, which is {most:g}'
        section.refuse('reconnect_initial_delay', text)


def _read_list(section: Section, name: str, check: checks.Check) -> tuple[Any, ...]:
    values = []
    for index, node in enumerate(section.items(name)):
        try:
            values.append(check(node))
        except Refused as refused:
            line = node.start_mark.line + 1
            section.problems.add(line, section.key(f'{name}[{index}]'), str(refused))
    return tuple(values)


def _check_inbound(section: Section) -> None:
    section.forbid(OUTBOUND_KEYS, f'is for {OUTBOUND}, and this row is {INBOUND}')
    if section.has('igtl_device_regex'):
        section.forbid(
            ['igtl_device_name'], 'stands beside igtl_device_regex; allowed: one of them'
        )
        text = 'is one frame, and igtl_device_regex many devices; allowed with igtl_device_name'
        section.forbid(['child_frame_id'], text)
        text = 'is for one device; allowed with igtl_device_name, which may be empty for any'
        section.forbid(['request'], text)
    else:
        section.require('igtl_device_name', hint='allowed: it or igtl_device_regex')
        _limit_device_name(section)
    if section.values.get('request') != 'stream':
        section.forbid(STREAM_KEYS, 'is about a stream; allowed with request: stream')
    frame = section.values.get('frame_id')
    if frame is not None and frame == section.values.get('child_frame_id'):
        section.refuse('child_frame_id', f'is {frame!r}, as frame_id is; allowed: another frame')
    if section.values.get('skip'):
        outputs = [key for key in MAPPING_KEYS if key not in SKIP_KEYS]
        section.forbid(outputs, 'is about what is published; allowed without skip: true')


def _check_outbound(section: Section) -> None:
    section.forbid(INBOUND_KEYS, f'is for {INBOUND}, and this row is {OUTBOUND}')
    section.require('igtl_device_name', hint='what is sent has a device name')
    if section.has('bind'):
        _limit_device_name(section, ' in a BIND, which has no place for a longer one')
    if section.has('tf'):
        section.forbid(TOPIC_KEYS, 'is about a topic; allowed without tf')
    else:
        hint = f'{OUTBOUND} needs it, or tf in place of a topic'
        section.require('ros_topic_name', 'ros_type_name', hint=hint)


def _limit_device_name(section: Section, where: str = '') -> None:
    """Hold a device name to the field of the message header."""
    try:
        checks.limit_device_name(section.values.get('igtl_device_name', ''))
    except Refused as refused:
        section.refuse('igtl_device_name', f'{refused}{where}')


def _read_qos(section: Section) -> dict[str, Any]:
    qos = Section(section.values['qos'], section.key('qos'), QOS_KEYS, section.problems)
    if qos.values.get('history') == 'keep_all':
        qos.forbid(['depth'], 'means nothing with keep_all; allowed with keep_last')
    return qos.values


def _read_metadata(section: Section) -> dict[str, str]:
    """Return texts by the keys that the file gives them."""
    node = section.values['metadata']
    if not isinstance(node, yaml.MappingNode):
        section.refuse('metadata', f'is {checks.show(node)}; allowed: a text by each key')
        return {}
    scalars = (key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
    keys = dict.fromkeys(scalars, checks.text)
    return Section(node, section.key('metadata'), keys, section.problems).values


def _read_tf(section: Section) -> TfLookup | None:
    """Return the lookup, or None if anything is wrong with it."""
    problems_before = len(section.problems)
    tf = Section(section.values['tf'], section.key('tf'), TF_KEYS, section.problems)
    if tf.has('joint_states'):
        tf.forbid(['rate'], 'stands beside joint_states; allowed: one of them')
        if not tf.has('chain'):
            tf.refuse('joint_states', 'is for a chain of frames; allowed with chain')
    else:
        hint = 'allowed: it or joint_states' if tf.has('chain') else 'it has no default'
        tf.require('rate', hint=hint)
    if tf.has('chain'):
        _check_chain(tf)
        return TfLookup(**tf.values) if len(section.problems) == problems_before else None
    if not tf.has('tools'):
        check_frame_pair(tf)
        return TfLookup(**tf.values) if len(section.problems) == problems_before else None
    tf.forbid(['parent_frame_id', 'child_frame_id'], 'stands beside tools; allowed: in each tool')
    tools: dict[str, TfTool] = {}
    nodes = tf.items('tools')
    if isinstance(tf.values['tools'], yaml.SequenceNode) and not nodes:
        tf.refuse('tools', 'is empty; allowed: at least one tool')
    for index, node in enumerate(nodes):
        tool = Section(node, tf.key(f'tools[{index}]'), TF_TOOL_KEYS, section.problems)
        tool.require('name')
        check_frame_pair(tool)
        if tool.values.get('name') in tools:
            tool.refuse('name', f'{tool.values["name"]!r} stands twice; allowed: one tool a name')
        elif len(tool.values) == len(TF_TOOL_KEYS):
            tools[tool.values['name']] = TfTool(**tool.values)
    if len(section.problems) > problems_before:
        return None
    return TfLookup(tf.values['rate'], tools=tuple(tools.values()))


def _check_chain(tf: Section) -> None:
    text = 'stands beside chain; allowed: one of chain, child_frame_id and tools'
    tf.forbid(['child_frame_id', 'tools'], text)
    tf.require('parent_frame_id')
    chain = tf.values.get('chain')
    if chain is not None and chain == tf.values.get('parent_frame_id'):
        tf.refuse('chain', f'is {chain!r}, as parent_frame_id is; allowed: another frame')


def _check_pair(section: Section, pairs: Pairs) -> None:
    """Refuse types that cannot be converted in the row's direction."""
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
        section.refuse('tf', f'{type_name} cannot be made of this lookup; allowed: {other}')
    elif ros_type_name is not None and ros_type_name not in allowed:
        near = checks.suggest(ros_type_name, allowed)
        text = f'{ros_type_name!r} has no {direction} conversion with {type_name}{near}; allowed: '
        section.refuse('ros_type_name', text + ', '.join([*allowed, *others]))


def _check_pair_keys(section: Section, pairs: Pairs) -> None:
    """Refuse what is for other pairs of types than the row's."""
    values = section.values
    if values.get('direction') != INBOUND or values.get('skip'):
        return  # which is said where these are judged
    pair = (values.get('igtl_type_name', ''), values.get('ros_type_name', ''))
    for key in PAIR_KEYS:
        if key in values and key not in pairs.get(pair, ()):
            allowed = ', '.join(
                f'{igtl} with ros_type_name {ros}'
                for (igtl, ros), words in pairs.items()
                if key in words
            )
            section.refuse(key, f'is not for this pair of types; allowed: {allowed}')


def _check_request(section: Section, requests: Requests) -> None:
    """Refuse to ask, or to be asked, for what no message of the protocol asks for."""
    values = section.values
    type_name = values.get('igtl_type_name')
    if type_name is None:
        return
    known = requests.get(type_name, frozenset())
    request = values.get('request')
    if request is not None and request not in known:
        prefix = {'once': 'GET_', 'stream': 'STT_'}[request]
        text = f'is {request}, and the protocol has no {prefix} of {type_name}; allowed: '
        section.refuse('request', text + _allowed_request(type_name, request, requests))
        return
    for key in STREAM_KEYS:
        if request == 'stream' and key in values and key not in known:
            allowed = ', '.join(sorted(name for name, keys in requests.items() if key in keys))
            text = f'has no place in the query for {type_name}; allowed with {allowed}'
            section.refuse(key, text)
    if values.get('on_request') and not known:
        text = f'is true, and the protocol has no query for {type_name}; allowed: false'
        section.refuse('on_request', text)


def _allowed_request(type_name: str, request: str, requests: Requests) -> str:
    """Return what else may be asked of the type, or of which types this may be asked."""
    others = [word for word in ('once', 'stream') if word in requests.get(type_name, ())]
    if others:
        return ', '.join(others)
    askable = sorted(name for name, keys in requests.items() if request in keys)
    return f'it for {", ".join(askable)}'

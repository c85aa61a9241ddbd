# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# Over 400 lines because it is one table: every option is declared here and nowhere else.
"""
Every option once: name, default, range or words, unit, text, and the roles that use it.

The fields of these classes are the parameters of the nodes and the keys of the mapping file. ROS
parameters, the checks of the mapping file, the options of the transport, the arguments of the
launch files, doc/options.md and config/mapping.schema.json are made from them.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import re
from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal['IGTL_TO_ROS', 'ROS_TO_IGTL']
Mode = Literal['client', 'server']
Request = Literal['once', 'stream']
CommandDialect = Literal['command', 'string']

DAY_S = 86_400.0  # a longer time is probably in the wrong unit
MAX_BYTES = 2**40
MAX_TEXT_LENGTH = 255


# Kinds and forms of options -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """
    The allowed form of a text.

    :ivar allowed: description for the user.
    :ivar pattern: expression that the whole text must match, in Python and in JavaScript; '': any
        text, or code checks it.
    """

    name: str
    allowed: str
    pattern: str = ''
    max_length: int = MAX_TEXT_LENGTH
    min_bytes: int = 0
    max_bytes: int = 0  # of UTF-8; 0: no limit

    def fits(self, value: str) -> bool:
        """Return whether a text fits the pattern."""
        return not self.pattern or bool(re.fullmatch(self.pattern, value) and value.isprintable())


_TOKEN = '[A-Za-z_][A-Za-z0-9_]*'
TEXT = Form('text', 'text')
ADDRESS = Form('address', 'an IPv4 or IPv6 address or a host name')
NETWORK = Form('network', 'an address or a CIDR network such as 192.168.0.0/24')
FRAME = Form('frame', 'a name without a space or a leading /', r'[^\s/]\S*')
FRAME_PREFIX = Form('frame prefix', 'text without a space or a leading /', r'(?:[^\s/]\S*)?')
TYPE_NAME = Form('type name', '1 to 12 ASCII characters, as TRANSFORM', r'[!-~]{1,12}')
ROS_TYPE_NAME = Form('ROS type name', 'package/msg/Type', r'[a-z][a-z0-9_]*/msg/[A-Z][A-Za-z0-9]*')
TOPIC_NAME = Form(
    'topic name',
    'words of letters, digits and _, not starting with a digit, joined by /; / or ~/ in front',
    rf'(?:~/|/)?{_TOKEN}(?:/{_TOKEN})*',
    247,  # 255 bytes in DDS, less the prefix that ROS adds (RMW_TOPIC_MAX_NAME_LENGTH)
)
CONNECTION_NAME = Form(
    'connection name', 'letters, digits and _, not starting with a digit', _TOKEN
)
DEVICE_NAME = Form(
    'device name', 'at most 20 bytes of UTF-8', max_bytes=20
)  # the field of the header
LONG_DEVICE_NAME = Form(
    'long device name', 'at most 20 bytes of UTF-8; longer for direction ROS_TO_IGTL'
)
# Names inside contents end with a NUL: 19 of 20 bytes, and so on.
TOOL_NAME = Form('tool name', '1 to 19 bytes of UTF-8', min_bytes=1, max_bytes=19)
COORDINATE_NAME = Form('coordinate name', 'at most 31 bytes of UTF-8', max_bytes=31)
COMMAND_NAME = Form('command name', '1 to 127 bytes of UTF-8', min_bytes=1, max_bytes=127)
DEVICE_REGEX = Form('device regex', 'a regular expression', max_length=200)
TOPIC_REGEX = Form('topic regex', 'a regular expression', max_length=200)
COMMAND_REGEX = Form('command regex', 'a regular expression', max_length=200)

Kind = Literal['truth', 'integer', 'number', 'numbers', 'word', 'text', 'texts', 'nested']


@dataclass(frozen=True, slots=True)
class Option:
    """
    One option: a parameter, a key of the mapping file, or both.

    :ivar default: None if there is no default, or if `text` describes it.
    :ivar allowed: the words, or the least and the greatest number.
    :ivar above: the least number itself is not allowed.
    :ivar count: how many numbers a list has.
    :ivar role: client or server if only one of them uses it.
    :ivar direction: of the rows that use it, unless both do.
    :ivar section: the class of the nested keys, or of the items of a nested list.
    """

    kind: Kind
    text: str
    default: Any = None
    name: str = ''
    allowed: tuple[Any, ...] = ()
    above: bool = False
    count: int = 0
    unit: str = ''
    form: Form = TEXT
    role: Mode | None = None
    direction: Direction | None = None
    section: str = ''
    is_list: bool = False
    is_required: bool = False

    @property
    def range_text(self) -> str:
        """The allowed values, in words."""
        if self.kind == 'truth':
            return 'true or false'
        if self.kind == 'word':
            return ' or '.join(self.allowed)
        if self.kind == 'integer':
            low, high = self.allowed
            return f'a whole number from {low} to {high}' if low < high else f'{low}'
        if self.kind in ('number', 'numbers'):
            low, high = self.allowed
            start = f'above {low:g}, up to' if self.above else f'from {low:g} to'
            return f'a number {start} {high:g} {self.unit}'.rstrip()
        return self.form.allowed

    def allows(self, value: Any) -> bool:
        """Return whether a value of the right type, or one number of a list, is allowed."""
        if self.kind == 'word':
            return value in self.allowed
        if self.kind in ('integer', 'number', 'numbers'):
            low, high = self.allowed
            is_above = value > low if self.above else value >= low
            return bool(math.isfinite(value) and is_above and value <= high)
        return self.kind != 'text' or self.form.fits(value)


def _option(kind: Kind, text: str, default: Any, **more: Any) -> Any:
    """Return a field of a dataclass, as Any so that mypy accepts any annotation."""
    return field(default=default, metadata={'option': Option(kind, text, default, **more)})


def _required(kind: Kind, text: str, **more: Any) -> dict[str, Option]:
    """Return the metadata of a field without a default."""
    return {'option': Option(kind, text, **more)}


def _seconds(default: float | None, text: str, low: float = 0.0, **more: Any) -> Any:
    return _option('number', text, default, allowed=(low, DAY_S), unit='s', **more)


def _timeout(default: float, text: str, **more: Any) -> Any:
    return _seconds(default, text, 0.01, **more)


def _truth(default: bool | None, text: str, **more: Any) -> Any:
    return _option('truth', text, default, **more)


def _integer(default: int | None, text: str, low: int, high: int, **more: Any) -> Any:
    return _option('integer', text, default, allowed=(low, high), **more)


def _word(default: str | None, text: str, *words: str, **more: Any) -> Any:
    return _option('word', text, default, allowed=words, **more)


def _text(default: str | None, text: str, form: Form = TEXT, **more: Any) -> Any:
    return _option('text', text, default, form=form, **more)


def _texts(text: str, form: Form, **more: Any) -> Any:
    return _option('texts', text, (), form=form, **more)


def _rate(text: str) -> Any:
    return _option('number', text, None, allowed=(0.0, 10_000.0), above=True, unit='Hz')


def _is_required(declared: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return declared.default is missing and declared.default_factory is missing


def options_of(declared: type) -> dict[str, Option]:
    """Return the options that a class of this module declares, by name, in order."""
    return {
        each.name: dataclasses.replace(
            each.metadata['option'], name=each.name, is_required=_is_required(each)
        )
        for each in dataclasses.fields(declared)
        if 'option' in each.metadata
    }


# Parameters, which the mapping file can also set for a connection ------------


@dataclass(frozen=True)
class TransportOptions:
    """
    The options of the transport.

    :raises ValueError: a value is not allowed; the text has its name and the allowed values.
    """

    header_version: int = _integer(
        0, 'Header version to send: 1, 2, or 0 to follow the peer.', 0, 2
    )
    allowed_peers: tuple[str, ...] = _texts(
        'Server: addresses or CIDR networks that may connect. Required to listen beyond loopback, '
        'unless clients need a certificate.',
        NETWORK,
        role='server',
    )
    max_clients: int = _integer(
        8, 'Server: number of peers connected at one time.', 1, 1000, role='server'
    )
    max_message_bytes: int = _integer(
        268_435_456,
        'Largest message body accepted. A larger one closes the connection.',
        1,
        MAX_BYTES,
        unit='bytes',
    )
    crc_policy: str = _word(
        'reject', 'Treatment of messages with a wrong CRC.', 'reject', 'warn', 'ignore'
    )
    send_buffer_limit: int = _integer(
        16_000_000,
        'Data that may wait to be sent to one peer. A peer with more is disconnected.',
        1,
        MAX_BYTES,
        unit='bytes',
    )
    send_timeout: float = _timeout(
        2.0, 'Time without progress after which a slow peer is disconnected.'
    )
    connect_timeout: float = _timeout(
        5.0, 'Client: time allowed for connecting, including name resolution.', role='client'
    )
    header_timeout: float = _timeout(
        2.0, 'Time allowed from the first to the last byte of a header.'
    )
    body_timeout: float = _timeout(5.0, 'Time allowed without progress within a body.')
    idle_timeout: float = _seconds(
        0.0, 'Time after which a peer that sends nothing is disconnected; 0: never.'
    )
    max_rejected_rate: int = _integer(
        1000,
        'Rejected messages per second above which a peer is disconnected; 0: no limit.',
        0,
        1_000_000,
        unit='1/s',
    )
    keepalive_interval: float = _seconds(
        0.0, 'Time without sending after which a STATUS is sent; 0: only TCP keep-alive.'
    )
    reconnect_initial_delay: float = _timeout(
        0.5, 'Client: delay before the second attempt to connect.', role='client'
    )
    reconnect_max_delay: float = _timeout(
        30.0, 'Client: longest delay between two attempts to connect.', role='client'
    )
    tls: bool = _truth(False, 'Use TLS, with the files below.')
    certfile: str = _text('', 'PEM file of our certificate. A client needs none by default.')
    keyfile: str = _text('', 'PEM file of our key, not encrypted; empty: the key is in certfile.')
    cafile: str = _text(
        '',
        'PEM file of the authority that signs the certificates of peers; empty: the authorities '
        'the system trusts (client), or none (server with tls_client_auth none).',
    )
    tls_client_auth: str = _word(
        'required',
        'Server: whether clients need a certificate.',
        'required',
        'none',
        role='server',
    )
    handshake_timeout: float = _timeout(3.0, 'Time allowed for the TLS handshake.')

    def __post_init__(self) -> None:
        """Check all values."""
        for option in options_of(type(self)).values():
            value = getattr(self, option.name)
            if not option.allows(value):
                raise ValueError(f'{option.name}: {value!r}; allowed: {option.range_text}')
        if self.reconnect_max_delay < self.reconnect_initial_delay:
            raise ValueError(
                f'reconnect_max_delay ({self.reconnect_max_delay}) must be at least '
                f'reconnect_initial_delay ({self.reconnect_initial_delay})'
            )
        for network in self.allowed_peers:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError(f'allowed_peers: {error}; allowed: {NETWORK.allowed}') from error


@dataclass(frozen=True)
class ConnectionOptions(TransportOptions):
    """The options of a connection."""

    long_device_names: str = _word(
        'truncate',
        'Device names of more than 20 bytes: truncate them for peers of header version 1, or do '
        'not send such messages to these peers (reject).',
        'truncate',
        'reject',
    )
    stop_preempts: bool = _truth(
        False,
        'Client: if a stop of ~/send_command waits for more than 20 ms behind a message that is '
        'partly sent, close the connection and connect again to send the stop first.',
        role='client',
    )
    device_whitelist: tuple[str, ...] = _texts(
        'Regular expressions for device names. If given, all other devices are skipped.',
        DEVICE_REGEX,
    )
    device_blacklist: tuple[str, ...] = _texts(
        'Regular expressions for device names. These devices are skipped.', DEVICE_REGEX
    )
    auto_outbound: tuple[str, ...] = _texts(
        'Regular expressions for full topic names. These topics are sent without a mapping row.',
        TOPIC_REGEX,
    )
    timestamp_mode: str = _word(
        'auto',
        'Source of stamps: the message (device), its arrival (receive), or the message, corrected '
        'if the clocks differ (auto).',
        'auto',
        'device',
        'receive',
    )
    time_offset: float = _option(
        'number',
        'Time added to stamps in timestamp_mode device.',
        0.0,
        allowed=(-1.0e9, 1.0e9),
        unit='s',
    )
    max_clock_skew: float = _seconds(
        0.05,
        'Clock difference above which timestamp_mode auto corrects stamps, and delay above which '
        'poses are not sent to tf.',
    )
    stale_timeout: float = _seconds(
        0.5,
        'Time without a new pose after which /diagnostics reports a device or a sent row as '
        'stale; 0: never.',
    )
    publish_tf: bool = _truth(True, 'Publish poses on /tf as well.')
    lazy: bool = _truth(
        False,
        'Convert only messages that have a subscriber, are latched, or go to /tf.',
    )
    default_frame_id: str = _text(
        'igtl_ras', 'Parent frame of devices whose name contains none.', FRAME
    )
    frame_prefix: str = _text(
        '',
        'Prefix of the frames in device and tool names, and of default_frame_id.',
        FRAME_PREFIX,
    )


@dataclass(frozen=True)
class NodeOptions(ConnectionOptions):
    """The parameters of a node; the mapping file can set only the inherited ones."""

    config_file: str = _text('', 'Mapping file (YAML); empty: auto mode.')
    autostart: bool = _truth(
        True, 'Configure and activate at start; false: wait for a lifecycle manager.'
    )
    address: str = _text('127.0.0.1', 'Client: host to dial. Server: address to listen on.')
    port: int = _integer(
        18944, 'TCP port. Server: 0 for any free port, see actual_port.', 0, 65535
    )
    memory_limit: int = _integer(
        2**30,
        'Memory of all peers: incomplete messages and volumes, waiting messages, the last image '
        'or volume of latched topics, and pictures of video decoders. Above it, the peer with '
        'the most memory is disconnected.',
        1,
        MAX_BYTES,
        unit='bytes',
    )


# The mapping file -----------------------------------------------------------


@dataclass(frozen=True)
class TfTool:
    """One tool of a tracking data message, looked up in tf."""

    name: str = field(
        metadata=_required('text', 'Name of the tool in the message.', form=TOOL_NAME)
    )
    parent_frame_id: str = field(metadata=_required('text', 'Parent frame.', form=FRAME))
    child_frame_id: str = field(metadata=_required('text', 'Child frame.', form=FRAME))


@dataclass(frozen=True)
class TfLookup:
    """
    Frames to look up in tf and send.

    Either one pair of frames, or `tools` (both frames are None), or all frames from the parent
    frame to `chain`. Tools and chains are sent in one message.
    """

    rate: float | None = _rate('Lookups per second. Required without joint_states.')
    parent_frame_id: str | None = _text(
        None, 'Parent frame of the pair, or first frame of the chain.', FRAME
    )
    child_frame_id: str | None = _text(None, 'Child frame of the pair.', FRAME)
    tools: tuple[TfTool, ...] = _option(
        'nested',
        'Tools of one message, each with a pair of frames.',
        (),
        section='TfTool',
        is_list=True,
    )
    chain: str | None = _text(
        None, 'Last frame of a chain from parent_frame_id; every frame becomes a tool.', FRAME
    )
    joint_states: str | None = _text(
        None,
        'Topic of sensor_msgs/msg/JointState. The chain is sent with each of its messages, '
        'instead of at a rate.',
        TOPIC_NAME,
    )


@dataclass(frozen=True)
class QosOptions:
    """Quality of service of a topic; the node chooses missing values."""

    reliability: str | None = _word(None, 'Reliability of the topic.', 'reliable', 'best_effort')
    durability: str | None = _word(None, 'Durability of the topic.', 'volatile', 'transient_local')
    history: str | None = _word(None, 'History of the topic.', 'keep_last', 'keep_all')
    depth: int | None = _integer(None, 'Messages kept with keep_last.', 1, 10_000)


@dataclass(frozen=True)
class MappingRow:
    """One row: maps a device and type to a topic and ROS type, or the other way round."""

    igtl_type_name: str = field(
        metadata=_required('text', 'OpenIGTLink type, such as TRANSFORM or IMAGE.', form=TYPE_NAME)
    )
    direction: Direction = field(
        metadata=_required('word', 'Direction of the row.', allowed=('IGTL_TO_ROS', 'ROS_TO_IGTL'))
    )
    line: int
    igtl_device_name: str | None = _text(
        None,
        "Device name; '': a device without a name. Required unless igtl_device_regex is given.",
        LONG_DEVICE_NAME,
    )
    igtl_device_regex: re.Pattern[str] | None = _text(
        None,
        'Expression that the whole device name must match, instead of the name.',
        DEVICE_REGEX,
        direction='IGTL_TO_ROS',
    )
    ros_topic_name: str | None = _text(
        None,
        'Topic: relative, absolute or private. Default for IGTL_TO_ROS: '
        '<connection>/<type>/<device>. Required for ROS_TO_IGTL unless tf is given.',
        TOPIC_NAME,
    )
    ros_type_name: str | None = _text(
        None,
        'ROS type. Default for IGTL_TO_ROS: the default types of the OpenIGTLink type. Required '
        'for ROS_TO_IGTL unless tf is given.',
        ROS_TYPE_NAME,
    )
    frame_id: str | None = _text(None, 'Parent frame.', FRAME, direction='IGTL_TO_ROS')
    child_frame_id: str | None = _text(
        None, 'Child frame; not with igtl_device_regex.', FRAME, direction='IGTL_TO_ROS'
    )
    publish_tf: bool | None = _truth(
        None,
        'false: publish the pose on its topics only. Default: as the connection.',
        direction='IGTL_TO_ROS',
    )
    lazy: bool | None = _truth(
        None,
        'true: convert only while there is a subscriber. Default: as the connection.',
        direction='IGTL_TO_ROS',
    )
    stale_timeout: float | None = _seconds(
        None,
        'Time after which a device, a tool or a ROS publisher without new data is stale; 0: '
        'never. Default: as the connection.',
    )
    rate_limit: float | None = _rate('Largest number of messages per second; others are skipped.')
    qos: dict[str, Any] = field(
        default_factory=dict,
        metadata=_required('nested', 'Quality of service of the topic.', section='QosOptions'),
    )
    tf: TfLookup | None = _option(
        'nested',
        'Frames to look up in tf and send, instead of a topic.',
        None,
        section='TfLookup',
        direction='ROS_TO_IGTL',
    )
    metadata: dict[str, str] = field(
        default_factory=dict,
        metadata=_required(
            'nested',
            'Texts by key, sent with every message to peers of header version 2.',
            direction='ROS_TO_IGTL',
        ),
    )
    bind: str | None = _text(
        None,
        'Device name of a BIND. Rows with the same bind are sent together as its children.',
        DEVICE_NAME,
        direction='ROS_TO_IGTL',
    )
    threshold: float | None = _option(
        'number',
        'For point clouds of images: the cloud contains voxels above this value. Default: 0.',
        None,
        allowed=(-1e38, 1e38),
        unit='in the unit of the voxels',
        direction='IGTL_TO_ROS',
    )
    skip: bool = _truth(
        False, 'true: publish nothing; messages count as skipped.', direction='IGTL_TO_ROS'
    )
    request: Request | None = _word(
        None,
        'Query sent to the peer when a session opens; not with igtl_device_regex.',
        'once',
        'stream',
        direction='IGTL_TO_ROS',
    )
    resolution: float | None = _seconds(
        None,
        'For request stream: least time between two messages. Default: 0, all messages.',
        direction='IGTL_TO_ROS',
    )
    coordinate_name: str | None = _text(
        None,
        'For request stream of TDATA or QTDATA: coordinate system of the poses. Default: the '
        "peer's own.",
        COORDINATE_NAME,
        direction='IGTL_TO_ROS',
    )
    on_request: bool = _truth(
        False, 'true: send only to peers that query it.', direction='ROS_TO_IGTL'
    )


@dataclass(frozen=True)
class CommandRow:
    """The ROS service that runs a command of a peer."""

    ros_service_name: str = field(
        metadata=_required(
            'text', 'Service of type ros2_igtl/srv/Command that runs the command.', form=TOPIC_NAME
        )
    )
    line: int
    igtl_command_name: str | None = _text(
        None, 'Name of the command. Required unless igtl_command_regex is given.', COMMAND_NAME
    )
    igtl_command_regex: re.Pattern[str] | None = _text(
        None, 'Expression that the whole name must match, instead of the name.', COMMAND_REGEX
    )
    timeout: float = _timeout(5.0, 'Time allowed for the service to answer.')


@dataclass(frozen=True)
class ConnectionConfig:
    """One connection; values that are None or not in `options` are the node's parameters."""

    line: int
    name: str | None = _text(
        None,
        'Name of the connection: the first part of its default topics. Default: the name of the '
        'node. Required if there are several connections.',
        CONNECTION_NAME,
    )
    mode: Mode | None = _word(
        None, 'Client or server. Required for igtl_bridge.', 'client', 'server'
    )
    address: str | None = _text(
        None,
        'Client: host to dial. Server: address to listen on. Default: the parameter of that name.',
        ADDRESS,
    )
    port: int | None = _integer(
        None,
        'TCP port. Server: 0 for any free port. Default: the parameter of that name.',
        0,
        65535,
    )
    auto_inbound: bool = _truth(
        True, 'true: publish devices without a row as in auto mode; false: skip them.'
    )
    bind_tolerance: float = _seconds(
        0.02, 'Largest difference between the stamps of the messages sent in one BIND.'
    )
    mappings: tuple[MappingRow, ...] = _option(
        'nested', 'Rows.', (), section='MappingRow', is_list=True
    )
    command_dialect: CommandDialect = _word(
        'command',
        'Form of commands: COMMAND and RTS_COMMAND, or STRING (old PLUS).',
        'command',
        'string',
    )
    commands: tuple[CommandRow, ...] = _option(
        'nested',
        'Commands of the peer, and the services that run them.',
        (),
        section='CommandRow',
        is_list=True,
    )
    options: dict[str, Any] = field(default_factory=dict)  # of ConnectionOptions


_MAX_M = 1e6  # convert.geometry.MAX_DISTANCE_MM


@dataclass(frozen=True)
class RegistrationKeys:
    """The keys of a registration in the file."""

    parent_frame_id: str = field(metadata=_required('text', 'Parent frame.', form=FRAME))
    child_frame_id: str = field(metadata=_required('text', 'Child frame.', form=FRAME))
    translation: tuple[float, ...] | None = _option(
        'numbers',
        'Origin of the child frame in the parent frame.',
        None,
        allowed=(-_MAX_M, _MAX_M),
        unit='m',
        count=3,
    )
    rotation: tuple[float, ...] | None = _option(
        'numbers',
        'Unit quaternion x y z w.',
        None,
        allowed=(-2.0, 2.0),
        unit='in a unit quaternion',
        count=4,
    )
    matrix: tuple[float, ...] | None = _option(
        'numbers',
        'Rigid 4x4 matrix row by row, in metres, instead of translation and rotation.',
        None,
        allowed=(-_MAX_M, _MAX_M),
        unit='in a rigid matrix',
        count=16,
    )


@dataclass(frozen=True)
class RegistrationConfig:
    """A static transform: the pose of the child frame in the parent frame."""

    parent_frame_id: str
    child_frame_id: str
    translation: tuple[float, float, float]  # metres
    rotation: tuple[float, float, float, float]  # unit quaternion x y z w
    line: int


@dataclass(frozen=True)
class FileKeys:
    """The top-level keys of a mapping file."""

    version: int = field(metadata=_required('integer', 'Version of the format.', allowed=(1, 1)))
    connections: Any = field(
        metadata=_required(
            'nested',
            'Connections: one for igtl_client and igtl_server, any number for igtl_bridge.',
            section='ConnectionConfig',
            is_list=True,
        )
    )
    registration: Any = _option(
        'nested',
        'Static transforms that connect frames.',
        (),
        section='RegistrationKeys',
        is_list=True,
    )


@dataclass(frozen=True)
class Config:
    """A valid mapping file."""

    connections: tuple[ConnectionConfig, ...]
    registration: tuple[RegistrationConfig, ...] = ()


# The options of each class of nested keys.
SECTIONS: dict[str, dict[str, Option]] = {
    'TfTool': options_of(TfTool),
    'TfLookup': options_of(TfLookup),
    'QosOptions': options_of(QosOptions),
    'MappingRow': options_of(MappingRow),
    'CommandRow': options_of(CommandRow),
    'ConnectionConfig': options_of(ConnectionConfig) | options_of(ConnectionOptions),
    'RegistrationKeys': options_of(RegistrationKeys),
}
FILE_KEYS = options_of(FileKeys)
PARAMETERS = options_of(NodeOptions)
# The parameters that the mapping file may set for a connection.
CONNECTION_PARAMETERS = options_of(ConnectionOptions)
TRANSPORT_PARAMETERS = options_of(TransportOptions)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a mapping file says, as values. How it is written and what is refused lives beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal['IGTL_TO_ROS', 'ROS_TO_IGTL']
Mode = Literal['client', 'server']
Request = Literal['once', 'stream']
CommandDialect = Literal['command', 'string']


@dataclass(frozen=True)
class TfTool:
    """One tool of a tracking data message, looked up in tf."""

    name: str
    parent_frame_id: str
    child_frame_id: str


@dataclass(frozen=True)
class TfLookup:
    """
    What is looked up in tf and sent, `rate` times a second.

    Either one pair of frames, or `tools` (both frames are None), or all frames from the parent
    frame to `chain`: then all of them go out in one message.
    """

    rate: float | None = None  # Hz; None: with each of `joint_states`
    parent_frame_id: str | None = None
    child_frame_id: str | None = None
    tools: tuple[TfTool, ...] = ()
    chain: str | None = None
    joint_states: str | None = None  # topic


@dataclass(frozen=True)
class MappingRow:
    """One row: which device and type becomes which topic and ROS type, or the other way round."""

    igtl_type_name: str
    direction: Direction
    line: int
    # '' is a device without a name; of IGTL_TO_ROS it has at most 20 bytes
    igtl_device_name: str | None = None
    igtl_device_regex: re.Pattern[str] | None = None  # to be used with fullmatch
    ros_topic_name: str | None = None  # None: as without a mapping file
    ros_type_name: str | None = None  # None: the default of the type
    frame_id: str | None = None  # parent frame
    child_frame_id: str | None = None
    publish_tf: bool | None = None
    lazy: bool | None = None  # converted only for those who subscribe
    stale_timeout: float | None = None  # seconds; 0: the device is never stale
    rate_limit: float | None = None  # Hz
    qos: dict[str, Any] = field(default_factory=dict)  # reliability durability history depth
    tf: TfLookup | None = None
    metadata: dict[str, str] = field(default_factory=dict)  # of each message that is sent
    bind: str | None = None  # device name of the BIND that it is sent in
    threshold: float | None = None  # voxels above it are in a cloud; None: above 0
    skip: bool = False
    request: Request | None = None  # what the peer is asked for when a session opens
    resolution: float | None = None  # seconds between two messages of a stream; 0: all there are
    coordinate_name: str | None = None  # of a stream of tracking data; None: the peer's own
    on_request: bool = False  # sent to peers that have asked only


@dataclass(frozen=True)
class CommandRow:
    """Which ROS service runs a command of a peer."""

    ros_service_name: str
    line: int
    igtl_command_name: str | None = None  # at most 127 bytes
    igtl_command_regex: re.Pattern[str] | None = None  # to be used with fullmatch
    timeout: float = 5.0  # seconds


@dataclass(frozen=True)
class ConnectionConfig:
    """One connection; what is None or not in `options` comes from the node's parameters."""

    line: int
    name: str | None = None
    mode: Mode | None = None
    address: str | None = None
    port: int | None = None
    auto_inbound: bool = True  # False: what no row names is skipped
    bind_tolerance: float = 0.02  # seconds between the stamps of what is sent in one BIND
    options: dict[str, Any] = field(default_factory=dict)  # node parameters, by their names
    mappings: tuple[MappingRow, ...] = ()
    command_dialect: CommandDialect = 'command'
    commands: tuple[CommandRow, ...] = ()


@dataclass(frozen=True)
class RegistrationConfig:
    """A static transform: the pose of the child frame in the parent frame."""

    parent_frame_id: str
    child_frame_id: str
    translation: tuple[float, float, float]  # metres
    rotation: tuple[float, float, float, float]  # unit quaternion x y z w
    line: int


@dataclass(frozen=True)
class Config:
    """A mapping file that was read without a problem."""

    connections: tuple[ConnectionConfig, ...]
    registration: tuple[RegistrationConfig, ...] = ()

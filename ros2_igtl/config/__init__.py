# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The mapping file: which devices become which topics, and which topics are sent. No ROS in here.

    config = load_config('mapping.yaml', pairs)   # or ConfigError, with all that is wrong in it
"""

from ros2_igtl.config.errors import ConfigError, Problem
from ros2_igtl.config.load import load_config, parse_config
from ros2_igtl.config.pairs import ANY_OTHER_TYPE, Pairs, Requests
from ros2_igtl.options import (
    CommandDialect,
    CommandRow,
    Config,
    ConnectionConfig,
    Direction,
    MappingRow,
    Mode,
    RegistrationConfig,
    Request,
    TfLookup,
    TfTool,
)

__all__ = [
    'ANY_OTHER_TYPE',
    'CommandDialect',
    'CommandRow',
    'Config',
    'ConfigError',
    'ConnectionConfig',
    'Direction',
    'MappingRow',
    'Mode',
    'Pairs',
    'Problem',
    'RegistrationConfig',
    'Request',
    'Requests',
    'TfLookup',
    'TfTool',
    'load_config',
    'parse_config',
]

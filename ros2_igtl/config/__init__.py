# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The mapping file: the topics that devices are published on, and the topics to send. No ROS.

    config = load_config('mapping.yaml', pairs)   # raises ConfigError with all problems
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

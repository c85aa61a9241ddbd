# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The common part of the launch files: arguments from the table of options, and node actions.

The functions import launch when they need it, since it is not installed everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ros2_igtl import environment
from ros2_igtl.options import PARAMETERS, Option

PROGRAMS = ('client', 'server', 'bridge')
DEMO_PORTS = {'tracker': '18944', 'imager': '18945'}
# Arguments that are not parameters of the node: default and text.
COMMON = {
    'namespace': ('', 'Namespace of the node.'),
    'params_file': ('', 'YAML file of ROS parameters. Arguments override it.'),
    'use_sim_time': ('', 'true: take the time from /clock.'),
    'log_level': ('info', 'Lowest severity to log: debug, info, warn, error or fatal.'),
    'respawn': ('false', 'true: restart the node 1 s after it ends.'),
}


def arguments_of(program: str) -> dict[str, tuple[str | None, str]]:
    """
    Return the default (None: required) and the text of each argument of a launch file.

    Parameters are empty by default; params_file or the node's own default then applies.

    :param program: client, server, bridge or demo.
    """
    if program == 'demo':
        ports = {
            f'{device}_port': (port, f'TCP port of the simulated {device}.')
            for device, port in DEMO_PORTS.items()
        }
        return {**ports, **COMMON}
    parameters: dict[str, tuple[str | None, str]] = {
        name: ('', _describe(option)) for name, option in PARAMETERS.items()
    }
    if program == 'bridge':
        parameters['config_file'] = (None, PARAMETERS['config_file'].text)
    name = f'igtl_{program}'
    return {**parameters, 'name': (name, 'Name of the node.'), **COMMON}


def _describe(option: Option) -> str:
    """Return an option in one line: text, default and allowed values."""
    default = str(option.default).lower() if option.kind == 'truth' else str(option.default)
    parts = [f'default: {default}'] if option.default not in ('', ()) else []
    if option.kind == 'texts':
        parts.append('separated by commas')
    if option.kind in ('word', 'integer', 'number'):
        parts.append(option.range_text)
    return f'{option.text} ({"; ".join(parts)})' if parts else option.text


def describe(program: str) -> Any:
    """Return the launch description of client, server, bridge or demo."""
    from launch import LaunchDescription
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in arguments_of(program).items()
    ]
    start = _start_demo if program == 'demo' else _start_node
    return LaunchDescription([*declared, OpaqueFunction(function=start, args=[program])])


def _start_node(context: Any, program: str) -> list[Any]:
    return [_node(context.launch_configurations, program)]


def _start_demo(context: Any, _: str) -> list[Any]:
    """Return the simulated devices, and a client for each."""
    from launch.actions import ExecuteProcess

    given = {name: context.launch_configurations[name] for name in COMMON}
    actions = []
    for device in DEMO_PORTS:
        port = context.launch_configurations[f'{device}_port']
        command = ['igtl', 'simulate', device, '--port', port]
        actions += [
            ExecuteProcess(cmd=command, output='screen'),
            _node({**given, 'name': device, 'port': port}, 'client'),
        ]
    return actions


def _node(given: Mapping[str, str], program: str) -> Any:
    """Return the action that starts a node with the given parameters only."""
    from ament_index_python.packages import get_package_share_directory
    from launch_ros.actions import Node

    parameters: dict[str, Any] = {
        name: value_of(option, given[name])
        for name, option in PARAMETERS.items()
        if given.get(name)
    }
    if given['use_sim_time']:
        parameters['use_sim_time'] = _truth('use_sim_time', given['use_sim_time'])
    folder = os.path.join(get_package_share_directory('ros2_igtl'), 'config')
    return Node(
        package='ros2_igtl',
        executable=f'igtl_{program}',
        name=given['name'],
        namespace=given['namespace'],
        # An empty dictionary would become a file without parameters, which rcl rejects.
        parameters=[each for each in (given['params_file'], parameters) if each],
        ros_arguments=['--log-level', given['log_level']],
        respawn=_truth('respawn', given['respawn']),
        respawn_delay=1.0,
        additional_env=environment.additions(folder, os.environ),
        output='screen',
    )


def value_of(option: Option, text: str) -> Any:
    """
    Return the value of an argument.

    :raises ValueError: the text has the wrong type; the node itself checks ranges.
    """
    if option.kind == 'truth':
        return _truth(option.name, text)
    if option.kind == 'texts':
        return [each.strip() for each in text.split(',') if each.strip()]
    if option.kind in ('integer', 'number'):
        try:
            return int(text) if option.kind == 'integer' else float(text)
        except ValueError:
            raise ValueError(f'{option.name}: {text!r}; allowed: {option.range_text}') from None
    return text


def _truth(name: str, text: str) -> bool:
    values = {'true': True, 'false': False}
    if text.lower() not in values:
        raise ValueError(f'{name}: {text!r}; allowed: true or false')
    return values[text.lower()]

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The launch files say what they take, start what they promise and end in order."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('launch_ros', reason='launch is not among the wheels of ROS 2')

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription, RegisterEventHandler, Shutdown, TimerAction
from launch.event_handlers import OnProcessExit, OnProcessIO
from launch.launch_description_sources import AnyLaunchDescriptionSource
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

from helpers.certificates import Authority
from ros2_igtl.options import PARAMETERS

FOLDER = Path(get_package_share_directory('ros2_igtl')) / 'launch'
PROGRAMS = ['bridge', 'client', 'server']
SINGLE = [f'{program}.launch.{ending}' for program in PROGRAMS for ending in ('py', 'xml')]
FILES = [*SINGLE, 'demo.launch.py', 'demo.launch.xml']
REQUIRED = {('bridge.launch.py', 'config_file'), ('bridge.launch.xml', 'config_file')}
FILES_OF_TLS = ('certfile', 'keyfile', 'cafile')
DEADLINE_S = 45.0


def source(name: str) -> Any:
    return AnyLaunchDescriptionSource(str(FOLDER / name))


def run_until(name: str, arguments: dict[str, str], patterns: set[str]) -> dict[str, int]:
    """
    Run a launch file until its processes have printed each of some patterns.

    :returns: the exit code of each process that it started, by the process's name.
    """
    missing = set(patterns)
    output = ''
    exit_codes: dict[str, int] = {}

    def on_output(event: Any) -> Any:
        nonlocal output
        output += event.text.decode()
        missing.difference_update({p for p in missing if re.search(p, output)})
        return [] if missing else [Shutdown(reason='all was seen')]

    def on_exit(event: Any, context: Any) -> None:
        exit_codes[event.process_name] = event.returncode

    service = LaunchService()
    service.include_launch_description(
        LaunchDescription(
            [
                RegisterEventHandler(OnProcessIO(on_stdout=on_output, on_stderr=on_output)),
                RegisterEventHandler(OnProcessExit(on_exit=on_exit)),
                IncludeLaunchDescription(source(name), launch_arguments=arguments.items()),
                TimerAction(period=DEADLINE_S, actions=[Shutdown(reason='the time is over')]),
            ]
        )
    )
    assert service.run() == 0
    assert not missing, f'{missing} not found in:\n{output}'
    return exit_codes


@pytest.mark.parametrize('name', FILES)
def test_every_argument_has_a_description_and_a_default(name: str) -> None:
    description = source(name).try_get_launch_description_without_context()
    arguments = description.get_launch_arguments()
    assert arguments
    for argument in arguments:
        is_required = (name, argument.name) in REQUIRED
        assert (argument.default_value is None) == is_required, argument.name
        assert 'no description' not in argument.description.lower(), argument.name


def arguments_of(name: str) -> list[tuple[str, str | None, str]]:
    description = source(name).try_get_launch_description_without_context()
    context = LaunchContext()
    return [
        (
            argument.name,
            argument.default_value and perform_substitutions(context, argument.default_value),
            argument.description,
        )
        for argument in description.get_launch_arguments()
    ]


@pytest.mark.parametrize('program', [*PROGRAMS, 'demo'])
def test_the_form_in_xml_takes_the_same_arguments(program: str) -> None:
    expected = arguments_of(f'{program}.launch.py')
    in_xml = list(dict.fromkeys(arguments_of(f'{program}.launch.xml')))
    assert in_xml == expected


@pytest.mark.parametrize('program', PROGRAMS)
def test_every_parameter_of_a_node_is_an_argument(program: str) -> None:
    names = {name for name, _, _ in arguments_of(f'{program}.launch.py')}
    common = {'name', 'namespace', 'params_file', 'use_sim_time', 'log_level', 'respawn'}
    assert names == {*PARAMETERS, *common}


@pytest.mark.parametrize('ending', ['py', 'xml'])
def test_an_argument_wins_over_the_file_of_parameters_and_a_default_does_not(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / 'params.yaml'
    path.write_text('/**:\n  ros__parameters: {port: 1, address: 127.0.0.9}\n')
    patterns = {r'\[igtl_client\].*connecting: 127\.0\.0\.9:2\b'}
    exit_codes = run_until(
        f'client.launch.{ending}', {'params_file': str(path), 'port': '2'}, patterns
    )
    assert list(exit_codes.values()) == [0]


def test_a_level_of_logging_can_be_given() -> None:
    arguments = {'port': '1', 'log_level': 'debug'}
    exit_codes = run_until('client.launch.py', arguments, {r'\[DEBUG\]', 'connecting: '})
    assert list(exit_codes.values()) == [0]


@pytest.mark.parametrize('name', ['client.launch.py', 'client.launch.xml'])
def test_a_client_dials_where_it_is_told(name: str) -> None:
    arguments = {'port': '1', 'name': 'plus', 'namespace': 'room', 'default_frame_id': '12'}
    exit_codes = run_until(name, arguments, {r'\[room\.plus\].*connecting: 127\.0\.0\.1:1\b'})
    assert list(exit_codes.values()) == [0]


def test_a_server_listens_with_the_peers_it_is_told() -> None:
    arguments = {'address': '0.0.0.0', 'port': '0', 'allowed_peers': '127.0.0.0/8, 10.0.0.0/8'}
    exit_codes = run_until('server.launch.py', arguments, {r'listening: 0\.0\.0\.0:\d+'})
    assert list(exit_codes.values()) == [0]


@pytest.mark.parametrize('name', ['client.launch.py', 'client.launch.xml', 'server.launch.py'])
def test_tls_takes_its_files_from_the_arguments(name: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = {'cafile': authority.cafile, **authority.issue('robot')}
    complete = {
        'port': '0' if name.startswith('server') else '1',
        'tls': 'true',
        **{key: files[key] for key in FILES_OF_TLS},
    }
    assert list(run_until(name, complete, {'listening: |connecting: '}).values()) == [0]
    for key in FILES_OF_TLS:
        arguments = {**complete, key: '/nowhere.pem'}
        run_until(name, arguments, {f"parameters: {key}: '/nowhere.pem' cannot be read"})


def test_a_bridge_opens_all_connections_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / 'or.yaml'
    path.write_text(
        'version: 1\nconnections:\n'
        '  - {name: tracker, mode: client, port: 1}\n'
        '  - {name: slicer, mode: server, port: 0}\n'
    )
    patterns = {r'tracker: connecting: 127\.0\.0\.1:1\b', r'slicer: listening: 127\.0\.0\.1:\d+'}
    exit_codes = run_until('bridge.launch.py', {'config_file': str(path)}, patterns)
    assert list(exit_codes.values()) == [0]


@pytest.mark.parametrize('ending', ['py', 'xml'])
def test_the_demo_connects_its_clients_to_its_devices(ending: str) -> None:
    arguments = {'tracker_port': '28954', 'imager_port': '28955'}
    patterns = {r'\[tracker\].*StylusToTracker', r'\[imager\].*sensor_msgs/msg/Image'}
    exit_codes = run_until(f'demo.launch.{ending}', arguments, patterns)
    assert list(exit_codes.values()) == [0, 0, 0, 0]


# the variable that Fast DDS reads in a distribution
PROFILE_VARIABLES = {
    'jazzy': 'FASTRTPS_DEFAULT_PROFILES_FILE',
    'kilted': 'FASTDDS_DEFAULT_PROFILES_FILE',
}
OWN_PROFILE = str(FOLDER.parent / 'config' / 'fastdds.xml')


def environment_of_node(name: str) -> dict[str, str]:
    """Return what a launch file adds to the environment of its node, which is not started."""
    context = LaunchContext()
    context.launch_configurations['config_file'] = '/or.yaml'  # which a bridge requires
    pending: list[Any] = [source(name).get_launch_description(context)]
    nodes = []
    while pending:
        entity = pending.pop(0)
        if isinstance(entity, Node):
            nodes.append(entity)
        elif isinstance(entity, LaunchDescription):
            pending = [*entity.entities, *pending]
        else:
            pending = [*(entity.visit(context) or []), *pending]
    (node,) = nodes
    return {
        perform_substitutions(context, key): perform_substitutions(context, value)
        for key, value in node.additional_env
    }


@pytest.mark.parametrize('name', SINGLE)
@pytest.mark.parametrize('distribution', PROFILE_VARIABLES)
@pytest.mark.parametrize('set_by_user', [None, *PROFILE_VARIABLES.values()])
def test_fast_dds_is_told_the_profile_of_the_user_or_else_our_own(
    monkeypatch: pytest.MonkeyPatch, name: str, distribution: str, set_by_user: str | None
) -> None:
    monkeypatch.setenv('ROS_DISTRO', distribution)
    for variable in PROFILE_VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    if set_by_user:
        monkeypatch.setenv(set_by_user, '/mine.xml')
    environment = {**os.environ, **environment_of_node(name)}
    expected = '/mine.xml' if set_by_user else OWN_PROFILE
    assert environment[PROFILE_VARIABLES[distribution]] == expected
    if distribution == 'kilted' and set_by_user != PROFILE_VARIABLES['jazzy']:
        assert PROFILE_VARIABLES['jazzy'] not in environment


@pytest.mark.parametrize('name', SINGLE)
def test_malloc_is_told_to_keep_its_memory_unless_the_user_has_told_it_else(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv('MALLOC_TRIM_THRESHOLD_', raising=False)
    monkeypatch.delenv('MALLOC_MMAP_THRESHOLD_', raising=False)
    monkeypatch.setenv('MALLOC_TOP_PAD_', '7')
    environment = {**os.environ, **environment_of_node(name)}
    assert environment['MALLOC_MMAP_THRESHOLD_'] == '268435456'
    assert environment['MALLOC_TRIM_THRESHOLD_'] == '1073741824'
    assert environment['MALLOC_TOP_PAD_'] == '7'

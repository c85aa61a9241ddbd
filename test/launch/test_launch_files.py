# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The launch files say what they take, start what they promise and end in order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('launch_ros', reason='launch is not among the wheels of ROS 2')

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription, RegisterEventHandler, Shutdown, TimerAction
from launch.event_handlers import OnProcessExit, OnProcessIO
from launch.launch_description_sources import AnyLaunchDescriptionSource

FOLDER = Path(get_package_share_directory('ros2_igtl')) / 'launch'
FILES = ['client.launch.py', 'client.launch.xml', 'demo.launch.py', 'server.launch.py']
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
        assert argument.default_value is not None, argument.name
        assert 'no description' not in argument.description.lower(), argument.name


def test_both_clients_take_the_same_arguments() -> None:
    def arguments_of(name: str) -> list[tuple[str, str, str]]:
        description = source(name).try_get_launch_description_without_context()
        return [
            (a.name, ''.join(part.text for part in a.default_value), a.description)
            for a in description.get_launch_arguments()
        ]

    assert arguments_of('client.launch.py') == arguments_of('client.launch.xml')


@pytest.mark.parametrize('name', ['client.launch.py', 'client.launch.xml'])
def test_a_client_dials_where_it_is_told(name: str) -> None:
    arguments = {'port': '1', 'name': 'plus', 'namespace': 'room', 'default_frame_id': '12'}
    exit_codes = run_until(name, arguments, {r'\[room\.plus\].*connecting: 127\.0\.0\.1:1\b'})
    assert list(exit_codes.values()) == [0]


def test_a_server_listens_with_the_peers_it_is_told() -> None:
    arguments = {'address': '0.0.0.0', 'port': '0', 'allowed_peers': '127.0.0.0/8, 10.0.0.0/8'}
    exit_codes = run_until('server.launch.py', arguments, {r'listening: 0\.0\.0\.0:\d+'})
    assert list(exit_codes.values()) == [0]


def test_the_demo_connects_its_clients_to_its_devices() -> None:
    arguments = {'tracker_port': '28954', 'imager_port': '28955'}
    patterns = {r'\[tracker\].*StylusToTracker', r'\[imager\].*sensor_msgs/msg/Image'}
    exit_codes = run_until('demo.launch.py', arguments, patterns)
    assert list(exit_codes.values()) == [0, 0, 0, 0]


@pytest.mark.parametrize('name', ['client.launch.py', 'client.launch.xml'])
def test_what_the_user_has_set_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    profile = tmp_path / 'mine.xml'
    profile.write_text((FOLDER.parent / 'config' / 'fastdds.xml').read_text())
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', str(profile))
    run_until(name, {'port': '1'}, {f'Fast DDS profile: {profile}'})


def test_unless_set_the_profile_is_the_package_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('FASTDDS_DEFAULT_PROFILES_FILE', raising=False)
    profile = Path(get_package_share_directory('ros2_igtl')) / 'config' / 'fastdds.xml'
    run_until('client.launch.py', {'port': '1'}, {f'Fast DDS profile: {profile}'})

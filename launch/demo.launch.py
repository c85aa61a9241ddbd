# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Launch a simulated tracker and a simulated imager, and a client for each of them."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, ThisLaunchFileDir

PORTS = {'tracker': '18944', 'imager': '18945'}


def generate_launch_description() -> LaunchDescription:
    """Describe the arguments, and for each device its process and its client."""
    actions = []
    for device, port in PORTS.items():
        port_argument = LaunchConfiguration(f'{device}_port')
        actions += [
            DeclareLaunchArgument(
                f'{device}_port',
                default_value=port,
                description=f'TCP port of the simulated {device}',
            ),
            ExecuteProcess(
                cmd=['igtl', 'simulate', device, '--port', port_argument], output='screen'
            ),
            IncludeLaunchDescription(
                PathJoinSubstitution([ThisLaunchFileDir(), 'client.launch.py']),
                launch_arguments={'port': port_argument, 'name': device}.items(),
            ),
        ]
    return LaunchDescription(actions)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Launch one server: OpenIGTLink clients dial it."""

import os

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

# Name, type, default and description of each argument that is a parameter of the node.
PARAMETERS = [
    ('address', str, '127.0.0.1', 'address to listen on'),
    ('port', int, '18944', 'TCP port to listen on; 0 for any that is free'),
    ('config_file', str, '', 'mapping file (YAML); empty for auto mode'),
    (
        'default_frame_id',
        str,
        'igtl_ras',
        'parent frame of devices whose name does not say theirs',
    ),
    ('frame_prefix', str, '', 'put before frames that names say, and before default_frame_id'),
    ('header_version', int, '0', 'header version to send: 1, 2, or 0 for that of the peer'),
    ('publish_tf', bool, 'true', 'publish poses on /tf too'),
    ('tls', bool, 'false', 'speak TLS, with the files below'),
    ('certfile', str, '', 'our certificate (PEM)'),
    ('keyfile', str, '', 'its key (PEM); empty if it is in certfile'),
    ('cafile', str, '', 'what signs the certificates of the clients (PEM)'),
    ('tls_client_auth', str, 'required', 'whether clients show a certificate: required or none'),
    ('autostart', bool, 'true', 'configure and activate at start; false to be managed'),
]

# Images of 2 megapixels through shared memory, and without page faults for each of them; what the
# user has set stays as it is. Fast DDS 3 has renamed its variable, and warns of the old one.
PROFILE_VARIABLES = ['FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE']
if os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy'):
    PROFILE_VARIABLES.reverse()
ENVIRONMENT = {
    PROFILE_VARIABLES[0]: EnvironmentVariable(
        PROFILE_VARIABLES[1],
        default_value=PathJoinSubstitution(
            [FindPackageShare('ros2_igtl'), 'config', 'fastdds.xml']
        ),
    ),
    'MALLOC_MMAP_THRESHOLD_': '268435456',
    'MALLOC_TRIM_THRESHOLD_': '1073741824',
    'MALLOC_TOP_PAD_': '67108864',
}


def start_server(context: LaunchContext) -> list[Node]:
    """Return the node; allowed_peers only if given, since an empty list has no type in ROS."""
    parameters = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind, _, _ in PARAMETERS
    }
    allowed_peers = LaunchConfiguration('allowed_peers').perform(context).replace(',', ' ').split()
    if allowed_peers:
        parameters['allowed_peers'] = allowed_peers
    node = Node(
        package='ros2_igtl',
        executable='igtl_server',
        name=LaunchConfiguration('name'),
        namespace=LaunchConfiguration('namespace'),
        parameters=[parameters],
        additional_env={
            name: EnvironmentVariable(name, default_value=default)
            for name, default in ENVIRONMENT.items()
        },
        output='screen',
    )
    return [node]


def generate_launch_description() -> LaunchDescription:
    """Describe the arguments and the node."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, _, default, description in PARAMETERS
    ]
    arguments += [
        DeclareLaunchArgument('name', default_value='igtl_server', description='name of the node'),
        DeclareLaunchArgument('namespace', default_value='', description='its namespace'),
        DeclareLaunchArgument(
            'allowed_peers',
            default_value='',
            description='addresses or CIDR networks that may connect, separated by commas; needed '
            'to listen beyond loopback without client certificates',
        ),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start_server)])

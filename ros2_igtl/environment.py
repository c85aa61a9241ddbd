# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The environment for large messages: config/environment.env, except what the user has set."""

from __future__ import annotations

import os
from collections.abc import Mapping

PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


def additions(folder: str, environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables to add to an environment, without those that the user has set.

    :param folder: the folder `config` of the package.
    :raises OSError: the folder has no environment.env.
    """
    settings = _read(folder)
    # Accept the variable of the other Fast DDS version too.
    chosen = [environment[name] for name in PROFILE_VARIABLES if name in environment]
    found = {name: value for name, value in settings.items() if name.isupper()}
    variable = profile_variable(folder, environment)
    found[variable] = chosen[0] if chosen else os.path.join(folder, 'fastdds.xml')
    return {name: value for name, value in found.items() if name not in environment}


def profile_variable(folder: str, environment: Mapping[str, str]) -> str:
    """Return the variable that the Fast DDS of the environment's ROS distribution reads."""
    settings = _read(folder)
    distribution = environment.get('ROS_DISTRO', '')
    return settings.get(f'profile_variable_{distribution}', settings['profile_variable'])


def _read(folder: str) -> dict[str, str]:
    with open(os.path.join(folder, 'environment.env'), encoding='utf-8') as file:
        lines = (line.strip() for line in file)
        return dict(line.split('=', 1) for line in lines if line and line[0] != '#')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS domain that no other process on this machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_ros_domain() -> Iterator[None]:
    """
    Claim a domain for this process and those that it starts, and keep to localhost.

    :raises ImportError: there is no ROS.
    """
    from domain_coordinator import domain_id

    with domain_id() as domain:
        os.environ['ROS_DOMAIN_ID'] = str(domain)
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
        yield

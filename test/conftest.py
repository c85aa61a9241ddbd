# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What holds for each test process: a ROS domain of its own, and nothing beyond this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# `python -m pytest` puts the checkout first on the path, where ros2_igtl has no generated messages
sys.path[:] = [p for p in sys.path if Path(p or '.').resolve() != Path(__file__).parents[1]]


@pytest.fixture(scope='session', autouse=True)
def ros_domain() -> Iterator[None]:
    """Claim a ROS domain that no other test process on this machine has, and keep to localhost."""
    try:
        from domain_coordinator import domain_id
    except ImportError:  # codec and transport are tested without ROS too
        yield
        return
    with domain_id() as domain:
        os.environ['ROS_DOMAIN_ID'] = str(domain)
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
        yield

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What holds for each test process: a ROS domain of its own, and nothing beyond this machine."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from helpers.ros_domain import own_ros_domain

if TYPE_CHECKING:  # the codec and the transport are tested without ROS too
    from rclpy.context import Context

    from helpers.ros_graph import Graph

# `python -m pytest` puts the checkout first on the path, where there are no generated messages:
# it comes last, for the tests that need no ROS where the package is not installed
CHECKOUT = Path(__file__).parents[1]
sys.path[:] = [p for p in sys.path if Path(p or '.').resolve() != CHECKOUT] + [str(CHECKOUT)]

# A shell's background jobs ignore Ctrl-C, and so would the programs that are tested to heed it
signal.signal(signal.SIGINT, signal.default_int_handler)

# These have few tests and wait for other programs, installations and seconds.
LONG_FOLDERS = ('load', 'peers', 'demo', 'bench')

# A busy machine makes an example slow, which says nothing of the code: pytest-timeout bounds it
settings.register_profile('unhurried', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('unhurried')


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of these tests."""
    parser.addoption(
        '--own-coverage',
        action='store_true',
        help='fail where the tests of a file of codec do not reach all of its module; whole files',
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files that take long, so that no process is left with one at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG_FOLDERS)


def pytest_collection_finish() -> None:
    """
    Take the modules and the list of tests out of the garbage collector's sight.

    Most tests of nodes collect garbage at their end, which otherwise takes longer than the test.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def ros_domain() -> Iterator[None]:
    """Claim a ROS domain that no other test process on this machine has, and keep to localhost."""
    if find_spec('domain_coordinator') is None:
        yield
        return
    with own_ros_domain():
        yield


@pytest.fixture(scope='module')
def context(ros_domain: None) -> Iterator[Context]:
    """Provide a ROS context to the tests of a file."""
    from helpers.ros_graph import ros_context

    with ros_context() as context:
        yield context
    gc.freeze()


@pytest.fixture
def graph(context: Context) -> Iterator[Graph]:
    """Provide a user's node, and what adds bridge nodes to it, to one test."""
    from helpers.ros_graph import ros_graph

    with ros_graph(context) as graph:
        yield graph

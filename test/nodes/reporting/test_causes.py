# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.nodes.reporting.causes: what has gone wrong lately."""

from __future__ import annotations

import pytest

from helpers.steady_clock import SteadyClock
from ros2_igtl.nodes.reporting import causes as causes_module
from ros2_igtl.nodes.reporting.causes import Causes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SteadyClock:
    clock = SteadyClock()
    monkeypatch.setattr(causes_module, 'time', clock)
    return clock


def test_f50_the_most_frequent_cause_comes_first(clock: SteadyClock) -> None:
    causes = Causes()
    assert causes.lately() == ''
    causes.note('crc')
    causes.note('non_rigid', 3)
    causes.note('late', 2)
    assert causes.lately() == 'non_rigid 3, late 2, crc 1'


def test_f50_after_an_hour_of_peace_all_is_well(clock: SteadyClock) -> None:
    causes = Causes()
    causes.note('crc')
    clock.now_s += 3000.0
    causes.note('late')
    clock.now_s += 601.0
    assert causes.lately() == 'late 1'
    clock.now_s += 3000.0
    assert causes.lately() == ''
    causes.note('crc')
    assert causes.lately() == 'crc 2'


def test_f50_of_totals_only_faults_that_grow_count(clock: SteadyClock) -> None:
    causes = Causes()
    causes.update({'published': 5, 'rejected crc': 2, 'skipped no_mapping': 9, 'late': 0})
    assert causes.lately() == 'rejected crc 2'
    clock.now_s += 3600.0
    causes.update({'published': 8, 'rejected crc': 2, 'skipped topic_taken': 1, 'late': 4})
    assert causes.lately() == 'late 4, skipped topic_taken 1'


def test_after_a_reset_earlier_totals_do_not_count(clock: SteadyClock) -> None:
    causes = Causes()
    causes.update({'rejected crc': 2})
    causes.reset({'rejected crc': 2})
    causes.update({'rejected crc': 2})
    assert causes.lately() == ''
    causes.update({'rejected crc': 3})
    assert causes.lately() == 'rejected crc 1'


def test_f59_a_command_that_failed_is_a_fault_and_one_that_a_stop_withdrew_is_not() -> None:
    causes = Causes()
    causes.update(
        {
            'command_received succeeded': 3,
            'command_received no_service': 1,
            'command_sent succeeded': 1,
            'command_sent withdrawn': 1,
            'command_sent timed_out': 2,
        }
    )
    assert causes.lately() == 'command_sent timed_out 2, command_received no_service 1'
    assert not causes.has_error


def test_f59_a_stop_that_was_not_carried_out_is_an_error_for_an_hour(clock: SteadyClock) -> None:
    causes = Causes()
    causes.update({'command_received stop_no_service': 1})
    assert causes.has_error
    clock.now_s += 3601.0
    assert not causes.has_error


def test_f59_failures_to_connect_count_once_a_connection_was_lost() -> None:
    causes = Causes()
    causes.update({'connect_failures': 7, 'connects': 0, 'disconnects': 0})
    causes.update({'connect_failures': 8, 'connects': 1, 'disconnects': 0})
    assert causes.lately() == ''
    causes.update({'connect_failures': 10, 'connects': 1, 'disconnects': 1})
    assert causes.lately() == 'connect_failures 2'

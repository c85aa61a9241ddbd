# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Devices that are not published take bounded memory, and those of rows are reported."""

from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from helpers.peers import make_peer
from ros2_igtl.nodes.to_ros.refusals import NAMED, REMEMBERED, REPORTED_S, Refusals
from ros2_igtl.nodes.to_ros.route import Route


def mapped(device: str) -> Route:
    return Route('TRANSFORM', device, is_mapped=True)


def test_f42_the_oldest_of_too_many_devices_is_forgotten() -> None:
    refusals = Refusals()
    for number in range(REMEMBERED + 1):
        refusals.remember(number, Route(skip='not_mapped'))
    assert refusals.find(0) is None
    assert refusals.find(1) is not None
    refusals.clear()
    assert refusals.find(1) is None


def test_f42_devices_of_rows_are_an_error_until_they_are_taken() -> None:
    refusals, peer = Refusals(), make_peer('10.0.0.1:5')
    refusals.note(peer, Route('STRING', 'A'), 'not_mapped')
    assert refusals.reports() == []
    refusals.note(peer, mapped('B\n'), 'topic_taken')
    (report,) = refusals.reports()
    assert report.is_of_connection
    assert report.level == DiagnosticStatus.ERROR
    assert report.message == (
        'mapped devices are refused: TRANSFORM B\\n of 10.0.0.1:5: topic_taken'
    )
    refusals.note(peer, mapped('B\n'), '')
    assert refusals.reports() == []


def test_f42_the_error_ends_with_the_peer_and_after_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0
    monkeypatch.setattr('ros2_igtl.nodes.to_ros.refusals.time.monotonic', lambda: now_s)
    refusals, first, second = Refusals(), make_peer('first'), make_peer('second')
    refusals.note(first, mapped('A'), 'second_source')
    refusals.note(second, mapped('A'), 'second_source')
    first.is_gone = True
    refusals.peer_closed(first)
    refusals.note(first, mapped('A'), 'second_source')  # its message waited
    (report,) = refusals.reports()
    assert report.values == {'refused': 1}
    now_s += REPORTED_S + 1.0
    assert refusals.reports() == []


def test_f42_a_report_names_some_of_many_devices() -> None:
    refusals, peer = Refusals(), make_peer('peer')
    for number in range(REMEMBERED + 1):
        refusals.note(peer, mapped(f'Tool{number}'), 'too_many_devices')
    (report,) = refusals.reports()
    assert report.values == {'refused': REMEMBERED}
    assert report.message.endswith(f', and {REMEMBERED - NAMED} more')

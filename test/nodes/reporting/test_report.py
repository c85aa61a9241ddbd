# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Reports of devices, in both directions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from helpers.peers import make_peer
from ros2_igtl.config import MappingRow
from ros2_igtl.convert.context import Outbound
from ros2_igtl.nodes.reporting.causes import Causes
from ros2_igtl.nodes.reporting.counters import Rate
from ros2_igtl.nodes.reporting.report import device_report
from ros2_igtl.nodes.to_igtl.sender import Sender
from ros2_igtl.nodes.to_ros.device_watch import DeviceWatch
from ros2_igtl.nodes.to_ros.route import Route
from ros2_igtl.transport.log import Allowance, Throttle

PEER = make_peer('10.0.0.1:5')


def aged(age_s: float | None) -> Rate:
    rate = Rate()
    rate.tick()
    if age_s is not None:
        assert rate.last_s is not None
        rate.last_s -= age_s
    return rate


LOG = SimpleNamespace(throttle=SimpleNamespace(log=lambda *arguments, **options: None))


def make_watch() -> DeviceWatch:
    """Return a watch whose topics are refused."""
    router = SimpleNamespace(sibling=lambda *arguments: None)
    settings = SimpleNamespace(name='plus')
    log = SimpleNamespace(throttle=Throttle(Allowance('plus')))
    return DeviceWatch(
        cast(Any, None),
        cast(Any, settings),
        cast(Any, router),
        cast(Any, log),
        lambda delay_s, function: None,
    )


def test_a_device_is_an_error_with_its_age_while_any_tool_of_it_has_a_fault() -> None:
    watch = make_watch()
    route = Route('TDATA', 'Tracker', rate=aged(1.0), topics=('/a', '/b'))
    for tool in ('Probe', 'Needle'):
        watch.watchdog.feed(route, tool, PEER, 0.5)
    report = watch.report(route)
    values = report.values
    assert report.name == 'TDATA Tracker'
    assert (report.level, report.message) == (DiagnosticStatus.OK, '0.0 Hz')
    assert (values['direction'], values['topics'], values['count']) == ('IGTL_TO_ROS', '/a /b', 1)
    assert float(str(values['age_s'])) == pytest.approx(1.0, abs=0.4)
    assert float(str(values['age_s Probe'])) == pytest.approx(0.0, abs=0.4)
    (probe, _) = watch.watchdog.of(route)
    probe.last_s -= 2.0
    watch.watchdog.check()
    report = watch.report(route)
    assert report.level == DiagnosticStatus.ERROR
    assert 'Probe: stale' in report.message
    assert re.search(r'last sample 2\.\d s ago', report.message)
    assert 'Needle' not in report.message
    watch.watchdog.feed(route, 'Probe', PEER, 0.5)
    assert watch.report(route).level == DiagnosticStatus.OK


def test_a_device_that_never_came_is_not_stale() -> None:
    report = make_watch().report(Route('TRANSFORM', 'Probe', stale_timeout_s=0.5))
    assert (report.level, report.message) == (DiagnosticStatus.WARN, 'no message yet')
    assert report.values['age_s'] == ''


def test_f50_a_device_without_a_good_message_is_an_error_and_one_with_faults_a_warning() -> None:
    causes = Causes()
    causes.note('non_rigid', 182)
    report = device_report('TRANSFORM', 'Probe', Rate(), causes, {})
    assert report.level == DiagnosticStatus.ERROR
    assert report.message == 'no good message yet: non_rigid 182'
    report = device_report('TRANSFORM', 'Probe', aged(1.0), causes, {})
    assert (report.level, report.message) == (DiagnosticStatus.WARN, '0.0 Hz; non_rigid 182')
    report = device_report('TRANSFORM', 'Probe', aged(1.0), Causes(), {})
    assert (report.level, report.message) == (DiagnosticStatus.OK, '0.0 Hz')


def test_names_are_escaped() -> None:
    report = device_report('STRING', '\x1b[2J\udcff', Rate(), Causes(), {})
    assert report.name == r'STRING \x1b[2J\xff'


class SilentSender(Sender):
    """Sends from a topic that has fallen silent."""

    source = '/text'
    silence_s = 0.6

    def destroy(self) -> None:
        pass

    def _newest(self) -> Sequence[Outbound]:
        return ()


@pytest.mark.parametrize(
    ('type_name', 'default_s', 'stale_timeout', 'is_stale'),
    [
        ('TRANSFORM', 0.5, None, True),
        ('TRANSFORM', 0.7, None, False),
        ('TRANSFORM', 0.5, 1.0, False),
        ('TRANSFORM', 0.5, 0.0, False),
        ('SENSOR', 0.5, None, False),
        ('SENSOR', 0.5, 0.5, True),
    ],
)
def test_what_is_sent_is_a_warning_when_ros_falls_silent(
    type_name: str, default_s: float, stale_timeout: float | None, is_stale: bool
) -> None:
    row = MappingRow(
        type_name,
        'ROS_TO_IGTL',
        line=0,
        igtl_device_name='Text',
        ros_topic_name='/text',
        stale_timeout=stale_timeout,
    )
    wiring = MagicMock(row=row, stale_timeout_s=default_s, group=None)
    sender = SilentSender(wiring)
    sender.rate = aged(1.0)
    report = sender.report()
    assert (report.name, report.values['topics']) == (f'{type_name} Text', '/text')
    assert report.level == (DiagnosticStatus.WARN if is_stale else DiagnosticStatus.OK)
    assert is_stale == (report.message == 'stale: no new data from /text for 0.6 s')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a connection says of itself on /diagnostics."""

from __future__ import annotations

import re
from collections import Counter
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from ros2_igtl.codec import timestamp
from ros2_igtl.convert.time import StampEstimator
from ros2_igtl.msg import BridgeStatus
from ros2_igtl.nodes.reporting.counters import Outcomes, Rate
from ros2_igtl.nodes.reporting.diagnostics import bridge_status, reset_counts, statuses
from ros2_igtl.nodes.to_ros.router import Route
from ros2_igtl.nodes.to_ros.watchdog import Watchdog
from ros2_igtl.transport import Statistics

NOW_NS = 1_700_000_000_000_000_000


def make_connection(**fields: Any) -> Any:
    """Return what looks like a connection without a peer."""
    watchdog = Watchdog(lambda delay_s, function: None, lambda watched: None)
    inbound = SimpleNamespace(
        outcomes=Outcomes(), routes={}, clocks={}, tf_withheld=0, watchdog=watchdog
    )
    return SimpleNamespace(
        settings=SimpleNamespace(
            name='plus',
            mode='server',
            address='127.0.0.1',
            timestamp_mode=fields.pop('timestamp_mode', 'auto'),
            stale_timeout_s=0.5,
        ),
        zero={},
        actual_port=18944,
        state=fields.pop('state', 'listening'),
        detail='127.0.0.1:18944',
        inbound=inbound,
        queries=SimpleNamespace(counts=Counter(), handled=0),
        sent=Outcomes(),
        commands=SimpleNamespace(
            received=Counter(), sent=Counter(), late_responses=0, late_replies=0, handled=0
        ),
        senders=fields.pop('senders', []),
        transport=SimpleNamespace(statistics=Statistics(), sessions=()),
    )


def told(connection: Any) -> dict[str, DiagnosticStatus]:
    return {status.name: status for status in statuses('node', connection)}


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {item.key: item.value for item in status.values}


@pytest.mark.parametrize(
    ('state', 'level'),
    [
        ('connected', DiagnosticStatus.OK),
        ('listening', DiagnosticStatus.OK),
        ('connecting', DiagnosticStatus.WARN),
        ('waiting', DiagnosticStatus.WARN),
        ('closed', DiagnosticStatus.ERROR),
    ],
)
def test_a_connection_that_does_not_work_is_no_ok(state: str, level: bytes) -> None:
    status = told(make_connection(state=state))['node: plus']
    assert (status.level, status.message) == (level, f'{state}: 127.0.0.1:18944')
    assert values(status)['address'] == '127.0.0.1:18944'


def test_every_counter_is_told_and_each_cause() -> None:
    connection = make_connection()
    connection.transport.statistics = Statistics(
        received=7,
        rejected=Counter(crc=2),
        send_rejected=Counter(closed=1),
        sent=4,
        replaced=3,
        refused_peers=Counter(allowed_peers=6),
        tls_failures=Counter(expired=7),
    )
    connection.queries = SimpleNamespace(counts=Counter(answered=2), handled=2)
    connection.inbound.outcomes = Outcomes(5, 5, 1, Counter(non_rigid=1), Counter(echo=2), 4)
    connection.inbound.tf_withheld = 5
    connection.commands = SimpleNamespace(
        received=Counter(succeeded=2, unknown=1),
        sent=Counter(timed_out=3),
        late_responses=8,
        late_replies=9,
        handled=1,
    )
    connection.sent = Outcomes(6, 4, 0, Counter(encode=1), Counter(no_peer=1))
    items = values(told(connection)['node: plus'])
    expected = {
        'refused_peers allowed_peers': 6,
        'tls_failures expired': 7,
        'received': 7,
        'published': 2,
        'handled': 3,
        'contained': 4,
        'published_replaced': 1,
        'command_received succeeded': 2,
        'command_received unknown': 1,
        'command_sent timed_out': 3,
        'command_late_responses': 8,
        'command_late_replies': 9,
        'rejected': 3,
        'rejected crc': 2,
        'rejected non_rigid': 1,
        'skipped': 2,
        'skipped echo': 2,
        'tf_withheld': 5,
        'query answered': 2,
        'outbound_received': 6,
        'outbound_queued': 4,
        'outbound_rejected encode': 1,
        'outbound_skipped no_peer': 1,
        'sent': 4,
        'replaced': 3,
        'send_rejected closed': 1,
    }
    counts = {key: int(items[key]) for key in expected}
    assert counts == expected
    outcomes = ('published', 'handled', 'published_replaced', 'rejected', 'skipped')
    assert counts['received'] + counts['contained'] == sum(counts[key] for key in outcomes)


@pytest.mark.parametrize(
    ('mode', 'skew_s', 'level', 'text'),
    [
        ('auto', -3.0, DiagnosticStatus.WARN, '3.000 s behind ours, corrected'),
        ('auto', 3.0, DiagnosticStatus.WARN, '-3.000 s behind ours, corrected'),
        ('auto', 0.01, DiagnosticStatus.OK, '-0.010 s behind ours'),
        ('device', 3.0, DiagnosticStatus.OK, '-3.000 s behind ours'),
    ],
)
def test_a_clock_that_is_corrected_is_a_warning_with_its_offset(
    mode: Any, skew_s: float, level: bytes, text: str
) -> None:
    clock = StampEstimator(mode)
    clock.stamp(timestamp.from_nanoseconds(NOW_NS + round(skew_s * 1e9)), NOW_NS)
    clock.stamp(0xFFFF_FFFF << 32, NOW_NS)
    connection = make_connection(timestamp_mode=mode)
    connection.inbound.clocks['10.0.0.1:5'] = clock
    status = told(connection)['node: plus: clock of 10.0.0.1:5']
    assert (status.level, status.message) == (level, text)
    items = values(status)
    assert float(items['clock_offset_s']) == pytest.approx(-skew_s)
    assert items['clock_corrected'] == str(level == DiagnosticStatus.WARN)
    assert items['stamps_out_of_range'] == '1'


def aged(age_s: float | None) -> Rate:
    rate = Rate()
    rate.tick()
    if age_s is not None:
        assert rate.last_s is not None
        rate.last_s -= age_s
    return rate


def test_a_device_is_an_error_with_its_age_while_any_tool_of_it_has_a_fault() -> None:
    connection = make_connection()
    route = Route(rate=aged(1.0), topics=('/a', '/b'))
    connection.inbound.routes[('TDATA', 'Tracker', ())] = route
    watchdog = connection.inbound.watchdog
    for tool in ('Probe', 'Needle'):
        watchdog.feed(route, tool, '10.0.0.1:5', 0.5)
    name = 'node: plus: TDATA Tracker'
    status = told(connection)[name]
    items = values(status)
    assert (status.level, status.message) == (DiagnosticStatus.OK, '0.0 Hz')
    assert (items['direction'], items['topics'], items['count']) == ('IGTL_TO_ROS', '/a /b', '1')
    assert float(items['age_s']) == pytest.approx(1.0, abs=0.4)
    assert float(items['age_s Probe']) == pytest.approx(0.0, abs=0.4)
    (probe, _) = watchdog.of(route)
    probe.last_s -= 2.0
    watchdog.check()
    status = told(connection)[name]
    assert status.level == DiagnosticStatus.ERROR
    assert 'Probe: stale' in status.message
    assert re.search(r'the last came 2\.\d s ago', status.message)
    assert 'Needle' not in status.message
    watchdog.feed(route, 'Probe', '10.0.0.1:5', 0.5)
    assert told(connection)[name].level == DiagnosticStatus.OK


def test_a_device_that_never_came_is_not_stale() -> None:
    connection = make_connection()
    connection.inbound.routes[('TRANSFORM', 'Probe', ())] = Route(stale_timeout_s=0.5)
    status = told(connection)['node: plus: TRANSFORM Probe']
    assert (status.level, values(status)['age_s']) == (DiagnosticStatus.OK, '')


def test_counts_begin_anew_after_a_reset_and_nothing_is_lost_of_them() -> None:
    connection = make_connection()
    outcomes = connection.inbound.outcomes = Outcomes(9, 5, 1, Counter(non_rigid=1))
    connection.transport.statistics = Statistics(received=9, high_water_bytes=100)
    reset_counts(connection)
    outcomes.done += 2
    outcomes.rejected['non_rigid'] += 1
    items = values(told(connection)['node: plus'])
    assert (items['received'], items['published'], items['rejected non_rigid']) == ('0', '2', '1')
    assert items['queue_high_water_bytes'] == '100'
    status = bridge_status(connection, NOW_NS)
    assert (status.received, status.published, status.rejected) == (0, 2, 1)
    assert outcomes.done == 7


def test_the_status_says_all_of_a_connection() -> None:
    connection = make_connection(state='waiting')
    connection.settings.mode = 'client'
    connection.inbound.outcomes = Outcomes(9, 5, 1, Counter(non_rigid=1), Counter(echo=2))
    connection.transport.statistics = Statistics(
        received=9, sent=4, replaced=3, send_rejected=Counter(closed=1, send_buffer_limit=1)
    )
    connection.transport.sessions = (make_session(),)
    status = bridge_status(connection, NOW_NS)
    assert (status.header.stamp.sec, status.header.stamp.nanosec) == (1_700_000_000, 0)
    assert (status.connection, status.mode, status.state) == (
        'plus',
        BridgeStatus.CLIENT,
        BridgeStatus.WAITING,
    )
    assert (status.address, status.port, status.detail) == (
        '127.0.0.1',
        18944,
        '127.0.0.1:18944',
    )
    assert list(status.peers) == ['10.0.0.1:5']
    counts = (status.received, status.published, status.replaced, status.rejected, status.skipped)
    assert counts == (9, 5, 1, 1, 2)
    assert (status.sent, status.send_replaced, status.send_rejected) == (4, 3, 2)


def make_session() -> Any:
    """Return what looks like a session with something in its queue."""
    statistics = Statistics(sent=7, replaced=6, send_rejected=Counter(closed=1))
    statistics.high_water_bytes = 500
    return SimpleNamespace(
        peer_name='10.0.0.1:5', header_version=2, waiting_bytes=120, statistics=statistics
    )


def test_the_queue_of_each_peer_has_a_status() -> None:
    connection = make_connection()
    connection.transport.sessions = (make_session(),)
    status = told(connection)['node: plus: queue of 10.0.0.1:5']
    assert (status.level, status.message) == (DiagnosticStatus.OK, '120 bytes wait')
    items = values(status)
    expected = {
        'header_version': '2',
        'waiting_bytes': '120',
        'high_water_bytes': '500',
        'sent': '7',
        'replaced': '6',
        'send_rejected closed': '1',
    }
    assert expected.items() <= items.items()


def test_what_is_skipped_is_no_device_and_names_are_escaped() -> None:
    connection = make_connection()
    connection.inbound.routes[('STRING', 'Noise', ())] = Route(skip='mapping_skip')
    connection.inbound.routes[('STRING', '\x1b[2J\udcff', ())] = Route()
    assert set(told(connection)) == {'node: plus', r'node: plus: STRING \x1b[2J\xff'}


def test_what_is_sent_has_a_status_too() -> None:
    status = told(make_connection(senders=[make_sender('STRING', 9.0)]))['node: plus: STRING Text']
    items = values(status)
    assert (items['direction'], items['topics'], items['count']) == ('ROS_TO_IGTL', '/text', '1')
    assert status.level == DiagnosticStatus.OK  # nobody expects a text


def make_sender(type_name: str, silence_s: float, stale_timeout: float | None = None) -> Any:
    """Return what looks like one that sends state from a topic."""
    return SimpleNamespace(
        row=SimpleNamespace(
            igtl_type_name=type_name, igtl_device_name='Text', stale_timeout=stale_timeout
        ),
        type_name=type_name,
        traffic='state',
        source='/text',
        rate=aged(None),
        silence_s=silence_s,
    )


@pytest.mark.parametrize(
    ('type_name', 'silence_s', 'stale_timeout', 'is_stale'),
    [
        ('TRANSFORM', 0.6, None, True),
        ('TRANSFORM', 0.4, None, False),
        ('TRANSFORM', 0.6, 1.0, False),
        ('TRANSFORM', 0.6, 0.0, False),
        ('SENSOR', 0.6, None, False),
        ('SENSOR', 0.6, 0.5, True),
    ],
)
def test_what_is_sent_is_a_warning_when_ros_falls_silent(
    type_name: str, silence_s: float, stale_timeout: float | None, is_stale: bool
) -> None:
    sender = make_sender(type_name, silence_s, stale_timeout)
    status = told(make_connection(senders=[sender]))[f'node: plus: {type_name} Text']
    assert status.level == (DiagnosticStatus.WARN if is_stale else DiagnosticStatus.OK)
    assert is_stale == (status.message == 'stale: nothing new from /text for 0.6 s')


def test_causes_that_appear_meanwhile_do_no_harm() -> None:
    connection = make_connection()
    stop = Event()

    def add_causes() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 1) % 500
            if number == 0:
                connection.inbound.outcomes.rejected.clear()
                connection.inbound.routes.clear()
            connection.inbound.outcomes.rejected[f'cause{number}'] += 1
            connection.inbound.routes[('STRING', str(number), ())] = Route()

    thread = Thread(target=add_causes)
    thread.start()
    try:
        for _ in range(100):
            assert 'node: plus' in told(connection)
    finally:
        stop.set()
        thread.join()

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a connection says of itself on /diagnostics."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from helpers.peers import make_peer
from ros2_igtl.convert.streams.peer_clock import PeerClock
from ros2_igtl.msg import BridgeStatus
from ros2_igtl.nodes.reporting.causes import Causes
from ros2_igtl.nodes.reporting.diagnostics import bridge_status, reset_counts, statuses
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.transport import Statistics

NOTHING = {'published': 0, 'late': 0, 'published_replaced': 0, 'publish_failed': 0}
NOW_NS = 1_700_000_000_000_000_000


def make_connection(**fields: Any) -> Any:
    """Return what looks like a connection without a peer."""
    return SimpleNamespace(
        settings=SimpleNamespace(
            name='plus',
            mode='server',
            address='127.0.0.1',
            timestamp_mode=fields.pop('timestamp_mode', 'auto'),
        ),
        zero={},
        actual_port=18944,
        state=fields.pop('state', 'listening'),
        detail='127.0.0.1:18944',
        counts=lambda: dict(NOTHING),
        reports=lambda: [],
        peers=SimpleNamespace(all=()),
        causes=Causes(),
        transport=SimpleNamespace(statistics=Statistics(), sessions=(), fault=''),
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
    counts_of_features = {
        'published': 2,
        'late': 1,
        'handled': 3,
        'contained': 5,
        'published_replaced': 1,
        'rejected non_rigid': 1,
        'skipped echo': 2,
        'tf_withheld': 5,
        'query answered': 2,
        'outbound_queued': 4,
    }
    connection.counts = lambda: counts_of_features
    items = values(told(connection)['node: plus'])
    expected = {
        'refused_peers allowed_peers': 6,
        'tls_failures expired': 7,
        'received': 7,
        'published': 2,
        'late': 1,
        'handled': 3,
        'contained': 5,
        'published_replaced': 1,
        'rejected': 3,
        'rejected crc': 2,
        'rejected non_rigid': 1,
        'skipped': 2,
        'skipped echo': 2,
        'tf_withheld': 5,
        'query answered': 2,
        'outbound_queued': 4,
        'sent': 4,
        'replaced': 3,
        'send_rejected closed': 1,
    }
    counts = {key: int(items[key]) for key in expected}
    assert counts == expected
    outcomes = ('published', 'handled', 'late', 'published_replaced', 'rejected', 'skipped')
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
    peer = make_peer('10.0.0.1:5')
    peer.clock = PeerClock(mode)
    clock = peer.clock.main
    peer.session = make_session()
    device_ns = NOW_NS + round(skew_s * 1e9)
    clock.begin(-device_ns, 0, NOW_NS)
    clock.is_known = True
    clock.stamp_ns(device_ns, 0, NOW_NS)
    clock.device_time_ns(0xFFFF_FFFF << 32)
    connection = make_connection(timestamp_mode=mode)
    connection.peers.all = (peer,)
    status = told(connection)['node: plus: clock of 10.0.0.1:5']
    assert (status.level, status.message) == (level, text)
    items = values(status)
    assert float(items['clock_offset_s']) == pytest.approx(-skew_s)
    assert items['clock_corrected'] == str(level == DiagnosticStatus.WARN)
    assert items['stamps_out_of_range'] == '1'


def test_f50_what_goes_wrong_is_a_warning_and_an_error_where_nothing_was_good() -> None:
    connection = make_connection()
    counts = {**NOTHING, 'rejected non_rigid': 2}
    connection.counts = lambda: counts
    connection.transport.statistics = Statistics(received=3, rejected=Counter(crc=1))
    status = told(connection)['node: plus']
    assert status.level == DiagnosticStatus.ERROR
    assert status.message.endswith('; rejected non_rigid 2, rejected crc 1; no good message yet')
    counts['published'] = 1
    status = told(connection)['node: plus']
    assert status.level == DiagnosticStatus.WARN
    assert status.message.endswith('; rejected non_rigid 2, rejected crc 1')
    connection.state = 'closed'
    assert told(connection)['node: plus'].level == DiagnosticStatus.ERROR
    reset_counts(connection)
    connection.state = 'listening'
    assert told(connection)['node: plus'].level == DiagnosticStatus.OK


def test_what_features_report_is_named_after_node_and_connection() -> None:
    connection = make_connection()
    report = Report('STRING Text', 'fine', {'count': 3}, DiagnosticStatus.WARN)
    connection.reports = lambda: [report]
    status = told(connection)['node: plus: STRING Text']
    assert (status.level, status.message) == (DiagnosticStatus.WARN, 'fine')
    assert values(status) == {'count': '3'}


def test_counts_begin_anew_after_a_reset_and_nothing_is_lost_of_them() -> None:
    connection = make_connection()
    counts = {**NOTHING, 'published': 5, 'rejected non_rigid': 1}
    connection.counts = lambda: counts
    connection.transport.statistics = Statistics(received=9, high_water_bytes=100)
    reset_counts(connection)
    counts['published'] += 2
    counts['rejected non_rigid'] += 1
    items = values(told(connection)['node: plus'])
    assert (items['received'], items['published'], items['rejected non_rigid']) == ('0', '2', '1')
    assert items['queue_high_water_bytes'] == '100'
    status = bridge_status(connection, NOW_NS)
    assert (status.received, status.published, status.rejected) == (0, 2, 1)
    assert counts['published'] == 7


def test_the_status_says_all_of_a_connection() -> None:
    connection = make_connection(state='waiting')
    connection.settings.mode = 'client'
    connection.counts = lambda: {
        'published': 5,
        'late': 3,
        'published_replaced': 1,
        'publish_failed': 2,
        'rejected non_rigid': 1,
        'skipped echo': 2,
    }
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
    assert (*counts, status.late, status.publish_failed) == (9, 5, 1, 1, 2, 3, 2)
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
    peer = make_peer('10.0.0.1:5')
    peer.session = make_session()
    connection.peers.all = (peer,)
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

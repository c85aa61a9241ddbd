# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Builds the diagnostics and status messages of a connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from sensor_msgs.msg import TimeReference

from ros2_igtl.convert import naming
from ros2_igtl.convert.math.stamps import MAX_STAMP_NS, split_stamp
from ros2_igtl.msg import BridgeStatus
from ros2_igtl.nodes.peer import Peer, Peers
from ros2_igtl.nodes.reporting.causes import Causes
from ros2_igtl.nodes.reporting.counters import by_cause
from ros2_igtl.nodes.reporting.report import Report
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.transport import ConnectionState, Session
from ros2_igtl.transport.endpoint import Endpoint


class Reported(Protocol):
    """The part of a connection that diagnostics read."""

    settings: Settings
    zero: dict[str, int]
    state: ConnectionState
    detail: str
    actual_port: int
    peers: Peers
    causes: Causes

    @property
    def transport(self) -> Endpoint:
        """The client or server."""

    def counts(self) -> Mapping[str, int]:
        """Return the counts of all features."""

    def reports(self) -> Sequence[Report]:
        """Return the reports of all features."""


_LEVELS = {
    'connected': DiagnosticStatus.OK,
    'listening': DiagnosticStatus.OK,
    'connecting': DiagnosticStatus.WARN,
    'waiting': DiagnosticStatus.WARN,
    'closed': DiagnosticStatus.ERROR,
}


def statuses(node_name: str, connection: Reported) -> list[DiagnosticStatus]:
    """
    Return the statuses of a connection.

    :returns: one for the connection, two for the queue and the clock of each peer, and one for
        each device in either direction.
    """
    name = f'{node_name}: {connection.settings.name}'
    peers = connection.peers.all
    is_auto = connection.settings.timestamp_mode == 'auto'
    reports = [_queue_report(peer.session) for peer in peers]
    reports += [_clock_report(peer, is_auto) for peer in peers]
    reports += connection.reports()
    found: Counter[str] = Counter()  # readers of /diagnostics tell statuses apart by their names
    results = [_connection_status(name, connection)]
    for report in reports:
        found[report.name] += 1
        number = found[report.name]
        if report.is_of_connection:
            results[0].level = DiagnosticStatus.ERROR
            results[0].message += f'; {report.message}'
        results.append(
            DiagnosticStatus(
                level=report.level,
                name=f'{name}: {report.name}' + (f' #{number}' if number > 1 else ''),
                message=report.message,
                values=_values(report.values),
            )
        )
    return results


def inactive(node_name: str, names: Sequence[str]) -> list[DiagnosticStatus]:
    """Return the statuses of the connections of an inactive node."""
    return [
        DiagnosticStatus(
            level=DiagnosticStatus.WARN,
            name=f'{node_name}: {name}',
            message='the node is inactive: nothing is received or sent',
        )
        for name in names
    ]


def ended(statuses: Sequence[DiagnosticStatus]) -> list[DiagnosticStatus]:
    """Return the last statuses as those of an inactive node, without the ones of connections."""
    return [
        DiagnosticStatus(
            level=DiagnosticStatus.STALE, name=status.name, message='the node is inactive'
        )
        for status in statuses
        if status.name.count(': ') > 1
    ]


def _connection_status(name: str, connection: Reported) -> DiagnosticStatus:
    sessions = connection.transport.sessions
    values: dict[str, Any] = {
        'state': connection.state,
        'address': f'{connection.settings.address}:{connection.actual_port}',
        'peers': ' '.join(session.peer_name for session in sessions),
        **_counts_since_reset(connection),
    }
    message = f'{connection.state}: {connection.detail}'
    level = _LEVELS[connection.state]
    connection.causes.update(counts_of(connection))
    lately = connection.causes.lately()
    if lately:
        message += f'; {lately}'
        is_error = connection.causes.has_error
        level = max(level, DiagnosticStatus.ERROR if is_error else DiagnosticStatus.WARN)
        if not _has_any_good(connection):
            message += '; no good message yet'
            level = DiagnosticStatus.ERROR
    fault = connection.transport.fault
    if fault:
        message += f'; {fault}'
        level = DiagnosticStatus.ERROR
    return DiagnosticStatus(level=level, name=name, message=message, values=_values(values))


def _has_any_good(connection: Reported) -> bool:
    """Return whether a message was published, taken or sent."""
    counts = counts_of(connection)
    return any(counts.get(name) for name in ('published', 'handled', 'sent')) or not (
        counts['received'] or counts.get('outbound_received')
    )


def _queue_report(session: Session) -> Report:
    """Return the report on the waiting and past messages of one peer."""
    statistics = session.statistics
    waiting = session.waiting_bytes
    return Report(
        f'queue of {session.peer_name}',
        f'{waiting} bytes wait',
        {
            'header_version': session.header_version,
            'received': statistics.received,
            'received_bytes': statistics.received_bytes,
            **by_cause('rejected', dict(statistics.rejected)),
            'waiting_bytes': waiting,
            'high_water_bytes': statistics.high_water_bytes,
            'sent': statistics.sent,
            'sent_bytes': statistics.sent_bytes,
            'replaced': statistics.replaced,
            **by_cause('send_rejected', dict(statistics.send_rejected)),
        },
    )


def bridge_status(connection: Reported, now_ns: int) -> BridgeStatus:
    """
    Return the status message of a connection.

    :param now_ns: since the epoch.
    """
    settings = connection.settings
    counts = _counts_since_reset(connection)
    status = BridgeStatus(
        connection=settings.name,
        mode=BridgeStatus.CLIENT if settings.mode == 'client' else BridgeStatus.SERVER,
        address=settings.address,
        port=connection.actual_port,
        state=getattr(BridgeStatus, connection.state.upper()),
        detail=naming.ros_text(connection.detail),
        peers=[session.peer_name for session in connection.transport.sessions],
        received=counts['received'],
        published=counts['published'],
        late=counts['late'],
        replaced=counts['published_replaced'],
        publish_failed=counts['publish_failed'],
        rejected=counts['rejected'],
        skipped=counts['skipped'],
        sent=counts['sent'],
        send_replaced=counts['replaced'],
        send_rejected=_sum_of(counts, 'send_rejected '),
    )
    status.header.stamp.sec, status.header.stamp.nanosec = split_stamp(now_ns)
    return status


def _sum_of(counts: Mapping[str, int], prefix: str) -> int:
    return sum(count for name, count in counts.items() if name.startswith(prefix))


def counts_of(connection: Reported) -> dict[str, int]:
    """Return all counts since the connection was created, by names for the user."""
    transport = connection.transport.statistics
    counts = Counter(connection.counts())
    counts.update(by_cause('rejected', transport.rejected))
    return {
        'received': transport.received,
        'received_bytes': transport.received_bytes,
        'rejected': _sum_of(counts, 'rejected '),
        'skipped': _sum_of(counts, 'skipped '),
        **counts,
        'sent': transport.sent,
        'sent_bytes': transport.sent_bytes,
        'replaced': transport.replaced,
        **by_cause('send_rejected', transport.send_rejected),
        **by_cause('refused_peers', transport.refused_peers),
        **by_cause('tls_failures', transport.tls_failures),
        'connects': transport.connects,
        'disconnects': transport.disconnects,
        'connect_failures': transport.connect_failures,
        'queue_high_water_bytes': transport.high_water_bytes,
    }


def _counts_since_reset(connection: Reported) -> dict[str, int]:
    zero = connection.zero
    return {name: count - zero.get(name, 0) for name, count in counts_of(connection).items()}


def reset_counts(connection: Reported) -> None:
    """Reset the reported counts by storing the current ones, which go on counting."""
    connection.zero = {**counts_of(connection), 'queue_high_water_bytes': 0}
    connection.causes.reset(connection.zero)


def time_references(connection: Reported, now_ns: int) -> list[TimeReference]:
    """
    Return the time on the clock of each peer, as far as it is known, when ours is ``now_ns``.

    :param now_ns: since the epoch.
    """
    references = []
    for peer in connection.peers.all:
        clock = peer.clock.main
        theirs_ns = now_ns - clock.offset_ns
        if clock.has_observed and 0 <= theirs_ns <= MAX_STAMP_NS:
            reference = TimeReference(source=f'{connection.settings.name}: {peer.name}')
            reference.header.stamp.sec, reference.header.stamp.nanosec = split_stamp(now_ns)
            reference.time_ref.sec, reference.time_ref.nanosec = split_stamp(theirs_ns)
            references.append(reference)
    return references


def _clock_report(peer: Peer, is_auto: bool) -> Report:
    clock = peer.clock.main
    is_corrected = is_auto and clock.correcting
    offset_s = clock.offset_ns / 1e9
    notes = ['corrected'] if is_corrected else []
    if clock.has_observed and not clock.is_known:
        notes.append('not confirmed yet')
    if clock.grain_ns > clock.limit_ns:
        notes.append(f'stands still for {clock.grain_ns / 1e9:.3g} s at a time')
    if clock.rate != 1.0:
        notes.append(f'runs at {clock.rate:.3g} times the rate of ours')
    if not clock.is_trusted:
        notes.append('stamps are times of arrival')
    if clock.steps:
        notes.append(f'was set {clock.steps} times, last by {clock.last_step_ns / 1e9:.3f} s')
    return Report(
        f'clock of {peer.name}',
        ', '.join([f'{offset_s:.3f} s behind ours', *notes]),
        {
            'clock_offset_s': offset_s,
            'clock_jitter_s': clock.jitter_ns / 1e9,
            'clock_corrected': is_corrected,
            'clock_grain_s': clock.grain_ns / 1e9,
            'clock_rate': clock.rate,
            'clock_steps': clock.steps,
            'stamps_out_of_range': peer.clock.out_of_range,
        },
        DiagnosticStatus.WARN if notes else DiagnosticStatus.OK,
    )


def _values(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=str(value)) for key, value in values.items()]

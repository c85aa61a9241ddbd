# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a connection says of itself on /diagnostics; nothing is measured here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from sensor_msgs.msg import TimeReference

from ros2_igtl.convert import naming
from ros2_igtl.convert.conversions import TF_SOURCES
from ros2_igtl.convert.time import MAX_STAMP_NS, StampEstimator, split_stamp
from ros2_igtl.msg import BridgeStatus
from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.reporting.counters import Rate, by_cause
from ros2_igtl.nodes.to_igtl.sender import Sender
from ros2_igtl.nodes.to_ros.watchdog import Watched
from ros2_igtl.transport import Session

_LEVELS = {
    'connected': DiagnosticStatus.OK,
    'listening': DiagnosticStatus.OK,
    'connecting': DiagnosticStatus.WARN,
    'waiting': DiagnosticStatus.WARN,
    'closed': DiagnosticStatus.ERROR,
}


def statuses(node_name: str, connection: BridgeConnection) -> list[DiagnosticStatus]:
    """
    Return the statuses of a connection.

    :returns: one for the connection, one for what waits for each peer, for the clock of each, and
        for each device in either direction.
    """
    name = f'{node_name}: {connection.settings.name}'
    result = [_connection_status(name, connection)]
    result += [_queue_status(name, session) for session in connection.transport.sessions]
    # Copies here and below: the I/O thread adds peers and routes meanwhile.
    is_auto = connection.settings.timestamp_mode == 'auto'
    for peer, clock in list(connection.inbound.clocks.items()):
        result.append(_clock_status(name, peer, clock, is_auto))
    for (type_name, device, _), route in list(connection.inbound.routes.items()):
        if not route.skip:
            values = {'direction': 'IGTL_TO_ROS', 'topics': ' '.join(route.topics)}
            status = _device_status(name, type_name, device, route.rate, values)
            _judge(status, connection.inbound.watchdog.of(route))
            result.append(status)
    for sender in connection.senders:
        values = {'direction': 'ROS_TO_IGTL', 'topics': sender.source}
        row = sender.row
        device = row.igtl_device_name or ''
        status = _device_status(name, row.igtl_type_name, device, sender.rate, values)
        _judge_source(status, sender, connection.settings.stale_timeout_s)
        result.append(status)
    return result


def _connection_status(name: str, connection: BridgeConnection) -> DiagnosticStatus:
    sessions = connection.transport.sessions
    values: dict[str, Any] = {
        'state': connection.state,
        'address': f'{connection.settings.address}:{connection.actual_port}',
        'peers': ' '.join(session.peer_name for session in sessions),
        **_counts_since_reset(connection),
    }
    message = f'{connection.state}: {connection.detail}'
    return DiagnosticStatus(
        level=_LEVELS[connection.state], name=name, message=message, values=_values(values)
    )


def _queue_status(name: str, session: Session) -> DiagnosticStatus:
    """Return what waits for one peer, and what has become of what did."""
    statistics = session.statistics
    waiting = session.waiting_bytes
    return DiagnosticStatus(
        level=DiagnosticStatus.OK,
        name=f'{name}: queue of {session.peer_name}',
        message=f'{waiting} bytes wait',
        values=_values(
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
            }
        ),
    )


def bridge_status(connection: BridgeConnection, now_ns: int) -> BridgeStatus:
    """
    Return how a connection is.

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
        replaced=counts['published_replaced'],
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


def counts_of(connection: BridgeConnection) -> dict[str, int]:
    """Return all counts since the connection was made, by names for people."""
    transport = connection.transport.statistics
    inbound, sent = connection.inbound.outcomes, connection.sent
    commands, queries = connection.commands, connection.queries
    # copies: the I/O thread adds causes meanwhile
    rejected = transport.rejected + Counter(dict(inbound.rejected))
    skipped = dict(inbound.skipped)
    return {
        'received': transport.received,
        'received_bytes': transport.received_bytes,
        # without what is done and went nowhere on ROS by itself
        'published': inbound.done - queries.handled - commands.handled,
        'handled': queries.handled + commands.handled,
        'contained': inbound.contained,
        'published_replaced': inbound.replaced,
        'rejected': rejected.total(),
        'skipped': sum(skipped.values()),
        **by_cause('rejected', rejected),
        **by_cause('skipped', skipped),
        'tf_withheld': connection.inbound.tf_withheld,
        **by_cause('query', dict(queries.counts)),
        **by_cause('command_received', dict(commands.received)),
        **by_cause('command_sent', dict(commands.sent)),
        'command_late_responses': commands.late_responses,
        'command_late_replies': commands.late_replies,
        'outbound_received': sent.received,
        'outbound_queued': sent.done,
        **by_cause('outbound_rejected', dict(sent.rejected)),
        **by_cause('outbound_skipped', dict(sent.skipped)),
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


def _counts_since_reset(connection: BridgeConnection) -> dict[str, int]:
    zero = connection.zero
    return {name: count - zero.get(name, 0) for name, count in counts_of(connection).items()}


def reset_counts(connection: BridgeConnection) -> None:
    """Let the counts begin anew for those who look; what counts goes on, and loses nothing."""
    connection.zero = {**counts_of(connection), 'queue_high_water_bytes': 0}


def time_references(connection: BridgeConnection, now_ns: int) -> list[TimeReference]:
    """
    Return what the clock of each peer shows when ours shows ``now_ns``, as far as it is known.

    :param now_ns: since the epoch.
    """
    references = []
    for peer, clock in list(connection.inbound.clocks.items()):
        theirs_ns = now_ns - clock.offset_ns
        if clock.has_observed and 0 <= theirs_ns <= MAX_STAMP_NS:
            reference = TimeReference(source=f'{connection.settings.name}: {peer}')
            reference.header.stamp.sec, reference.header.stamp.nanosec = split_stamp(now_ns)
            reference.time_ref.sec, reference.time_ref.nanosec = split_stamp(theirs_ns)
            references.append(reference)
    return references


def _clock_status(name: str, peer: str, clock: StampEstimator, is_auto: bool) -> DiagnosticStatus:
    is_corrected = is_auto and clock.correcting
    offset_s = clock.offset_ns / 1e9
    message = f'{offset_s:.3f} s behind ours'
    return DiagnosticStatus(
        level=DiagnosticStatus.WARN if is_corrected else DiagnosticStatus.OK,
        name=f'{name}: clock of {peer}',
        message=f'{message}, corrected' if is_corrected else message,
        values=_values(
            {
                'clock_offset_s': offset_s,
                'clock_jitter_s': clock.jitter_ns / 1e9,
                'clock_corrected': is_corrected,
                'stamps_out_of_range': clock.out_of_range,
            }
        ),
    )


def _device_status(
    name: str, type_name: str, device: str, rate: Rate, values: dict[str, Any]
) -> DiagnosticStatus:
    age_s = rate.age_s
    values = {
        **values,
        'count': rate.count,
        'rate_hz': f'{rate.hz:.2f}',
        'age_s': '' if age_s is None else f'{age_s:.3f}',
    }
    return DiagnosticStatus(
        level=DiagnosticStatus.OK,
        name=f'{name}: {type_name} {naming.escape(device)}',
        message=f'{rate.hz:.1f} Hz',
        values=_values(values),
    )


def _judge(status: DiagnosticStatus, watched: Sequence[Watched]) -> None:
    """Make a device that is not to be trusted an error, though only one tool of it is not."""
    faults = [
        f'{item.tool or "the device"}: {item.fault}, the last came {item.age_s:.1f} s ago'
        for item in watched
        if item.fault
    ]
    if faults:
        status.level = DiagnosticStatus.ERROR
        status.message = '; '.join(faults)
    status.values += _values(
        {f'age_s {item.tool}': f'{item.age_s:.3f}' for item in watched if item.tool}
    )


def _judge_source(status: DiagnosticStatus, sender: Sender, stale_timeout_s: float) -> None:
    """
    Warn of a ROS publisher that has fallen silent: nothing is sent in its place.

    :param stale_timeout_s: of rows of poses that do not say another; 0: never.
    """
    timeout_s = sender.row.stale_timeout
    if timeout_s is None:
        is_pose = sender.traffic == 'state' and sender.type_name in TF_SOURCES
        timeout_s = stale_timeout_s if is_pose else 0.0
    silence_s = sender.silence_s
    if timeout_s and silence_s > timeout_s:
        status.level = DiagnosticStatus.WARN
        status.message = f'stale: nothing new from {sender.source} for {silence_s:.1f} s'


def _values(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=str(value)) for key, value in values.items()]

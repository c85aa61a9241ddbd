# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a connection says of itself on /diagnostics; nothing is measured here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from sensor_msgs.msg import TimeReference

from ros2_igtl.convert import naming
from ros2_igtl.convert.time import MAX_STAMP_NS, StampEstimator, split_stamp
from ros2_igtl.nodes.commands import Commands
from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.counters import Outcomes, Rate

_LEVELS = {
    'connected': DiagnosticStatus.OK,
    'listening': DiagnosticStatus.OK,
    'connecting': DiagnosticStatus.WARN,
    'waiting': DiagnosticStatus.WARN,
    'closed': DiagnosticStatus.ERROR,
}


def statuses(node_name: str, connection: BridgeConnection) -> list[DiagnosticStatus]:
    """Return one status for the connection, and one for each device in either direction."""
    name = f'{node_name}: {connection.settings.name}'
    result = [_connection_status(name, connection)]
    # Copies here and below: the I/O thread adds peers, routes and causes meanwhile.
    is_auto = connection.settings.timestamp_mode == 'auto'
    for peer, clock in list(connection.inbound.clocks.items()):
        result.append(_clock_status(name, peer, clock, is_auto))
    for (type_name, device, _), route in list(connection.inbound.routes.items()):
        if not route.skip:
            values = {'direction': 'IGTL_TO_ROS', 'topics': ' '.join(route.topics)}
            status = _device_status(name, type_name, device, route.rate, values)
            _judge_age(status, route.rate.age_s, route.stale_timeout_s)
            result.append(status)
    for sender in connection.senders:
        values = {'direction': 'ROS_TO_IGTL', 'topics': sender.source}
        row = sender.row
        device = row.igtl_device_name or ''
        result.append(_device_status(name, row.igtl_type_name, device, sender.rate, values))
    return result


def _connection_status(name: str, connection: BridgeConnection) -> DiagnosticStatus:
    statistics = connection.transport.statistics
    inbound = connection.inbound
    rejected = dict(inbound.outcomes.rejected)
    sessions = connection.transport.sessions
    values: dict[str, Any] = {
        'state': connection.state,
        'address': f'{connection.settings.address}:{connection.actual_port}',
        'peers': ' '.join(session.peer_name for session in sessions),
        'received': statistics.received,
        'received_bytes': statistics.received_bytes,
        'published': inbound.outcomes.done - _handled(connection),
        'published_replaced': inbound.outcomes.replaced,
        'rejected': _total(statistics.rejected) + _total(rejected),
        'skipped': _total(inbound.outcomes.skipped),
        **_by_cause('rejected', statistics.rejected + Counter(rejected)),
        **_by_cause('skipped', inbound.outcomes.skipped),
        'tf_withheld': inbound.tf_withheld,
        **_by_cause('query', dict(connection.queries.counts)),
        **_commands(connection.commands),
        **_outbound(connection.sent),
        'sent': statistics.sent,
        'sent_bytes': statistics.sent_bytes,
        'replaced': statistics.replaced,
        **_by_cause('send_rejected', statistics.send_rejected),
        'queue_high_water_bytes': statistics.high_water_bytes,
    }
    message = f'{connection.state}: {connection.detail}'
    return DiagnosticStatus(
        level=_LEVELS[connection.state], name=name, message=message, values=_values(values)
    )


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


def _handled(connection: BridgeConnection) -> int:
    """Return how many messages are done that went nowhere on ROS by themselves."""
    return connection.queries.handled + connection.commands.handled


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


def _commands(commands: Commands) -> dict[str, Any]:
    return {
        **_by_cause('command_received', dict(commands.received)),
        **_by_cause('command_sent', dict(commands.sent)),
        'command_late_responses': commands.late_responses,
        'command_late_replies': commands.late_replies,
    }


def _outbound(outcomes: Outcomes) -> dict[str, Any]:
    return {
        'outbound_received': outcomes.received,
        'outbound_queued': outcomes.done,
        **_by_cause('outbound_rejected', outcomes.rejected),
        **_by_cause('outbound_skipped', outcomes.skipped),
    }


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


def _judge_age(status: DiagnosticStatus, age_s: float | None, timeout_s: float) -> None:
    if timeout_s and age_s is not None and age_s > timeout_s:
        status.level = DiagnosticStatus.ERROR
        status.message = f'stale: the last pose came {age_s:.1f} s ago, {timeout_s} s are allowed'


def _total(counter: Mapping[str, int]) -> int:
    return sum(counter.values())


def _by_cause(what: str, counter: Mapping[str, int]) -> dict[str, int]:
    return {f'{what} {cause}': count for cause, count in sorted(counter.items())}


def _values(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=str(value)) for key, value in values.items()]

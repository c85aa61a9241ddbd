# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The report on one device for /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticStatus

from ros2_igtl.convert import naming
from ros2_igtl.nodes.reporting.causes import Causes
from ros2_igtl.nodes.reporting.counters import Rate


@dataclass(slots=True)
class Report:
    """
    A status for /diagnostics, without the names of node and connection.

    :ivar level: of DiagnosticStatus.
    :ivar is_of_connection: whether an error is one of the connection too.
    """

    name: str
    message: str
    values: dict[str, object] = field(default_factory=dict)
    level: bytes = DiagnosticStatus.OK
    is_of_connection: bool = False


def device_report(
    type_name: str,
    device_name: str,
    rate: Rate,
    causes: Causes,
    values: Mapping[str, object],
) -> Report:
    """Return the report of a device: what came, and what has gone wrong lately."""
    age_s, lately = rate.age_s, causes.lately()
    level, message = DiagnosticStatus.OK, f'{rate.hz:.1f} Hz'
    if not rate.count:
        level = DiagnosticStatus.ERROR if lately else DiagnosticStatus.WARN
        message = f'no good message yet: {lately}' if lately else 'no message yet'
    elif lately:
        level, message = DiagnosticStatus.WARN, f'{message}; {lately}'
    return Report(
        f'{type_name} {naming.escape(device_name)}',
        message,
        {
            **values,
            'count': rate.count,
            'rate_hz': f'{rate.hz:.2f}',
            'age_s': '' if age_s is None else f'{age_s:.3f}',
        },
        level,
    )

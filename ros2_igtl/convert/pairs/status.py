# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""STATUS <-> diagnostic_msgs. ``nodes/reporting`` makes the diagnostics of the bridge itself."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from ros2_igtl import codec
from ros2_igtl.codec import StatusCode
from ros2_igtl.convert import naming
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.conversion import ANY_OTHER_TYPE, Conversion, one
from ros2_igtl.convert.errors import ConvertError

# The device works, but cannot do at the moment what it is asked to.
_WARN_CODES = frozenset(
    (StatusCode.BUSY, StatusCode.NOT_READY, StatusCode.MANUAL_MODE, StatusCode.DISABLED)
)
_CODE_OF_LEVEL = {
    DiagnosticStatus.OK: StatusCode.OK,
    DiagnosticStatus.WARN: StatusCode.NOT_READY,
    DiagnosticStatus.ERROR: StatusCode.UNKNOWN_ERROR,
    DiagnosticStatus.STALE: StatusCode.TIME_OUT,
}


def status_to_ros(content: codec.Status, context: Context) -> DiagnosticStatus:
    """
    Return the state of a device under the device's name.

    Level: OK for code 1; WARN for 6 busy, 13 not ready, 14 manual mode and 15 disabled; ERROR for
    all others, including unknown ones. The values ``code``, ``subcode`` and ``error_name`` keep
    the rest of the content.

    Lost: the stamp, and bytes that are not UTF-8.
    """
    if content.code == StatusCode.OK:
        level = DiagnosticStatus.OK
    elif content.code in _WARN_CODES:
        level = DiagnosticStatus.WARN
    else:
        level = DiagnosticStatus.ERROR
    return DiagnosticStatus(
        level=level,
        name=naming.ros_text(context.device_name),
        message=naming.ros_text(content.message),
        hardware_id='',
        values=[
            KeyValue(key='code', value=str(int(content.code))),
            KeyValue(key='subcode', value=str(content.subcode)),
            KeyValue(key='error_name', value=naming.ros_text(content.error_name)),
        ],
    )


def status_from_ros(message: DiagnosticStatus) -> Outbound:
    """
    Return the state in a diagnostic status.

    The values ``code``, ``subcode`` and ``error_name`` are used if present. Without a code it
    follows from the level: OK 1, WARN 13 (not ready), ERROR 2 (unknown error), STALE 7 (time
    out). A missing sub-code is 0, and a missing error name is empty.

    Lost: hardware_id, all values but those three, and the level if there is a code.

    :raises ConvertError: ``status_value``: code, sub-code or level is not a number in its range;
        ``name_too_long``: an error name of more than 20 bytes.
    """
    values = {value.key: value.value for value in message.values}
    if 'code' in values:
        code = _number(values['code'], 'code', 0, 2**16 - 1)
    elif message.level in _CODE_OF_LEVEL:
        code = _CODE_OF_LEVEL[message.level]
    else:
        raise ConvertError('status_value', f'level {message.level!r}; 0 to 3 are allowed')
    error_name = values.get('error_name', '')
    naming.content_name(error_name, codec.Status.error_name_size + 1, 'error name')
    subcode = _number(values.get('subcode', '0'), 'subcode', -(2**63), 2**63 - 1)
    return Outbound(codec.Status(code, subcode, error_name, message.message))


def device_status(name: str, fault: str, is_stale: bool, age_s: float) -> DiagnosticStatus:
    """
    Return the status of a watched device or tool.

    :param name: of the device or tool.
    :param fault: why its poses cannot be trusted; empty if they can.
    :param is_stale: the device is silent; if False, the peer reported the fault.
    :param age_s: seconds since its last good sample.
    :returns: its level is OK, ERROR or STALE.
    """
    level = DiagnosticStatus.STALE if is_stale else DiagnosticStatus.ERROR
    return DiagnosticStatus(
        level=level if fault else DiagnosticStatus.OK,
        name=naming.ros_text(name),
        message=naming.ros_text(fault) or 'OK',
        values=[KeyValue(key='age_s', value=f'{age_s:.3f}')],
    )


def _number(text: str, field: str, least: int, greatest: int) -> int:
    # ASCII digits only: int() would also accept '1_0' and all digits of Unicode.
    digits = text.removeprefix('-')
    if digits.isascii() and digits.isdigit() and len(digits) <= 20:
        number = int(text)
        if least <= number <= greatest:
            return number
    raise ConvertError(
        'status_value',
        f"{field} '{naming.escape(text[:40])}': {least} to {greatest} are allowed",
    )


CONVERSIONS = (
    Conversion(
        'STATUS',
        'diagnostic_msgs/msg/DiagnosticStatus',
        one(status_to_ros),
        one(status_from_ros),
        default=True,
        traffic='event',
    ),
)

DEVICE_STATUS = Conversion(
    ANY_OTHER_TYPE, 'diagnostic_msgs/msg/DiagnosticStatus', None, None, sibling='status'
)
"""The status of a watched device or tool, published on ``<topic>/status``."""

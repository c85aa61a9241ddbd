# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.status: STATUS."""

from __future__ import annotations

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs.status import status_from_ros, status_to_ros

CONTEXT = Context('Robot', Time(), 'Tracker', 'Robot')
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
texts = st.text(
    st.characters(codec='utf-8', exclude_characters='\0'),
    max_size=40,
)


@pytest.mark.parametrize('code', range(25))
def test_b25_every_code_has_a_level(code: int) -> None:
    message = status_to_ros(codec.Status(code), CONTEXT)
    assert message.level == {1: OK, 6: WARN, 13: WARN, 14: WARN, 15: WARN}.get(code, ERROR)


@given(
    st.integers(0, 65535),
    st.integers(-(2**63), 2**63 - 1),
    texts.filter(lambda text: len(text.encode()) <= 20),
    texts,
)
def test_b25_a_status_passes_through_ros_unchanged(
    code: int, subcode: int, error_name: str, text: str
) -> None:
    content = codec.Status(code, subcode, error_name, text)
    packed = codec.pack(codec.Message(content, 'Robot'))
    received = codec.unpack(packed).content
    assert isinstance(received, codec.Status)
    back = status_from_ros(status_to_ros(received, CONTEXT))
    assert codec.pack(codec.Message(back.content, 'Robot')) == packed
    assert back == Outbound(back.content)


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    message = status_to_ros(codec.Status(2, 0, 'caf\udce9', 'b\udcff'), CONTEXT)
    assert message.message == 'b\ufffd'
    assert message.values[2].value == 'caf\ufffd'


@pytest.mark.parametrize(
    ('level', 'code'),
    [(OK, 1), (WARN, 13), (ERROR, 2), (DiagnosticStatus.STALE, 7)],
)
def test_without_a_code_the_level_gives_it(level: bytes, code: int) -> None:
    message = DiagnosticStatus(
        level=level, name='motor', message='hot', values=[KeyValue(key='celsius', value='90')]
    )
    content = status_from_ros(message).content
    assert content == codec.Status(code, 0, '', 'hot')


def test_a_level_nobody_knows_is_refused_unless_there_is_a_code() -> None:
    message = DiagnosticStatus(level=b'\x09')
    with pytest.raises(ConvertError) as refusal:
        status_from_ros(message)
    assert refusal.value.cause == 'status_value'
    message.values = [KeyValue(key='code', value='18')]
    assert status_from_ros(message).content == codec.Status(18)


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('code', '-1'),
        ('code', '65536'),
        ('code', ''),
        ('code', '1.0'),
        ('code', '1_0'),
        ('code', '٣'),
        ('code', '--1'),
        ('code', '9' * 5000),
        ('subcode', '9223372036854775808'),
        ('subcode', '-9223372036854775809'),
        ('subcode', 'five'),
    ],
)
def test_a_value_that_is_no_number_in_range_is_refused(key: str, value: str) -> None:
    message = DiagnosticStatus(values=[KeyValue(key=key, value=value)])
    with pytest.raises(ConvertError, match=key) as refusal:
        status_from_ros(message)
    assert refusal.value.cause == 'status_value'


def test_an_error_name_that_does_not_fit_is_refused() -> None:
    message = DiagnosticStatus(values=[KeyValue(key='error_name', value='e' * 21)])
    with pytest.raises(ConvertError, match='21 bytes, 20 are') as refusal:
        status_from_ros(message)
    assert refusal.value.cause == 'name_too_long'

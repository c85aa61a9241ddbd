# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from helpers.contents import (
    assert_content_refused,
    assert_not_packed,
    content_bytes,
    receive_content,
)
from ros2_igtl import codec


def test_a_stop_is_empty() -> None:
    assert content_bytes(codec.StopTrackingData()) == b''
    assert receive_content('STP_TDATA', b'') == codec.StopTrackingData()


@pytest.mark.parametrize('size', [1, 36])
def test_b29_a_stop_with_content_is_refused(size: int) -> None:
    assert_content_refused(
        'STP_TDATA', bytes(size), codec.ContentSizeError, f'0 bytes, got {size}'
    )


@pytest.mark.parametrize(('status', 'data'), [(0, b'\0'), (1, b'\1'), (255, b'\xff')])
def test_a_reply_is_one_byte(status: int, data: bytes) -> None:
    value = codec.TrackingDataReply(status)
    assert content_bytes(value) == data
    assert receive_content('RTS_TDATA', data) == value


def test_a_reply_says_success_unless_told_otherwise() -> None:
    assert codec.TrackingDataReply().status == 0


@pytest.mark.parametrize('size', [2, 36])
def test_b29_a_reply_of_any_other_size_is_refused(size: int) -> None:
    assert_content_refused(
        'RTS_TDATA', bytes(size), codec.ContentSizeError, f'1 bytes, got {size}'
    )


def test_b2_a_reply_without_content_has_no_data() -> None:
    assert_content_refused('RTS_TDATA', b'', codec.NoDataError, 'empty content')


@pytest.mark.parametrize('status', [-1, 256])
def test_a_status_that_does_not_fit_is_not_packed(status: Any) -> None:
    value = codec.TrackingDataReply(status)
    assert_not_packed(value, codec.ValueRangeError, f'status {status}: 0 to 255 are allowed')

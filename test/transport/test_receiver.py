# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.receiver, without a socket and without waiting."""

from __future__ import annotations

import pytest

from ros2_igtl import codec
from ros2_igtl.transport import Options, Statistics
from ros2_igtl.transport.receiver import MAX_CRC_FAILURES, Receiver

GOOD = codec.pack(codec.Message(codec.String('good')))
BAD = GOOD[:50] + bytes([GOOD[50] ^ 1]) + GOOD[51:]


class Desk:
    """A receiver, and the reason to close that it gave first."""

    def __init__(self, **options: object) -> None:
        self.statistics = Statistics()
        self.receiver = Receiver(Options(**options), self.statistics, 100.0)  # type: ignore[arg-type]

    def feed(self, data: bytes, now: float = 100.0) -> str:
        stream = self.receiver.stream
        stream.receive_data(data)
        self.statistics.received_bytes += len(data)
        has_completed = False
        while True:
            try:
                if stream.next_message() is codec.NEED_DATA:
                    self.receiver.note_progress(has_completed, now)
                    return ''
                self.statistics.received += 1
            except codec.DecodeError as error:
                if reason := self.receiver.reject(error, now):
                    return reason
            has_completed = True


def test_refused_messages_are_counted_by_cause() -> None:
    desk = Desk()
    assert desk.feed(BAD + GOOD + BAD) == ''
    assert desk.statistics.received == 3
    assert desk.statistics.rejected == {'crc': 2}


def test_wrong_crcs_in_a_row_end_the_connection() -> None:
    desk = Desk()
    assert desk.feed(BAD * (MAX_CRC_FAILURES - 1)) == ''
    assert desk.feed(BAD) == '3 messages in a row with a wrong CRC'


def test_a_good_message_ends_the_row() -> None:
    desk = Desk()
    for _ in range(5):
        assert desk.feed(BAD * (MAX_CRC_FAILURES - 1) + GOOD) == ''


def test_more_refusals_a_second_than_are_allowed_end_the_connection() -> None:
    desk = Desk(max_rejected_rate=2)
    assert desk.feed((BAD + GOOD) * 2, 100.5) == ''
    assert desk.feed((BAD + GOOD) * 2, 101.5) == ''
    reason = desk.feed(BAD, 101.6)
    assert reason == 'max_rejected_rate: more than 2 rejected messages per second'
    assert Desk(max_rejected_rate=0).feed((BAD + GOOD) * 5000) == ''


@pytest.mark.parametrize(
    ('data', 'protocol'), [(b'GET /', 'HTTP'), (b'\x16\x03\x01\x02', 'TLS'), (b'SSH-2.0', 'SSH')]
)
def test_a_stranger_that_is_slow_is_named(data: bytes, protocol: str) -> None:
    desk = Desk(header_timeout=1.0)
    desk.feed(data)
    assert desk.receiver.missed_deadline(101.1) == f'header_timeout (looks like {protocol})'


def test_a_stranger_whose_header_makes_no_sense_is_named() -> None:
    assert Desk().feed(b'GET / HTTP/1.1\r\n'.ljust(58)).endswith(' (looks like HTTP)')
    ssh = Desk(body_timeout=1.0, header_timeout=1.0)
    ssh.feed(b'SSH-2.0-OpenSSH_9.2p1\r\n'.ljust(58, b'\0') + b'GET ')
    assert ssh.receiver.missed_deadline(101.1) == 'header_timeout (looks like SSH)'


def test_a_peer_that_has_sent_a_message_is_no_stranger() -> None:
    assert '(' not in Desk().feed(GOOD + b'GET / HTTP/1.1\r\n'.ljust(58)).partition(';')[0]


def test_a_body_without_progress_misses_its_deadline() -> None:
    desk = Desk(body_timeout=1.0)
    desk.feed(GOOD[:60])
    assert desk.receiver.missed_deadline(101.0) == ''
    assert desk.receiver.missed_deadline(101.1) == 'body_timeout'
    desk.feed(GOOD[60:], 101.2)
    assert desk.receiver.missed_deadline(1000.0) == ''

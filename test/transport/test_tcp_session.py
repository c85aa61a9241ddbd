# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.tcp_session: one peer over a real socket."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import re
import socket
import struct
import termios
import threading
import time
import tracemalloc
from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.recording_handler import RecordingHandler
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.codec.crc import crc64
from ros2_igtl.transport import IoThread, Options, Server, Session, tcp, tcp_session

Talk = Callable[..., contextlib.AbstractContextManager['Conversation']]


class Conversation:
    """A server with one scripted client."""

    def __init__(
        self, server: Server, handler: RecordingHandler, peer: ScriptedPeer, session: Session
    ) -> None:
        self.server = server
        self.handler = handler
        self.peer = peer
        assert isinstance(session, tcp_session.TcpSession)
        self.session = session

    def wait_for_messages(self, count: int) -> list[codec.Message]:
        wait_until(lambda: len(self.handler.messages) >= count, 10.0, f'{count} messages')
        return self.handler.messages

    def wait_for_close(self, timeout_s: float = 5.0) -> str:
        wait_until(lambda: self.handler.closed, timeout_s, 'the session is closed')
        return self.handler.reasons[0]

    def assert_alive(self) -> None:
        """Check that a good message still gets through."""
        before = len(self.handler.messages)
        self.peer.send(codec.pack(text('alive')))
        assert self.wait_for_messages(before + 1)[-1].content.text == 'alive'


@pytest.fixture
def talk(io_thread: IoThread, handler: RecordingHandler) -> Talk:
    """Return what begins a conversation, given Options as keywords."""

    @contextlib.contextmanager
    def begin(*, receive_buffer: int | None = None, **options: object) -> Iterator[Conversation]:
        server = Server(io_thread, '127.0.0.1', 0, handler, Options(**options))  # type: ignore[arg-type]
        server.start()
        try:
            with ScriptedPeer.dial(server.actual_port, receive_buffer=receive_buffer) as peer:
                wait_until(lambda: handler.opened)
                yield Conversation(server, handler, peer, handler.opened[0])
        finally:
            server.stop()

    return begin


def pose(number: float, device_name: str = 'ProbeToTracker') -> codec.Message:
    return codec.Message(codec.Transform(1, 0, 0, 0, 1, 0, 0, 0, 1, number, 0, 0), device_name)


def text(value: str) -> codec.Message:
    return codec.Message(codec.String(value), 'Text')


def picture(size: int, device_name: str = 'Camera') -> codec.Message:
    """Return a message with this many pixels of one byte, a multiple of 1000."""
    pixels = np.random.default_rng(size).integers(0, 256, (1, size // 1000, 1000), np.uint8)
    return codec.Message(codec.Image.from_pixels(pixels), device_name)


def with_wrong_crc(message: codec.Message) -> bytes:
    data = bytearray(codec.pack(message))
    data[50] ^= 1
    return bytes(data)


def raw(version: int, type_name: bytes, body: bytes, *, size: int | None = None) -> bytes:
    return (
        struct.pack(
            '>H12s20sQQQ',
            version,
            type_name,
            b'Device',
            0,
            len(body) if size is None else size,
            crc64(body),
        )
        + body
    )


# Receiving


def test_a_message_comes_with_its_session_and_the_time_of_its_last_byte(talk: Talk) -> None:
    with talk() as conversation:
        data = codec.pack(pose(5.0))
        conversation.peer.send(data[:-1])
        wait_until(lambda: conversation.session.statistics.received_bytes == len(data) - 1)
        before = time.time_ns()
        conversation.peer.send(data[-1:])
        (message,) = conversation.wait_for_messages(1)
        assert message == pose(5.0)
        assert conversation.handler.senders == [conversation.session]
        assert before <= conversation.handler.receive_times_ns[0] <= time.time_ns()
        assert conversation.handler.threads == {'igtl_io'}


def test_the_peer_is_named_by_its_host_and_port(talk: Talk) -> None:
    with talk() as conversation:
        assert conversation.session.peer_name == conversation.peer.name
        assert conversation.peer.name in repr(conversation.session)


@pytest.mark.parametrize('step', [1, 7, 58, 59])
def test_f19_pieces_of_any_size_give_the_same_messages(talk: Talk, step: int) -> None:
    messages = [pose(1.0), text('two'), picture(40_000 if step > 1 else 4_000), pose(4.0)]
    data = b''.join(codec.pack(message) for message in messages)
    with talk() as conversation:
        conversation.peer.send_split(data, [step] * (len(data) // step))
        assert conversation.wait_for_messages(4) == messages


def test_f19_a_hundred_messages_in_one_piece_are_all_there_in_order(talk: Talk) -> None:
    messages = [pose(float(number)) for number in range(250)]
    with talk() as conversation:
        conversation.peer.send(b''.join(codec.pack(message) for message in messages))
        assert conversation.wait_for_messages(250) == messages
        conversation.assert_alive()


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, 41_000), max_size=8))
def test_f19_splits_anywhere_give_the_same_messages(io_thread: IoThread, cuts: list[int]) -> None:
    handler = RecordingHandler()
    messages = [pose(1.0), picture(40_000), text('three')]
    data = b''.join(codec.pack(message) for message in messages)
    server = Server(io_thread, '127.0.0.1', 0, handler)
    server.start()
    try:
        with ScriptedPeer.dial(server.actual_port) as peer:
            edges = [0, *sorted(cuts)]
            peer.send_split(data, [end - start for start, end in pairwise(edges)])
            wait_until(lambda: len(handler.messages) == 3)
            assert handler.messages == messages
    finally:
        server.stop()


def test_pixels_arrive_in_an_array_that_holds_nothing_else(talk: Talk) -> None:
    image = picture(200_000)
    with talk() as conversation:
        conversation.peer.send(codec.pack(image))
        (message,) = conversation.wait_for_messages(1)
        assert message == image
        assert type(message.content.data).__name__ == 'array'


def test_b2_b4_b5_b8_a_refused_message_is_counted_and_the_next_one_is_read(talk: Talk) -> None:
    refused = {
        'no_data': raw(1, b'TRANSFORM', b''),
        'content_size': raw(1, b'TRANSFORM', bytes(47)) + raw(1, b'TRANSFORM', bytes(49)),
        'type_name': raw(1, b'\x01\x02', b'123'),
        'extended_header': raw(2, b'TRANSFORM', bytes(20)),
        'unsupported_version': raw(3, b'TRANSFORM', bytes(48)),
        'crc': with_wrong_crc(pose(1.0)),
    }
    with talk() as conversation:
        for data in refused.values():
            conversation.peer.send(data + codec.pack(pose(2.0)))
        messages = conversation.wait_for_messages(6)
        assert messages == [pose(2.0)] * 6
        statistics = conversation.session.statistics
        assert statistics.rejected == {**dict.fromkeys(refused, 1), 'content_size': 2}
        assert [error.cause for error in conversation.handler.rejected] == [
            'no_data',
            'content_size',
            'content_size',
            'type_name',
            'extended_header',
            'unsupported_version',
            'crc',
        ]
        assert statistics.received == 6 + 7
        conversation.assert_alive()


def test_an_unknown_type_is_passed_on_as_bytes(talk: Talk) -> None:
    with talk() as conversation:
        conversation.peer.send(raw(1, b'NOBODYKNOWS', b'1234'))
        (message,) = conversation.wait_for_messages(1)
        assert message.content == codec.Unknown('NOBODYKNOWS', b'1234')


@pytest.mark.parametrize(
    ('data', 'reason'),
    [
        (raw(0, b'TRANSFORM', bytes(48)), 'header_version'),
        (raw(65535, b'\xff\xff', bytes(48)), 'header_version'),
        (raw(1, b'IMAGE', b'', size=2**64 - 1), 'body_too_large'),
        (raw(1, b'IMAGE', b'', size=2**63), 'body_too_large'),
        (raw(1, b'TRANSFORM', b'', size=268435457), 'body_too_large'),
    ],
)
def test_b1_b3_a_stream_that_cannot_be_followed_is_closed(
    talk: Talk, data: bytes, reason: str
) -> None:
    with talk() as conversation:
        conversation.peer.send(codec.pack(pose(1.0)) + data)
        assert conversation.wait_for_close().startswith(reason)
        assert conversation.peer.receive_until_closed() == b''
        assert conversation.session.statistics.rejected == {reason: 1}
        assert conversation.session.statistics.received == 2
        assert len(conversation.handler.messages) == 1


@pytest.mark.parametrize(
    ('data', 'hint'),
    [
        (b'GET / HTTP/1.1\r\nHost: 127.0.0.1:18944\r\nUser-Agent: nobody/1.0\r\n\r\n', 'HTTP'),
        (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(range(100)), 'TLS'),
        (b'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n' + bytes(30), 'SSH'),
    ],
)
def test_b7_the_log_says_what_a_stranger_speaks(
    talk: Talk, caplog: pytest.LogCaptureFixture, data: bytes, hint: str
) -> None:
    with (
        caplog.at_level(logging.INFO, 'ros2_igtl.transport'),
        talk(header_timeout=0.2) as conversation,
    ):
        conversation.peer.send(data)
        assert conversation.wait_for_close().endswith(f'(looks like {hint})')
    assert f'looks like {hint}' in caplog.text


def test_b7_a_stranger_that_says_too_little_for_a_header_is_named_too(talk: Talk) -> None:
    with talk(header_timeout=0.1) as conversation:
        conversation.peer.send(b'G')
        conversation.peer.send(b'ET / HTTP/1.0\r\n\r\n')
        assert conversation.wait_for_close() == 'header_timeout (looks like HTTP)'


def test_b9_control_characters_of_a_peer_do_not_reach_the_log(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    bad = bytearray(with_wrong_crc(pose(1.0)))
    bad[14:34] = b'\x1b[2J\nERROR fake\xff'.ljust(20, b'\0')
    with caplog.at_level(logging.INFO, 'ros2_igtl.transport'), talk() as conversation:
        conversation.peer.send(bytes(bad))
        wait_until(lambda: conversation.handler.rejected)
    assert 'ERROR fake' in caplog.text
    for record in caplog.records:
        assert record.getMessage().isprintable()


def test_f21_three_wrong_crcs_in_a_row_close(talk: Talk) -> None:
    with talk() as conversation:
        conversation.peer.send(with_wrong_crc(pose(1.0)) * 3 + codec.pack(pose(2.0)))
        assert 'CRC' in conversation.wait_for_close()
        assert conversation.session.statistics.rejected == {'crc': 3}
        assert conversation.handler.messages == []


def test_f21_a_good_message_between_wrong_crcs_keeps_the_connection(talk: Talk) -> None:
    with talk() as conversation:
        for _ in range(3):
            conversation.peer.send(with_wrong_crc(pose(1.0)) * 2 + codec.pack(pose(2.0)))
        conversation.wait_for_messages(3)
        assert conversation.session.statistics.rejected == {'crc': 6}
        conversation.assert_alive()


def test_b6_with_the_policy_warn_a_wrong_crc_passes_and_is_counted(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    with talk(crc_policy='warn') as conversation:
        conversation.peer.send(with_wrong_crc(pose(1.0)) * 5)
        messages = conversation.wait_for_messages(5)
        assert not messages[0].crc_ok
        assert conversation.session.statistics.crc_warned == 5
        assert not conversation.session.statistics.rejected
    assert caplog.text.count('wrong CRC') == 1


def test_b6_with_the_policy_ignore_a_wrong_crc_passes_without_a_word(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    with talk(crc_policy='ignore') as conversation:
        conversation.peer.send(with_wrong_crc(pose(1.0)))
        conversation.wait_for_messages(1)
    assert 'CRC' not in caplog.text


def test_f4_the_end_of_a_peer_is_noticed_at_once(talk: Talk) -> None:
    with talk() as conversation:
        begin = time.monotonic()
        conversation.peer.close()
        assert conversation.wait_for_close() == 'closed by the peer'
        assert conversation.handler.closed_at[0] - begin < 0.1
        assert conversation.handler.closed[0][0] is conversation.session
        assert conversation.server.sessions == ()


def test_what_a_peer_sent_before_it_left_is_received_though_our_write_notices_first(
    talk: Talk, io_thread: IoThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 300
    data = b''.join(codec.pack(pose(float(number))) for number in range(count))
    monkeypatch.setattr(tcp_session, 'TURN_S', 0.0)  # all of this is more than a turn
    with talk() as conversation:
        descriptor = conversation.session._transport.get_extra_info('socket').fileno()

        def count_unread() -> int:
            unread = array('i', [0])
            fcntl.ioctl(descriptor, termios.FIONREAD, unread)
            return unread[0]

        def write_to_a_peer_that_has_gone() -> None:
            conversation.peer.send(data)
            wait_until(lambda: count_unread() == len(data))
            conversation.peer.reset()
            for _ in range(3):
                conversation.session.outbox.put([b'x'], 1, 'event', ('', ''))
                conversation.session.writer.flush()

        io_thread.call(write_to_a_peer_that_has_gone)
        assert conversation.wait_for_close() == 'reset by the peer'
        assert conversation.handler.messages == [pose(float(number)) for number in range(count)]
        assert not conversation.session.statistics.rejected


@pytest.mark.parametrize('is_reset', [True, False], ids=['f5_rst', 'f6_fin'])
@pytest.mark.parametrize('size', [30, 5000], ids=['header', 'body'])
def test_an_end_within_a_message_publishes_nothing_and_is_counted(
    talk: Talk, is_reset: bool, size: int
) -> None:
    with talk() as conversation:
        conversation.peer.send(codec.pack(picture(200_000))[:size])
        wait_until(lambda: conversation.session.statistics.received_bytes == size)
        if is_reset:
            conversation.peer.reset()
        else:
            conversation.peer.close()
        reason = conversation.wait_for_close()
        assert reason == ('reset by the peer' if is_reset else 'closed by the peer')
        assert conversation.handler.messages == []
        assert conversation.session.statistics.rejected == {'truncated': 1}
        assert conversation.session.statistics.received == 1


def test_f17_a_header_that_drips_is_closed_after_the_header_timeout(talk: Talk) -> None:
    with talk(header_timeout=0.2) as conversation:
        data = codec.pack(pose(1.0))
        begin = time.monotonic()
        for index in range(58):
            conversation.peer.send(data[index : index + 1])
            with contextlib.suppress(AssertionError):
                wait_until(lambda: conversation.handler.closed, 0.05)
            if conversation.handler.closed:
                break
        assert conversation.wait_for_close() == 'header_timeout'
        assert 0.2 <= time.monotonic() - begin < 0.6


def test_a_peer_that_says_nothing_is_no_slow_header(talk: Talk) -> None:
    with talk(header_timeout=0.05, body_timeout=0.05, send_timeout=0.05) as conversation:
        watch_for(lambda: conversation.handler.closed, 0.3, 'an idle peer is closed')
        conversation.assert_alive()
        watch_for(lambda: conversation.handler.closed, 0.2, 'an idle peer is closed')


def test_each_header_has_its_own_deadline(talk: Talk) -> None:
    data = codec.pack(pose(1.0))
    with talk(header_timeout=0.6) as conversation:
        conversation.peer.send(data[:10])
        for number in range(4):  # each ends a message and begins the next header
            watch_for(lambda: conversation.handler.closed, 0.2)
            conversation.peer.send(data[10:] + data[:10])
            conversation.wait_for_messages(number + 1)


def test_f18_a_body_without_progress_is_closed_after_the_body_timeout(talk: Talk) -> None:
    with talk(body_timeout=0.2) as conversation:
        conversation.peer.send(codec.pack(picture(200_000))[:10_000])
        begin = time.monotonic()
        assert conversation.wait_for_close() == 'body_timeout'
        assert 0.1 <= time.monotonic() - begin < 0.6


def test_f18_a_body_that_drips_makes_no_progress(talk: Talk) -> None:
    with talk(body_timeout=0.2) as conversation:
        conversation.peer.send(codec.pack(picture(200_000))[:10_000])
        begin = time.monotonic()
        while not conversation.handler.closed and time.monotonic() < begin + 2.0:
            with contextlib.suppress(ConnectionError):
                conversation.peer.send(b'.')
            with contextlib.suppress(AssertionError):
                wait_until(lambda: conversation.handler.closed, 0.02)
        assert conversation.wait_for_close() == 'body_timeout'
        assert time.monotonic() - begin < 0.6


@pytest.mark.parametrize(
    ('option', 'first', 'rest'),
    [
        ('header_timeout', codec.pack(text('late'))[:30], codec.pack(text('late'))[30:]),
        ('body_timeout', codec.pack(text('late'))[:60], codec.pack(text('late'))[60:]),
        ('idle_timeout', b'', codec.pack(text('late'))),
    ],
    ids=['header', 'body', 'idle'],
)
def test_f47_what_has_come_while_we_stood_still_is_read_before_a_peer_is_judged(
    talk: Talk, io_thread: IoThread, option: str, first: bytes, rest: bytes
) -> None:
    with talk(**{option: 0.4}) as conversation:
        conversation.peer.send(first)
        wait_until(lambda: conversation.session.statistics.received_bytes == len(first))
        blocked = threading.Event()

        def stand_still() -> None:
            # all timers are due, and run before the sockets are looked at
            conversation.session._timer.cancel()
            io_thread.loop.call_soon(conversation.session._check, 0.1)
            blocked.set()
            time.sleep(0.8)

        io_thread.call_soon(stand_still)
        blocked.wait(5.0)
        conversation.peer.send(rest)
        assert conversation.wait_for_messages(1)[0].content.text == 'late'
        assert not conversation.handler.closed


def test_f52_data_that_came_while_the_thread_stood_still_have_an_age(
    talk: Talk, io_thread: IoThread
) -> None:
    with talk() as conversation:
        conversation.assert_alive()
        blocked = threading.Event()

        def stand_still() -> None:
            blocked.set()
            time.sleep(0.5)

        io_thread.call_soon(stand_still)
        assert blocked.wait(5.0)
        conversation.assert_alive()
        silent_s = time.monotonic()
        wait_until(lambda: time.monotonic() - silent_s > 0.3, 5.0, 'a silence')
        conversation.assert_alive()
        first, second, third = conversation.handler.ages_s
    assert first == third == 0.0
    assert 0.4 < second < 1.0


def test_f52_of_data_that_wait_the_age_is_known_by_when_how_many_were_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten bytes arrive each second; at the third second none were read before, then five."""
    backlog: Any = tcp.Backlog()

    def read(now_s: float, count: int, unread: int, most_s: float = 3.0) -> float:
        monkeypatch.setattr(time, 'monotonic', lambda: now_s)
        monkeypatch.setattr(tcp, 'unread_size', lambda sock: unread)
        age_s: float = backlog.age_s(None, count, most_s)
        assert backlog.has_unread == bool(unread)
        return age_s

    readings = ((103.0, 5, 25), (104.0, 5, 30), (105.0, 20, 20), (106.0, 30, 0))
    ages_s = [read(*reading) for reading in readings]
    # the 25 bytes had arrived by 103.0, 35 by 104.0, 45 by 105.0, all counted from the sixth on
    assert ages_s == [3.0, 4.0, 5.0, 3.0]
    assert read(107.0, 5, 0, 0.01) == 0.0


def test_f47_events_that_we_could_not_send_while_we_stood_still_close_nobody(
    talk: Talk, io_thread: IoThread
) -> None:
    with talk(send_timeout=0.4) as conversation:
        io_thread.call_soon(time.sleep, 0.8)
        for _ in range(3000):  # more than one socket takes
            assert conversation.server.send(text('x' * 1000), traffic='event')
        wait_until(lambda: conversation.session.statistics.sent, 10.0, 'the first event')
        conversation.peer.receive_exactly(3_000_000)
        assert not conversation.handler.closed


def test_a_peer_that_sends_nothing_is_closed_after_the_idle_timeout(talk: Talk) -> None:
    with talk(idle_timeout=0.2) as conversation:
        for number in range(4):
            watch_for(lambda: conversation.handler.closed, 0.1)
            conversation.peer.send(codec.pack(pose(float(number))))
        begin = time.monotonic()
        assert conversation.wait_for_close() == 'idle_timeout'
        assert 0.1 <= time.monotonic() - begin < 0.6


def test_more_rejected_messages_a_second_than_are_allowed_close(talk: Talk) -> None:
    refused = raw(1, b'TRANSFORM', b'too short')
    with talk(max_rejected_rate=20) as conversation:
        conversation.peer.send(refused * 20)
        conversation.assert_alive()
        watch_for(lambda: conversation.handler.closed, 1.0, 'it is closed')
        conversation.peer.send(refused * 20)
        conversation.assert_alive()
        conversation.peer.send(refused * 21)
        reason = conversation.wait_for_close()
        assert reason == 'max_rejected_rate: more than 20 rejected messages per second'
        assert conversation.server.statistics.received == 20 + 1 + 20 + 1 + 1


def test_of_peers_that_hold_too_much_together_the_largest_is_closed(
    talk: Talk, io_thread: IoThread
) -> None:
    budget = io_thread.budget
    budget.limit_bytes = 5_000_000
    large, small = codec.pack(picture(4_000_000)), codec.pack(picture(2_000_000))
    with talk(body_timeout=30.0) as conversation:
        conversation.peer.send(large[:-1])
        wait_until(lambda: budget.held_bytes >= 4_000_000, 5.0, 'the large one')
        with ScriptedPeer.dial(conversation.server.actual_port) as other:
            other.send(small)
            assert conversation.wait_for_close().startswith('memory_limit: all peers hold ')
            conversation.wait_for_messages(1)
            wait_until(lambda: budget.held_bytes == 0, 5.0, 'all to be given back')
            assert len(conversation.server.sessions) == 1


def test_what_waits_to_be_sent_counts_too(talk: Talk, io_thread: IoThread) -> None:
    budget = io_thread.budget
    budget.limit_bytes = 3_000_000
    with talk(receive_buffer=4096, send_timeout=30.0) as conversation:
        for _ in range(12):
            conversation.server.send(picture(1_000_000), traffic='event')
        assert conversation.wait_for_close().startswith('memory_limit: ')
        assert budget.held_bytes == 0


def test_a_slow_body_that_makes_progress_is_taken(talk: Talk) -> None:
    data = codec.pack(picture(200_000))
    with talk(body_timeout=0.2) as conversation:
        for start in range(0, len(data), 20_000):
            watch_for(lambda: conversation.handler.closed, 0.05)
            conversation.peer.send(data[start : start + 20_000])
        conversation.wait_for_messages(1)


@pytest.mark.parametrize('method', ['session_opened', 'message_received', 'message_rejected'])
def test_an_exception_in_the_handler_closes_that_session_only(
    talk: Talk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    with talk() as conversation:
        original = getattr(conversation.handler, method)
        victims = {} if method == 'session_opened' else {conversation.session: True}

        def fail(session: Session, *arguments: object) -> None:
            original(session, *arguments)
            if method == 'session_opened' or session in victims:
                raise ZeroDivisionError('of the test')

        monkeypatch.setattr(conversation.handler, method, fail)
        with ScriptedPeer.dial(conversation.server.actual_port) as other:
            if method == 'session_opened':
                survivor = conversation.peer
            else:
                wait_until(lambda: len(conversation.handler.opened) == 2)
                survivor = other
                conversation.peer.send(with_wrong_crc(pose(1.0)) + codec.pack(pose(1.0)) * 3)
            assert 'ZeroDivisionError' in conversation.wait_for_close()
            assert len(conversation.handler.closed) == 1
            received = len(conversation.handler.messages)
            survivor.send(codec.pack(pose(2.0)))
            conversation.wait_for_messages(received + 1)
            if method == 'message_received':
                assert received == 1  # nothing is given to a handler that failed
    assert caplog.text.count('Traceback') == 1


@pytest.mark.parametrize('count', [1, 101])
def test_a_fault_of_the_codec_closes_that_session_only(
    talk: Talk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    with talk() as conversation:
        connection = conversation.session._stream
        original = connection.next_message
        calls = iter(range(1, count + 2))
        monkeypatch.setattr(tcp_session, 'TURN_S', 0.0)  # one message a turn

        def fail() -> object:
            if next(calls) == count:
                raise ZeroDivisionError('of the test')
            return original()

        monkeypatch.setattr(connection, 'next_message', fail)
        conversation.peer.send(codec.pack(pose(1.0)) * count)
        assert 'ZeroDivisionError' in conversation.wait_for_close()
        assert len(conversation.handler.messages) == count - 1
        with ScriptedPeer.dial(conversation.server.actual_port) as other:
            other.send(codec.pack(pose(2.0)))
            conversation.wait_for_messages(count)
    assert caplog.text.count('Traceback') == 1


@pytest.mark.parametrize('place', ['get_buffer', 'close'])
def test_f58_a_session_whose_end_fails_leaves_nothing_behind(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """There is no memory for the next data, nor for the rest of them."""
    with talk() as conversation:
        conversation.assert_alive()

        def fail(*arguments: object) -> None:
            raise MemoryError('of the test')

        monkeypatch.setattr(conversation.session._stream, place, fail)
        conversation.peer.send(codec.pack(text('x')))
        conversation.peer.shut_down_sending()
        conversation.wait_for_close()
        wait_until(lambda: conversation.server.sessions == (), 5.0, 'the end')
        assert conversation.session.closed.done()
        assert conversation.server.statistics.disconnects == 1
    assert 'reading the rest failed' in caplog.text


def test_an_exception_in_session_closed_is_logged_and_harms_nobody(
    talk: Talk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with talk() as conversation:
        monkeypatch.setattr(conversation.handler, 'session_closed', None)
        conversation.peer.close()
        wait_until(lambda: not conversation.server.sessions)
        wait_until(lambda: 'session_closed failed' in caplog.text)
        with ScriptedPeer.dial(conversation.server.actual_port) as other:
            other.send(codec.pack(pose(1.0)))
            conversation.wait_for_messages(1)


def test_a_session_can_be_closed_from_any_thread_and_twice(talk: Talk) -> None:
    with talk() as conversation:
        conversation.session.close('for the test')
        conversation.session.close('again')
        assert conversation.wait_for_close() == 'for the test'
        assert conversation.peer.receive_until_closed() == b''
        conversation.session.close('after the end')
        assert conversation.handler.reasons == ['for the test']


def test_a_session_closed_by_its_handler_gets_nothing_more(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with talk() as conversation:
        original = conversation.handler.message_received

        def close(session: Session, message: codec.Message, receive_time_ns: int) -> None:
            original(session, message, receive_time_ns)
            session.close('enough')

        monkeypatch.setattr(conversation.handler, 'message_received', close)
        conversation.peer.send(codec.pack(pose(1.0)) * 5)
        assert conversation.wait_for_close() == 'enough'
        assert len(conversation.handler.messages) == 1


# Sending


def test_the_header_version_follows_the_peer(talk: Talk) -> None:
    with talk() as conversation:
        message = codec.Message(codec.String('hi'), 'D', 7, 2, 5, {'Key': 'Value'})
        assert conversation.session.header_version == 1
        assert conversation.server.send(message, traffic='event') == 1
        first = codec.unpack(conversation.peer.receive_message())
        assert first == codec.Message(codec.String('hi'), 'D', 7)
        conversation.peer.send(codec.pack(codec.Message(codec.Status(), header_version=2)))
        conversation.wait_for_messages(1)
        assert conversation.session.header_version == 2
        conversation.server.send(message, traffic='event')
        assert codec.unpack(conversation.peer.receive_message()) == message
        conversation.peer.send(codec.pack(pose(1.0)))
        conversation.wait_for_messages(2)
        assert conversation.session.header_version == 2


@pytest.mark.parametrize('version', [1, 2])
def test_a_configured_header_version_holds(talk: Talk, version: int) -> None:
    with talk(header_version=version) as conversation:
        conversation.peer.send(codec.pack(codec.Message(codec.Status(), header_version=2)))
        conversation.wait_for_messages(1)
        conversation.server.send(pose(1.0), traffic='state')
        message = codec.unpack(conversation.peer.receive_message())
        assert message.header_version == version
        assert message.content == pose(1.0).content


def test_nothing_is_sent_unasked(talk: Talk) -> None:
    with talk() as conversation:
        conversation.peer.send(codec.pack(codec.Message(codec.Status(), header_version=2)))
        conversation.wait_for_messages(1)
        conversation.peer.shut_down_sending()
        assert conversation.peer.receive_until_closed() == b''


def test_an_idle_connection_is_kept_alive_by_a_status_of_version_1(talk: Talk) -> None:
    with talk(keepalive_interval=0.1) as conversation:
        conversation.peer.send(codec.pack(codec.Message(codec.Status(), header_version=2)))
        for _ in range(3):
            message = codec.unpack(conversation.peer.receive_message())
            assert message.header_version == 1
            assert message.content.code == codec.StatusCode.OK


def test_a_busy_connection_needs_no_keepalive(talk: Talk) -> None:
    with talk(keepalive_interval=0.2) as conversation:
        for number in range(10):
            conversation.server.send(pose(number), traffic='state')
            message = codec.unpack(conversation.peer.receive_message())
            assert message == pose(number)
            watch_for(lambda: False, 0.05)


@pytest.mark.parametrize('size', [60_000, 70_000, 263_000, 5_000_000])
def test_a_large_message_arrives_whole_between_small_ones(talk: Talk, size: int) -> None:
    messages = [text('before'), picture(size), text('after')]
    with talk() as conversation:
        for message in messages:
            conversation.server.send(message, traffic='event')
        for message in messages:
            assert codec.unpack(conversation.peer.receive_message()) == message
        assert conversation.session.statistics.sent == 3


def test_64_mb_both_ways_at_once_arrive_byte_for_byte(talk: Talk) -> None:
    volume = picture(64_000_000, 'Volume')
    data = codec.pack(volume)
    with talk() as conversation:
        sender = threading.Thread(target=conversation.peer.send, args=(data,))
        conversation.server.send(volume, traffic='event')
        sender.start()
        assert conversation.peer.receive_message() == data
        sender.join(20.0)
        (message,) = conversation.wait_for_messages(1)
        assert memoryview(message.content.data) == memoryview(volume.content.data)
        statistics = conversation.session.statistics
        assert statistics.received_bytes == statistics.sent_bytes == len(data)
        assert statistics.high_water_bytes == len(data)


def test_a_large_message_that_waits_or_is_being_written_is_not_copied(talk: Talk) -> None:
    volume = picture(64_000_000)
    with talk(receive_buffer=65536) as conversation:
        tracemalloc.start()
        try:
            conversation.server.send(volume, traffic='event')
            wait_until(lambda: conversation.session.outbox.is_blocked)
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
        finally:
            tracemalloc.stop()


def test_a_large_message_takes_no_more_memory_than_has_arrived_and_its_copy(talk: Talk) -> None:
    data = codec.pack(picture(64_000_000))
    head, rest = data[:1_000_000], data[1_000_000:]
    with talk() as conversation:
        tracemalloc.start()
        try:
            conversation.peer.send(head)
            wait_until(lambda: conversation.session.statistics.received_bytes == 1_000_000)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
            conversation.peer.send(rest)
            conversation.wait_for_messages(1)
            assert tracemalloc.get_traced_memory()[1] < 2 * len(data)
        finally:
            tracemalloc.stop()


def test_a_1_khz_tracker_loses_nothing_though_the_loop_stalls(
    io_thread: IoThread, talk: Talk
) -> None:
    with talk() as conversation:
        conversation.peer.collect()
        begin = time.monotonic()
        for number in range(1000):
            if number in (300, 600):
                io_thread.loop.call_soon_threadsafe(lambda: threading.Event().wait(0.05))
            conversation.server.send(pose(float(number)), traffic='state')
            remaining = begin + number / 1000 - time.monotonic()
            if remaining > 0:
                threading.Event().wait(remaining)
        expected = b''.join(codec.pack(pose(float(number))) for number in range(1000))
        wait_until(lambda: len(conversation.peer.collected) == len(expected))
        assert conversation.peer.collected == expected
        assert conversation.session.statistics.replaced == 0
        assert conversation.session.statistics.sent == 1000


def test_f8_f9_a_peer_that_stalls_gets_the_newest_when_it_reads_again(talk: Talk) -> None:
    size = 300_000
    with talk(receive_buffer=8192, send_timeout=0.2) as conversation:
        for number in range(400):
            message = picture(size)
            message.timestamp = number
            assert conversation.server.send(message, traffic='state') == 1
            conversation.server.send(pose(float(number)), traffic='state')
            assert conversation.session.waiting_bytes < 16_000_000
        statistics = conversation.session.statistics
        watch_for(lambda: conversation.handler.closed, 0.5, 'a peer that stalls is closed')
        assert statistics.replaced > 300
        assert conversation.session.waiting_bytes < 2 * size  # one image and one pose
        assert statistics.high_water_bytes < 16_000_000 + size
        received: list[codec.Message] = []
        while not received or received[-1].timestamp != 399:
            received.append(codec.unpack(conversation.peer.receive_message()))
        stamps = [message.timestamp for message in received if message.type_name == 'IMAGE']
        assert stamps == sorted(stamps)
        assert len(stamps) < 20
        wait_until(lambda: statistics.sent + statistics.replaced == 800)
        assert not statistics.send_rejected
        conversation.assert_alive()


def test_f8_a_peer_that_stalls_does_not_delay_another(talk: Talk) -> None:
    with (
        talk(receive_buffer=8192) as conversation,
        ScriptedPeer.dial(conversation.server.actual_port) as healthy,
    ):
        wait_until(lambda: len(conversation.handler.opened) == 2)
        stalled, session = conversation.handler.opened
        for _ in range(100):
            conversation.server.send(picture(300_000), traffic='state', to=stalled)
        delays = []
        for number in range(200):
            begin = time.monotonic()
            conversation.server.send(pose(number), traffic='state', exclude=stalled)
            assert codec.unpack(healthy.receive_message()) == pose(number)
            delays.append(time.monotonic() - begin)
        assert sorted(delays)[len(delays) // 2] < 0.01
        assert session.statistics.sent == 200
        assert session.statistics.replaced == 0
        assert stalled.statistics.replaced > 50


def test_f10_events_that_a_slow_peer_does_not_take_close_it_after_whole_messages(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    message = text('x' * 1000)
    data = codec.pack(message)
    with talk(receive_buffer=4096, send_buffer_limit=1_000_000) as conversation:
        queued = 0
        for _ in range(10_000):
            queued += conversation.server.send(message, traffic='event')
        assert conversation.wait_for_close() == 'send_buffer_limit'
        received = conversation.peer.receive_until_closed()
        # What is lost is lost at a place that the peer can see: the connection ends there.
        assert received == (data * (len(received) // len(data) + 1))[: len(received)]
        statistics = conversation.session.statistics
        assert statistics.high_water_bytes <= 1_000_000
        assert statistics.send_rejected['send_buffer_limit'] == 1
        assert queued == statistics.sent + statistics.send_rejected['closed']
    assert 'send_buffer_limit' in caplog.text
    assert 'waiting bytes are lost' in caplog.text


def test_an_event_that_waits_longer_than_the_send_timeout_closes(talk: Talk) -> None:
    with talk(receive_buffer=4096, send_timeout=0.2) as conversation:
        begin = time.monotonic()
        for _ in range(100):
            conversation.server.send(text('x' * 60_000), traffic='event')
        assert conversation.wait_for_close() == 'send_timeout'
        assert 0.2 <= time.monotonic() - begin < 1.0


def test_a_large_event_that_makes_no_progress_closes(talk: Talk) -> None:
    with talk(receive_buffer=4096, send_timeout=0.2) as conversation:
        begin = time.monotonic()
        conversation.server.send(picture(16_000_000), traffic='event')
        assert conversation.wait_for_close() == 'send_timeout'
        assert 0.2 <= time.monotonic() - begin < 1.0


def test_an_event_behind_a_state_message_that_is_stuck_closes(talk: Talk) -> None:
    with talk(receive_buffer=4096, send_timeout=0.2) as conversation:
        for _ in range(2):
            conversation.server.send(picture(8_000_000), traffic='state')
        watch_for(lambda: conversation.handler.closed, 0.5, 'a stuck state message closes')
        begin = time.monotonic()
        conversation.server.send(text('important'), traffic='event')
        assert conversation.wait_for_close() == 'send_timeout'
        assert 0.1 <= time.monotonic() - begin < 1.0


def test_a_large_event_may_take_longer_than_the_send_timeout_while_it_makes_progress(
    talk: Talk,
) -> None:
    with talk(receive_buffer=65536, send_timeout=0.2) as conversation:
        volume = picture(16_000_000)
        data = codec.pack(volume)
        conversation.server.send(volume, traffic='event')
        conversation.server.send(text('behind'), traffic='event')
        begin = time.monotonic()
        received = b''
        while len(received) < len(data):
            received += conversation.peer.receive_exactly(min(524288, len(data) - len(received)))
            watch_for(lambda: conversation.handler.closed, 0.03, 'closed though it progresses')
        assert time.monotonic() - begin > 3 * 0.2
        assert received == data
        assert codec.unpack(conversation.peer.receive_message()) == text('behind')


def test_closing_says_so_with_fin_even_if_the_peer_has_sent_more(talk: Talk) -> None:
    with talk() as conversation:
        conversation.server.send(text('last'), traffic='event')
        assert codec.unpack(conversation.peer.receive_message()) == text('last')
        conversation.peer.send(codec.pack(pose(1.0)) * 50)
        conversation.session.close('for the test')
        conversation.wait_for_close()
        assert conversation.peer.socket.recv(1) == b''


def test_the_socket_is_tuned_for_promptness_and_finds_out_that_its_peer_is_gone(
    talk: Talk,
) -> None:
    with talk() as conversation:
        sock = conversation.session._transport.get_extra_info('socket')
        level = socket.IPPROTO_TCP
        assert sock.getsockopt(level, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(level, socket.TCP_KEEPIDLE) == 5
        assert sock.getsockopt(level, socket.TCP_KEEPINTVL) == 2
        assert sock.getsockopt(level, socket.TCP_KEEPCNT) == 3
        assert sock.getsockopt(level, socket.TCP_USER_TIMEOUT) == 11_000
        assert sock.getsockopt(level, tcp.TCP_NOTSENT_LOWAT) <= 16384


def test_f5_a_peer_that_resets_is_in_the_log_with_what_it_did_not_get(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, 'ros2_igtl.transport')
    with talk(receive_buffer=4096) as conversation:
        for _ in range(100):
            conversation.server.send(text('x' * 60_000), traffic='event')
        conversation.peer.reset()
        assert conversation.wait_for_close() == 'reset by the peer'
        name = conversation.session.peer_name
    (line,) = [record.message for record in caplog.records if 'closed:' in record.message]
    assert re.fullmatch(f'{name}: closed: reset by the peer; [0-9]+ waiting bytes are lost', line)


@pytest.mark.parametrize(
    ('error', 'reason'),
    [
        (None, 'closed by the peer'),
        (ConnectionResetError(), 'reset by the peer'),
        (BrokenPipeError(), 'reset by the peer'),
        (TimeoutError(errno.ETIMEDOUT, 'timed out'), 'the peer no longer answers'),
        (OSError(errno.ENOBUFS, 'no\nroom'), r'[Errno 105] no\nroom'),
        (ValueError(), 'ValueError()'),
    ],
)
def test_f7_the_end_of_a_connection_has_a_reason(error: Exception | None, reason: str) -> None:
    assert tcp.describe_loss(error) == reason


@pytest.mark.parametrize(
    ('address', 'name'),
    [
        (('127.0.0.1', 5), '127.0.0.1:5'),
        (('::ffff:127.0.0.1', 5, 0, 0), '127.0.0.1:5'),
        (('fe80::1%eth0', 5, 0, 2), '[fe80::1%eth0]:5'),
        (('::ffff:0:127.0.0.1', 5, 0, 0), '[::ffff:0:127.0.0.1]:5'),
        (None, 'unknown:0'),
    ],
)
def test_peers_are_named_by_address_and_port(address: tuple[str, int] | None, name: str) -> None:
    assert tcp.name_of(address) == name


# Back-pressure and memory


def test_a_peer_that_is_paused_is_not_read_and_loses_nothing(
    talk: Talk, io_thread: IoThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [pose(float(number)) for number in range(250)]
    with talk(header_timeout=0.1, body_timeout=0.1, idle_timeout=0.1) as conversation:
        session = conversation.session
        original = conversation.handler.message_received

        def pause(sender: Session, message: codec.Message, receive_time_ns: int) -> None:
            original(sender, message, receive_time_ns)
            if message == messages[0]:
                sender.pause_reading()
                sender.pause_reading()

        monkeypatch.setattr(conversation.handler, 'message_received', pause)
        conversation.peer.send(b''.join(codec.pack(message) for message in messages)[:-1])
        conversation.wait_for_messages(1)
        received = session.statistics.received_bytes
        conversation.server.send(text('still sent'), traffic='event')
        assert codec.unpack(conversation.peer.receive_message()) == text('still sent')
        watch_for(lambda: conversation.handler.closed, 0.5, 'a paused peer is closed')
        assert conversation.handler.messages == messages[:1]
        conversation.peer.send(codec.pack(messages[-1])[-1:])
        watch_for(lambda: session.statistics.received_bytes != received, 0.1, 'it is read')
        io_thread.call(session.resume_reading)
        io_thread.call(session.resume_reading)
        assert conversation.wait_for_messages(250) == messages
        assert conversation.wait_for_close() == 'idle_timeout'


def test_a_peer_that_leaves_while_it_is_paused_is_read_to_its_end(
    talk: Talk, io_thread: IoThread
) -> None:
    with talk() as conversation:
        io_thread.call(conversation.session.pause_reading)
        conversation.peer.send(codec.pack(pose(1.0)))
        conversation.peer.close()
        watch_for(lambda: conversation.handler.messages, 0.1, 'it is read')
        io_thread.call(conversation.session.resume_reading)
        assert conversation.wait_for_close() == 'closed by the peer'
        assert conversation.handler.messages == [pose(1.0)]


def test_what_others_hold_for_a_peer_counts_until_its_session_ends(
    talk: Talk, io_thread: IoThread
) -> None:
    io_thread.budget.limit_bytes = 1_000_000
    with talk() as conversation:
        conversation.session.hold('volumes', 600_000)
        conversation.session.hold('waiting', 400_000)
        assert io_thread.budget.held_bytes == 1_000_000
        conversation.session.hold('waiting', 400_001)
        assert conversation.wait_for_close().startswith('memory_limit: ')
        conversation.session.hold('waiting', 5)
        assert io_thread.budget.held_bytes == 0


def many_children(count: int = 20_000) -> codec.Message:
    return codec.Message(codec.Bind((codec.Message(codec.StopImage()),) * count))


def test_f43_a_message_that_takes_long_is_unpacked_beside_the_others_and_in_order(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    with talk() as conversation:
        stream = conversation.session._stream
        original = stream.next_message

        def unpack() -> Any:
            threads.append(threading.current_thread().name)
            return original()

        monkeypatch.setattr(stream, 'next_message', unpack)
        messages = [pose(1.0), many_children(), pose(2.0), many_children(), pose(3.0)]
        conversation.peer.send(b''.join(map(codec.pack, messages)))
        conversation.wait_for_messages(len(messages))
        assert conversation.handler.messages == messages
    assert {name.partition('_')[0] for name in threads} == {'igtl', 'asyncio'}


def test_f43_what_cannot_be_unpacked_beside_the_others_is_rejected(talk: Talk) -> None:
    data = bytearray(codec.pack(many_children()))
    data[-1] ^= 1
    with talk() as conversation:
        conversation.peer.send(bytes(data) + codec.pack(pose(1.0)))
        conversation.wait_for_messages(1)
        assert conversation.session.statistics.rejected == {'crc': 1}


def test_f43_a_peer_that_leaves_meanwhile_ends_its_session(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    with talk() as conversation:
        stream = conversation.session._stream
        original = stream.next_message

        def unpack() -> Any:
            if threading.current_thread().name.startswith('asyncio'):
                begun.set()
                may_end.wait(10.0)
            return original()

        monkeypatch.setattr(stream, 'next_message', unpack)
        conversation.peer.send(codec.pack(many_children()))
        assert begun.wait(10.0)
        conversation.session.close('of the test')
        wait_until(lambda: conversation.session._end_later is not None, 5.0, 'the end')
        may_end.set()
        assert conversation.wait_for_close() == 'of the test'
        assert conversation.handler.messages == []

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""One peer: a codec Connection on an asyncio transport; how it was connected is not known here."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Literal, cast

from ros2_igtl import codec
from ros2_igtl.codec import escape
from ros2_igtl.codec.stream import CrcPolicy, NeedData
from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.handler import Handler
from ros2_igtl.transport.io_thread import IoThread
from ros2_igtl.transport.log import Throttle, logger
from ros2_igtl.transport.outbox import BATCH_BYTES, Batch, Buffer, Outbox, Traffic
from ros2_igtl.transport.statistics import Statistics
from ros2_igtl.transport.tls import TlsError

MESSAGES_A_TURN = 100  # then the other peers have their turn
BYTES_A_TURN = 1 << 20
ACCOUNTED_BYTES = 1 << 20  # that wait to be sent; fewer are counted a little later
SLICE_BYTES = 262144  # asyncio copies what the socket does not take: never more than this
NO_ANSWER = 'the peer no longer answers'
# Of reasons to close, those that a user has to look after.
WARNED_REASONS = ('send_', 'body_', 'header_', 'idle_', 'memory_', 'max_', NO_ANSWER)
MAX_CRC_FAILURES = 3  # in a row: the stream is out of step, not a bit flipped
MIN_BODY_PROGRESS = 1024  # bytes a body_timeout: a peer that drips is as good as silent

KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES = 5, 2, 3
USER_TIMEOUT_MS = 11_000  # what keepalive takes to give up, for data that is not acknowledged
NOT_SENT_LOW_WATER = 16384  # more would wait in the kernel, where nothing newer can replace it
TCP_NOTSENT_LOWAT = 25  # Linux; Python names it from 3.12 on only


_FOREIGN_STARTS = (
    (b'\x16\x03', 'TLS'),
    *((method, 'HTTP') for method in (b'GET ', b'POST', b'HEAD', b'PUT ', b'OPTI', b'HTTP')),
    (b'SSH-', 'SSH'),
)
_FIRST_BYTES = 4  # as many as the longest start above has


class Session(asyncio.BufferedProtocol):
    """One connection alive, and the program at its other end."""

    def __init__(
        self,
        io_thread: IoThread,
        options: Options,
        handler: Handler,
        throttle: Throttle,
        on_opened: Callable[[Session], None],
        on_closed: Callable[[Session], None],
    ) -> None:
        """
        Wait for a transport; made by clients and servers, on the I/O thread.

        :param on_opened: called before the handler is told.
        :param on_closed: called before the handler is told.
        """
        self.statistics = Statistics()
        self.peer_name = ''
        self.security = ''  # how a connection with TLS is secured, for people
        self.closed: asyncio.Future[str] = io_thread.loop.create_future()
        self._io_thread = io_thread
        self._loop = io_thread.loop
        self._options = options
        self._handler = handler
        self._throttle = throttle
        self._on_opened = on_opened
        self._on_closed = on_closed
        self._transport: asyncio.Transport  # from connection_made() on, before anybody sees us
        self._close_reason = ''
        self._timer: asyncio.TimerHandle
        deadlines = (options.header_timeout, options.body_timeout, options.send_timeout)
        periods = (options.keepalive_interval or 1.0, options.idle_timeout or 1.0)
        self._tick = min(*deadlines, *periods, 1.0) / 4

        self._connection = codec.Connection(
            codec.Limits(max_body_size=options.max_message_bytes),
            cast(CrcPolicy, options.crc_policy),
        )
        self._first_buffer = memoryview(b'')
        self._first_bytes = b''
        self._receive_time_ns = 0
        self._crc_failures = 0
        self._rejected_since = 0.0
        self._rejected_count = 0  # since then
        self._last_read_at = 0.0
        self._is_paused = False
        self._is_rest_counted = True  # a message that is cut off, unless we closed at will
        self._header_since: float | None = None
        self._body_since: float | None = None
        self._body_mark = 0  # received_bytes when the body last made progress

        self._outbox = Outbox(options.send_buffer_limit, self.statistics)
        self._slices: deque[memoryview] = deque()  # of the batch that is being written
        self._batch = Batch((), 0, 0, False)
        self._is_blocked = False
        self._is_pump_scheduled = False
        self._drain_reason = ''
        self._handed_bytes = 0
        self._written_bytes = 0
        self._progress_at = 0.0
        self._large_done_at = 0.0
        self._last_write_at = 0.0

    def __repr__(self) -> str:
        """Name the peer."""
        return f'<Session {self.peer_name}>'

    @property
    def header_version(self) -> int:
        """The header version that is sent to this peer, 1 or 2."""
        return self._options.header_version or min(max(self._connection.peer_version, 1), 2)

    @property
    def host(self) -> str:
        """The peer without its port, which is another at each try."""
        return self.peer_name.rpartition(':')[0]

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait to be sent, without the message that is being written."""
        return self._outbox.waiting_bytes

    def close(self, reason: str) -> None:
        """Close the connection at once; from any thread; what waits is not sent."""
        if self._io_thread.is_current:
            self._close(reason)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed, and so is this session
            self._loop.call_soon_threadsafe(self._close, reason)

    def pause_reading(self) -> None:
        """Read nothing until :meth:`resume_reading`; on the I/O thread."""
        self._is_paused = True
        if not self._close_reason:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again; on the I/O thread."""
        self._is_paused = False
        if not self._close_reason:
            self._loop.call_soon(self._deliver)

    # What clients and servers call.

    def put(self, buffers: Sequence[Buffer], size: int, traffic: Traffic, key: Hashable) -> bool:
        """Queue a packed message, from any thread; flush() has to follow on the I/O thread."""
        is_queued = self._outbox.put(buffers, size, traffic, key)
        if self._outbox.waiting_bytes > ACCOUNTED_BYTES:
            self._account()
        return is_queued

    def withdraw(self, is_chosen: Callable[[Hashable], bool]) -> list[Hashable]:
        """Remove events that wait by their keys, as :meth:`Outbox.withdraw` does."""
        return self._outbox.withdraw(is_chosen)

    def flush(self) -> None:
        """Write what waits; on the I/O thread."""
        if self._outbox.has_overflown:
            self._close('send_buffer_limit')
        else:
            self._pump()

    def close_when_sent(self, reason: str) -> None:
        """Close as soon as what waits was written; on the I/O thread."""
        self._drain_reason = reason
        self._outbox.refuse_more()
        self._pump()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)
        self.peer_name = name_of(transport.get_extra_info('peername'))
        self.security = transport.get_extra_info('security', '')
        _tune(transport.get_extra_info('socket'))
        self.statistics.connects = 1
        self._last_write_at = self._last_read_at = self._rejected_since = self._loop.time()
        self._timer = self._loop.call_later(self._tick, self._check)
        self._on_opened(self)
        self._call_handler(self._handler.session_opened, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; called once, whoever closed."""
        if isinstance(exc, TlsError):
            self.statistics.tls_failures[exc.cause] += 1
        if exc is not None and not self._close_reason:
            self._receive_rest()
        if not self._close_reason:
            self._close_reason = _describe_loss(exc)
            self._log_end()
        reason = self._close_reason
        self._timer.cancel()
        if self._is_rest_counted:
            try:
                self._connection.close()
            except codec.TruncatedError as error:
                self._reject(error)
        self._slices.clear()
        self._outbox.close()
        self._io_thread.budget.hold(self, 0)
        self.statistics.disconnects = 1
        self._on_closed(self)
        try:
            self._handler.session_closed(self, reason)
        except Exception:
            logger.exception('%s: session_closed failed', self.peer_name)
        self.closed.set_result(reason)

    def eof_received(self) -> bool:
        """Close: a peer that sends no more has gone."""
        self._close('closed by the peer', is_rest_counted=True)
        return False

    def get_buffer(self, sizehint: int) -> memoryview:
        """Receive straight into where the codec wants the bytes."""
        buffer = self._connection.get_buffer()
        if len(self._first_bytes) < _FIRST_BYTES:
            self._first_buffer = buffer
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was received."""
        self._receive_time_ns = time.time_ns()
        self._last_read_at = self._loop.time()
        self.statistics.received_bytes += nbytes
        if len(self._first_bytes) < _FIRST_BYTES:
            self._first_bytes += bytes(self._first_buffer[: min(nbytes, _FIRST_BYTES)])
        self._connection.buffer_updated(nbytes)
        self._deliver()

    def pause_writing(self) -> None:
        """Stop: the socket takes no more."""
        self._is_blocked = True
        self._outbox.set_blocked(True)

    def resume_writing(self) -> None:
        """Go on: the socket took all it was given."""
        self._is_blocked = False
        self._outbox.set_blocked(False)
        self._pump()

    # Receiving.

    def _deliver(self, limit: int = MESSAGES_A_TURN) -> None:
        """Give the handler the messages that are complete, at most a turn's worth."""
        completed = 0
        while completed < limit and not (self._close_reason or self._is_paused):
            try:
                received = self._next_message()
            except Exception as error:  # fail closed: this session only
                self._fail(error)
                return
            if received is codec.NEED_DATA:
                self._transport.resume_reading()
                self._note_receive_progress(completed)
                return
            if isinstance(received, codec.Message):
                self._accept(received)
            else:
                self._refuse(received)
            completed += 1
        if self._is_paused:
            self._header_since = self._body_since = None
        elif not self._close_reason:
            self._header_since = self._body_since = None  # what comes next is there already
            self._transport.pause_reading()
            self._loop.call_soon(self._deliver)

    def _next_message(self) -> codec.Message | codec.DecodeError | Literal[NeedData.NEED_DATA]:
        """Return what the codec has next, or why there is no message."""
        try:
            return self._connection.next_message()
        except codec.DecodeError as error:
            return error

    def _receive_rest(self) -> None:
        """
        Take what the peer sent before it was gone.

        When our own write is the first to notice, asyncio closes without a look at what arrived
        before: that would lose the message of a peer that sends one and leaves.
        """
        self._deliver(sys.maxsize)
        read = self._transport.get_extra_info('read_rest') or self._read_socket
        with contextlib.suppress(OSError):  # nothing more, or the error once more
            while not self._close_reason:
                size = read(self.get_buffer(-1))
                if size == 0:
                    return
                self.buffer_updated(size)
                self._deliver(sys.maxsize)

    def _read_socket(self, buffer: memoryview) -> int:
        """Return how many bytes there were; 0 at the end."""
        return os.readv(self._transport.get_extra_info('socket').fileno(), [buffer])

    def _accept(self, message: codec.Message) -> None:
        """Count a message and give it to the handler."""
        self.statistics.received += 1
        if message.crc_ok:
            self._crc_failures = 0
        elif self._options.crc_policy == 'warn':
            self._warn_of_crc(message)
        self._call_handler(self._handler.message_received, self, message, self._receive_time_ns)

    def _refuse(self, error: codec.DecodeError) -> None:
        """Count a message that the codec refused, and close if nothing can follow it."""
        self._reject(error)
        if isinstance(error, codec.FramingError):
            self._close(f'{error.cause}: {error}{self._foreign_hint()}')
        elif isinstance(error, codec.CrcError):
            self._crc_failures += 1
            if self._crc_failures == MAX_CRC_FAILURES:
                self._close(f'{MAX_CRC_FAILURES} messages in a row with a wrong CRC')

    def _note_receive_progress(self, completed: int) -> None:
        """Set the deadlines by what is pending."""
        if self._connection.idle:
            self._header_since = self._body_since = None
        elif self._connection.state == 'header':
            if completed or self._header_since is None:
                self._header_since = self._loop.time()
            self._body_since = None
        else:
            self._header_since = None
            received = self.statistics.received_bytes
            if (
                completed
                or self._body_since is None
                or received - self._body_mark >= MIN_BODY_PROGRESS
            ):
                self._body_since = self._loop.time()
                self._body_mark = received
            self._account()

    def _reject(self, error: codec.DecodeError) -> None:
        """Count, log and pass on a message that the codec refused."""
        self.statistics.received += 1
        self.statistics.rejected[error.cause] += 1
        what = ''
        if error.header is not None:
            what = f' {error.header.type_name} {error.header.device_name!r}'
        self._throttle.log(
            logging.WARNING,
            (self.host, error.cause),
            f'{self.peer_name}: message{what} rejected: {error.cause}: {error}',
        )
        self._call_handler(self._handler.message_rejected, self, error)
        self._limit_rejected()

    def _limit_rejected(self) -> None:
        """Close if more messages are refused than a second may have."""
        most = self._options.max_rejected_rate
        now = self._loop.time()
        if now - self._rejected_since >= 1.0:
            self._rejected_since, self._rejected_count = now, 0
        self._rejected_count += 1
        if most and self._rejected_count > most:
            self._close(f'max_rejected_rate: more than {most} messages a second were rejected')

    def _warn_of_crc(self, message: codec.Message) -> None:
        """Count and log a message that passes though its CRC is wrong."""
        self.statistics.crc_warned += 1
        self._throttle.log(
            logging.WARNING,
            (self.host, 'crc_warned'),
            f'{self.peer_name}: {message.type_name} {message.device_name!r} has a wrong CRC',
        )

    def _foreign_hint(self) -> str:
        """Say what the first bytes of a peer that makes no sense look like."""
        if self.statistics.received == sum(self.statistics.rejected.values()):
            for start, protocol in _FOREIGN_STARTS:
                if self._first_bytes.startswith(start):
                    return f' (looks like {protocol})'
        return ''

    # Sending.

    def _pump(self) -> None:
        """Write until the socket takes no more, nothing waits or the turn is over."""
        transport = self._transport
        budget = BYTES_A_TURN
        while budget > 0 and not (self._is_blocked or self._close_reason):
            if not self._slices and not self._begin_batch():
                break
            data = self._slices.popleft()
            budget -= len(data)
            self._handed_bytes += len(data)
            if not self._slices:
                self._end_batch()
            transport.write(data)  # may call pause_writing()
            if transport.is_closing():  # it failed; connection_lost() comes
                return
        if self._close_reason or self._is_blocked:
            return
        if budget <= 0:
            if not self._is_pump_scheduled:
                self._is_pump_scheduled = True
                self._loop.call_soon(self._pump_more)
        elif self._drain_reason:
            self._close(self._drain_reason)

    def _pump_more(self) -> None:
        """Go on with what a turn left."""
        self._is_pump_scheduled = False
        self._pump()

    def _begin_batch(self) -> bool:
        """Take what is to be written next; whether there was anything."""
        batch = self._outbox.take()
        if batch is None:
            return False
        self._batch = batch
        self._last_write_at = self._progress_at = self._loop.time()
        for buffer in batch.buffers:
            view = memoryview(buffer).cast('B')
            for start in range(0, len(view), SLICE_BYTES):
                self._slices.append(view[start : start + SLICE_BYTES])
        return True

    def _end_batch(self) -> None:
        """Count what was handed to the socket."""
        self.statistics.sent += self._batch.messages
        self.statistics.sent_bytes += self._batch.size
        if self._batch.size > BATCH_BYTES:
            self._large_done_at = self._loop.time()

    def _has_send_stalled(self, now: float) -> bool:
        """
        Whether an event has waited for too long.

        Only events count: a state message loses nothing by waiting, and a peer that is gone is
        found by TCP. Time that a large message takes while it makes progress does not count.
        """
        written = self._handed_bytes - self._transport.get_write_buffer_size()
        if written != self._written_bytes:
            self._written_bytes = written
            self._progress_at = now
        is_unfinished = bool(self._slices) or self._is_blocked
        latest = now - self._options.send_timeout
        if is_unfinished and self._batch.has_event and self._progress_at < latest:
            return True
        oldest = self._outbox.oldest_event_since
        if oldest is None:
            return False
        is_large = is_unfinished and self._batch.size > BATCH_BYTES
        return max(oldest, self._progress_at if is_large else self._large_done_at) < latest

    # Both.

    def _check(self) -> None:
        """Close if a deadline has passed; send a keepalive if it is time."""
        now = self._loop.time()
        options = self._options
        self._timer = self._loop.call_later(self._tick, self._check)
        self._account()
        if self._header_since is not None and now - self._header_since > options.header_timeout:
            self._close(f'header_timeout{self._foreign_hint()}', is_rest_counted=True)
        elif self._body_since is not None and now - self._body_since > options.body_timeout:
            self._close('body_timeout', is_rest_counted=True)
        elif options.idle_timeout and now - self._last_read_at > options.idle_timeout:
            self._close('idle_timeout')
        elif self._has_send_stalled(now):
            self._close('send_timeout')
        elif options.keepalive_interval and (
            now - self._last_write_at >= options.keepalive_interval
        ):
            # Header version 1 whatever the peer speaks: every version reads it.
            keepalive = codec.pack(codec.Message(codec.Status()))
            self.put([keepalive], len(keepalive), 'event', ('STATUS', ''))
            self._pump()

    def _account(self) -> None:
        """Say how much memory this peer takes."""
        held = self._connection.held_bytes + self._outbox.waiting_bytes
        self._io_thread.budget.hold(self, held)

    def _close(self, reason: str, *, is_rest_counted: bool = False) -> None:
        """Close at once; the first reason stays."""
        if self._close_reason:
            return
        transport = self._transport
        self._close_reason = reason
        self._is_rest_counted = is_rest_counted
        self._log_end()
        self._outbox.close()
        # With bytes unread close() alone would send RST, and not FIN first.
        if transport.can_write_eof() and not transport.get_write_buffer_size():
            with contextlib.suppress(OSError):  # not connected any more
                transport.write_eof()
        transport.abort()

    def _log_end(self) -> None:
        """Log why the session ends, and what that costs."""
        reason = self._close_reason
        waiting = self._outbox.waiting_bytes
        level = logging.WARNING if reason.startswith(WARNED_REASONS) else logging.INFO
        lost = f'; {waiting} bytes that waited are lost' if waiting else ''
        cause = reason.partition(':')[0]  # what follows are the peer's own bytes, always others
        self._throttle.log(
            level, (self.host, 'closed', cause), f'{self.peer_name}: closed: {reason}{lost}'
        )

    def _fail(self, error: Exception) -> None:
        """Close because of a fault of ours."""
        if not self._close_reason:
            logger.error('%s: closed by a fault', self.peer_name, exc_info=error)
        self._close(f'internal error: {error!r}')

    def _call_handler(self, method: Callable[..., None], *arguments: object) -> None:
        """Call the handler; if it fails, close this session only."""
        try:
            method(*arguments)
        except Exception as error:
            self._fail(error)


def name_of(address: tuple[str, int] | tuple[str, int, int, int] | None) -> str:
    """Return host:port of a socket address; an IPv6 host in brackets, a mapped IPv4 host bare."""
    if not address:  # the peer was gone before it could be asked
        return 'unknown:0'
    host, port = address[0].removeprefix('::ffff:'), address[1]
    return f'[{host}]:{port}' if ':' in host else f'{host}:{port}'


def _tune(sock: socket.socket) -> None:
    """Set what makes a socket prompt, and lets it find out that its peer has gone."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_LOW_WATER)


def _describe_loss(error: Exception | None) -> str:
    """Say why a connection ended that we did not close."""
    if error is None:
        return 'closed by the peer'
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return 'reset by the peer'
    if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
        return NO_ANSWER
    return escape(str(error) or repr(error))

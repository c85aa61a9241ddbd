# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# Over 250 lines because asyncio calls one object for all that happens on a connection.
"""A session on an asyncio transport over TCP, which connects codec, deadlines and writer to it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import time
from collections.abc import Callable
from typing import Literal, TypeAlias

from ros2_igtl import codec
from ros2_igtl.codec.stream import NeedData
from ros2_igtl.options import TransportOptions as Options
from ros2_igtl.transport.deadlines import tick_of
from ros2_igtl.transport.handler import Handler
from ros2_igtl.transport.io_thread import IoThread
from ros2_igtl.transport.log import Throttle
from ros2_igtl.transport.peer_log import PeerLog
from ros2_igtl.transport.receiver import Receiver
from ros2_igtl.transport.session import Session
from ros2_igtl.transport.tcp import (
    QUIET_S,
    Backlog,
    describe_loss,
    hang_up,
    has_peer,
    name_of,
    read_rest,
    tune,
    unread_size,
)
from ros2_igtl.transport.tls import TlsError

Message: TypeAlias = codec.Message | Literal[NeedData.NEED_DATA]

TURN_S = 0.002  # then it is the turn of the other peers


class TcpSession(Session, asyncio.BufferedProtocol):
    """A session on a transport of asyncio or TLS; only close() may run on other threads."""

    def __init__(
        self,
        io_thread: IoThread,
        options: Options,
        handler: Handler,
        throttle: Throttle,
        on_opened: Callable[[Session], None],
        on_closed: Callable[[Session], None],
    ) -> None:
        """Wait for a transport; on_opened and on_closed are called before the handler."""
        super().__init__(io_thread, options)
        self._options = options
        self._handler = handler
        self._log = PeerLog(self, throttle)
        self._on_opened = on_opened
        self._on_closed = on_closed
        self._receiver = Receiver(options, self.statistics, self._loop.time())
        self._stream = self._receiver.stream
        self._transport: asyncio.Transport  # from connection_made() on, before the session is used
        self._timer: asyncio.TimerHandle
        self._receive_time_ns = 0
        self._read_s = time.monotonic()
        self._has_paused = False  # reading, since then
        self._room = 0  # in the buffer
        self._peer_version = 0  # the highest header version received
        self._is_paused = False  # by pause_reading()
        self._is_turn_over = False  # more messages have arrived than fit one turn
        self._backlog = Backlog()
        self._is_flush_scheduled = False
        self._is_unpacking = False  # on a helper thread
        self._unpacked: Callable[[], Message] | None = None  # returns the message from there
        self._end_later: Callable[[], None] | None = None  # what to do after that
        self._is_lost = False  # only data received before are still read
        self._is_rest_counted = True  # count an incomplete message; False if we chose to close
        self._close_reason = ''

    @property
    def is_ending(self) -> bool:
        """Whether the peer has disconnected, even if its data are not all read yet."""
        sock = self._transport.get_extra_info('socket')
        return bool(self._close_reason) or not has_peer(sock)

    @property
    def is_behind(self) -> bool:
        """Whether data that have arrived are still to be delivered."""
        sock = self._transport.get_extra_info('socket')
        return self._is_turn_over or self._is_unpacking or unread_size(sock) > 0

    def account(self) -> None:
        """Report the memory that the transport holds for this peer."""
        self.hold('transport', self._stream.held_bytes + self.outbox.waiting_bytes)

    def flush_later(self) -> None:
        """Continue in the next turn with the messages left over from this one."""
        if not self._is_flush_scheduled:
            self._is_flush_scheduled = True
            self._loop.call_soon(self._flush_more)

    def pause_reading(self) -> None:
        """Stop reading until resume_reading(); may be called twice."""
        if not (self._is_paused or self._is_lost or self._close_reason):
            self._is_paused = self._has_paused = True
            self._receiver.deadlines.pause()
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume in the next turn, with the data already received."""
        if self._is_paused:
            self._is_paused = False
            self._is_turn_over = True
            self._receiver.deadlines.resume(self._loop.time())
            self._loop.call_soon(self._deliver)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the session."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = self.writer.sink = transport
        transport.set_write_buffer_limits(high=0)
        self.peer_name = name_of(transport.get_extra_info('peername'))
        self.security = transport.get_extra_info('security', '')
        tune(transport.get_extra_info('socket'))
        self.statistics.connects = 1
        self._io_thread.budget.admit(self)
        self._check(tick_of(self._options))
        self._on_opened(self)
        self._tell(self._handler.session_opened, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session; called once, whichever side closed."""
        if self._is_unpacking:
            self._end_later = functools.partial(self.connection_lost, exc)
            return
        if isinstance(exc, TlsError):
            self.statistics.tls_failures[exc.cause] += 1
        self._attempt('reading the rest', self._receive_last, exc)
        self._timer.cancel()
        self.writer.clear()
        self.outbox.close()
        self.statistics.disconnects = 1
        # what a faulty session leaves behind would keep its frames, and its place, for ever
        self._attempt('release', self._io_thread.budget.release, self)
        self._attempt('on_closed', self._on_closed, self)
        self._attempt('session_closed', self._handler.session_closed, self, self._close_reason)
        self.closed.set_result(self._close_reason)

    def _attempt(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Do a part of the end, and log its failure, so that the other parts are done too."""
        try:
            function(*arguments)
        except Exception as error:
            self._log.fault(f'{name} failed', error)

    def eof_received(self) -> bool:
        """Close, since a peer that ends its stream has disconnected."""
        self._close('closed by the peer', is_rest_counted=True)
        return False

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer of the codec to receive into."""
        buffer = self._stream.get_buffer()
        self._room = len(buffer)
        return buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Handle received data."""
        now_s, self._receive_time_ns = time.monotonic(), time.time_ns()
        gap_s, self._read_s = now_s - self._read_s, now_s
        backlog, self.data_age_s = self._backlog, 0.0
        is_full = nbytes == self._room or self.security  # the data of TLS come in pieces
        if is_full or backlog.has_unread or gap_s > QUIET_S:
            if not self._has_paused:  # and would have read them at once
                gap_s = min(gap_s, now_s - self._io_thread.alive_s)
            sock = self._transport.get_extra_info('socket')
            self.data_age_s = backlog.age_s(sock, nbytes, gap_s)
        self._has_paused = False
        self.statistics.received_bytes += nbytes
        self._stream.buffer_updated(nbytes)
        self._deliver()

    def pause_writing(self) -> None:
        """Stop writing, since the socket accepts no more data."""
        self.outbox.set_blocked(True)

    def resume_writing(self) -> None:
        """Resume writing, since the socket has sent all data."""
        self.outbox.set_blocked(False)
        self.writer.flush()

    def _deliver(self, *, is_rest: bool = False) -> None:
        """
        Pass complete messages to the handler, for the length of one turn.

        :param is_rest: all that there are, because the connection is lost.
        """
        completed, end = 0, math.inf if is_rest else time.monotonic() + TURN_S
        stream = self._stream
        while not (
            self._close_reason
            or self._is_paused
            or self._is_unpacking
            or (stream.has_large and not is_rest and self._unpacks_aside())
        ):
            if completed and time.monotonic() >= end:
                self._end_turn()
                self._loop.call_soon(self._deliver)
                return
            completed += 1
            take, self._unpacked = self._unpacked or stream.next_message, None
            message: Message | codec.DecodeError
            try:
                message = take()
            except codec.DecodeError as error:
                message = error
            except Exception as error:  # close only this session
                self._fail(error)
                return
            if stream.peer_version != self._peer_version:
                self._note_peer_version()
            if message is codec.NEED_DATA:
                self._await_data(completed > 1)
                return
            if isinstance(message, codec.DecodeError):
                self._reject(message)
                continue
            self.statistics.received += 1
            if not message.crc_ok:
                self._note_wrong_crc(message)
            try:
                self._handler.message_received(self, message, self._receive_time_ns)
            except Exception as error:
                self._fail(error)

    def _note_wrong_crc(self, message: codec.Message) -> None:
        """Count and log a message that is passed on in spite of its CRC."""
        if self._options.crc_policy == 'warn':
            self.statistics.crc_warned += 1
            self._log.wrong_crc(message)

    def _note_peer_version(self) -> None:
        """Send the header version that the peer has sent, unless the options name one."""
        version = self._peer_version = self._stream.peer_version
        self.header_version = self._options.header_version or min(version, 2) or 1

    def _await_data(self, has_completed: bool) -> None:
        """Continue reading, with a deadline if a message is incomplete."""
        if self._is_turn_over:
            self._is_turn_over = False
            self._transport.resume_reading()
        if self._receiver.deadlines.is_running or not self._stream.idle:
            self._receiver.note_progress(has_completed, self._loop.time())
            self.account()

    def _end_turn(self) -> None:
        """Leave the turn to the other peers; the next messages have already arrived."""
        self._is_turn_over = self._has_paused = True
        self._receiver.deadlines.clear()
        self._transport.pause_reading()

    def _unpacks_aside(self) -> bool:
        """Unpack the next message on a helper thread if that would delay the other peers."""
        if self._unpacked is not None or not self._stream.is_costly:
            return False
        self._end_turn()
        self._is_unpacking = True

        def unpacked(future: asyncio.Future[Message]) -> None:
            self._is_unpacking, self._unpacked = False, future.result
            future.exception()  # if the session was closed meanwhile, nobody else asks
            try:
                self._deliver()
            finally:
                if self._end_later is not None:
                    self._end_later()

        unpacking = self._loop.run_in_executor(None, self._stream.next_message)
        unpacking.add_done_callback(unpacked)
        return True

    def _receive_last(self, error: Exception | None) -> None:
        """Read what came before the end, and log the reason of the end unless that was ours."""
        try:
            if error is not None and not self._close_reason:
                self._receive_rest()
        finally:
            if not self._close_reason:
                self._close_reason = describe_loss(error)
                self._log.closed(self._close_reason)
        if self._is_rest_counted:
            try:
                self._stream.close()
            except codec.TruncatedError as truncated:
                self._reject(truncated)

    def _receive_rest(self) -> None:
        """Read the data sent before the disconnection; asyncio does not if a write failed."""
        self._is_lost, self._is_paused = True, False
        self._deliver(is_rest=True)
        with contextlib.suppress(OSError):  # no more data, or the same error again
            while not self._close_reason and (
                size := read_rest(self._transport, self.get_buffer(-1))
            ):
                self.buffer_updated(size)
                self._deliver(is_rest=True)

    def _reject(self, error: codec.DecodeError) -> None:
        """Count, log and pass on a rejected message; close if there are too many."""
        end = self._receiver.reject(error, self._loop.time())
        self._log.rejected(error)
        self._tell(self._handler.message_rejected, self, error)
        if end:
            self._close(end)

    def _flush_more(self) -> None:
        """Continue with the messages left over from the last turn."""
        self._is_flush_scheduled = False
        self.writer.flush()

    def _check(self, tick: float) -> None:
        """Close if a deadline has passed, send a keepalive if it is due; every tick seconds."""
        now = self._loop.time()
        self._timer = self._loop.call_later(tick, self._check, tick)
        self.account()
        self._log.flush()
        deadlines = self._receiver.deadlines
        deadlines.check_self(tick, now)
        stalled = deadlines.stalled_since(now - self._options.send_timeout)
        if missed := self._receiver.missed_deadline(now):
            self._close(missed, is_rest_counted=missed != 'idle_timeout')
        elif self.writer.has_stalled(now, self._transport.get_write_buffer_size(), stalled):
            self._close('send_timeout')
        elif self.writer.needs_keepalive(now):
            # Header version 1, which every peer can read.
            keepalive = codec.pack(codec.Message(codec.Status()))
            self.outbox.put([keepalive], len(keepalive), 'event', ('STATUS', ''))
            self.writer.flush()

    def _close(self, reason: str, *, is_rest_counted: bool = False) -> None:
        """Close at once; only the first reason counts."""
        if self._close_reason:
            return
        self._close_reason = reason
        self._is_rest_counted = is_rest_counted
        self._log.closed(self._close_reason)
        self.outbox.close()
        hang_up(self._transport)

    def _fail(self, error: Exception) -> None:
        """Close because of an internal error."""
        if not self._close_reason:
            self._log.fault('closed by a fault', error)
        self._close(f'internal error: {error!r}')

    def _tell(self, method: Callable[..., None], *arguments: object) -> None:
        """Call the handler; if it fails, close only this session."""
        try:
            method(*arguments)
        except Exception as error:
            self._fail(error)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# Over 400 lines because the parser and the buffers that it parses share their state.
"""
A stream of bytes in, messages out; no socket and no clock.

Small messages are read into one scratch buffer. A larger message gets a buffer of its own, and its
bulk data (the pixels of an IMAGE) another one, so that the pixels that the socket has written can
be published without a copy.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from ros2_igtl.codec.errors import (
    DecodeError,
    ExtendedHeaderError,
    MessageError,
    TruncatedError,
)
from ros2_igtl.codec.header import EXTENDED_HEADER_SIZE, HEADER_BY_START, HEADER_SIZE, Header
from ros2_igtl.codec.message import Message
from ros2_igtl.codec.registry import Content
from ros2_igtl.codec.unpack import (
    ORIGINS,
    BodyLayout,
    Origin,
    find_origin,
    header_of,
    unpack_body,
    unpack_large,
)
from ros2_igtl.codec.wire import Buffer

__all__ = ['NEED_DATA', 'Connection', 'Limits', 'Stream']

CrcPolicy = Literal['reject', 'warn', 'ignore']


class NeedData(Enum):
    """The type of :data:`NEED_DATA`."""

    NEED_DATA = 'NEED_DATA'

    def __repr__(self) -> str:
        return 'NEED_DATA'


NEED_DATA: Final = NeedData.NEED_DATA
"""The return value of :meth:`Stream.next_message` if no whole message has arrived."""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The limits of what a peer can make a stream allocate.

    :ivar max_body_size: bytes of a body. 256 MiB hold a CT volume of 512 x 512 x 512 x u16; a
        peer can announce 2**64 - 1.
    :ivar max_unreceived: bytes allocated for a body before they arrive; a larger body's buffer
        grows as it fills. 16 MiB hold an RGBA image of 1920 x 1080.
    """

    max_body_size: int = 268_435_456
    max_unreceived: int = 16_777_216

    def __post_init__(self) -> None:
        if self.max_body_size < 0 or self.max_unreceived < 1:
            raise ValueError(
                f'{self}: max_body_size of 0 or more and max_unreceived of 1 or more are allowed'
            )


_SCRATCH_SIZE = 65536
_COSTLY_SIZE = 2**24  # bytes, whose CRC takes some milliseconds
_SMALL_SIZE = 32768  # bytes; larger messages do not use the scratch buffer


class _Growing:
    """A buffer that grows to its final size as it fills."""

    __slots__ = ('data', 'filled', 'size', 'step')

    def __init__(self, size: int, step: int) -> None:
        self.size = size
        self.step = step
        self.filled = 0
        self.data = self._zeros(0)  # allocate the tail only after the bulk data

    @staticmethod
    def _zeros(size: int) -> array[int]:
        return array('B', (0,)) * size

    def room(self) -> memoryview:
        """Return the part to write to next; never empty before the buffer is full."""
        if self.filled == len(self.data) < self.size:
            grown = self._zeros(min(self.size, max(2 * self.filled, self.step)))
            memoryview(grown)[: self.filled] = memoryview(self.data)
            self.data = grown
        return memoryview(self.data)[self.filled :]

    def write(self, data: memoryview) -> int:
        """Copy as much of the front of ``data`` as fits; return the number of bytes copied."""
        taken = 0
        while taken < len(data) and self.filled < self.size:
            room = self.room()
            count = min(len(room), len(data) - taken)
            room[:count] = data[taken : taken + count]
            self.filled += count
            taken += count
        return taken


class _Large:
    """
    A message with buffers of its own: head, bulk data, tail.

    :param head: the body up to the bulk data; empty if the whole body is in one buffer.
    :param layout: None in header version 1, and if the whole body is in one buffer.
    """

    __slots__ = ('buffers', 'head', 'header', 'layout', 'origin')

    def __init__(
        self, origin: Origin, header: Header, head: bytes, layout: BodyLayout | None, step: int
    ) -> None:
        self.origin = origin
        self.header = header
        self.head = head
        self.layout = layout
        bulk_end = header.body_size if layout is None else layout.content_end
        sizes = (bulk_end - len(head), header.body_size - bulk_end)
        self.buffers = [_Growing(size, step) for size in sizes]

    def current(self) -> _Growing | None:
        return next((part for part in self.buffers if part.filled < part.size), None)

    def message(self, check_crc: bool) -> Message:
        bulk, tail = (part.data for part in self.buffers)
        return unpack_large(
            self.origin, self.header, self.head, bulk, tail, self.layout, check_crc
        )


class Stream:
    """
    The parser of one stream of bytes: bytes in, messages out.

    Pass bytes to :meth:`receive_data`, or write them without a copy with :meth:`get_buffer` and
    :meth:`buffer_updated`, as in ``asyncio.BufferedProtocol``. Then call :meth:`next_message`
    until it returns :data:`NEED_DATA`.

    :param limits: the limits of what the peer can make the stream allocate.
    :param crc_policy: 'reject' rejects a message with a wrong CRC; 'warn' and 'ignore' accept it
        with ``crc_ok`` False.
    """

    def __init__(self, limits: Limits | None = None, crc_policy: CrcPolicy = 'reject') -> None:
        self.limits = limits or Limits()
        self.peer_version = 0
        """The highest header version the peer has sent, 0 before its first message."""
        self._check_crc = crc_policy == 'reject'
        self._max_body_size = self.limits.max_body_size
        self._scratch = bytearray(_SCRATCH_SIZE)
        self._view = memoryview(self._scratch)
        self._start = 0  # of the unread bytes in the scratch buffer
        self._end = 0
        self._backlog: deque[memoryview] = deque()
        self._header: Header | None = None  # of a message whose body is incomplete
        self._large: _Large | None = None
        self.has_large = False
        """Whether a large message is being received; ask :attr:`is_costly` then."""
        self._skip = 0  # bytes of a rejected body that are still to be skipped
        self._skip_error: MessageError | None = None
        self._fatal: DecodeError | None = None

    @property
    def idle(self) -> bool:
        """Whether the stream is between two messages, with no unread bytes."""
        is_whole = self._start == self._end and self._large is None and self._skip_error is None
        return is_whole and not self._backlog

    @property
    def state(self) -> Literal['header', 'body']:
        """The part of a message that the stream waits for."""
        in_body = self._header is not None or self._large is not None or self._skip_error
        return 'body' if in_body else 'header'

    @property
    def unread(self) -> memoryview:
        """The bytes of a header that is incomplete or was rejected, and the bytes after them."""
        return self._view[self._start : self._end]

    @property
    def held_bytes(self) -> int:
        """The number of bytes allocated for a large message that is incomplete."""
        return 0 if self._large is None else sum(len(part.data) for part in self._large.buffers)

    def get_buffer(self, size_hint: int = -1) -> memoryview:
        """Return a buffer to receive into, never empty."""
        if self._large is not None:
            part = self._large.current()
            if part is not None:
                return part.room()
        if self._start == self._end:
            self._start = self._end = 0
        elif self._end == _SCRATCH_SIZE:
            self._compact()
        return self._view[self._end :]

    def buffer_updated(self, count: int) -> None:
        """
        Take ``count`` bytes that were written to the start of the last buffer returned.

        :raises FramingError: the stream has failed before.
        """
        if self._fatal is not None:
            raise self._fatal
        if self._large is not None:
            part = self._large.current()
            if part is not None:
                part.filled += count
                return
        self._end += count

    def receive_data(self, data: Any) -> None:
        """
        Take bytes from the peer.

        :param data: any contiguous bytes-like object.
        :raises FramingError: the stream has failed before.
        """
        if self._fatal is not None:
            raise self._fatal
        if len(data):
            self._backlog.append(memoryview(bytes(data)))

    def close(self) -> None:
        """
        End the stream: the peer sends no more.

        :raises TruncatedError: a message is incomplete.
        """
        if self._fatal is None and not self.idle:
            self._fatal = TruncatedError('the stream ends within a message')
            holders = (self._large, self._skip_error)
            headers = (holder.header for holder in holders if holder is not None)
            self._fatal.header = self._header or next(headers, None)
            raise self._fatal

    def next_message(self) -> Message | Literal[NeedData.NEED_DATA]:
        """
        Return the next whole message, or :data:`NEED_DATA`.

        :raises MessageError: a message was rejected and consumed; the stream continues.
        :raises FramingError: the next message cannot be found; all further calls raise the same.
        """
        if self._fatal is not None:
            raise self._fatal
        while True:
            message = self._advance()
            if message is not NEED_DATA or not self._backlog:
                return message
            self._refill()

    def _refill(self) -> None:
        chunk = self._backlog[0]
        buffer = self.get_buffer()
        count = min(len(buffer), len(chunk))
        buffer[:count] = chunk[:count]
        self.buffer_updated(count)
        if count == len(chunk):
            self._backlog.popleft()
        else:
            self._backlog[0] = chunk[count:]

    def _compact(self) -> None:
        """Move the unread bytes to the front of the scratch buffer."""
        count = self._end - self._start
        self._view[:count] = self._view[self._start : self._end]
        self._start, self._end = 0, count

    def _advance(self) -> Message | Literal[NeedData.NEED_DATA]:
        if self._large is not None:
            return self._finish_large()
        if self._skip_error is not None:
            return self._finish_skip()
        if self._end - self._start < HEADER_SIZE:
            return NEED_DATA
        start, timestamp, body_size, crc = HEADER_BY_START.unpack_from(self._scratch, self._start)
        origin = ORIGINS.get(start)
        if origin is None or body_size > self._max_body_size:
            try:
                origin = find_origin(start, (timestamp, body_size, crc), self._max_body_size)
            except DecodeError as error:
                return self._refuse(error, header_of(start, (timestamp, body_size, crc)))
        if origin.version > self.peer_version:
            self.peer_version = origin.version
        body_start = self._start + HEADER_SIZE
        body_end = body_start + body_size
        if body_end > self._end or body_size > _SMALL_SIZE:
            return self._wait(origin, header_of(start, (timestamp, body_size, crc)))
        self._start = body_end
        self._header = None
        # Contents are views of their bytes, so each message gets bytes of its own.
        body: Buffer = bytes(self._view[body_start:body_end])
        try:
            if origin.views:
                body = memoryview(body)
            return unpack_body(origin, timestamp, crc, body, self._check_crc)
        except DecodeError as error:
            error.header = header_of(start, (timestamp, body_size, crc))
            raise

    def _wait(self, origin: Origin, header: Header) -> Message | Literal[NeedData.NEED_DATA]:
        """Keep a header whose body is incomplete or too large for the scratch buffer."""
        self._header = header
        if header.body_size > _SMALL_SIZE:
            return self._begin_large(origin, header)
        return self._wait_for(HEADER_SIZE + header.body_size)

    def _begin_large(
        self, origin: Origin, header: Header
    ) -> Message | Literal[NeedData.NEED_DATA]:
        """Allocate the buffers of a message as soon as the offset of its bulk data is known."""
        body = self._view[self._start + HEADER_SIZE : self._end]
        layout = None
        head_size = origin.content_class.bulk_offset or 0
        if head_size:
            if header.version == 2:
                if len(body) < EXTENDED_HEADER_SIZE:
                    return self._wait_for(HEADER_SIZE + EXTENDED_HEADER_SIZE)
                try:
                    layout = BodyLayout(header.body_size, body)
                    head_size += layout.content_start
                except ExtendedHeaderError:
                    head_size = header.body_size
            bulk_end = header.body_size if layout is None else layout.content_end
            if head_size > min(bulk_end, _SMALL_SIZE):
                # Too short for its type: receive it whole, and let unpacking reject it.
                layout, head_size = None, 0
            if len(body) < head_size:
                return self._wait_for(HEADER_SIZE + head_size)
        head = bytes(body[:head_size])
        self._large = _Large(origin, header, head, layout, self.limits.max_unreceived)
        self.has_large = True
        self._header = None
        self._start += HEADER_SIZE + head_size
        while self._start < self._end:
            part = self._large.current()
            if part is None:
                break
            self._start += part.write(self._view[self._start : self._end])
        return self._finish_large()

    @property
    def is_costly(self) -> bool:
        """
        Whether the next message is complete and takes milliseconds or more to unpack.

        This is so for large messages of many parts, such as BIND, and for very large ones. Another
        thread may then call :meth:`next_message`, if nothing else is called meanwhile.
        """
        large = self._large
        if large is None or large.current() is not None:
            return False
        has_items = large.origin.content_class.item_count is not Content.item_count
        return has_items or large.header.body_size > _COSTLY_SIZE

    def _wait_for(self, size: int) -> Literal[NeedData.NEED_DATA]:
        if self._start + size > _SCRATCH_SIZE:
            self._compact()
        return NEED_DATA

    def _finish_large(self) -> Message | Literal[NeedData.NEED_DATA]:
        large = self._large
        if large is None or large.current() is not None:
            return NEED_DATA
        self._large, self.has_large = None, False
        try:
            return large.message(self._check_crc)
        except DecodeError as error:
            error.header = large.header
            raise

    def _refuse(self, error: DecodeError, header: Header) -> Literal[NeedData.NEED_DATA]:
        """Skip the body and raise the error; end the stream if it cannot be followed."""
        error.header = header
        if not isinstance(error, MessageError):
            self._fatal = error
            raise error
        self._start += HEADER_SIZE
        self._skip_error = error
        self._skip = header.body_size
        return self._finish_skip()

    def _finish_skip(self) -> Literal[NeedData.NEED_DATA]:
        count = min(self._skip, self._end - self._start)
        self._start += count
        self._skip -= count
        if self._skip or self._skip_error is None:
            return NEED_DATA
        error, self._skip_error = self._skip_error, None
        raise error


Connection = Stream
"""The public name of :class:`Stream`."""

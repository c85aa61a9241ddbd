# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The base of all senders of a row from ROS: converts, packs, queues and counts messages.

Small messages are sent in the ROS callback that receives them, bulk ones by a worker. No method
waits: a message is packed and put into the outboxes of its peers.
"""

from __future__ import annotations

import logging
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from tf2_ros import TransformException

from ros2_igtl import codec
from ros2_igtl.config import MappingRow
from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.context import Outbound
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.math.stamps import MAX_STAMP_NS, NANOSECONDS_PER_SECOND
from ros2_igtl.nodes.reporting.causes import Causes
from ros2_igtl.nodes.reporting.counters import Rate, Tally
from ros2_igtl.nodes.reporting.report import Report, device_report
from ros2_igtl.nodes.to_igtl.audience import Audience
from ros2_igtl.nodes.to_igtl.bind import BindGroup
from ros2_igtl.nodes.worker import Loss, Task, Worker
from ros2_igtl.transport import Endpoint, Traffic
from ros2_igtl.transport.log import Throttle

Convert = Callable[[], Sequence[Outbound]]
"""Returns the data to send; empty if they were already sent."""

_new = object.__new__


@dataclass(frozen=True)
class Wiring:
    """
    The objects that a sender needs.

    :ivar node: subscribes to topics.
    :ivar row: of the mapping file.
    :ivar audience: the peers that get the messages.
    :ivar endpoint: of the connection.
    :ivar tally: of the connection, for messages to peers.
    :ivar stale_timeout_s: for rows of poses without their own; 0: never.
    :ivar worker: converts bulk messages of all rows of the connection.
    :ivar group: the BIND in which the row's messages are sent; None: they are sent alone.
    """

    node: Node
    row: MappingRow
    audience: Audience
    endpoint: Endpoint
    tally: Tally
    worker: Worker
    stale_timeout_s: float = 0.0
    group: BindGroup | None = None


class Sender(ABC):
    """Sends the messages of one row."""

    traffic: Traffic = 'state'
    is_bulk = False

    def __init__(self, wiring: Wiring) -> None:
        self.row = row = wiring.row
        self.rate = Rate()
        self.audience = wiring.audience
        self._group = wiring.group
        self._node = wiring.node
        self._now = wiring.node.get_clock().now
        self._endpoint = wiring.endpoint
        self._tally = wiring.tally
        self._worker = wiring.worker
        timeout_s = row.stale_timeout
        if timeout_s is None:
            is_pose = row.igtl_type_name in conversions.TF_SOURCES
            timeout_s = wiring.stale_timeout_s if is_pose else 0.0
        self._stale_timeout_s = timeout_s
        self._stale_timeout_ns = round(1e9 * timeout_s)  # of what is sent or asked for
        self._place = 0 if self._group is None else self._group.add_row(self.rate, timeout_s)
        self._interval_s = 1.0 / row.rate_limit if row.rate_limit else 0.0
        self._next_s = 0.0  # written by the thread that converts
        self.type_name = row.igtl_type_name
        self._content_class = codec.MESSAGE_TYPES.get(row.igtl_type_name)
        name = row.igtl_device_name or ''
        self.device_name = naming.fit_device_name(name)
        self._full_name: dict[str, str] = {}  # as metadata
        self._name = f"{self.source} -> {row.igtl_type_name} '{row.igtl_device_name}'"
        self._throttle = Throttle(wiring.endpoint.allowance)
        self._causes = Causes()
        self._is_static = False  # the current message is sent once to each peer
        self._heard_s: float | None = None  # steady clock at the last new data from ROS
        if self.device_name != name:
            self._full_name[naming.FULL_NAME_KEY] = name
            self._node.get_logger().warning(
                f'{self._name}: the device name has more than {codec.DEVICE_NAME_SIZE} bytes and '
                f"is sent as '{self.device_name}', with the metadata {naming.FULL_NAME_KEY}"
            )

    @property
    def source(self) -> str:
        """The source of the messages, for the user."""
        return self.row.ros_topic_name or 'tf'

    @property
    def silence_s(self) -> float:
        """
        Seconds since the last new data from ROS.

        0 before the first message, and for static transforms.
        """
        if self._heard_s is None or self._is_static:
            return 0.0
        return self._looked_s() - self._heard_s

    def report(self) -> Report:
        """Report the row, with a warning if its ROS publisher has fallen silent."""
        values = {'direction': 'ROS_TO_IGTL', 'topics': self.source}
        device = self.row.igtl_device_name or ''
        report = device_report(self.type_name, device, self.rate, self._causes, values)
        stale = self._stale()
        if stale:
            report.level = DiagnosticStatus.WARN
            report.message = f'stale: {stale}'
        return report

    def _stale(self) -> str:
        """Return for how long no new data have come from ROS, if that is too long, or ''."""
        silence_s = self.silence_s
        if not 0.0 < self._stale_timeout_s < silence_s:
            return ''
        return f'no new data from {self.source} for {silence_s:.1f} s'

    def _looked_s(self) -> float:
        """Return the time (steady clock) of the last check for new data."""
        return time.monotonic()

    def follow(self) -> None:  # noqa: B027
        """Follow the publishers' quality of service; that of tf never changes."""

    @abstractmethod
    def destroy(self) -> None:
        """Stop."""

    @abstractmethod
    def _newest(self) -> Sequence[Outbound]:
        """Return the data that answer a query now; on any thread."""

    def newest(self) -> Sequence[codec.Message]:
        """Return the messages that answer a query now, if there are any; on any thread."""
        try:
            stale = self._stale_timeout_ns and self._stale()
            if stale:
                raise ConvertError('stale', stale)
            return [self._message(converted) for converted in self._newest()]
        except Exception as error:
            self._log_failure(error)
        return ()

    def _submit(self, convert: Convert, size: int = 0) -> None:
        """
        Send a message, now or on the worker, and count its outcome.

        :param size: bytes in memory while it waits for the worker.
        """
        outcomes = self._tally.here
        outcomes.received += 1
        now = time.monotonic()
        if now < self._next_s:
            outcomes.skipped['rate_limit'] += 1
        elif self.is_bulk:
            self._give_to_worker(convert, size)
        else:
            self._send(convert, now)

    def _give_to_worker(self, convert: Convert, size: int) -> None:
        """Let the worker send a message; of state only the newest waits for it."""
        if self._group is None and not self._endpoint.sessions:
            self._tally.here.skipped['no_peer'] += 1
            return
        is_state = self.traffic == 'state'
        if not is_state and self._worker.is_full:
            self._tally.here.rejected['worker_full'] += 1
            self._warn('worker_full', 'messages arrive faster than they can be converted')
            return
        task = Task(
            lambda: self._send(convert, time.monotonic()),
            self._lose,
            size,
            self if is_state else None,
        )
        self._worker.put(task, newest_only=True)

    def _lose(self, loss: Loss) -> None:
        """Count a message that the worker will not send."""
        if loss == 'replaced':
            self._tally.here.replaced += 1
        else:
            self._tally.here.skipped['node_stopped'] += 1

    def _send(self, convert: Convert, now: float) -> None:
        """Convert, pack and queue a message for the peers that are due."""
        outcomes, audience, group = self._tally.here, self.audience, self._group
        endpoint, rate = self._endpoint, self.rate
        peers, nobody = (None, '') if audience.is_for_all else audience.due(now)
        if nobody and group is None:
            outcomes.skipped[nobody] += 1
            return
        try:
            queued = 0
            ready = convert()
            if ready and self._is_static:
                peers, nobody = audience.lacking(peers)
            if not ready or (nobody and group is None):
                outcomes.skipped[nobody if ready else 'not_newer'] += 1
                return
            for converted in ready:
                message = self._message(converted)
                # as audience.send(), which notes nothing of peers that have asked for nothing
                if peers is None and not message.metadata and endpoint.sessions:
                    queued += endpoint.send(message, traffic=self.traffic)
                else:
                    queued += audience.send(message, self.traffic, peers, now)
            if group is not None:
                self._put(group, ready[-1])
                self._next_s = now + self._interval_s
                return
        except Exception as error:  # this message only
            outcomes.rejected[self._log_failure(error)] += 1
            return
        if not queued:
            outcomes.skipped['no_peer'] += 1
            return
        outcomes.done += 1
        self._next_s = now + self._interval_s
        rate.count += 1  # as rate.tick(); without a call, since all messages pass here
        rate.last_s = sent_s = time.monotonic()
        if sent_s >= rate.next_mark_s:
            rate.mark(sent_s)

    def _put(self, group: BindGroup, converted: Outbound) -> None:
        """Add a message to the BIND; without a ROS stamp it gets the current time."""
        stamp_ns = converted.stamp_ns or self._now().nanoseconds
        group.put(self._place, self._message(converted), stamp_ns, self.traffic)

    def _log_failure(self, error: Exception) -> str:
        """Log why a message cannot be sent, and return the cause."""
        if isinstance(error, ConvertError):
            cause = error.cause
        elif isinstance(error, TransformException):
            cause = 'tf_lookup'
        elif isinstance(error, codec.EncodeError):
            cause = 'encode'
        else:  # an error in our code or in a user's conversion
            self._node.get_logger().error(
                f'{self._name}: internal_error:\n{traceback.format_exc()}',
                throttle_duration_sec=5.0,
            )
            return 'internal_error'
        self._warn(cause, str(error))
        return cause

    def _warn(self, cause: str, text: str, count: int = 1) -> None:
        """Note a fault and log a line, unless this row and cause were logged a short time ago."""
        self._causes.note(cause, count)
        self._throttle.log(logging.WARNING, cause, f'{self._name}: {cause}: {text}')

    def _message(self, converted: Outbound) -> codec.Message:
        content, stamp_ns = converted.content, converted.stamp_ns
        if type(content) is not self._content_class:
            conversions.check_type(self.type_name, content)
        metadata = {**self.row.metadata, **converted.metadata, **self._full_name}
        message: codec.Message = _new(codec.Message)  # codec.Message(...) takes twice as long
        message.content = content
        message.type_name = self.type_name
        message.device_name = self.device_name
        # as codec.timestamp.from_nanoseconds(); without a call, since all messages pass here
        message.timestamp = -((-stamp_ns << 32) // NANOSECONDS_PER_SECOND)
        if not 0 <= stamp_ns <= MAX_STAMP_NS:
            message.timestamp = codec.timestamp.from_nanoseconds(stamp_ns)
        if self._stale_timeout_ns and stamp_ns:
            age_ns = self._now().nanoseconds - stamp_ns
            if age_ns > self._stale_timeout_ns:
                self._warn('late', f'a pose is {age_ns / 1e9:.1f} s old')
        # each peer gets the version it reads
        message.header_version = 2 if converted.message_id or metadata else 1
        message.message_id = converted.message_id
        message.metadata = metadata
        message.body_size = 0
        message.crc_ok = True
        return message

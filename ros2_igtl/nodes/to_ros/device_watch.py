# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Watches devices and tools for faults and silence, and publishes their status."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from ros2_igtl import codec
from ros2_igtl.convert import conversions, naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.pairs.metadata import faults_by_frame, faults_of
from ros2_igtl.convert.pairs.status import device_status
from ros2_igtl.nodes.peer import Peer
from ros2_igtl.nodes.qos import DEVICE_STATUS_QOS, unfit_subscriber
from ros2_igtl.nodes.reporting.log import DeviceLog
from ros2_igtl.nodes.reporting.report import Report, device_report
from ros2_igtl.nodes.settings import Settings
from ros2_igtl.nodes.to_ros.route import Route
from ros2_igtl.nodes.to_ros.router import Router
from ros2_igtl.nodes.to_ros.watchdog import CallSoon, Watchdog, Watched

MAX_REPORTED = 50  # tools of a device in a report, whose number a peer decides


class DeviceWatch:
    """
    Watches the devices of one connection; every method may be called on any thread.

    :param node: publishes the devices.
    :param settings: the connection's.
    :param router: makes the topics ``<topic>/status``.
    :param log: of the connection's devices.
    :param call_soon: calls a function on the I/O thread after a number of seconds.
    """

    def __init__(
        self,
        node: Node,
        settings: Settings,
        router: Router,
        log: DeviceLog,
        call_soon: CallSoon,
    ) -> None:
        self._node = node
        self.watchdog = Watchdog(call_soon, self._publish_status)
        self._settings = settings
        self._router = router
        self._log = log
        router.ended = self.watchdog.forget

    def feed(self, route: Route, peer: Peer, poses: Sequence[Any]) -> None:
        """
        Note a good sample of a watched route.

        :param poses: TransformStamped, one for each of its tools.
        """
        tools = ('',) if route.poses is None else [pose.child_frame_id for pose in poses]
        for tool in tools:
            watched = self.watchdog.feed(route, tool, peer, route.stale_timeout_s, route.pool)
            if tool == route.frames[0]:
                route.watched = watched
            if watched is None:
                text = f"too many tools, '{tool}' is not watched"
                self._log.once(route, 'not_watched', text)
                self._router.refusals.note(peer, route, 'not_watched')

    def check_faults(self, peer: Peer, message: codec.Message, route: Route) -> None:
        """
        Check that the sender does not mark a pose as faulty; a lost tool also has a matrix.

        :raises ConvertError: ``transform_status``.
        """
        faults = faults_of(message.metadata)
        if not faults:
            return
        watchdog = self.watchdog
        own = ('', message.device_name, *naming.header_names(message.device_name))
        fault = next((faults[name] for name in own if name in faults), None)
        by_frame = faults_by_frame(faults)
        if route.is_exclusive and route.type_name not in conversions.TF_TOOLS:
            child, _ = naming.frames_of(message.device_name, '')
            fault = by_frame.get(child) if fault is None else fault
        if fault is not None:
            fault = f'the peer reports {naming.escape(fault)}'
            tools = [watched.tool for watched in watchdog.of(route)]
            for tool in tools or ([''] if route.is_watched else []):
                watchdog.mark_faulty(route, tool, peer, fault, route.pool)
            raise ConvertError('transform_status', fault)
        known = {watched.tool for watched in watchdog.of(route)}
        for frame, fault in by_frame.items():
            tool = self._settings.frame_prefix + frame
            if tool in known:
                watchdog.mark_faulty(route, tool, peer, f'the peer reports {naming.escape(fault)}')

    def report(self, route: Route) -> Report:
        """Report a device, with the worst of its tools; where ROS runs."""
        values = {'direction': 'IGTL_TO_ROS', 'topics': ' '.join(route.topics)}
        report = device_report(
            route.type_name, route.device_name, route.rate, route.causes, values
        )
        if route.timeliness is not None and route.timeliness.clock.differs:
            offset_s = report.values['clock_offset_s'] = route.timeliness.clock.offset_ns / 1e9
            report.level = max(report.level, DiagnosticStatus.WARN)
            report.message += (
                f'; its clock is {offset_s:.3f} s behind ours, unlike that of its peer'
            )
        refusal = route.refusal
        if refusal is not None:
            report.message += f'; {refusal.cause}: {refusal.text}'
            # a second source of a frame changes nothing on tf
            is_missing = not route.was_on_tf and refusal.cause != 'second_source'
            level = DiagnosticStatus.ERROR if is_missing else DiagnosticStatus.WARN
            report.level = max(report.level, level if refusal.is_fault else DiagnosticStatus.OK)
        for conversion, publisher in tuple(route.outputs):
            text = unfit_subscriber(self._node, publisher, conversion.ros_type_name)
            if text:
                report.level = max(report.level, DiagnosticStatus.WARN)
                report.message += f'; {text}'
                self._log.once(route, 'unfit_subscriber', text)
        watched = self.watchdog.of(route)
        faulty = [item for item in watched if item.fault]
        if faulty:
            faults = [
                f'{item.tool or "the device"}: {item.fault}, last sample {item.age_s:.1f} s ago'
                for item in faulty[:MAX_REPORTED]
            ]
            if len(faulty) > MAX_REPORTED:
                faults.append(f'{len(faulty) - MAX_REPORTED} more tools have faults')
            report.level, report.message = DiagnosticStatus.ERROR, '; '.join(faults)
        for item in watched[:MAX_REPORTED]:
            if item.tool:
                report.values[f'age_s {item.tool}'] = f'{item.age_s:.3f}'
        return report

    def _publish_status(self, watched: Watched) -> None:
        """Publish that a device or tool has become faulty, or has recovered."""
        route = watched.device
        assert isinstance(route, Route)  # feed() and mark_faulty() pass routes
        publisher = self._router.sibling(route, conversions.DEVICE_STATUS, DEVICE_STATUS_QOS)
        name = f'{self._settings.name}: {route.type_name} {naming.escape(route.device_name)}'
        if watched.tool:
            name += f': {watched.tool}'
        if publisher is not None:
            publisher.publish(device_status(name, watched.fault, watched.is_stale, watched.age_s))
        if watched.fault:
            self._log.throttle.log(logging.WARNING, name, f'{name}: {watched.fault}')

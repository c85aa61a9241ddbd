# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node of client, server and bridge; ``connection.py`` does the work."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from tf2_ros import TransformBroadcaster, TransformListener

from ros2_igtl.nodes.clock_watch import ClockWatch
from ros2_igtl.nodes.connection import BridgeConnection, Shared
from ros2_igtl.nodes.parameters import (
    ACTUAL_PORT,
    declare_parameters,
    judge,
    parameter_values,
)
from ros2_igtl.nodes.reporting import faults, log
from ros2_igtl.nodes.reporting.reporter import Reporter
from ros2_igtl.nodes.services.answers import answer_always
from ros2_igtl.nodes.services.services import offer_services
from ros2_igtl.nodes.settings import Settings, SettingsError, check_values, load_settings
from ros2_igtl.nodes.to_igtl.frame_buffer import FrameBuffer
from ros2_igtl.nodes.to_ros.registrations import Registrations
from ros2_igtl.options import PARAMETERS
from ros2_igtl.transport import IoThread
from ros2_igtl.transport.server import lack_of_descriptors
from ros2_igtl.transport.tls import TlsFilesError

logger = logging.getLogger(__name__)

PERIOD_S = 1.0  # of diagnostics, and of checks of the graph
STEADY = Clock(clock_type=ClockType.STEADY_TIME)  # goes on while simulated time is paused
# As many callers at once get an answer; of more than rclpy's 10, the first would get none.
SERVICES = QoSProfile(depth=100)
# The user can fix these without a traceback.
MENDABLE = (SettingsError, TlsFilesError, OSError)


class BridgeNode(LifecycleNode):
    """
    The connections of a configuration as a lifecycle node.

    UNCONFIGURED: nothing is open. INACTIVE: the configuration is valid, sockets are closed.
    ACTIVE: sockets are open. A transition that fails because of a fault of ours closes everything,
    and leaves the node UNCONFIGURED with an error on /diagnostics.

    :param node_name: default name of the node and of its connection.
    :param mode: client or server, with one connection; None: any number of both.
    """

    # rclpy also destroys a node whose constructor has failed
    _log_handler: log.RosLogHandler | None = None

    def __init__(self, node_name: str, mode: str | None, **options: Any) -> None:
        super().__init__(node_name, **options)
        self.urgent = MutuallyExclusiveCallbackGroup()
        """Of callbacks that must not wait for others; an executor may run it on another thread."""
        self.frames: CallbackGroup | None = None
        """Of tf, of which hundreds of frames take long; None: tf is not listened to."""
        self._mode = mode
        self._settings: tuple[Settings, ...] = ()
        self._connections: list[BridgeConnection] = []
        self._registrations: Registrations | None = None
        self._io_thread = IoThread()
        self._tf_listener: Any = None
        self._timer: Any = None
        self._clock_watch: ClockWatch | None = None
        self._setting_port = False
        declare_parameters(self)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        # tf2_ros cannot destroy its publisher, so there is one as long as the node exists.
        self._broadcaster = TransformBroadcaster(self)
        self._log_handler = log.attach(self)
        self._faults = faults.attach(self._log_handler)
        self._reporter = Reporter(self, self._io_thread, self._connections, self._faults)
        # as long as the node exists, since requests that still wait need an answer too
        offer_services(self, self._connections)
        for service in self.services:  # of parameters and of the life cycle
            answer_always(self, service)

    @property
    def connections(self) -> Sequence[BridgeConnection]:
        """The connections, while active."""
        return self._connections

    def create_service(self, *arguments: Any, **options: Any) -> Any:
        """Create a service that answers many callers at once, even if its callback raises."""
        options.setdefault('qos_profile', SERVICES)
        service = super().create_service(*arguments, **options)
        if self._log_handler is not None:  # rclpy also creates services in its constructor
            answer_always(self, service)
        return service

    def autostart(self) -> None:
        """Configure and activate, unless the parameter ``autostart`` is false."""
        if not self.get_parameter('autostart').value:
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read and check everything; open nothing."""
        return self._transition('configure', self._configure, MENDABLE)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the sockets, publish and subscribe."""
        result = self._transition('activate', self._activate, MENDABLE)
        if result != TransitionCallbackReturn.SUCCESS:
            self._close()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close everything that activation opened."""
        return self._transition('deactivate', self._close)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the configuration."""
        return self._transition('cleanup', self._forget)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close and forget."""
        return self._transition('shutdown', self._forget)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close and forget; the node reports the error until it is configured again."""
        result = self._transition('error', self._forget)
        self._timer = self.create_timer(PERIOD_S, self._on_timer, clock=STEADY)
        return result

    def destroy_node(self) -> None:
        """Destroy the node, which no longer logs anything."""
        if self._log_handler is not None:
            log.detach(self._log_handler)
            faults.detach(self._log_handler)
        super().destroy_node()

    def close(self) -> None:
        """Close the sockets in any state; call it last before destroying the node."""
        self._stop_timer()
        self._close()

    def _transition(
        self, name: str, run: Callable[[], None], mendable: tuple[type[Exception], ...] = ()
    ) -> TransitionCallbackReturn:
        """
        Run a transition, and log its exceptions, which rclpy would swallow.

        :param mendable: exceptions after which the node stays in its state.
        """
        try:
            run()
        except mendable as error:
            self.get_logger().error(f'cannot {name}: {error}')
            return TransitionCallbackReturn.FAILURE
        except Exception as error:
            logger.exception('%s failed', name)
            self.get_logger().error(f'{name} failed: {error!r}')  # each time
            self._faults.failure = name
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        self._stop_timer()
        self._faults.failure = ''
        values = parameter_values(self)
        self._io_thread.budget.limit_bytes = values['memory_limit']
        self._settings = load_settings(
            values,
            mode=self._mode,
            node_name=self.get_name(),
            resolve_topic_name=self.resolve_topic_name,
        )
        servers = (settings for settings in self._settings if settings.mode == 'server')
        lack = lack_of_descriptors(sum(settings.options.max_clients for settings in servers))
        if lack:
            self.get_logger().warning(lack)
        self._reporter.configure([settings.name for settings in self._settings])
        # the registrations of the file, which all its connections have
        self._registrations = Registrations(self, self._settings[0].registration)
        self._timer = self.create_timer(PERIOD_S, self._on_timer, clock=STEADY)

    def _activate(self) -> None:
        self._io_thread.start()
        buffer = FrameBuffer(self.get_clock())
        if any(row.tf is not None for settings in self._settings for row in settings.rows):
            self._tf_listener = TransformListener(buffer, self)
            self.frames = self._tf_listener.group
        shared = Shared(self._io_thread, self._broadcaster, buffer, self._reporter.status_changed)
        assert self._registrations is not None  # the node is configured
        self._registrations.enter(shared.tree)
        for settings in self._settings:
            connection = BridgeConnection(self, settings, shared)
            self._connections.append(connection)
            connection.start()
        self._registrations.start()  # latched, so only after all ports could be opened
        if len(self._connections) == 1:
            self._set_actual_port(self._connections[0].actual_port)
        self._clock_watch = ClockWatch(self, partial(self._begin_anew, buffer))
        self._reporter.start()

    def _begin_anew(self, buffer: FrameBuffer) -> None:
        """Forget the stamps from before our own clock was set, in both directions."""
        buffer.clear()
        for connection in self._connections:
            connection.begin_anew()

    def _close(self) -> None:
        with contextlib.ExitStack() as stack:  # calls all in reverse, even if one of them fails
            stack.callback(self._set_actual_port, 0)
            stack.callback(self._io_thread.stop)
            stack.callback(self._stop_tf)
            if self._registrations is not None:
                stack.callback(self._registrations.stop)
            stack.callback(self._connections.clear)
            if self._connections:
                stack.callback(self._reporter.report_end)
                stack.callback(self._reporter.publish_status)
            for connection in reversed(self._connections):
                stack.callback(connection.stop)
            watch, self._clock_watch = self._clock_watch, None
            if watch is not None:
                watch.stop()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            self.destroy_timer(timer)

    def _stop_tf(self) -> None:
        listener, self._tf_listener = self._tf_listener, None
        if listener is not None:
            listener.unregister()

    def _forget(self) -> None:
        self._stop_timer()
        self._close()
        self._settings = ()
        self._reporter.forget()
        self._registrations = None

    def _on_timer(self) -> None:
        with contextlib.ExitStack() as stack:  # calls all in reverse, even if one of them fails
            stack.callback(self._reporter.report)
            for connection in self._connections:
                stack.callback(connection.follow_publishers)

    def _on_set_parameters(self, parameters: list[Parameter]) -> Any:
        # each new topic declares some for its quality of service, which rclpy checks
        if not any(p.name in PARAMETERS or p.name == ACTUAL_PORT for p in parameters):
            return SetParametersResult(successful=True)
        own = self._setting_port
        if not own and any(parameter.name == ACTUAL_PORT for parameter in parameters):
            return SetParametersResult(
                successful=False, reason=f'{ACTUAL_PORT} is set by the node'
            )
        result = judge(parameters, bool(self._settings))
        if result.successful and not own:
            values = parameter_values(self)
            values.update({p.name: p.value for p in parameters if p.name in values})
            try:
                check_values('parameters', values)
            except SettingsError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return result

    def _set_actual_port(self, port: int) -> None:
        self._setting_port = True
        try:
            self.set_parameters([Parameter(ACTUAL_PORT, value=port)])
        finally:
            self._setting_port = False

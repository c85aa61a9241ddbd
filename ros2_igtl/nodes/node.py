# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node of client, server and bridge; ``connection.py`` does the work."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from tf2_ros import TransformBroadcaster, TransformListener

from ros2_igtl.nodes.connection import BridgeConnection, Shared
from ros2_igtl.nodes.parameters import ACTUAL_PORT, declare_parameters, judge, parameter_values
from ros2_igtl.nodes.reporting import log
from ros2_igtl.nodes.reporting.reporter import Reporter
from ros2_igtl.nodes.services.services import Services
from ros2_igtl.nodes.settings import Settings, SettingsError, check_values, load_settings
from ros2_igtl.nodes.to_igtl.frame_buffer import FrameBuffer
from ros2_igtl.nodes.to_ros.registrations import Registrations
from ros2_igtl.transport import IoThread
from ros2_igtl.transport.tls import TlsFilesError

PERIOD_S = 1.0  # of diagnostics, and of checks of the graph


class BridgeNode(LifecycleNode):
    """
    The connections of a configuration as a lifecycle node.

    UNCONFIGURED: nothing is open. INACTIVE: the configuration is valid, sockets are closed.
    ACTIVE: sockets are open.

    :param node_name: default name of the node and of its connection.
    :param mode: client or server, with one connection; None: any number of both.
    """

    # rclpy also destroys a node whose constructor has failed
    _log_handler: log.RosLogHandler | None = None

    def __init__(self, node_name: str, mode: str | None, **options: Any) -> None:
        super().__init__(node_name, **options)
        self._mode = mode
        self._settings: tuple[Settings, ...] = ()
        self._connections: list[BridgeConnection] = []
        self._offered: Services | None = None
        self._registrations: Registrations | None = None
        self._io_thread = IoThread()
        self._tf_listener: Any = None
        self._timer: Any = None
        self._setting_port = False
        declare_parameters(self)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        # tf2_ros cannot destroy its publisher, so there is one as long as the node exists.
        self._broadcaster = TransformBroadcaster(self)
        self._reporter = Reporter(self, self._io_thread, self._connections)
        self._log_handler = log.attach(self)

    @property
    def connections(self) -> Sequence[BridgeConnection]:
        """The connections, while active."""
        return self._connections

    def autostart(self) -> None:
        """Configure and activate, unless the parameter ``autostart`` is false."""
        if not self.get_parameter('autostart').value:
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read and check everything; open nothing."""
        return self._transition('configure', self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the sockets, publish and subscribe."""
        result = self._transition('activate', self._activate)
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
        """Close and forget; the node can be configured again."""
        return self._transition('error', self._forget)

    def destroy_node(self) -> None:
        """Destroy the node, which no longer logs anything."""
        if self._log_handler is not None:
            log.detach(self._log_handler)
        super().destroy_node()

    def close(self) -> None:
        """Close the sockets in any state; call it last before destroying the node."""
        self._close()

    def _transition(self, name: str, run: Callable[[], None]) -> TransitionCallbackReturn:
        """Run a transition, and log its exceptions, which rclpy would swallow."""
        try:
            run()
        except (SettingsError, TlsFilesError, OSError) as error:
            # the user can fix these without a traceback
            self.get_logger().error(f'cannot {name}: {error}')
            return TransitionCallbackReturn.FAILURE
        except Exception:
            self.get_logger().error(f'{name} failed:\n{traceback.format_exc()}')
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        values = parameter_values(self)
        self._io_thread.budget.limit_bytes = values['memory_limit']
        self._settings = load_settings(
            values,
            mode=self._mode,
            node_name=self.get_name(),
            resolve_topic_name=self.resolve_topic_name,
        )
        self._reporter.configure(len(self._settings))
        # the registrations of the file, which all its connections have
        self._registrations = Registrations(self, self._settings[0].registration)

    def _activate(self) -> None:
        self._io_thread.start()
        buffer = FrameBuffer()
        if any(row.tf is not None for settings in self._settings for row in settings.rows):
            self._tf_listener = TransformListener(buffer, self)
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
        self._offered = Services(self, self._connections)
        self._reporter.start()
        self._timer = self.create_timer(PERIOD_S, self._on_timer)

    def _close(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        with contextlib.ExitStack() as stack:  # stops all, even if one of them fails
            for connection in self._connections:
                stack.callback(connection.stop)
        if self._connections:
            self._reporter.publish_status()
        if self._offered is not None:
            self._offered.destroy()
            self._offered = None
        self._connections.clear()
        if self._registrations is not None:
            self._registrations.stop()
        if self._tf_listener is not None:
            self._tf_listener.unregister()
            self._tf_listener = None
        self._io_thread.stop()
        self._set_actual_port(0)

    def _forget(self) -> None:
        self._close()
        self._settings = ()
        self._reporter.forget()
        self._registrations = None

    def _on_timer(self) -> None:
        for connection in self._connections:
            connection.follow_publishers()
        self._reporter.report()

    def _on_set_parameters(self, parameters: list[Parameter]) -> Any:
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

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node that client, server and hub are: it declares, wires and spins."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import TimeReference
from std_msgs.msg import UInt32
from tf2_ros import TransformBroadcaster, TransformListener

from ros2_igtl.msg import BridgeStatus
from ros2_igtl.nodes.connection import BridgeConnection, Shared
from ros2_igtl.nodes.parameters import ACTUAL_PORT, declare_parameters, judge, parameter_values
from ros2_igtl.nodes.qos import latched
from ros2_igtl.nodes.reporting import diagnostics, log
from ros2_igtl.nodes.services.services import Services
from ros2_igtl.nodes.settings import Settings, SettingsError, check_values, load_settings
from ros2_igtl.nodes.to_igtl.frame_buffer import FrameBuffer
from ros2_igtl.nodes.to_ros.registrations import Registrations
from ros2_igtl.transport import IoThread
from ros2_igtl.transport.tls import TlsFilesError

# Fast DDS 3 has renamed its variable and warns of the old one, which is all that 2 reads.
IS_FAST_DDS_2 = os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy')
PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
PROFILE_VARIABLE = PROFILE_VARIABLES[IS_FAST_DDS_2]
DIAGNOSTICS_PERIOD_S = 1.0
STATUS_DELAY_S = 0.01  # a flood of peers must not cost a message each
END_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})
# Ctrl-C comes twice under ros2 launch: from the terminal, and from launch, which passes it on.
SAME_SIGNAL_S = 1.0


class BridgeNode(LifecycleNode):
    """
    The connections of a configuration as a lifecycle node.

    UNCONFIGURED: nothing open. INACTIVE: the configuration is valid, sockets are closed. ACTIVE:
    talking.

    :param node_name: its default name, and that of its connection.
    :param mode: client or server, with one connection; None: any number of either.
    """

    def __init__(self, node_name: str, mode: str | None, **options: Any) -> None:
        super().__init__(node_name, **options)
        self._mode = mode
        self._settings: tuple[Settings, ...] = ()
        self._connections: list[BridgeConnection] = []
        self._offered: Services | None = None
        self._registrations: Registrations | None = None
        self._io_thread = IoThread()
        self._timer: Any = None
        self._tf_listener: Any = None
        self._setting_port = False
        declare_parameters(self)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        # tf2_ros cannot take its publisher back, so there is one for the node's life.
        self._broadcaster = TransformBroadcaster(self)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._time_references = self.create_publisher(TimeReference, '~/time_reference', 10)
        self._status: Any = None  # made when it is known for how many connections
        self._client_counts = self.create_publisher(UInt32, '~/client_count', latched(1))
        self._client_count = -1  # as it was published
        self._status_lock = threading.Lock()
        self._is_status_due = False
        self._log_handler = log.attach(self)

    @property
    def connections(self) -> Sequence[BridgeConnection]:
        """The connections, while active."""
        return self._connections

    def autostart(self) -> None:
        """Configure and activate, unless the parameter says to wait for a manager."""
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
        """Close all that activation opened."""
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
        """Destroy the node, which logs nothing any more."""
        log.detach(self._log_handler)
        super().destroy_node()

    def close(self) -> None:
        """Close the sockets whatever the state; the last thing before the node is destroyed."""
        self._close()

    def _transition(self, name: str, run: Callable[[], None]) -> TransitionCallbackReturn:
        """Run a transition; rclpy would swallow what it raises."""
        try:
            run()
        except (SettingsError, TlsFilesError, OSError) as error:
            # the user's to mend, who needs no traceback
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
        self._status = self.create_publisher(
            BridgeStatus, '~/status', latched(len(self._settings))
        )
        # of the whole file, and so of each of its connections
        self._registrations = Registrations(self, self._settings[0].registration)
        self.get_logger().info(
            f'Fast DDS profile: {os.environ.get(PROFILE_VARIABLE) or "none, large images suffer"}'
        )

    def _activate(self) -> None:
        self._is_status_due = False  # though one was when the loop was stopped
        self._io_thread.start()
        buffer = FrameBuffer()
        if any(row.tf is not None for settings in self._settings for row in settings.rows):
            self._tf_listener = TransformListener(buffer, self)
        shared = Shared(self._io_thread, self._broadcaster, buffer, self._status_changed)
        assert self._registrations is not None  # the node is configured
        self._registrations.enter(shared.tree)
        for settings in self._settings:
            connection = BridgeConnection(self, settings, shared)
            self._connections.append(connection)
            connection.start()
        self._registrations.start()  # latched: not before it is known that the ports are free
        if len(self._connections) == 1:
            self._set_actual_port(self._connections[0].actual_port)
        self._offered = Services(self, self._connections)
        self._timer = self.create_timer(DIAGNOSTICS_PERIOD_S, self._on_timer)

    def _close(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        with contextlib.ExitStack() as stack:  # each is stopped, though another cannot be
            for connection in self._connections:
                stack.callback(connection.stop)
        if self._connections:
            self._publish_status()
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
        if self._status is not None:
            self.destroy_publisher(self._status)
            self._status = None
        self._registrations = None

    def _on_timer(self) -> None:
        array = DiagnosticArray()
        now = self.get_clock().now()
        array.header.stamp = now.to_msg()
        self._publish_status()
        for connection in self._connections:
            connection.follow_publishers()
            array.status += diagnostics.statuses(self.get_name(), connection)
            for reference in diagnostics.time_references(connection, now.nanoseconds):
                self._time_references.publish(reference)
        self._diagnostics.publish(array)

    def _status_changed(self) -> None:
        """Say soon how the connections are, once for any number of peers; on any thread."""
        with contextlib.suppress(RuntimeError):  # being stopped, which is said at the end
            self._io_thread.loop.call_soon_threadsafe(self._schedule_status)

    def _schedule_status(self) -> None:
        if not self._is_status_due:
            self._is_status_due = True
            self._io_thread.loop.call_later(STATUS_DELAY_S, self._publish_due_status)

    def _publish_due_status(self) -> None:
        self._is_status_due = False
        self._publish_status()

    def _publish_status(self) -> None:
        """
        Say how the connections are, all of them: what is latched holds one message of each.

        On any thread: the last to be told has to be what is so.
        """
        with self._status_lock:
            now_ns = self.get_clock().now().nanoseconds
            connections = list(self._connections)
            for connection in connections:
                self._status.publish(diagnostics.bridge_status(connection, now_ns))
            count = sum(len(connection.transport.sessions) for connection in connections)
            if count != self._client_count:
                self._client_count = count
                self._client_counts.publish(UInt32(data=count))

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


def _package_profile() -> str | None:
    """Return the installed profile, None when run from a source tree without a build."""
    try:
        share = get_package_share_directory('ros2_igtl')
    except PackageNotFoundError:
        return None
    return os.path.join(share, 'config', 'fastdds.xml')


def use_large_message_profile() -> None:
    """
    Have Fast DDS use the package's profile, and glibc keep large buffers, unless the user chose.

    The default shared-memory segment of 512 KiB makes a 1080p image take 50 ms and loses it if
    best effort; buffers that are unmapped after each image cost page faults. Has to be called
    before the middleware is loaded.
    """
    if PROFILE_VARIABLE not in os.environ:
        # A user who knows only the other version's name means it all the same.
        chosen = next((os.environ[name] for name in PROFILE_VARIABLES if name in os.environ), None)
        chosen = chosen or _package_profile()
        if chosen is not None:
            os.environ[PROFILE_VARIABLE] = chosen
    # mallopt(3): M_MMAP_THRESHOLD -3, M_TRIM_THRESHOLD -1, M_TOP_PAD -2
    libc = ctypes.CDLL(None)
    for option, variable, value in (
        (-3, 'MALLOC_MMAP_THRESHOLD_', 1 << 28),
        (-1, 'MALLOC_TRIM_THRESHOLD_', 1 << 30),
        (-2, 'MALLOC_TOP_PAD_', 1 << 26),
    ):
        if variable not in os.environ and hasattr(libc, 'mallopt'):
            libc.mallopt(option, value)


def run(node_name: str, mode: str | None, args: list[str] | None = None) -> int:
    """
    Run a node until SIGINT or SIGTERM, and return the exit code.

    rclpy's own handler would end ROS under a node that still talks: here the node closes its
    sockets first. A second signal does not wait for that, if it is not the first one again. A
    parameter that is refused is an exit code of 1.
    """
    use_large_message_profile()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = BridgeNode(node_name, mode)
    except ParameterException as error:  # the user's to mend, who needs no traceback
        rclpy.logging.get_logger(node_name).fatal(str(error))
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    ended = _watch_signals(executor)
    executor.add_node(node)
    try:
        node.autostart()
        while not ended.is_set():
            executor.spin_once()
    except ExternalShutdownException:
        pass  # somebody else has ended ROS in this process
    finally:
        node.close()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
        for number in END_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # it ends already
    return 0


def _watch_signals(executor: Executor) -> threading.Event:
    """
    Return an event that is set at SIGINT or SIGTERM; the executor sets it.

    A handler in Python runs only when the executor's wait has returned; what wakes it has to be
    another thread, which is told through a socket. At a second signal that thread ends the
    process, whatever the others do.
    """
    ended = threading.Event()
    told, teller = socket.socketpair()
    teller.setblocking(False)
    signal.set_wakeup_fd(teller.fileno())
    for number in END_SIGNALS:
        signal.signal(number, lambda *_: None)

    def watch() -> None:
        with told, teller:  # as long as the process lives
            told.recv(1)
            executor.create_task(ended.set)
            begin = time.monotonic()
            while True:
                (number,) = told.recv(1)
                if time.monotonic() - begin > SAME_SIGNAL_S:
                    os._exit(128 + number)

    threading.Thread(target=watch, name='igtl_signals', daemon=True).start()
    return ended

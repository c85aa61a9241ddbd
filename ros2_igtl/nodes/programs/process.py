# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs a node as a process: settings of the middleware and of malloc, signals, the executor."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import threading
import time

import rclpy
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from ros2_igtl.nodes.node import BridgeNode

# Fast DDS 3 has renamed its variable and warns of the old one, which is all that 2 reads.
IS_FAST_DDS_2 = os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy')
PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
PROFILE_VARIABLE = PROFILE_VARIABLES[IS_FAST_DDS_2]
END_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})
# Ctrl-C comes twice under ros2 launch: from the terminal, and from launch, which passes it on.
SAME_SIGNAL_S = 1.0


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
        node.get_logger().info(
            f'Fast DDS profile: {os.environ.get(PROFILE_VARIABLE) or "none, large images suffer"}'
        )
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

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

from ros2_igtl import environment
from ros2_igtl.nodes.node import BridgeNode

# What mallopt(3) calls the settings that glibc reads from the environment at the start.
MALLOPT = {
    'MALLOC_MMAP_THRESHOLD_': -3,
    'MALLOC_TRIM_THRESHOLD_': -1,
    'MALLOC_TOP_PAD_': -2,
}
END_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})
# Ctrl-C comes twice under ros2 launch: from the terminal, and from launch, which passes it on.
SAME_SIGNAL_S = 1.0


def use_large_message_profile() -> str | None:
    """
    Have Fast DDS use the package's profile, and glibc keep large buffers, unless the user chose.

    The default shared-memory segment of 512 KiB makes a 1080p image take 50 ms and loses it if
    best effort; buffers that are unmapped after each image cost page faults. Has to be called
    before the middleware is loaded.

    :returns: the profile in use; None when run from a source tree without a build.
    """
    try:
        folder = os.path.join(get_package_share_directory('ros2_igtl'), 'config')
    except PackageNotFoundError:
        return None
    libc = ctypes.CDLL(None)
    for name, value in environment.additions(folder, os.environ).items():
        if name not in MALLOPT:
            os.environ[name] = value
        elif hasattr(libc, 'mallopt'):
            libc.mallopt(MALLOPT[name], int(value))
    return os.environ[environment.profile_variable(folder, os.environ)]


def run(node_name: str, mode: str | None, args: list[str] | None = None) -> int:
    """
    Run a node until SIGINT or SIGTERM, and return the exit code.

    rclpy's own handler would end ROS under a node that still talks: here the node closes its
    sockets first. A second signal does not wait for that, if it is not the first one again. A
    parameter that is refused is an exit code of 1.
    """
    profile = use_large_message_profile()
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
        node.get_logger().info(f'Fast DDS profile: {profile or "none, large images suffer"}')
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

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs a node as a process: settings of the middleware and of malloc, signals, its log."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
import time

import rclpy
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.signals import SignalHandlerOptions

from ros2_igtl import environment
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.nodes.programs.executors import NodeExecutor

# The numbers of mallopt(3) for the settings that glibc reads from the environment at the start.
MALLOPT = {
    'MALLOC_MMAP_THRESHOLD_': -3,
    'MALLOC_TRIM_THRESHOLD_': -1,
    'MALLOC_TOP_PAD_': -2,
}
END_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM})
# A thread that computes gives way to the others after this time; Python's 5 ms would be a large
# part of the time that a stop may take.
SWITCH_INTERVAL_S = 0.0005
# Under ros2 launch, Ctrl-C arrives twice: from the terminal and from launch.
SAME_SIGNAL_S = 1.0


def use_large_message_profile() -> str | None:
    """
    Set the package's Fast DDS profile, and let glibc keep large buffers, unless the user has.

    With the default shared-memory segment of 512 KiB a 1080p image takes 50 ms, or is lost with
    best effort. Buffers that are unmapped after each image cost page faults. Call this function
    before the middleware is loaded.

    :returns: the profile in use; None in a source tree without a build.
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


def never_wait_for_readers() -> None:
    """
    Lose lines of the log that nobody reads, instead of waiting for a terminal that was stopped.

    Each stream is opened again, since other programs may share the old one.
    """
    for stream in (1, 2):
        with contextlib.suppress(OSError):  # a socket, or closed
            opened = os.open(f'/proc/self/fd/{stream}', os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND)
            os.dup2(opened, stream)
            os.close(opened)


def run(node_name: str, mode: str | None, args: list[str] | None = None) -> int:
    """
    Run a node until SIGINT or SIGTERM, and return the exit code.

    rclpy's own handler would end ROS while the node still uses it; here the node closes its
    sockets first. A second signal ends the process at once, unless it repeats the first one. A
    rejected parameter gives exit code 1.
    """
    never_wait_for_readers()
    profile = use_large_message_profile()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = BridgeNode(node_name, mode)
    except ParameterException as error:  # the user can fix it without a traceback
        rclpy.logging.get_logger(node_name).fatal(str(error))
        rclpy.try_shutdown()
        return 1
    executor = NodeExecutor(node)
    ended = _watch_signals(executor)
    try:
        node.get_logger().info(f'Fast DDS profile: {profile or "none, large images suffer"}')
        node.autostart()
        gc.freeze()  # a full collection of all modules would stop all threads for 60 ms
        while not ended.is_set():
            executor.spin_once()
    except ExternalShutdownException:
        pass  # other code has shut down ROS in this process
    finally:
        node.close()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
        for number in END_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # the process is ending
    return 0


def _watch_signals(executor: Executor) -> threading.Event:
    """
    Return an event that the executor sets at SIGINT or SIGTERM.

    A signal handler in Python runs only after the executor's wait has returned. Another thread,
    which reads the signals from a socket, therefore wakes the executor. At a second signal this
    thread ends the process.
    """
    ended = threading.Event()
    told, teller = socket.socketpair()
    teller.setblocking(False)
    signal.set_wakeup_fd(teller.fileno())
    for number in END_SIGNALS:
        signal.signal(number, lambda *_: None)

    def watch() -> None:
        with told, teller:  # until the process ends
            told.recv(1)
            executor.create_task(ended.set)
            begin = time.monotonic()
            while True:
                (number,) = told.recv(1)
                if time.monotonic() - begin > SAME_SIGNAL_S:
                    os._exit(128 + number)

    threading.Thread(target=watch, name='igtl_signals', daemon=True).start()
    return ended

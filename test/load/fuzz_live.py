# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Send a running node messages with faults for some seconds: ``python test/load/fuzz_live.py 60``.

Mutated messages on one connection; on two others the shapes of ``live_shapes``, whose poses say
who sent them; and beside them two trackers that behave well. Every pose on tf is judged by what
its sender knows. A second number is the seed: the same one sends the same messages as far as
timing allows. Names of shapes behind it select those to play.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if __name__ == '__main__':
    # behind the installed package, which has the generated messages
    sys.path += [str(ROOT / 'test'), str(ROOT / 'demo'), str(ROOT)]

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from tf2_msgs.msg import TFMessage

from helpers.accounts import Accounts
from helpers.bridge_peer import pack
from helpers.bridge_process import BridgeProcess
from helpers.live_commands import COMMAND_SHAPES, SERVICE, TIMEOUT_S, CommandBook
from helpers.live_peer import Door, LivePeer
from helpers.live_poses import S
from helpers.live_report import STEADY, Report
from helpers.live_shapes import SHAPES
from helpers.live_stage import Stage
from helpers.live_streams import STREAM_SHAPES
from helpers.load import BusyPeer, in_background, paced
from helpers.mutant_sessions import MAX_BODY, send_mutants
from helpers.pose_judge import PoseJudge
from helpers.ros_domain import own_ros_domain
from helpers.ros_graph import Graph, ros_graph
from helpers.usage import sampled
from helpers.waiting import wait_until
from ros2_igtl import codec
from ros2_igtl.msg import BridgeStatus

NODE = 'fuzzed'
# how many are played at a time
GROUPS = ((1, SHAPES), (1, COMMAND_SHAPES), (3, STREAM_SHAPES))
CONFIG = f"""\
version: 1
connections:
  - name: faulty
    mode: server
    port: 0
    max_message_bytes: {MAX_BODY}
    max_clients: 100
    header_timeout: 60.0  # a busy machine is no fault
    body_timeout: 60.0
    max_rejected_rate: 0  # most of what it gets is refused
    timestamp_mode: receive  # or a pose that is sent again would not be newer
  - name: open
    mode: server
    port: 0
    address: 0.0.0.0  # so that a peer can dial two addresses
    allowed_peers: [127.0.0.0/8]
    max_clients: 100
    send_timeout: 60.0
    device_blacklist: ['Filtered.*']
    commands: [{{igtl_command_regex: 'Run|Later|STOP|EStop|Halt', ros_service_name: {SERVICE},
                timeout: {TIMEOUT_S}}}]
    mappings:
      - {{igtl_device_name: Steady, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS}}
      - {{igtl_device_regex: 'Row.*', igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS}}
      - {{igtl_device_regex: 'RowTools.*', igtl_type_name: TDATA, direction: IGTL_TO_ROS}}
  - name: strict
    mode: server
    port: 0
    max_clients: 100
    send_timeout: 60.0
    auto_inbound: false
    mappings:
      - {{igtl_device_name: Calm, igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS}}
      - {{igtl_device_regex: 'Row.*', igtl_type_name: TRANSFORM, direction: IGTL_TO_ROS}}
      - {{igtl_device_regex: 'RowTools.*', igtl_type_name: TDATA, direction: IGTL_TO_ROS}}
"""


class Watch:
    """Looks at every pose on tf, and at the states of the node."""

    def __init__(self, graph: Graph, judge: PoseJudge) -> None:
        self.missed = 0
        self.silence_ns = 0
        self._judge = judge
        self._last = 0  # number of a message on tf
        self._state_ns = 0
        graph.user.create_subscription(TFMessage, '/tf', self._take, 5000)
        graph.user.create_subscription(BridgeStatus, f'/{NODE}/status', self._take_state, 100)
        wait_until(lambda: self._state_ns, 20.0, 'a state of the node')

    def end(self) -> None:
        """Look at how long there was no state until now."""
        self.silence_ns = max(self.silence_ns, time.time_ns() - self._state_ns)

    def _take(self, message: Any, info: Any) -> None:
        number = info['publication_sequence_number']
        self.missed += max(0, number - self._last - 1) if self._last else 0
        self._last = number
        for transform in message.transforms:
            self._judge.look(transform, info['source_timestamp'])

    def _take_state(self, _: Any, info: Any) -> None:
        now_ns = info['source_timestamp']
        self.silence_ns = max(self.silence_ns, now_ns - (self._state_ns or now_ns))
        self._state_ns = now_ns


def track(judge: PoseJudge, name: str, door: Door, rate_hz: float, ended: threading.Event) -> None:
    """Send poses of a tracker that behaves well."""
    peer = LivePeer(judge, door, name)
    line = peer.track(name, is_measured=True)
    for _ in paced(rate_hz, ended):
        sent = judge.make(line)
        peer.send(peer.pack(sent, name), 1, [sent])
        peer.receive()
    for wait_s in peer.finish():
        time.sleep(wait_s)


def is_active(graph: Graph) -> bool:
    """Ask the node for its state by the service of its life cycle."""
    client = graph.user.create_client(GetState, f'/{NODE}/get_state')
    wait_until(client.service_is_ready, 20.0, 'get_state')
    future = client.call_async(GetState.Request())
    wait_until(future.done, 20.0, 'a response of get_state')
    return bool(future.result().current_state.id == State.PRIMARY_STATE_ACTIVE)


def waited_s(pid: int) -> float:
    """Return how long the threads of a process have waited for a processor, in seconds."""
    tasks = Path('/proc', str(pid), 'task').glob('*/schedstat')
    return sum(int(task.read_text().split()[1]) for task in tasks) / S


def fuzz(seconds: float, seed: int, selected: Collection[str] = ()) -> Report:
    """
    Send a node messages with faults, and ask it whether it is fine.

    :param selected: the shapes to play; all by default.
    :raises AssertionError: it is not: it has logged a traceback, or gives no answer, or has lost a
        message.
    """
    report, judge = Report(), PoseJudge()
    with (
        tempfile.TemporaryDirectory() as folder,
        ros_graph() as graph,
    ):
        config = Path(folder) / 'mapping.yaml'
        config.write_text(CONFIG)
        book = CommandBook(graph, NODE)
        with BridgeProcess('igtl_bridge', {'config_file': config}, name=NODE) as process:
            watch = Watch(graph, judge)
            book.wait()
            doors = {
                name: Door(name, process.port_of(name)) for name in ('faulty', 'open', 'strict')
            }
            stage = Stage(judge, doors, {'book': book}, time.monotonic() + seconds)
            mutants = partial(
                send_mutants, doors['faulty'].port, seed, judge.others, report.mutants
            )
            trackers = [
                partial(track, judge, name, doors[door], rate_hz)
                for name, (door, rate_hz) in STEADY.items()
            ]
            groups = [
                (at_a_time, {name: shapes[name] for name in shapes if name in selected})
                if selected
                else (at_a_time, shapes)
                for at_a_time, shapes in GROUPS
            ]
            memory = process.usage.memory
            with sampled(lambda: process.usage) as samples:
                with in_background(mutants, *trackers):
                    stage.play(groups, seed)
                with BusyPeer(doors['faulty'].port) as peer:
                    assert peer.ask(pack(codec.GetStatus(), '')).type_name == 'STATUS'
                doors['faulty'].account.least = report.mutants.outcomes.total() + peer.sent
                doors['faulty'].account.most = doors['faulty'].account.least
                accounts = Accounts(graph, NODE)
                for name, door in doors.items():
                    account = door.account
                    report.balances[name] = accounts.await_conserved(
                        name, account.least, most=account.most
                    )
            assert is_active(graph)
            watch.end()
            peak = max(usage.memory for _, usage in samples)
            report.growth = peak - memory, process.usage.memory - memory
            counts = accounts.counts('faulty')
            report.causes = {name[9:] for name in counts if name.startswith('rejected ')}
            report.machine = (
                f'load {os.getloadavg()[0]:.1f}, the node waited {waited_s(process.pid):.1f} s '
                f'for a processor, we {stage.longest_stall_s:.3f} s at once'
            )
    judge.settle(is_end=True)
    report.played, report.shares = stage.played, judge.shares
    report.poses, report.faults, report.examples = judge.seen, judge.faults, judge.examples
    report.missed, report.silence_s = watch.missed, watch.silence_ns / S
    return report


def main() -> int:
    """Return 0 if the node stands it."""
    seconds = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    print(f'seed {seed}', flush=True)
    with own_ros_domain():
        report = fuzz(seconds, seed, sys.argv[3:])
    print(report)
    for line in [*report.examples, *report.breaches]:
        print(line, file=sys.stderr)
    return bool(report.breaches)


if __name__ == '__main__':
    sys.exit(main())

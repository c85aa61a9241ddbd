# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The fuzzing peers in short, and what judges the poses that come of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from std_msgs.msg import Header

from helpers.live_poses import MS, S, Sent, Share, Track
from helpers.live_report import MEMORY_BOUND, Report
from helpers.pose_judge import PoseJudge
from helpers.pose_ledger import PoseLedger
from helpers.promise import CAUSES
from load.fuzz_live import GROUPS, fuzz
from ros2_igtl import codec

# Of what the codec reads the node rejects this, without a mapping file; other causes need a row
# that asks for another ROS type, or what is sent.
NODE_CAUSES = {
    'duplicate_name',
    'encoding',
    'non_rigid',
    'not_finite',
    'out_of_range',
    'quaternion_norm',
    'sub_volume',
    'timestamp_range',
    'transform_status',
    'volume_too_large',
    'zero_axis',
    'zero_quaternion',
}
# -90 degrees about z: column by column, and of a quaternion -z and w
TURN = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
HALF = 0.5**0.5
TRIES = 2  # other programs of the machine make poses late, too, so that they are not on tf
BEGIN_NS = 1_700_000_000 * S


@pytest.mark.alone
@pytest.mark.timeout(240)
@pytest.mark.parametrize('seconds', [30.0, pytest.param(60.0, marks=pytest.mark.long)])
def test_a_node_stands_peers_that_send_anything(
    seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(TRIES):
        report = fuzz(seconds, 1)
        with capsys.disabled():
            print(f'\n{report}')
        assert not report.faults, report.examples
        if not report.breaches:
            break
    # what is below says nothing unless all of this was there
    assert report.mutants.type_names >= set(codec.MESSAGE_TYPES)
    assert set(report.mutants.outcomes) == {'message', *CAUSES}
    assert report.causes >= CAUSES | NODE_CAUSES
    assert set(report.played) == {name for _, shapes in GROUPS for name in shapes}
    assert report.poses > 1000
    assert report.missed == 0
    assert report.breaches == []


def transform(x: float, y: float, z: float, quaternion: tuple[float, ...]) -> Transform:
    rotation = Quaternion(**dict(zip('xyzw', quaternion, strict=True)))
    return Transform(translation=Vector3(x=x, y=y, z=z), rotation=rotation)


def on_tf(pose: Any, child: str, stamp_ns: int, parent: str = 'igtl_ras') -> Any:
    """Return a pose as it is on tf."""
    stamp = Time(sec=stamp_ns // S, nanosec=stamp_ns % S)
    header = Header(stamp=stamp, frame_id=parent)
    return TransformStamped(header=header, child_frame_id=child, transform=pose)


AT = transform(0.001, 0.002, 0.003, (0.0, 0.0, -HALF, HALF))


@pytest.mark.parametrize(
    'content',
    [
        codec.Transform(*TURN, 1.0, 2.0, 3.0),
        codec.Position(1.0, 2.0, 3.0, 0.0, 0.0, -HALF, HALF),
    ],
)
def test_the_ledger_has_what_was_sent_and_nothing_else(content: codec.Content) -> None:
    ledger = PoseLedger()
    assert not ledger.has(AT)
    ledger.note(codec.Message(content))
    assert ledger.has(AT)
    assert not ledger.has(transform(0.001, 0.002, 0.003, (0.0, 0.0, HALF, HALF)))
    assert not ledger.has(transform(0.001, 0.002, 0.0031, (0.0, 0.0, -HALF, HALF)))


def test_the_ledger_says_what_is_wrong_with_a_pose_on_tf() -> None:
    ledger, content = PoseLedger(), codec.Transform(*TURN, 1.0, 2.0, 3.0)
    good = on_tf(AT, 'Probe', BEGIN_NS)
    assert ledger.fault_of(good, BEGIN_NS) == 'from_nowhere'
    ledger.note(codec.Message(content, 'ProbeToTracker'), BEGIN_NS)
    assert ledger.fault_of(on_tf(AT, 'ProbeToTracker', BEGIN_NS), BEGIN_NS) == 'other_frame'
    assert ledger.fault_of(good, BEGIN_NS) == ''
    assert ledger.fault_of(good, BEGIN_NS) == 'twice'
    ledger.note(codec.Message(content, 'ProbeToTracker'), BEGIN_NS)
    assert ledger.fault_of(good, BEGIN_NS + 3 * S) == 'late'


class Court:
    """A judge, and two peers that send poses of one frame; times in milliseconds."""

    def __init__(self) -> None:
        self.now_ns = BEGIN_NS
        self.judge = PoseJudge(clock_ns=lambda: self.now_ns)
        self.tracks = [self.track() for _ in range(2)]

    def track(self, **fields: Any) -> Track:
        """Return the poses of another peer."""
        return Track(self.judge.add_party('shape'), ('Probe', 'igtl_ras'), **fields)

    def send(
        self, track: Track, made_ms: float, held_ms: float = 0.0, *, is_certain: bool = True
    ) -> Sent:
        """Make a pose, and hand it over."""
        made_ns = BEGIN_NS + round(made_ms * MS)
        sent = self.judge.make(track, made_ns, is_certain=is_certain)
        sent.begun_ns = sent.done_ns = made_ns + round(held_ms * MS)
        track.handed.append((sent.begun_ns, sent.begun_ns - sent.made_ns))
        return sent

    def see(self, sent: Sent, after_ms: float = 1.0, **options: Any) -> None:
        """Let a pose be on tf, some time after it was handed over."""
        self.see_at(sent.place, sent.begun_ns + round(after_ms * MS), sent.made_ns, **options)

    def see_at(
        self,
        place: tuple[float, float, float],
        published_ns: int,
        stamp_ns: int,
        child: str = 'Probe',
        stamp_ms: float = 0.0,
    ) -> None:
        """Let a pose be on tf, at a place in millimetres."""
        x, y, z = (value / 1000.0 for value in place)
        pose = transform(x, y, z, (0.0, 0.0, 0.0, 1.0))
        self.judge.look(on_tf(pose, child, stamp_ns + round(stamp_ms * MS)), published_ns)

    def verdict(self) -> dict[str, int]:
        """Judge all."""
        self.judge.settle(is_end=True)
        return dict(self.judge.faults)


def two_of_one_frame(court: Court) -> None:
    for track in court.tracks:
        court.see(court.send(track, 0.0))


def after_the_end_of_the_first(court: Court) -> None:
    first, second = court.tracks
    court.see(court.send(first, 0.0))
    first.party.closing_ns = BEGIN_NS + 10 * MS
    court.see(court.send(second, 20.0))


def mixed(court: Court) -> None:
    """Let a pose be on tf that has numbers of two messages."""
    one, other = (court.send(court.tracks[0], 0.0) for _ in range(2))
    court.see_at((*one.place[:2], other.place[2]), BEGIN_NS, BEGIN_NS)


def made_only(court: Court) -> None:
    sent = court.judge.make(court.tracks[0], BEGIN_NS)
    court.see(sent)


def seen_twice(court: Court) -> None:
    sent = court.send(court.tracks[0], 0.0)
    court.see(sent)
    court.see(sent)


def held(court: Court, held_ms: float = 100.0, **options: Any) -> None:
    """Hold the second pose."""
    court.see(court.send(court.tracks[0], 0.0))
    court.see(court.send(court.tracks[0], 20.0, held_ms, **options))


def as_slow_as_all(court: Court) -> None:
    for number in range(5):
        court.see(court.send(court.tracks[0], 20.0 * number, 3000.0), stamp_ms=3000.0)


def backlog(court: Court) -> None:
    """Let the first messages of a peer come at once."""
    all_sent = [court.send(court.tracks[0], 20.0 * n, 200.0 - 20.0 * n) for n in range(11)]
    for sent in all_sent:
        court.see(sent)


def slow_node(court: Court, after_ms: float) -> None:
    court.see(court.send(court.tracks[0], 0.0))
    court.see(court.send(court.tracks[0], 20.0), after_ms)


def without_clock(court: Court, ready_ms: float, number: int) -> None:
    track = court.track(tells_time=False)
    track.party.ready_ns = BEGIN_NS + round(ready_ms * MS)
    for _ in range(number):
        sent = court.send(track, 0.0, is_certain=False)
    court.see(sent, 300.0, stamp_ms=300.0)


def wrong_stamp(court: Court, off_ms: float, **fields: Any) -> None:
    track = court.track(**fields)
    court.see(court.send(track, 0.0))
    court.see(court.send(track, 20.0), stamp_ms=off_ms)


CASES: dict[str, tuple[Callable[[Court], None], set[str]]] = {
    'good': (lambda court: court.see(court.send(court.tracks[0], 0.0)), set()),
    'two peers': (two_of_one_frame, {'other_peer'}),
    'one after another': (after_the_end_of_the_first, set()),
    'mixed': (mixed, {'from_nowhere'}),
    'invented': (
        lambda court: court.see_at((1.0, 2.0, 3.0), BEGIN_NS, BEGIN_NS),
        {'from_nowhere'},
    ),
    'not sent': (made_only, {'before_it_was_sent'}),
    'twice': (seen_twice, {'twice'}),
    'other frame': (
        lambda court: court.see(court.send(court.tracks[0], 0.0), child='Tool'),
        {'other_frame'},
    ),
    'filtered': (
        lambda court: court.see(court.send(court.track(is_wanted=False), 0.0)),
        {'not_wanted'},
    ),
    'held': (held, {'late'}),
    'held for 10 s': (lambda court: held(court, 10_000.0), {'late'}),
    'held a little': (lambda court: held(court, 45.0), set()),
    'held, which nobody can know': (lambda court: held(court, is_certain=False), set()),
    'as slow as all': (as_slow_as_all, set()),
    'backlog': (backlog, {'late'}),
    'slow node': (lambda court: slow_node(court, 210.0), {'late_in_the_node'}),
    'node in time': (lambda court: slow_node(court, 190.0), set()),
    'without clock': (
        lambda court: without_clock(court, -1.0, 11),
        {'late_in_the_node', 'stamp'},
    ),
    'without clock, not read yet': (lambda court: without_clock(court, 1.0, 11), set()),
    'without clock, first': (lambda court: without_clock(court, -1.0, 10), set()),
    'wrong stamp': (lambda court: wrong_stamp(court, 110.0), {'stamp'}),
    'old stamp': (lambda court: wrong_stamp(court, -110.0), {'stamp'}),
    'stamp within the skew': (lambda court: wrong_stamp(court, 90.0), set()),
    'stamp within the steps': (lambda court: wrong_stamp(court, 1050.0, grain_ns=S), set()),
}


@pytest.mark.parametrize('case', CASES)
def test_the_judge_says_what_is_wrong_with_a_pose_on_tf(case: str) -> None:
    happen, faults = CASES[case]
    court = Court()
    happen(court)
    assert set(court.verdict()) == faults


def test_the_judge_counts_timely_poses_and_those_on_tf() -> None:
    court = Court()
    track = court.track(is_measured=True)
    for number in range(4):
        sent = court.send(track, 20.0 * number, 200.0 if number == 3 else 0.0)
        if number < 2:
            court.see(sent)
    assert court.verdict() == {}
    assert court.judge.shares == {'shape': Share(3, 2, [MS, MS])}


def test_a_report_names_what_was_not_held() -> None:
    good = {'Steady': Share(100, 95), 'Calm': Share(100, 95)}
    assert Report(shares=good).breaches == []
    bad = {**good, 'Calm': Share(100, 94)}
    report = Report(shares=bad, silence_s=11.0, growth=(MEMORY_BOUND + 1, 0))
    report.faults['late'] = 1
    found = report.breaches
    assert [breach.partition(' ')[0] for breach in found] == ['1', 'Calm:', 'no', 'memory:']

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What falls silent is told once, and once when it is back; time passes by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from helpers.peers import make_peer
from ros2_igtl.nodes.to_ros import watchdog as module
from ros2_igtl.nodes.to_ros.watchdog import MAX_PERIOD_S, MAX_WATCHED_OF_PEER, Watchdog

PEER = make_peer('peer')
FIRST = make_peer('first')


class Clock:
    """The steady clock and the loop's timers."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, delay_s: float, function: Callable[[], None]) -> None:
        self.timers.append((self.now_s + delay_s, function))

    def advance(self, seconds: float) -> None:
        """Let time pass, and the timers that are due run."""
        end_s = self.now_s + seconds
        while self.timers and min(at for at, _ in self.timers) <= end_s:
            entry = min(self.timers, key=lambda timer: timer[0])
            self.timers.remove(entry)
            self.now_s = entry[0]
            entry[1]()
        self.now_s = end_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr('ros2_igtl.nodes.to_ros.watchdog.time.monotonic', lambda: clock.now_s)
    return clock


@pytest.fixture
def reports() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def watchdog(clock: Clock, reports: list[tuple[str, str]]) -> Watchdog:
    return Watchdog(clock.call_soon, lambda item: reports.append((item.tool, item.fault)))


def test_what_falls_silent_is_told_once_and_once_when_it_is_back(
    clock: Clock, watchdog: Watchdog, reports: list[tuple[str, str]]
) -> None:
    watchdog.feed('device', 'Probe', PEER, 0.5)
    assert reports == [('Probe', '')]
    for _ in range(10):
        clock.advance(0.4)
        watchdog.feed('device', 'Probe', PEER, 0.5)
    assert reports == [('Probe', '')]
    clock.advance(0.5 + 0.5 / module.CHECKS_A_TIMEOUT)
    assert reports[1:] == [('Probe', 'stale: no good sample for 0.5 s')]
    (watched,) = watchdog.of('device')
    assert watched.is_stale
    assert watched.age_s == pytest.approx(0.625)
    clock.advance(60.0)
    assert len(reports) == 2
    watchdog.feed('device', 'Probe', PEER, 0.5)
    assert reports[2:] == [('Probe', '')]
    clock.advance(1.0)
    assert len(reports) == 4


def test_each_tool_has_a_time_of_its_own(
    clock: Clock, watchdog: Watchdog, reports: list[tuple[str, str]]
) -> None:
    for tool in ('A', 'B'):
        watchdog.feed('device', tool, PEER, 0.5)
    watchdog.feed('other', '', PEER, 0.0)
    clock.advance(0.4)
    watchdog.feed('device', 'A', PEER, 0.5)
    clock.advance(0.3)
    assert [tool for tool, fault in reports if fault] == ['B']


def test_a_shorter_time_out_is_kept_though_it_comes_later(
    clock: Clock, watchdog: Watchdog, reports: list[tuple[str, str]]
) -> None:
    watchdog.feed('slow', '', PEER, 60.0)
    assert clock.timers[0][0] == clock.now_s + MAX_PERIOD_S
    watchdog.feed('fast', 'F', PEER, 0.02)
    clock.advance(0.026)
    assert reports[2:] == [('F', 'stale: no good sample for 0.02 s')]
    watchdog.feed('slow', '', PEER, 0.01)
    watchdog.feed('slow', '', PEER, 0.0)
    clock.advance(60.0)
    assert len(reports) == 3


def test_nothing_runs_while_nothing_can_be_stale(clock: Clock, watchdog: Watchdog) -> None:
    watchdog.feed('device', '', PEER, 0.0)
    assert clock.timers == []


def test_a_peer_that_goes_takes_with_it_what_it_sends_and_at_once(
    watchdog: Watchdog, reports: list[tuple[str, str]]
) -> None:
    watchdog.feed('one', '', FIRST, 0.0)
    watchdog.feed('two', '', make_peer('second'), 0.0)
    watchdog.peer_lost(FIRST)
    watchdog.peer_lost(FIRST)
    assert reports[2:] == [('', 'stale: first has disconnected')]


def test_what_a_peer_says_of_a_tool_is_told_whenever_it_changes(
    clock: Clock, watchdog: Watchdog, reports: list[tuple[str, str]]
) -> None:
    watchdog.mark_faulty('device', 'Probe', PEER, 'OUT_OF_VIEW')
    watchdog.mark_faulty('device', 'Probe', PEER, 'OUT_OF_VIEW')
    watchdog.mark_faulty('device', 'Probe', PEER, 'MISSING')
    assert reports == [('Probe', 'OUT_OF_VIEW'), ('Probe', 'MISSING')]
    assert not watchdog.of('device')[0].is_stale
    watchdog.feed('device', 'Probe', PEER, 0.5)
    clock.advance(1.0)
    assert [fault for _, fault in reports[2:]] == ['', 'stale: no good sample for 0.5 s']


def test_a_device_marked_faulty_before_its_tools_were_known_is_watched_by_them(
    watchdog: Watchdog,
) -> None:
    watchdog.mark_faulty('device', '', PEER, 'MISSING')
    watchdog.feed('device', 'Probe', PEER, 0.5)
    assert [(item.tool, item.fault) for item in watchdog.of('device')] == [('Probe', '')]


def test_f42_tools_that_are_made_up_are_not_watched_without_end(watchdog: Watchdog) -> None:
    for number in range(MAX_WATCHED_OF_PEER):
        assert watchdog.feed('device', str(number), PEER, 0.5)
    assert not watchdog.feed('device', 'one more', PEER, 0.5)
    watchdog.mark_faulty('device', 'and one', PEER, 'MISSING')
    assert len(watchdog.of('device')) == MAX_WATCHED_OF_PEER
    assert watchdog.feed('device', '0', PEER, 0.5)
    assert watchdog.feed('other', '0', FIRST, 0.5)
    assert watchdog.feed('mapped', '0', PEER, 0.5, 'a row')


def test_f42_tools_of_peers_that_are_gone_make_room_the_oldest_first(
    watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'MAX_WATCHED', 3)
    watchdog = Watchdog(lambda delay_s, function: None, lambda item: None)
    gone, late, living = make_peer('gone'), make_peer('late'), make_peer('living')
    for device in 'abc':
        assert watchdog.feed(device, '', gone, 0.5)
    assert not watchdog.feed('d', '', living, 0.5)
    assert not watchdog.of('d')
    for peer in (gone, late):
        peer.is_gone = True
        watchdog.peer_lost(peer)
    assert watchdog.feed('a', '', living, 0.5)  # it is the one of a living peer now
    assert watchdog.feed('d', '', living, 0.5)
    assert watchdog.feed('e', '', late, 0.5)  # its message waited
    assert [len(watchdog.of(device)) for device in 'abcde'] == [1, 0, 0, 1, 1]
    assert watchdog.feed('f', '', living, 0.5)
    assert not watchdog.feed('g', '', living, 0.5)
    watchdog.forget('a')
    watchdog.forget('a')
    assert watchdog.feed('g', '', living, 0.5)


def test_after_the_end_nothing_is_watched(
    clock: Clock, watchdog: Watchdog, reports: list[tuple[str, str]]
) -> None:
    watchdog.feed('device', '', PEER, 0.1)
    watchdog.stop()
    watchdog.stop()
    clock.advance(10.0)
    assert reports == [('', '')]

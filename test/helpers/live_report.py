# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a fuzzer sent to a node, and what became of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from helpers.live_poses import MS, Share
from helpers.mutant_sessions import Mutants

STEADY = {'Steady': ('open', 50.0), 'Calm': ('strict', 50.0)}
"""Trackers that behave well: the connection of each, and its rate in Hz."""

LEAST_SHARE = 0.95  # of the timely poses of a steady tracker on tf
MAX_SILENCE_S = 10.0  # between two states of the node, which come once a second
# The topics of some thousand devices, and what is kept there for late joiners.
MEMORY_BOUND = 400_000_000


@dataclass
class Report:
    """
    What was sent, and what became of it.

    :ivar mutants: the messages with faults.
    :ivar causes: for which the node has rejected messages of these.
    :ivar played: how often each shape was played.
    :ivar poses: on tf.
    :ivar faults: what was wrong, by kind.
    :ivar examples: the first of them in words.
    :ivar shares: of timely poses that were on tf, by shape.
    :ivar missed: messages on tf that did not reach the judge.
    :ivar silence_s: the longest time without a state of the node.
    :ivar growth: of the node's memory, bytes; at its peak and at the end.
    :ivar balances: the law of conservation as a line, for each connection.
    :ivar machine: how busy it was.
    """

    mutants: Mutants = field(default_factory=Mutants)
    causes: set[str] = field(default_factory=set)
    played: Counter[str] = field(default_factory=Counter)
    poses: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    shares: dict[str, Share] = field(default_factory=dict)
    missed: int = 0
    silence_s: float = 0.0
    growth: tuple[int, int] = (0, 0)
    balances: dict[str, str] = field(default_factory=dict)
    machine: str = ''

    @property
    def breaches(self) -> list[str]:
        """What the node has not held of its promises."""
        found = [f'{count} poses or peers: {fault}' for fault, count in self.faults.items()]
        for name in STEADY:
            share = self.shares.get(name, Share())
            if share.on_tf < LEAST_SHARE * share.timely or not share.timely:
                found.append(f'{name}: {share.on_tf} of {share.timely} timely poses on tf')
        if self.silence_s > MAX_SILENCE_S:
            found.append(f'no state for {self.silence_s:.1f} s')
        if max(self.growth) > MEMORY_BOUND:
            found.append(f'memory: {max(self.growth):+,} bytes')
        return found

    def __str__(self) -> str:
        """Return it in lines."""
        outcomes = self.mutants.outcomes
        lines = [
            f'{outcomes.total()} messages with faults of {len(self.mutants.type_names)} types: '
            f'{dict(outcomes.most_common())}',
            f'rejected by the node as {", ".join(sorted(self.causes))}',
            f'{self.played.total()} shapes: {dict(self.played)}',
        ]
        for name, share in sorted(self.shares.items()):
            line = f'{name}: {share.on_tf} of {share.timely} timely poses on tf'
            if share.delays_ns:
                p50, p99, most = np.percentile(share.delays_ns, (50.0, 99.0, 100.0)) / MS
                line += f'; delays p50 {p50:.2f}, p99 {p99:.2f}, most {most:.2f} ms'
            lines.append(line)
        peak, end = self.growth
        return '\n'.join(
            [
                *lines,
                f'{self.poses} poses on tf, {self.faults.total()} faults {dict(self.faults)}; '
                f'{self.missed} messages did not reach the judge',
                f'no state for {self.silence_s:.1f} s at most; memory {peak:+,} bytes at its peak,'
                f' {end:+,} at the end; {self.machine}',
                *(f'{name}: {balance}' for name, balance in self.balances.items()),
            ]
        )

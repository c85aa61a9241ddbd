# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Shapes of a fuzzer: names, BINDs, parts of volumes, and sessions under one port.

Another shape is a function that dials, sends and yields how long it waits, and its row in SHAPES.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from helpers.bridge_peer import pack
from helpers.live_peer import LivePeer
from helpers.live_poses import Sent, Track
from helpers.live_stage import Shape, Stage, Steps
from helpers.scripted_peer import unused_port
from ros2_igtl import codec

PERIOD_S = 0.02


def names(stage: Stage, rng: random.Random) -> Steps:
    """Send bursts of names nobody has used: some are published, most are filtered or unmapped."""
    for _ in range(3):
        for door, prefix, is_wanted in (
            ('open', 'New', True),
            ('open', 'Filtered', False),
            ('strict', 'Unmapped', False),
        ):
            peer = stage.dial(door)
            first = rng.randrange(10**6)
            count = rng.choice((5, 20)) if is_wanted else 500
            parts, poses = [], []
            for number in range(first, first + count):
                name = f'{prefix}{number}x{peer.party.number % 1000}'
                if rng.random() < 0.5:
                    parts.append(pack(codec.String('new'), name))
                    continue
                poses.append(stage.judge.make(peer.track(name, is_wanted=is_wanted)))
                parts.append(peer.pack(poses[-1], name))
            peer.send(b''.join(parts), len(parts), poses)
            yield 0.5
            yield from peer.finish()


def tools(stage: Stage, rng: random.Random) -> Steps:
    """Send TDATA of many tools, whose names are new ones each time or the same."""
    door, device = rng.choice((('open', 'RowTools'), ('strict', 'RowTools'), ('open', 'NewTools')))
    peer = stage.dial(door)
    with stage.name(device) as name:
        yield from _tools(stage, rng, peer, name)


def _tools(stage: Stage, rng: random.Random, peer: LivePeer, device: str) -> Steps:
    are_new, count = rng.random() < 0.5, rng.choice((1, 30, 900))
    tracks: list[Track] = []
    for turn in range(10 if count < 900 else 3):
        if are_new or not tracks:
            tracks = [peer.track(f't{peer.party.number}x{turn}x{n}') for n in range(count)]
        poses = [stage.judge.make(track) for track in tracks]
        listed = [
            (sent.track.frames[0], codec.ToolType.INSTRUMENT_6D, sent.content.matrix)
            for sent in poses
        ]
        content = codec.TrackingData.from_tools(listed)
        peer.send(pack(content, device, timestamp=poses[0].timestamp), 1, poses)
        yield 0.02 if count < 900 else 1.0
    yield from peer.finish()


def binds(stage: Stage, rng: random.Random) -> Steps:
    """Send BINDs of many children, and BINDs in BINDs."""
    peer = stage.dial()
    with stage.name('RowBind') as name:
        yield from _binds(stage, rng, peer, name)


def _binds(stage: Stage, rng: random.Random, peer: LivePeer, name: str) -> Steps:
    devices = [f'{name}x{number}' for number in range(rng.choice((3, 30)))]
    tracks = [peer.track(device) for device in devices]
    for _ in range(5):
        poses = [stage.judge.make(track) for track in tracks]
        children = [codec.Message(sent.content, sent.track.frames[0]) for sent in poses]
        filler = codec.Message(codec.String('x'), devices[0])
        children += [filler] * rng.choice((0, 100, 1000))
        content = codec.Bind(children)
        if rng.random() < 0.3:
            content = codec.Bind([codec.Message(content, 'Inner')])
        peer.send(pack(content, name, timestamp=poses[0].timestamp), 1, poses)
        yield 0.5
    yield from peer.finish()


def volumes(stage: Stage, rng: random.Random) -> Steps:
    """Send parts of a volume: slices, columns, stripes or voxels, of a large one only a few."""
    peer = stage.dial()
    with stage.name('RowVolume') as name:
        yield from _parts(stage, rng, peer, name)


def _parts(stage: Stage, rng: random.Random, peer: LivePeer, device: str) -> Steps:
    kind = rng.choice(('slices', 'columns', 'stripes', 'voxels', 'blocks'))
    side = rng.choice((8, 32, 512 if kind in ('columns', 'voxels') else 128))
    size = (side, side, side)
    track = peer.track(f'{device}p')
    for number in range(min(side, 64)):
        i, j, k = (rng.randrange(side) for _ in range(3))
        di, dj, dk = (min(side - at, 1 + side // 4) for at in (i, j, k))
        offset, sub_size = {
            'slices': ((0, 0, number), (side, side, 1)),
            'columns': ((number, 0, 0), (1, side, 1)),
            'stripes': ((number, 0, 0), (1, side, side)),
            'voxels': ((i, j, k), (1, 1, 1)),
            'blocks': ((i, j, k), (di, dj, dk)),
        }[kind]
        data = bytes(2 * int(np.prod(sub_size)))
        content = codec.Image(data, size, codec.ScalarType.INT16, offset=offset, sub_size=sub_size)
        sent = stage.judge.make(track)
        peer.send(pack(content, device) + peer.pack(sent, track.frames[0]), 2, [sent])
        yield PERIOD_S
    yield from peer.finish()


def _send_poses(stage: Stage, peer: LivePeer, tracks: Sequence[Track]) -> None:
    poses: list[Sent] = [stage.judge.make(track) for track in tracks]
    data = b''.join(peer.pack(sent, sent.track.frames[0]) for sent in poses)
    peer.send(data, len(poses), poses)


def reconnects(stage: Stage, rng: random.Random) -> Steps:
    """Dial from one port again and again, and reset each session in the middle."""
    with stage.name('RowReset') as name:
        yield from _reconnects(stage, rng, name)


def _reconnects(stage: Stage, rng: random.Random, name: str) -> Steps:
    source_port = unused_port()
    for _ in range(rng.choice((5, 20))):
        peer = stage.dial(source_port=source_port)
        tracks = [peer.track(name), peer.track(f'{name}x{rng.randrange(3)}')]
        for _ in range(rng.choice((1, 3, 20))):
            _send_poses(stage, peer, tracks)
            yield rng.choice((0.0, 0.002, PERIOD_S))
        peer.reset(pack(codec.String('x' * 100), 'RowCut')[: rng.choice((0, 3, 60, 100))])
        yield rng.choice((0.0, 0.001, 0.05))


def twins(stage: Stage, rng: random.Random) -> Steps:
    """Let two peers dial two addresses from one port, with frames of both and of their own."""
    with stage.name('RowTwin') as name:
        yield from _twins(stage, rng, name)


def _twins(stage: Stage, rng: random.Random, shared: str) -> Steps:
    hosts, source_port = ('127.0.0.1', '127.0.0.2'), unused_port()
    peers = [stage.dial(host=host, source_port=source_port) for host in hosts]
    for _ in range(rng.choice((2, 5))):
        tracks = [
            [peer.track(shared), peer.track(f'{shared}x{at}')] for at, peer in enumerate(peers)
        ]
        for _ in range(20):
            for at in rng.sample((0, 1), 2):
                _send_poses(stage, peers[at], tracks[at])
            yield PERIOD_S
        at = rng.randrange(2)
        peers[at].reset()
        yield rng.choice((0.0, 0.05))
        peers[at] = stage.dial(host=hosts[at], source_port=source_port)
    for peer in peers:
        yield from peer.finish()


def two_connections(stage: Stage, rng: random.Random) -> Steps:
    """Send poses of one frame to two connections of the node."""
    with stage.name('RowBoth') as name:
        yield from _two_connections(stage, rng, name)


def _two_connections(stage: Stage, rng: random.Random, shared: str) -> Steps:
    peers = [stage.dial('open'), stage.dial('strict')]
    for _ in range(3):
        for _ in range(20):
            for peer in rng.sample(peers, 2):
                _send_poses(stage, peer, [peer.track(shared)])
            yield PERIOD_S
        at = rng.randrange(2)
        yield from peers[at].finish()
        peers[at] = stage.dial(('open', 'strict')[at])
    for peer in peers:
        yield from peer.finish()


SHAPES: dict[str, Shape] = {
    'names': names,
    'tools': tools,
    'binds': binds,
    'volumes': volumes,
    'reconnects': reconnects,
    'twins': twins,
    'two connections': two_connections,
}
"""By name."""

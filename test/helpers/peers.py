# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Peers without a connection, for tests of what is kept in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from ros2_igtl.convert.streams.peer_clock import PeerClock
from ros2_igtl.convert.streams.video_decoder import VideoDecoder
from ros2_igtl.convert.streams.volume_assembler import VolumeAssembler
from ros2_igtl.nodes.peer import Peer, Peers
from ros2_igtl.transport import Session


def make_peer(name: str) -> Peer:
    """Return a peer whose session is no more than a name."""
    session = cast(Session, SimpleNamespace(peer_name=name))
    return Peer(session, PeerClock(), VolumeAssembler(1 << 20), VideoDecoder(1 << 20))


def make_peers(*present: Peer) -> Peers:
    """Return the peers of a connection, to be changed through ``all``."""
    peers = Peers(lambda session: make_peer(session.peer_name))
    peers.all = present
    return peers

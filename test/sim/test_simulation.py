# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A simulation says what its source says, on time, to everybody who listens."""

from __future__ import annotations

import itertools
import socket
import threading
import time

import numpy as np
import pytest

from ros2_igtl import codec
from ros2_igtl.cli import stream
from ros2_igtl.sim import Imager, Simulation, Tracker, VolumeImager
from ros2_igtl.sim.imager import slice_position
from ros2_igtl.sim.tracker import tool_pose
from ros2_igtl.transport import Options

DEADLINE_S = 20.0


def receive(peer: socket.socket, count: int) -> list[codec.Message]:
    messages: list[codec.Message] = []
    for result in stream.receive(peer, time.monotonic() + DEADLINE_S):
        assert isinstance(result, codec.Message), result
        messages.append(result)
        if len(messages) == count:
            return messages
    raise AssertionError(f'{len(messages)} of {count} messages came')


def stamps_ns(messages: list[codec.Message]) -> list[int]:
    return [codec.timestamp.to_nanoseconds(message.timestamp) for message in messages]


def test_every_value_follows_from_its_stamp() -> None:
    before_ns = time.time_ns()
    with (
        Simulation(Tracker(('A', 'B')), 200.0) as simulation,
        stream.connect('127.0.0.1', simulation.port) as peer,
    ):
        messages = receive(peer, 40)
    for message, stamp_ns in zip(messages, stamps_ns(messages), strict=True):
        index = ('A', 'B').index(message.device_name)
        expected = tool_pose(index, stamp_ns).astype('f4')
        np.testing.assert_array_equal(message.content.matrix.astype('f4'), expected)
        assert before_ns <= stamp_ns <= time.time_ns()


def test_it_speaks_at_its_rate() -> None:
    with (
        Simulation(Tracker(('A',)), 100.0) as simulation,
        stream.connect('127.0.0.1', simulation.port) as peer,
    ):
        stamps = stamps_ns(receive(peer, 30))
    gaps = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    # a loaded machine leaves times out, and never shifts them
    assert all(gap > 0 and gap % 10_000_000 == 0 for gap in gaps)


def test_all_peers_get_the_same() -> None:
    with (
        Simulation(Tracker(('A',)), 200.0) as simulation,
        stream.connect('127.0.0.1', simulation.port) as one,
        stream.connect('127.0.0.1', simulation.port) as other,
    ):
        of_one = stamps_ns(receive(one, 100))
        of_other = stamps_ns(receive(other, 100))
    assert len(set(of_one) & set(of_other)) > 50


def test_a_count_ends_it_after_all_was_sent() -> None:
    with Simulation(Tracker(('A', 'B')), 500.0, count=25) as simulation:
        with stream.connect('127.0.0.1', simulation.port) as peer:
            receive(peer, 50)
            assert simulation.wait(DEADLINE_S)
            rest: list[codec.Message | codec.MessageError] = []
            reader = threading.Thread(target=lambda: rest.extend(stream.receive(peer)))
            reader.start()
            simulation.__exit__(None, None, None)
            reader.join(DEADLINE_S)
            assert not reader.is_alive()
        assert rest == []


def test_it_dials_and_dials_again() -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.settimeout(DEADLINE_S)
        port = server.getsockname()[1]
        options = Options(reconnect_initial_delay=0.05)
        with Simulation(Tracker(('A',)), 200.0, port=port, dial=True, options=options):
            for _ in range(2):
                peer, _ = server.accept()
                with peer:
                    assert receive(peer, 3)[0].device_name == 'A'


def test_the_header_version_is_that_of_the_options() -> None:
    options = Options(header_version=2)
    with (
        Simulation(Tracker(('A',)), 200.0, options=options) as simulation,
        stream.connect('127.0.0.1', simulation.port) as peer,
    ):
        assert receive(peer, 1)[0].header_version == 2


def test_slices_arrive_where_their_stamp_says() -> None:
    with (
        Simulation(Imager(), 50.0) as simulation,
        stream.connect('127.0.0.1', simulation.port) as peer,
    ):
        messages = receive(peer, 5)
    for message, stamp_ns in zip(messages, stamps_ns(messages), strict=True):
        assert message.content == Imager().messages_at(stamp_ns)[0].content
        assert message.content.position[2] == slice_position(stamp_ns)


def test_a_volume_arrives_whole() -> None:
    source = VolumeImager()
    with (
        Simulation(source, 10.0) as simulation,
        stream.connect('127.0.0.1', simulation.port) as peer,
    ):
        (message,) = receive(peer, 1)
    assert message.content == source.messages_at(0)[0].content


def test_a_taken_port_is_said_at_once_and_leaves_no_thread() -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match=f'127.0.0.1:{port}'):
            Simulation(Tracker(), 10.0, port=port).__enter__()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith('igtl_sim')]


def test_what_happens_to_the_connection_is_announced() -> None:
    said: list[str] = []
    with Simulation(Tracker(), 100.0, announce=said.append) as simulation:
        with stream.connect('127.0.0.1', simulation.port) as peer:
            receive(peer, 1)
            name = '{}:{}'.format(*peer.getsockname())
        port = simulation.port
    assert said[0] == f'listening: 127.0.0.1:{port}'
    assert said[1] == f'{name} connected'
    assert said[2].startswith(f'{name} disconnected')


def test_what_peers_send_does_not_disturb_it() -> None:
    text = codec.pack(codec.Message(codec.String('hello'), 'Peer'))
    with (
        Simulation(Tracker(('A',)), 200.0) as simulation,
        stream.connect('127.0.0.1', simulation.port) as peer,
    ):
        peer.sendall(text + text[:-1] + b'?' + text)  # the one in the middle has a wrong CRC
        receive(peer, 50)


def test_one_that_dials_has_no_port() -> None:
    simulation = Simulation(Tracker(), 10.0, port=1, dial=True)
    with pytest.raises(ValueError, match='does not listen'):
        _ = simulation.port

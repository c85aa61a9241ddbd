# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What the reference implementation sends is read as it meant it; and packed again, the same."""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Iterator

import numpy as np
import pytest

from helpers.reference_programs import ReferenceProgram, find_test_images, free_port
from ros2_igtl import codec
from ros2_igtl.cli import stream

DEADLINE_S = 20.0


def receive_all(peer: socket.socket, count: int) -> list[codec.Message]:
    """Return the first messages that come; none of them may be refused."""
    messages = []
    for result in stream.receive(peer, time.monotonic() + DEADLINE_S):
        assert isinstance(result, codec.Message), result
        messages.append(result)
        if len(messages) == count:
            return messages
    raise AssertionError(f'{len(messages)} of {count} messages came')


def receive_from(program: str, *arguments: object, count: int) -> list[codec.Message]:
    port = free_port()
    with ReferenceProgram(program, port, *arguments) as server:
        server.wait_until_listening(port)
        with stream.connect('127.0.0.1', port) as peer:
            return receive_all(peer, count)


def printed_matrices(output: str) -> Iterator[list[list[float]]]:
    """Yield the matrices that igtl::PrintMatrix printed, four rows of four numbers."""
    number = r'-?[\d.]+(?:e-?\d+)?'
    row = rf'({number}), ({number}), ({number}), ({number})\n'
    for rows in re.findall(row * 4, output):
        numbers = [float(text) for text in rows]
        yield [numbers[start : start + 4] for start in (0, 4, 8, 12)]


def test_transforms_of_tracker_server_are_the_matrices_that_it_printed() -> None:
    port = free_port()
    with ReferenceProgram('TrackerServer', port, 200) as server:
        server.wait_until_listening(port)
        with stream.connect('127.0.0.1', port) as peer:
            messages = receive_all(peer, 100)
        server.wait_for_output(r'(?:=+\n[^=]+=+\n){100}')
        printed = list(printed_matrices(server.output))
    assert len(printed) == 100
    for message, matrix in zip(messages, printed, strict=True):
        assert message.type_name == 'TRANSFORM'
        assert message.device_name == 'Tracker'
        assert message.timestamp == 0
        assert message.header_version == 1
        np.testing.assert_allclose(message.content.matrix, matrix, rtol=1e-5, atol=1e-5)


def test_tracker_server_closes_between_messages_after_a_hundred() -> None:
    port = free_port()
    with ReferenceProgram('TrackerServer', port, 1000) as server:
        server.wait_until_listening(port)
        with stream.connect('127.0.0.1', port) as peer:
            messages = list(stream.receive(peer, time.monotonic() + DEADLINE_S))
    assert len(messages) == 100


def test_positions_of_tracker_server_2_lie_on_its_circle() -> None:
    for message in receive_from('TrackerServer2', 200, count=20):
        assert message.type_name == 'POSITION'
        position = message.content
        assert position.content_size == 28
        assert math.hypot(position.x, position.y) == pytest.approx(50.0, abs=1e-3)
        # what the program calls a quaternion: (0, 2/3 cos, 1/sqrt(3), 2/3 sin), passed on as sent
        assert math.hypot(position.oy, position.w) == pytest.approx(2.0 / 3.0)
        assert (position.ox, position.oz) == (0.0, pytest.approx(1.0 / math.sqrt(3.0)))


def test_images_of_imager_server_are_the_slices_of_its_files() -> None:
    images = find_test_images()
    for index, message in enumerate(receive_from('ImagerServer', 100, images, count=10)):
        image = message.content
        assert message.device_name == 'ImagerClient'
        assert image.size == (256, 256, 1)
        assert image.is_whole
        assert image.scalar_type is codec.ScalarType.UINT8
        assert image.spacing == (1.0, 1.0, 5.0)
        assert image.axes == (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 5.0)
        raw = (images / f'igtlTestImage{index % 5 + 1}.raw').read_bytes()
        assert bytes(image.data) == raw
        assert image.pixels.shape == (1, 256, 256)


def test_points_of_point_server_arrive_with_every_field() -> None:
    (message,) = receive_from('PointServer', count=1)
    assert message.device_name == 'PointSender'
    points = message.content.points
    assert [codec.text(name) for name in points['name']] == ['POINT_0', 'POINT_1', 'POINT_2']
    assert [codec.text(group) for group in points['group']] == ['GROUP_0'] * 3
    assert [codec.text(owner) for owner in points['owner']] == ['IMAGE_0'] * 3
    assert points['rgba'].tolist() == [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]]
    assert points['position'].tolist() == [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    assert points['size'].tolist() == [15, 45, 75]


def test_strings_of_string_server_arrive() -> None:
    messages = receive_from('StringServer', 100, count=5)
    assert {message.device_name for message in messages} == {'StringMessage'}
    assert [message.content.encoding for message in messages] == [3] * 5
    assert [message.content.text for message in messages] == [
        'OpenIGTLink',
        'Network',
        'Communication',
        'Protocol',
        'Image Guided Therapy',
    ]


def test_status_of_status_server_arrives_with_its_text() -> None:
    (message,) = receive_from('StatusServer', count=1)
    assert message.device_name == 'Device'
    assert message.content == codec.Status(
        codec.StatusCode.OK, 128, 'OK!', 'This is a test to send status message.'
    )


def test_capability_of_capability_server_arrives() -> None:
    (message,) = receive_from('CapabilityServer', count=1)
    assert message.content == codec.Capability(('TRANSFORM', 'GET_IMAGE', 'GET_LBMETA'))


def test_tracking_data_server_streams_on_start_and_closes_on_stop() -> None:
    port = free_port()
    with ReferenceProgram('TrackingDataServer', port) as server:
        server.wait_until_listening(port)
        with stream.connect('127.0.0.1', port) as peer:
            start = codec.StartTrackingData(resolution=20, coordinate_name='Patient')
            peer.sendall(codec.pack(codec.Message(start, 'TDataClient')))
            messages = receive_all(peer, 5)
            server.wait_for_output(r'Interval = 20 \(ms\)')
            peer.sendall(codec.pack(codec.Message(codec.StopTrackingData(), 'TDataClient')))
            for result in stream.receive(peer, time.monotonic() + DEADLINE_S):
                assert isinstance(result, codec.Message)
            assert peer.recv(1) == b''
            server.wait_for_output('Received a STP_TDATA message')
    for message in messages:
        assert message.type_name == 'TDATA'
        assert message.device_name == 'Tracker'
        tools = message.content.tools
        assert [codec.text(name) for name in tools['name']] == [
            'Channel 0',
            'Channel 1',
            'Channel 2',
        ]
        assert tools['tool_type'].tolist() == [1, 2, 4]
        assert np.isfinite(tools['matrix']).all()


def test_tracker_client_3_sends_each_device_with_a_time_stamp_of_now() -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.settimeout(DEADLINE_S)
        port = server.getsockname()[1]
        before_ns = time.time_ns()
        with ReferenceProgram('TrackerClient3', '127.0.0.1', port, 100, 'Probe', 'Needle'):
            peer, _ = server.accept()
            with peer:
                messages = receive_all(peer, 10)
        after_ns = time.time_ns()
    assert {message.device_name for message in messages} == {'Probe', 'Needle'}
    for message in messages:
        stamp_ns = codec.timestamp.to_nanoseconds(message.timestamp)
        # the reference's clock has microseconds, its fractions are a few nanoseconds off
        assert before_ns - 2000 <= stamp_ns <= after_ns + 2000


@pytest.mark.parametrize(
    ('program', 'arguments', 'query'),
    [
        ('TrackerServer', (200,), None),
        ('TrackerServer2', (200,), None),
        ('PointServer', (), None),
        ('TrajectoryServer', (), None),
        ('StringServer', (100,), None),
        ('StatusServer', (), None),
        ('CapabilityServer', (), None),
        ('PolyDataServer', (), 'GET_POLYDATA'),
        ('ImageMetaServer', (), 'GET_IMGMETA'),
        ('LabelMetaServer', (), 'GET_LBMETA'),
    ],
)
def test_what_a_reference_server_sends_packs_again_to_the_same_bytes(
    program: str, arguments: tuple[object, ...], query: str | None
) -> None:
    port = free_port()
    with ReferenceProgram(program, port, *arguments) as server:
        server.wait_until_listening(port)
        with stream.connect('127.0.0.1', port) as peer:
            peer.settimeout(DEADLINE_S)
            if query is not None:
                peer.sendall(codec.pack(codec.Message(codec.Unknown(query, b''), 'Asker')))
            data = b''
            size = codec.HEADER_SIZE
            while len(data) < size:
                chunk = peer.recv(size - len(data))
                assert chunk, f'{program} closed within a message'
                data += chunk
                if len(data) == codec.HEADER_SIZE:
                    size += int.from_bytes(data[42:50], 'big')
    message = codec.unpack(data)
    assert message.device_name
    assert codec.pack(message) == data

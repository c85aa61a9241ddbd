# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl send` sends what its arguments say."""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from helpers.reference_programs import ReferenceProgram, free_port
from ros2_igtl import codec
from ros2_igtl.cli.main import main

DEADLINE_S = 20.0
TEXT = codec.pack(codec.Message(codec.String('ready'), 'Robot'))


@contextmanager
def receiving(answer: bytes = b'') -> Iterator[tuple[str, bytearray]]:
    """Take in what one client sends, until it closes; yields the port and the bytes."""
    received = bytearray()
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.settimeout(DEADLINE_S)

        def run() -> None:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(DEADLINE_S)
                peer.sendall(answer)
                while chunk := peer.recv(65536):
                    received.extend(chunk)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield str(server.getsockname()[1]), received
        finally:
            thread.join(DEADLINE_S)


def send(*arguments: str) -> codec.Message:
    """Return the message that arrives when `igtl send` is given these arguments."""
    with receiving() as (port, received):
        assert main(['send', '127.0.0.1', port, *arguments]) == 0
    return codec.unpack(received)


def test_a_transform_has_its_translation_in_millimetres_and_its_rotation_in_degrees() -> None:
    message = send(
        *('TRANSFORM', '--device', 'Probe', '--translation', '10', '-20.5', '30'),
        *('--rotation', '0', '0', '90'),
    )
    assert message.device_name == 'Probe'
    assert message.header_version == 1
    expected = np.array([[0, -1, 0, 10], [1, 0, 0, -20.5], [0, 0, 1, 30], [0, 0, 0, 1]])
    np.testing.assert_allclose(message.content.matrix, expected, atol=1e-6)


@pytest.mark.parametrize('angles', [(30, 0, 0), (0, 40, 0), (0, 0, 50), (20, -30, 110)])
def test_a_rotation_is_about_the_fixed_axes_x_then_y_then_z(angles: tuple[int, int, int]) -> None:
    def about(axis: int, degrees: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        matrix = np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        matrix[i, i] = matrix[j, j] = cosine
        matrix[i, j], matrix[j, i] = -sine, sine
        return matrix

    message = send('TRANSFORM', '--rotation', *map(str, angles))
    roll, pitch, yaw = angles
    expected = about(2, yaw) @ about(1, pitch) @ about(0, roll)
    np.testing.assert_allclose(message.content.matrix[:3, :3], expected, atol=1e-6)


def test_a_quaternion_is_normalised() -> None:
    message = send('TRANSFORM', '--quaternion', '0', '0', '2', '2')
    expected = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    np.testing.assert_allclose(message.content.matrix[:3, :3], expected, atol=1e-6)


def test_a_matrix_is_sent_as_it_is() -> None:
    message = send('transform', '--matrix', *map(str, range(12)))
    np.testing.assert_array_equal(message.content.matrix[:3], np.arange(12).reshape(3, 4))


def test_a_string_is_ascii_or_utf_8_or_what_is_asked_for() -> None:
    assert send('STRING', 'go').content == codec.String('go', 3)
    assert send('STRING', 'Größe').content == codec.String('Größe', 106)
    assert send('STRING', 'Größe', '--encoding', '4').content == codec.String('Größe', 4)


@pytest.mark.parametrize('shape', [(3, 4), (2, 3, 4), (2, 3, 4, 3)])
def test_an_image_comes_from_a_file_of_numpy(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / 'image.npy'
    pixels = np.arange(np.prod(shape), dtype='u2').reshape(shape)
    np.save(path, pixels)
    message = send(
        *('IMAGE', str(path), '--spacing', '0.5', '0.75', '2', '--position', '1', '2', '3'),
        *('--coordinate', 'LPS'),
    )
    image = message.content
    assert image.spacing == (0.5, 0.75, 2.0)
    assert image.position == (1.0, 2.0, 3.0)
    assert image.coordinate is codec.CoordinateSystem.LPS
    np.testing.assert_array_equal(image.pixels, pixels if len(shape) > 2 else pixels[np.newaxis])


OTHERS = {
    'POSITION': codec.Position(1, 2, 3, 1, 0, 0, 0),
    'STATUS': codec.Status(13, -3, 'E1', 'warming up'),
    'POINT': codec.Point.from_points([{'name': 'A', 'position': (1, 2, 3), 'group': 'Plan'}]),
    'TDATA': codec.TrackingData.from_tools([('A', 1, np.eye(4)), ('B', 2, np.eye(4))]),
    'CAPABILITY': codec.Capability(('IMAGE', 'POINT')),
    'COMMAND': codec.Command(9, 'Start', '<Run speed="2"/>'),
    'SENSOR': codec.Sensor([1.5, -2], 'N*m'),
    'GET_IMAGE': codec.GetImage(),
}


@pytest.mark.parametrize('type_name', OTHERS)
def test_any_message_is_sent_as_json_says_it(type_name: str) -> None:
    message = codec.Message(OTHERS[type_name], 'Robot', 5 << 31)
    message.header_version = OTHERS[type_name].default_header_version
    described = json.dumps(codec.describe(message, data=True))
    with receiving() as (port, received):
        assert main(['send', '127.0.0.1', port, '--json', described]) == 0
    assert received == codec.pack(message)


def test_json_has_the_defaults_of_the_codec() -> None:
    assert send('--json', ' {"type_name": "STATUS",\n "content": {"code": 77}}') == codec.Message(
        codec.Status(77)
    )
    command = send(
        '--json', '{"type_name": "COMMAND", "content": {"command_id": 9, "name": "Start"}}'
    )
    assert command.header_version == 2
    assert command.content == codec.Command(9, 'Start')


@pytest.mark.parametrize('from_stdin', [False, True])
def test_json_comes_from_a_file_or_standard_input_too(
    from_stdin: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = codec.unpack(TEXT)
    lines = f'{json.dumps(codec.describe(message))}\n\n'.encode() * 2
    path = tmp_path / 'messages.json'
    path.write_bytes(lines)
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(lines)))
    with receiving() as (port, received):
        name = '-' if from_stdin else str(path)
        assert main(['send', '127.0.0.1', port, '--json', name]) == 0
    assert received == TEXT * 2


@pytest.mark.parametrize(
    ('described', 'error'),
    [
        ('{', 'Expecting property name'),
        ('{"type_name": "STATUS", "content": {"colour": 5}}', 'the fields are: code, subcode'),
        ('{"type_name": "NOTHING"}', 'this type is unknown'),
        ('{"type_name": "STRING", "device_name": "a device name too long"}', '20 are allowed'),
    ],
)
def test_json_that_is_no_message_is_one_line_and_nothing_is_sent(
    described: str, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['send', '127.0.0.1', '1', '--json', described]) == 2
    said = capsys.readouterr().err
    assert said.startswith('igtl send: --json: ')
    assert error in said
    assert said.count('\n') == 1


@pytest.mark.parametrize('arguments', [[], ['--json', '{}', 'STRING', 'x']])
def test_either_json_or_a_type_is_needed(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['send', '127.0.0.1', '1', *arguments]) == 2
    said = capsys.readouterr().err
    assert said == ('igtl send: give either --json, or one of TRANSFORM, STRING, IMAGE and FILE\n')


def test_metadata_and_a_message_id_make_header_version_2() -> None:
    message = send(
        'STRING', 'x', '--metadata', 'a=b=c', '--metadata', 'Größe=', '--message-id', '4'
    )
    assert message.header_version == 2
    assert message.message_id == 4
    assert message.metadata == {'a': 'b=c', 'Größe': ''}
    assert send('STRING', 'x', '--header-version', '2').header_version == 2


def test_the_stamp_is_now_or_what_is_asked_for() -> None:
    before_ns = time.time_ns()
    now_ns = codec.timestamp.to_nanoseconds(send('STRING', 'x').timestamp)
    assert before_ns <= now_ns <= time.time_ns()
    assert send('STRING', 'x', '--stamp', '0').timestamp == 0
    assert send('STRING', 'x', '--stamp', '2.5').timestamp == 5 << 31


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / 'bytes'
    path.write_bytes(TEXT * 2 + b'nonsense')
    with receiving() as (port, received):
        assert main(['send', '127.0.0.1', port, 'FILE', str(path)]) == 0
    assert received == TEXT * 2 + b'nonsense'


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(TEXT)))
    with receiving() as (port, received):
        assert main(['send', '127.0.0.1', port, 'FILE', '-']) == 0
    assert received == TEXT


@pytest.mark.parametrize(
    'arguments',
    [
        ['STRING', 'x', '--wait', '0.3'],
        ['--wait', '0.3', 'STRING', 'x'],
        ['--json', '{"type_name": "STRING", "content": {"text": "x"}}', '--wait', '0.3'],
    ],
)
def test_what_the_peer_answers_is_printed_if_it_is_waited_for(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with receiving(answer=TEXT) as (port, received):
        assert main(['send', '127.0.0.1', port, *arguments]) == 0
    assert codec.unpack(received).content == codec.String('x')
    assert "'ready'" in capsys.readouterr().out


def test_nothing_is_lost_when_the_peer_is_sending_at_the_same_time() -> None:
    with receiving(answer=TEXT * 1000) as (port, received):
        assert main(['send', '127.0.0.1', port, 'STRING', 'x']) == 0
    assert codec.unpack(received).content == codec.String('x')


def test_a_value_that_does_not_fit_is_refused_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exit_code = main(['send', '127.0.0.1', '1', 'STRING', 'x', '--device', 'n' * 21])
    assert exit_code == 1
    assert '20 are allowed' in capsys.readouterr().err


def test_the_reference_prints_what_was_sent() -> None:
    port = free_port()
    with ReferenceProgram('ReceiveServer', port) as program:
        program.wait_until_listening(port)
        assert main(['send', '127.0.0.1', str(port), 'STRING', 'from the command line']) == 0
        program.wait_for_output('Encoding: 3; String: from the command line')

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the reference implementation sends is read as its sources say; and packed again, the same.

The sources are those of the package openigtlink-examples, where a program has a file of its name.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import slow_decoder
from helpers.reference_programs import (
    build_reference_programs,
    connected_program,
    find_test_images,
)
from helpers.scripted_peer import ScriptedPeer
from ros2_igtl import codec

# the first test waits for the compiler
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope='module', autouse=True)
def _programs() -> None:
    """Compile all at once, which is quicker than one by one."""
    build_reference_programs(
        *('BindClient', 'CapabilityClient', 'CapabilityServer', 'ImageDatabaseServer'),
        *('ImageMetaClient', 'ImageMetaServer', 'ImagerClient', 'ImagerClient2', 'ImagerServer'),
        *('LabelMetaClient', 'LabelMetaServer', 'PointClient', 'PointListServer', 'PointServer'),
        *('PolyDataClient', 'PolyDataServer', 'QuaternionTrackingDataClient'),
        *('QuaternionTrackingDataServer', 'StatusClient', 'StatusServer', 'StringClient'),
        *('StringEchoServer', 'StringServer', 'TrackerClient', 'TrackerClient2'),
        *('TrackerClient3', 'TrackerServer', 'TrackerServer2', 'TrackingDataClient'),
        *('TrackingDataServer', 'TrajectoryClient', 'TrajectoryServer'),
    )


def receive(peer: ScriptedPeer, count: int = 1) -> list[codec.Message]:
    """Return the next messages, on which the slow decoder agrees, and which pack to the same."""
    messages = []
    for index in range(count):
        data = peer.receive_message()
        message = codec.unpack(data)
        assert codec.pack(message) == data
        if index == 0 or len(data) < 4096:  # it takes its time over images
            assert slow_decoder.message(data) == codec.describe(message)
        messages.append(message)
    return messages


def ask(peer: ScriptedPeer, query: codec.Content, *device_names: str) -> list[codec.Message]:
    """Return what comes for a query to each device."""
    for device_name in device_names:
        peer.send(codec.pack(codec.Message(query, device_name)))
    return receive(peer, len(device_names))


def described(message: codec.Message) -> dict[str, Any]:
    """Return the content; reserved bytes are what the reference found in memory."""
    content: dict[str, Any] = codec.describe(message)['content']
    for element in content.get('elements', ()):
        element.pop('reserved', None)
    return content


Pose = tuple[tuple[float, ...], tuple[float, ...]]


def poses(
    phi_step: float, theta_step: float, phi: float = 0.0, theta: float = 0.0
) -> Iterator[Pose]:
    """Yield the positions and the quaternions of GetRandomTestMatrix(); its angles are floats."""
    while True:
        position = (50.0 * math.cos(phi), 50.0 * math.sin(phi), 50.0 * math.cos(phi))
        sine, cosine = 0.6666666666 * math.sin(theta), 0.6666666666 * math.cos(theta)
        yield position, (0.0, cosine, 0.577350269189626, sine)
        phi = float(np.float32(phi + phi_step))
        theta = float(np.float32(theta + theta_step))


def matrix_of(pose: Pose) -> list[list[float]]:
    """Return three rows of a matrix; the quaternion is not of unit length."""
    (px, py, pz), quaternion = pose
    x, y, z, w = np.array(quaternion) / np.linalg.norm(quaternion)
    return [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), px],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), py],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), pz],
    ]


def assert_close(found: Any, expected: Any) -> None:
    """Assert that numbers differ by no more than single precision does."""
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(('program', 'count'), [('TrackerServer', 100), ('TrackerClient', 20)])
def test_transforms_are_the_poses_of_the_source(program: str, count: int) -> None:
    with connected_program(program, 500) as (_, peer):
        messages = receive(peer, count)
    for message, pose in zip(messages, poses(0.2, 0.1), strict=False):
        assert message.type_name == 'TRANSFORM'
        assert message.device_name == 'Tracker'
        assert (message.timestamp == 0) == (program == 'TrackerServer')
        assert_close(message.content.matrix[:3], matrix_of(pose))


def test_tracker_server_closes_between_messages_after_a_hundred() -> None:
    with connected_program('TrackerServer', 1000) as (_, peer):
        receive(peer, 100)
        assert peer.receive_until_closed() == b''


def test_transforms_of_tracker_client_3_have_each_device_and_the_time_of_now() -> None:
    before_ns = time.time_ns()
    with connected_program('TrackerClient3', 200, 'Probe', 'Needle') as (_, peer):
        messages = receive(peer, 20)
    after_ns = time.time_ns()
    for index, (name, source) in enumerate(
        [('Probe', poses(0.1, 0.05)), ('Needle', poses(0.2, 0.1, phi=0.3, theta=0.2))]
    ):
        for message, pose in zip(messages[index::2], source, strict=False):
            assert message.device_name == name
            assert_close(message.content.matrix[:3], matrix_of(pose))
            stamp_ns = codec.timestamp.to_nanoseconds(message.timestamp)
            # the reference's clock has microseconds, its fractions are a few nanoseconds off
            assert before_ns - 2000 <= stamp_ns <= after_ns + 2000


@pytest.mark.parametrize('program', ['TrackerServer2', 'TrackerClient2'])
def test_positions_are_the_poses_of_the_source(program: str) -> None:
    with connected_program(program, 500) as (_, peer):
        messages = receive(peer, 20)
    for message, (position, quaternion) in zip(messages, poses(0.2, 0.1), strict=False):
        assert message.type_name == 'POSITION'
        assert message.device_name == 'Tracker'
        found = message.content
        assert found.content_size == 28
        assert_close((found.x, found.y, found.z), position)
        # not of unit length, and passed on as sent
        assert_close((found.ox, found.oy, found.oz, found.w), quaternion)


@pytest.mark.parametrize('program', ['ImagerServer', 'ImagerClient', 'ImagerClient2'])
def test_images_are_the_slices_of_the_files(program: str) -> None:
    images = find_test_images()
    with connected_program(program, 500, images) as (_, peer):
        messages = receive(peer, 7)
    for index, message in enumerate(messages):
        assert message.type_name == 'IMAGE'
        assert message.device_name == 'ImagerClient'
        image = message.content
        assert image.is_whole
        raw = (images / f'igtlTestImage{index % 5 + 1}.raw').read_bytes()
        assert bytes(image.data) == raw
        said = described(message)
        del said['data']
        assert said == {
            'size': [256, 256, 1],
            'scalar_type': 'UINT8',
            'components': 1,
            'endian': 'BIG',
            'coordinate': 'RAS',
            'axes': [1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 5.0],
            'position': [0.0, 0.0, 0.0],
            'offset': [0, 0, 0],
            'sub_size': [256, 256, 1],
        }


@pytest.mark.parametrize('program', ['StatusServer', 'StatusClient'])
def test_a_status_arrives_with_its_text(program: str) -> None:
    with connected_program(program) as (_, peer):
        (message,) = receive(peer)
    assert message.device_name == 'Device'
    assert message.content == codec.Status(
        codec.StatusCode.OK, 128, 'OK!', 'This is a test to send status message.'
    )


STRINGS = ['OpenIGTLink', 'Network', 'Communication', 'Protocol', 'Image Guided Therapy']


@pytest.mark.parametrize('program', ['StringServer', 'StringClient'])
def test_strings_arrive_in_turn(program: str) -> None:
    with connected_program(program, 500) as (_, peer):
        messages = receive(peer, 7)
    assert {message.device_name for message in messages} == {'StringMessage'}
    assert [message.content.encoding for message in messages] == [3] * 7
    assert [message.content.text for message in messages] == [*STRINGS, *STRINGS[:2]]


def test_string_echo_server_sends_back_what_it_got() -> None:
    with connected_program('StringEchoServer') as (_, peer):
        for sent in (
            codec.String('Nadel'),
            codec.String('zurückziehen'),
            codec.String(''),
            codec.String('Größe', 4),
            codec.String('x' * 65535),
        ):
            peer.send(codec.pack(codec.Message(sent, 'Asker', 2**63 + 1)))
            (message,) = receive(peer)
            assert message.content == sent
            assert message.device_name == 'StringEchoServer'
            assert message.timestamp == 2**63 + 1


@pytest.mark.parametrize('program', ['CapabilityServer', 'CapabilityClient'])
def test_a_capability_arrives(program: str) -> None:
    with connected_program(program) as (_, peer):
        (message,) = receive(peer)
    assert message.device_name == 'Device'
    assert message.content == codec.Capability(('TRANSFORM', 'GET_IMAGE', 'GET_LBMETA'))


RED, GREEN, BLUE = ([255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255])


@pytest.mark.parametrize('program', ['PointServer', 'PointClient'])
def test_points_arrive_with_every_field(program: str) -> None:
    with connected_program(program) as (_, peer):
        (message,) = receive(peer)
    assert message.type_name == 'POINT'
    assert message.device_name == 'PointSender'
    assert described(message)['elements'] == [
        {
            'name': f'POINT_{index}',
            'group': 'GROUP_0',
            'rgba': rgba,
            'position': position,
            'size': size,
            'owner': 'IMAGE_0',
        }
        for index, (rgba, position, size) in enumerate(
            [
                (RED, [10.0, 20.0, 30.0], 15.0),
                (GREEN, [40.0, 50.0, 60.0], 45.0),
                (BLUE, [70.0, 80.0, 90.0], 75.0),
            ]
        )
    ]


@pytest.mark.parametrize(
    'positions',
    [
        None,  # those of the source
        [[1.5, -2.5, 3.25], [1e-3, 4e5, -6.0], [0.1, 0.2, 0.3], [0.0, 0.0, 0.0]],
    ],
)
def test_point_list_server_answers_a_query_with_the_points_of_its_file(
    positions: list[list[float]] | None, tmp_path: Path
) -> None:
    file = tmp_path / 'points.txt'
    file.write_text('\n'.join(' '.join(map(str, row)) for row in positions or ()))
    with connected_program('PointListServer', *([file] if positions else [])) as (_, peer):
        first, second = ask(peer, codec.GetPoint(), 'First', 'Second')
    assert first.device_name == second.device_name == 'PointSender'
    assert first.content == second.content
    expected = positions or [[10.0, 20.0, 30.0], [40.0, 50.0, 60.0], [70.0, 80.0, 90.0]]
    np.testing.assert_array_equal(first.content.points['position'], np.array(expected, np.float32))
    for index, element in enumerate(described(first)['elements']):
        del element['position']
        assert element == {
            'name': f'POINT_{index}',
            'group': 'GROUP_0',
            'rgba': BLUE,
            'size': 75.0,
            'owner': 'IMAGE_0',
        }


@pytest.mark.parametrize(
    ('program', 'targets'),
    [
        ('TrajectoryServer', [[20.0, 20.0, 40.0], [20.0, 30.0, 10.0], [10.0, 40.0, 20.0]]),
        # its third target is set on the second trajectory
        ('TrajectoryClient', [[20.0, 20.0, 40.0], [10.0, 40.0, 20.0], [0.0, 0.0, 0.0]]),
    ],
)
def test_trajectories_arrive_with_every_field(program: str, targets: list[list[float]]) -> None:
    with connected_program(program) as (_, peer):
        (message,) = receive(peer)
    assert message.type_name == 'TRAJ'
    assert message.device_name == 'TrajectorySender'
    assert described(message)['elements'] == [
        {
            'name': f'TRAJECTORY_{index}',
            'group': 'GROUP_0',
            'trajectory_type': codec.TrajectoryType.TARGET,  # what igtlTrajectoryMessage.cxx sets
            'rgba': rgba,
            'entry': entry,
            'target': targets[index],
            'size': size,
            'owner': 'IMAGE_0',
        }
        for index, (rgba, entry, size) in enumerate(
            [
                (RED, [10.0, 20.0, 30.0], 15.0),
                (GREEN, [40.0, 50.0, 60.0], 45.0),
                (BLUE, [70.0, 80.0, 90.0], 75.0),
            ]
        )
    ]


@pytest.mark.parametrize(
    ('program', 'start', 'stop'),
    [
        ('TrackingDataServer', codec.StartTrackingData, codec.StopTrackingData),
        (
            'QuaternionTrackingDataServer',
            codec.StartQuaternionTrackingData,
            codec.StopQuaternionTrackingData,
        ),
    ],
)
def test_tracking_data_servers_stream_on_start_and_close_on_stop(
    program: str,
    start: type[codec.StartTrackingData],
    stop: type[codec.Stop],
) -> None:
    with connected_program(program) as (_, peer):
        peer.send(codec.pack(codec.Message(start(10, 'Patient'), 'TDataClient')))
        messages = receive(peer, 10)
        peer.send(codec.pack(codec.Message(stop(), 'TDataClient')))
        rest = peer.receive_until_closed()
    while rest:  # what was on its way
        size = codec.HEADER_SIZE + int.from_bytes(rest[42:50], 'big')
        assert codec.unpack(rest[:size]).content.type_name == messages[0].type_name
        rest = rest[size:]
    sources = [poses(0.1, 0.2), poses(0.2, 0.1), poses(0.3, 0.05)]
    for message, *expected in zip(messages, *sources, strict=False):
        assert message.type_name == start.subject
        assert message.device_name == 'Tracker'
        tools = message.content.tools
        names = [codec.text(name) for name in tools['name']]
        assert names == ['Channel 0', 'Channel 1', 'Channel 2']
        assert tools['tool_type'].tolist() == [1, 2, 4]  # tracker, 6D, 5D
        for tool, pose in zip(tools, expected, strict=True):
            if start.subject == 'TDATA':
                assert_close(tool['matrix'].T, matrix_of(pose))
            else:
                assert_close(tool['position'], pose[0])
                assert_close(tool['quaternion'], pose[1])


def test_poly_data_server_answers_a_query_with_its_cube() -> None:
    with connected_program('PolyDataServer') as (_, peer):
        messages = ask(peer, codec.GetPolyData(), 'First', 'Second')
    assert [message.device_name for message in messages] == ['First', 'Second']
    for message in messages:
        square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
        assert described(message) == {
            'points': [[*corner, z] for z in (0.0, 1.0) for corner in square],
            'vertices': [],
            'lines': [],
            'polygons': [
                *([0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4]),
                *([1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]),
            ],
            'triangle_strips': [],
            'attributes': [
                {
                    'attribute_type': 'POINT_SCALARS',
                    'name': 'attr',
                    'values': [[float(index)] for index in range(8)],
                }
            ],
        }


SIZES = [[512, 512, 64], [256, 128, 32], [256, 256, 32]]


@pytest.mark.parametrize(
    ('program', 'arguments', 'times_s'),
    [
        ('ImageMetaServer', (), [1.2345, 2.3456, 3.4567]),
        ('ImageDatabaseServer', ('.',), [1291739370.2345, 1291739380.3456, 1291739390.4567]),
    ],
)
def test_image_meta_arrive_with_every_field(
    program: str, arguments: tuple[str, ...], times_s: list[float]
) -> None:
    with connected_program(program, *arguments) as (_, peer):
        (message,) = ask(peer, codec.GetImageMeta(), 'Asker')
    assert message.device_name == 'Asker'
    elements = described(message)['elements']
    for element, time_s in zip(elements, times_s, strict=True):
        # as TimeStamp::SetTime() takes it apart; its fractions are a few nanoseconds off
        expected_ns = int(time_s) * 10**9 + int((time_s - int(time_s)) * 1e9)
        stamp_ns = codec.timestamp.to_nanoseconds(element.pop('timestamp'))
        assert abs(stamp_ns - expected_ns) <= 20
    assert elements == [
        {
            'name': f'IMAGE_DESCRIPTION_{index}',
            'device_name': f'IMAGE_{index}',
            'modality': modality,
            'patient_name': f'PATIENT_{index}',
            'patient_id': f'PATIENT_ID_{index}',
            'size': SIZES[index],
            'scalar_type': codec.ScalarType.UINT16,
        }
        for index, modality in enumerate(['CT', 'MRI', 'PET'])
    ]


@pytest.mark.parametrize(
    ('program', 'arguments', 'device_name', 'labels', 'colors'),
    [
        ('LabelMetaServer', (), 'MetaServer', [1, 2, 3], [RED, GREEN, BLUE]),
        ('ImageDatabaseServer', ('.',), 'Asker', [0] * 3, [[0] * 4] * 3),
    ],
)
def test_label_meta_arrive_with_every_field(
    program: str,
    arguments: tuple[str, ...],
    device_name: str,
    labels: list[int],
    colors: list[list[int]],
) -> None:
    with connected_program(program, *arguments) as (_, peer):
        (message,) = ask(peer, codec.GetLabelMeta(), 'Asker')
    assert message.device_name == device_name
    assert described(message)['elements'] == [
        {
            'name': f'LABEL_DESCRIPTION_{index}',
            'device_name': f'LABEL_{index}',
            'label': labels[index],
            'rgba': colors[index],
            'size': SIZES[index],
            'owner': f'IMAGE_{index}',
        }
        for index in range(3)
    ]


def test_image_database_server_gives_the_images_that_it_has() -> None:
    images = find_test_images()
    names = ['IMAGE_0', 'IMAGE_1', 'IMAGE_2', 'LABEL_0', 'LABEL_1', 'LABEL_2']
    with connected_program('ImageDatabaseServer', images) as (_, peer):
        # no answer comes to a name that it does not know
        peer.send(codec.pack(codec.Message(codec.GetImage(), 'IMAGE_9')))
        messages = ask(peer, codec.GetImage(), *names)
    assert [message.device_name for message in messages] == names
    for index, message in enumerate(messages):
        image = message.content
        assert image.size == (256, 256, 1)
        assert image.axes == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 5.0)
        file = images / f'igtlTestImage{index + 2}.raw'
        # there is no seventh file: the last image is what was in memory
        assert file.exists() == (index < 5)
        assert index == 5 or bytes(image.data) == file.read_bytes()


def test_a_bind_arrives_with_its_children() -> None:
    with connected_program('BindClient', 500) as (_, peer):
        messages = receive(peer, 10)
    for message, pose in zip(messages, poses(0.2, 0.1), strict=False):
        assert message.type_name == 'BIND'
        assert message.device_name == 'BindMessage'
        text, transform = message.content.children
        # 15 bytes and one of padding; the index into its five texts is never raised
        assert text.content == codec.String('OpenIGTLink')
        assert text.device_name == 'StringMessage'
        assert transform.device_name == 'Tracker'
        assert_close(transform.content.matrix[:3], matrix_of(pose))


@pytest.mark.parametrize(
    ('program', 'arguments', 'device_name', 'query'),
    [
        ('PolyDataClient', (), 'Client', codec.GetPolyData()),
        ('ImageMetaClient', (), 'Client', codec.GetImageMeta()),
        ('LabelMetaClient', (), 'Client', codec.GetLabelMeta()),
        ('TrackingDataClient', (40,), 'TDataClient', codec.StartTrackingData(25, 'Patient')),
        (
            'QuaternionTrackingDataClient',
            (40,),
            'QTDataClient',
            codec.StartQuaternionTrackingData(25, 'Patient'),
        ),
    ],
)
def test_a_query_arrives(
    program: str, arguments: tuple[object, ...], device_name: str, query: codec.Content
) -> None:
    with connected_program(program, *arguments) as (_, peer):
        (message,) = receive(peer)
    assert message.device_name == device_name
    assert message.content == query

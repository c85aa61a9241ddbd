# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A package of somebody else adds message types, which then are like those of the protocol."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import BUILD_FOLDER

from ros2_igtl import codec
from ros2_igtl.codec import wire

pytest.importorskip('pip', reason='a package is installed')

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'test' / 'packages' / 'igtl_example_messages'
INTERFACES = ROOT / 'test' / 'packages' / 'igtl_example_interfaces'
DOCUMENT = (ROOT / 'doc' / 'codec.md').read_text()
CONVERSIONS = (ROOT / 'doc' / 'conversions.md').read_text()
IGTL = ('-m', 'ros2_igtl.cli.main')
DEADLINE_S = 30.0

USE = """
import sys
import numpy as np
from ros2_igtl import codec

assert 'igtl_example_messages' in sys.modules  # without being asked for
from igtl_example_messages import DriveMode, GetNeedle, Joints, Needle

for content_class in (GetNeedle, Joints, Needle):
    assert codec.MESSAGE_TYPES[content_class.type_name] is content_class

rows = [{'name': 'carriage', 'position': 0.1}, {'name': 'spin', 'position': 3.5, 'effort': 0.25}]
forces = np.arange(30_000).reshape(-1, 3) / 8
contents = [
    Joints(Joints.array_of(rows)),
    Needle([[0.0, 0.5, -1.5]], 'Biopsy', DriveMode.INSERT, 0.01),
    Needle(np.zeros((0, 3))),
    Needle(forces, 'Long'),
    GetNeedle(),
]
data = []
for content, version in [(content, version) for content in contents for version in (1, 2)]:
    message = codec.Message(content, 'Driver', 5, version)
    data.append(codec.pack(message))
    unpacked = codec.unpack(data[-1])
    assert type(unpacked.content) is type(content)
    assert codec.pack(unpacked) == data[-1]

connection = codec.Connection()
received = []
for start in range(0, len(b''.join(data)), 1000):
    connection.receive_data(b''.join(data)[start : start + 1000])
    while (message := connection.next_message()) is not codec.NEED_DATA:
        received.append(message)
assert [codec.pack(message) for message in received] == data

joints, needle, large = (message.content for message in received[:8:3])
assert joints.elements['position'].tolist() == [0.1, 3.5]
assert (needle.forces.tolist(), needle.needle) == ([[0.0, 0.5, -1.5]], 'Biopsy')
assert (needle.mode, needle.interval) == (DriveMode.INSERT, 0.01)
assert np.array_equal(large.forces, forces)
assert not large.forces.flags.owndata  # they view what was received

for content, error in (
    (bytes(29)[:-1], codec.ContentSizeError),
    (bytes(29 + 11), codec.ContentSizeError),
    (bytes(20) + b'\\3' + bytes(8), codec.ContentValueError),
):
    try:
        codec.unpack(codec.pack(codec.Message(codec.Unknown('NEEDLE', content))))
    except error:
        continue
    raise AssertionError(f'{content} was taken')

sys.stdout.buffer.write(b''.join(data))
"""


NODE = """
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from geometry_msgs.msg import Vector3
from helpers.bridge_peer import await_accounted, pack, serve
from helpers.outcomes import received_by, sent_by
from helpers.ros_graph import ros_graph
from helpers.waiting import wait_until
from igtl_example_interfaces.msg import NeedleForces
from igtl_example_messages import DriveMode, Joints, Needle, codec

FORCES = 'igtl_example_interfaces/msg/NeedleForces'
ROW = f'''
version: 1
connections:
  - mappings:
      - igtl_device_name: Biopsy
        igtl_type_name: NEEDLE
        direction: ROS_TO_IGTL
        ros_topic_name: /needle
        ros_type_name: {FORCES}
'''

with TemporaryDirectory() as folder, ros_graph() as graph:
    path = Path(folder) / 'mapping.yaml'
    path.write_text(ROW)
    bridge, peer = serve(graph, config_file=str(path))
    received = graph.subscribe(FORCES, '/bridge/needle/Driver')
    states = graph.subscribe('sensor_msgs/msg/JointState', '/bridge/joints/Driver')
    peer.send(pack(Needle([[0.5, 1.0, -2.0]], 'Long', DriveMode.INSERT, 0.25), 'Driver'))
    peer.send(pack(Joints(Joints.array_of([{'name': 'spin', 'position': 3.5}])), 'Driver'))
    (forces,) = wait_until(lambda: received, 10.0, 'forces')
    assert (forces.needle, forces.mode, forces.interval) == ('Long', NeedleForces.INSERT, 0.25)
    assert forces.forces == [Vector3(x=0.5, y=1.0, z=-2.0)]
    assert forces.header.frame_id == 'igtl_ras'
    (state,) = wait_until(lambda: states, 10.0, 'joints')
    assert (state.name, state.position.tolist()) == (['spin'], [3.5])
    await_accounted(bridge, 2)
    assert received_by(bridge.connections[0]).done == 2

    publisher = graph.publisher(FORCES, '/needle')
    forces.mode = 77
    publisher.publish(forces)
    forces.mode = NeedleForces.RETRACT
    publisher.publish(forces)
    message = codec.unpack(peer.receive_message())
    assert (message.type_name, message.device_name) == ('NEEDLE', 'Biopsy')
    content = message.content
    assert np.array_equal(content.forces, [[0.5, 1.0, -2.0]])
    assert (content.needle, content.mode, content.interval) == ('Long', DriveMode.RETRACT, 0.25)
    assert sent_by(bridge.connections[0]).rejected == {'drive_mode': 1}
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package into a folder."""
    source = tmp_path_factory.mktemp('source') / 'package'
    shutil.copytree(PACKAGE, source)  # where it is built, things are left
    target = tmp_path_factory.mktemp('target')
    options = ('--quiet', '--no-index', '--no-build-isolation', '--no-deps')
    python('-m', 'pip', 'install', *options, '--target', target, source)
    return target


def environment(*folders: Path) -> dict[str, str]:
    paths = [*map(str, folders), *filter(None, [os.environ.get('PYTHONPATH')]), str(ROOT)]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}


def python(*arguments: str | Path, folders: tuple[Path, ...] = (), data: bytes = b'') -> bytes:
    """Return what a new process with these folders on its path prints; it says nothing else."""
    process = subprocess.run(
        [sys.executable, *arguments],
        input=data,
        env=environment(*folders),
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, b''), process.stderr.decode()
    return process.stdout


@pytest.fixture(scope='module')
def ros(folder: Path) -> dict[str, str]:
    """Build the ROS type of the package, and return an environment that has type and package."""
    pytest.importorskip('ros2_igtl.msg', reason='the package is not built: run make setup')
    if not os.environ.get('CMAKE_PREFIX_PATH') or shutil.which('cmake') is None:
        pytest.skip('a ROS type is built by cmake, which CMAKE_PREFIX_PATH tells where ROS is')
    version = f'{sys.version_info[0]}.{sys.version_info[1]}'
    place = BUILD_FOLDER / f'example-{os.environ.get("ROS_DISTRO", "ros")}-{version}'
    build, install = place / 'build', place / 'install'
    options = (f'-DCMAKE_INSTALL_PREFIX={install}', f'-DPython3_EXECUTABLE={sys.executable}')
    for arguments in (
        ('-S', INTERFACES, '-B', build, '-DBUILD_TESTING=OFF', *options),
        ('--build', build),  # nothing, where it was built before
        ('--install', build),
    ):
        command = ['cmake', *map(str, arguments)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert said.returncode == 0, said.stdout + said.stderr
    (module,) = install.glob('**/igtl_example_interfaces/__init__.py')
    variables = environment(module.parents[1], folder, ROOT / 'test')
    for name, path in (('AMENT_PREFIX_PATH', install), ('LD_LIBRARY_PATH', install / 'lib')):
        variables[name] = os.pathsep.join([str(path), variables.get(name, '')])
    return variables


@pytest.fixture(scope='module')
def sent(folder: Path) -> bytes:
    """Return the messages of a program that uses the types."""
    return python('-c', USE, folders=(folder,))


def test_its_types_are_known_and_round_trip_through_pack_unpack_and_a_connection(
    sent: bytes,
) -> None:
    connection = codec.Connection()  # to this process they are unknown types
    connection.receive_data(sent)
    names = []
    while (message := connection.next_message()) is not codec.NEED_DATA:
        assert isinstance(message.content, codec.Unknown)
        names.append(message.type_name)
    assert names == ['JOINTS'] * 2 + ['NEEDLE'] * 6 + ['GET_NEEDLE'] * 2


def test_igtl_lists_its_types(folder: Path) -> None:
    lines = python(*IGTL, 'types', folders=(folder,)).decode().splitlines()
    said = [line.split(maxsplit=1)[1].split('  ')[0] for line in lines if 'NEEDLE' in line]
    assert said == ['0', '29 + 12 n']
    lines = python(*IGTL, 'types', '--json', folders=(folder,)).decode().splitlines()
    joints = next(said for said in map(json.loads, lines) if said['type_name'] == 'JOINTS')
    assert joints == {
        'type_name': 'JOINTS',
        'alias_of': None,
        'content_size': '44 n',
        'protocol_version': None,
        'description': 'The joints of a needle driver, a structured array that views the '
        'received bytes',
    }


def test_igtl_dumps_its_messages_and_packs_them_to_the_same_bytes(
    folder: Path, sent: bytes
) -> None:
    lines = python(*IGTL, 'dump', '-', data=sent, folders=(folder,)).decode().splitlines()
    assert [line.split()[2:4] for line in lines[::4]] == [
        ['JOINTS', 'Driver'],
        ['NEEDLE', 'Driver'],
        ['GET_NEEDLE', 'Driver'],
    ]
    assert '"needle": "Biopsy", "mode": "INSERT", "interval": 0.01' in lines[2]
    described = python(*IGTL, 'dump', '--json', '--data', '-', data=sent, folders=(folder,))
    said = [json.loads(line) for line in described.splitlines()]
    assert said[2]['content'] == {
        'forces': [[0.0, 0.5, -1.5]],
        'needle': 'Biopsy',
        'mode': 'INSERT',
        'interval': 0.01,
    }
    assert said[0]['content']['elements'][1]['effort'] == 0.25
    assert not any('content_base64' in line for line in said)
    assert python(*IGTL, 'pack', '-', data=described, folders=(folder,)) == sent


def test_a_message_of_its_types_may_be_written_by_hand(folder: Path) -> None:
    line = b'{"type_name": "NEEDLE", "content": {"forces": [[1, 2, "nan"]], "mode": "RETRACT"}}'
    packed = python(*IGTL, 'pack', '-', data=line, folders=(folder,))
    content = codec.unpack(packed).content.body
    assert bytes(content[20:21]) + bytes(content[-12:]) == (
        b'\2' + b'\x3f\x80\0\0' + b'\x40\0\0\0' + b'\x7f\xc0\0\0'
    )


def test_igtl_sends_its_messages_and_listens_to_them(folder: Path, sent: bytes) -> None:
    with subprocess.Popen(
        [
            *(sys.executable, *IGTL, 'listen', '127.0.0.1', '0', '--server', '--json'),
            *('--type', 'NEEDLE', '--count', '6', '--seconds', '20'),
        ],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as listener:
        assert listener.stderr is not None
        port = listener.stderr.readline().rpartition(':')[2].strip()
        python(*IGTL, 'send', '127.0.0.1', port, 'FILE', '-', data=sent, folders=(folder,))
        output, _ = listener.communicate(timeout=DEADLINE_S)
    assert listener.returncode == 0
    said = [json.loads(line) for line in output.splitlines()]
    assert [line['content']['needle'] for line in said] == ['Biopsy'] * 2 + [''] * 2 + ['Long'] * 2
    assert said[5]['content']['forces']['shape'] == [10000, 3]


def test_a_package_that_cannot_be_loaded_is_named_and_all_else_works(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / 'broken.py').write_text('import no_such_module\n')
    information = tmp_path / 'broken_messages-3.4.dist-info'
    information.mkdir()
    (information / 'METADATA').write_text(
        'Metadata-Version: 2.1\nName: broken_messages\nVersion: 3.4\n'
    )
    (information / 'entry_points.txt').write_text('[ros2_igtl.messages]\nrobot = broken\n')
    command = [sys.executable, *IGTL, 'types']
    process = subprocess.run(
        command,
        env=environment(tmp_path, folder),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert (
        'EntryPointWarning: message types of the package broken_messages 3.4 are not available: '
        "its entry point 'robot' (broken) in ros2_igtl.messages cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    ) in process.stderr
    assert 'Traceback' not in process.stderr
    listed = {line.split()[0] for line in process.stdout.splitlines()}
    assert listed == {*codec.MESSAGE_TYPES, 'JOINTS', 'NEEDLE', 'GET_NEEDLE'}


def test_a_module_of_types_may_be_imported_before_the_codec(folder: Path) -> None:
    use = 'from igtl_example_messages import Needle, codec; print(codec.MESSAGE_TYPES["NEEDLE"])'
    said = python('-W', 'error', '-c', use, folders=(folder,))
    assert said == b"<class 'igtl_example_messages.Needle'>\n"


def run(ros: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what a process with the package and its ROS type on its path did."""
    return subprocess.run(
        [sys.executable, *arguments],
        env=ros,
        cwd=INTERFACES,  # not the checkout, where ros2_igtl has no messages
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_its_messages_go_through_a_node_both_ways(ros: dict[str, str]) -> None:
    process = run(ros, '-W', 'error::UserWarning', '-c', NODE)
    assert process.returncode == 0, process.stderr
    assert "NEEDLE 'Driver' -> /bridge/needle/Driver" in process.stderr
    assert 'drive_mode: 77 is not a valid DriveMode' in process.stderr


def test_igtl_lists_its_pairs_and_checks_a_mapping_file_with_them(
    ros: dict[str, str], tmp_path: Path
) -> None:
    listed = run(ros, *IGTL, 'pairs').stdout.splitlines()
    assert [line.split() for line in listed[-2:]] == [
        ['NEEDLE', '<->', 'igtl_example_interfaces/msg/NeedleForces', 'default,', 'event'],
        ['JOINTS', '->', 'sensor_msgs/msg/JointState', 'default'],
    ]
    lost = json.loads(run(ros, *IGTL, 'pairs', '--json').stdout.splitlines()[-2])
    assert lost['lost_from_ros'] == 'digits that float32 does not have.'
    path = tmp_path / 'mapping.yaml'
    row = '{igtl_device_name: A, igtl_type_name: JOINTS, direction: %s, ros_topic_name: a, %s}'
    for direction in ('IGTL_TO_ROS', 'ROS_TO_IGTL'):
        text = row % (direction, 'ros_type_name: sensor_msgs/msg/JointState')
        path.write_text(f'version: 1\nconnections:\n  - mappings:\n      - {text}\n')
        process = run(ros, *IGTL, 'check', str(path))
        if direction == 'IGTL_TO_ROS':
            assert (process.returncode, process.stderr) == (0, '')
        else:
            assert process.returncode == 1
            assert "'JOINTS' has no ROS_TO_IGTL conversion" in process.stderr


def test_rows_that_cannot_be_loaded_are_named_and_all_else_works(
    ros: dict[str, str], folder: Path
) -> None:
    """As where the ROS type of a package is not built."""
    process = run({**ros, **environment(folder)}, *IGTL, 'pairs')
    assert (
        'EntryPointWarning: conversions of the package igtl_example_messages 1.2 are not '
        "available: its entry point 'needle_driver' (igtl_example_mappings:CONVERSIONS) in "
        "ros2_igtl.mappings cannot be loaded: ModuleNotFoundError: No module named 'igtl_example_"
    ) in process.stderr.replace('igtl-example-messages', 'igtl_example_messages')
    listed = {line.split()[0] for line in process.stdout.splitlines()}
    assert process.returncode == 0
    assert 'TRANSFORM' in listed
    assert 'NEEDLE' not in listed


def blocks(language: str, document: str = DOCUMENT) -> list[str]:
    return re.findall(rf'```{language}\n(.*?)```', document, re.DOTALL)


def test_the_document_shows_the_package_as_it_is() -> None:
    (project,) = blocks('toml')
    assert (PACKAGE / 'pyproject.toml').read_text().endswith('\n\n' + project)
    module = (PACKAGE / 'igtl_example_messages.py').read_text()
    assert module.split('\n', 2)[2] == blocks('python')[1]


def test_the_document_shows_the_mappings_as_they_are() -> None:
    (module,) = blocks('python', CONVERSIONS)
    text = (PACKAGE / 'igtl_example_mappings.py').read_text()
    assert text.split('\n', 2)[2] == module
    (project,) = blocks('toml', CONVERSIONS)
    assert project in (PACKAGE / 'pyproject.toml').read_text()
    (interface,) = blocks('text', CONVERSIONS)
    assert interface == (INTERFACES / 'msg' / 'NeedleForces.msg').read_text()


def test_the_first_example_of_the_document_runs() -> None:
    exec(blocks('python')[0], {})


def test_the_document_names_what_there_is() -> None:
    named = re.findall(r'\b(codec|wire)\.(\w+)', DOCUMENT)
    assert len(named) > 50
    for room, name in named:
        assert hasattr(codec if room == 'codec' else wire, name), name
        assert room == 'wire' or name in codec.__all__, name

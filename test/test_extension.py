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

from ros2_igtl import codec
from ros2_igtl.codec import wire

pytest.importorskip('pip', reason='a package is installed')

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'test' / 'packages' / 'igtl_example_messages'
DOCUMENT = (ROOT / 'doc' / 'codec.md').read_text()
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
        'EntryPointWarning: message types of the package broken_messages 3.4 are not known, since '
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


def blocks(language: str) -> list[str]:
    return re.findall(rf'```{language}\n(.*?)```', DOCUMENT, re.DOTALL)


def test_the_document_shows_the_package_as_it_is() -> None:
    (project,) = blocks('toml')
    assert (PACKAGE / 'pyproject.toml').read_text().endswith('\n\n' + project)
    module = (PACKAGE / 'igtl_example_messages.py').read_text()
    assert module.split('\n', 2)[2] == blocks('python')[1]


def test_the_first_example_of_the_document_runs() -> None:
    exec(blocks('python')[0], {})


def test_the_document_names_what_there_is() -> None:
    named = re.findall(r'\b(codec|wire)\.(\w+)', DOCUMENT)
    assert len(named) > 50
    for room, name in named:
        assert hasattr(codec if room == 'codec' else wire, name), name
        assert room == 'wire' or name in codec.__all__, name

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The package builds and installs in each of the ways that its users know."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from ros2_igtl.codec import crc

ROOT = Path(__file__).parents[1]
PARTS = ['package.xml', 'CMakeLists.txt', 'setup.py', 'pyproject.toml', 'LICENSE']
CPP_KEYWORDS = """
    alignas and asm auto break case catch class concept const continue default delete do else enum
    explicit export extern false final for friend goto if inline mutable namespace new noexcept not
    operator or override private protected public register requires return signed sizeof static
    struct switch template this throw true try typedef typename union unsigned using virtual void
    volatile while xor
"""
FOLDERS = ['config', 'launch', 'msg', 'resource', 'ros2_igtl', 'src', 'srv']

USE_CPP = """
import sys
from pathlib import Path
sys.path.insert(0, '')  # helpers
from helpers.cpp_type_support import check_cpp_type_support
for name in sys.argv[2:]:
    check_cpp_type_support(Path(sys.argv[1]), name)
"""
USE = """
from ros2_igtl import codec
from ros2_igtl.codec import _crc64
from ros2_igtl.msg import TrackedTool, Volume
from ros2_igtl.nodes.programs import client
from ros2_igtl.nodes.programs import server
assert _crc64.crc64(b'123456789') == 0x6C40DF5F0B497347
from ros2_igtl.srv import Command, Query, SetRegistration
assert Volume.UINT16 == 5 and TrackedTool.INSTRUMENT_3D == 3
print(codec.__file__)
"""


def copy_of_package(folder: Path) -> Path:
    """Return a copy of what the package is made of, and of nothing that was built of it."""
    package = folder / 'ros2_igtl'
    package.mkdir(parents=True)
    for name in PARTS:
        shutil.copy(ROOT / name, package)
    for name in FOLDERS:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, package / name, ignore=shutil.ignore_patterns('__pycache__')
            )
    return package


def run(*command: str | Path, cwd: Path, env: dict[str, str]) -> str:
    """Run a command and return what it prints; it must succeed."""
    process = subprocess.run(
        command, cwd=cwd, env=env, text=True, capture_output=True, check=False, timeout=600
    )
    output = process.stdout + process.stderr
    assert process.returncode == 0, f'{command} failed:\n{output[-5000:]}'
    return process.stdout


def test_both_manifests_say_the_same() -> None:
    pyproject = (ROOT / 'pyproject.toml').read_text()
    project = dict(re.findall(r"^(name|version|description) = '(.*)'$", pyproject, re.M))
    [license_name] = re.findall(r"^license = \{ text = '(.*?)' \}", pyproject, re.M)
    manifest = ElementTree.parse(ROOT / 'package.xml').getroot()
    assert project.keys() == {'name', 'version', 'description'}
    for name, value in project.items():
        assert (manifest.findtext(name) or '').strip() == value
    assert manifest.findtext('license') == license_name
    assert manifest.findtext('author') in re.findall(
        r"^authors = \[\{ name = '(.*)' \}\]", pyproject, re.M
    )


def test_the_build_lists_every_interface() -> None:
    listed = re.findall(r'^  ((?:msg|srv)/\w+\.\w+)$', (ROOT / 'CMakeLists.txt').read_text(), re.M)
    files = {
        str(path.relative_to(ROOT))
        for name in ('msg', 'srv')
        for path in (ROOT / name).glob('*.*')
    }
    assert set(listed) == files


def test_the_built_package_has_its_compiled_crc() -> None:
    pytest.importorskip('ros2_igtl.msg', reason='the package is not built: run make setup')
    assert crc._from_compiled() is not None


INTERFACES = [path for name in ('msg', 'srv') for path in sorted((ROOT / name).glob('*.*'))]


@pytest.mark.parametrize('path', INTERFACES, ids=lambda path: path.stem)
def test_an_interface_says_what_it_is_and_what_each_of_its_fields_is(path: Path) -> None:
    first, *paragraphs = re.split(r'\n\n|\n---\n', path.read_text())
    assert first.startswith('# ')
    assert first.endswith('.')
    for paragraph in paragraphs:
        assert paragraph.startswith('# '), paragraph
        assert re.search(r'^[a-z]', paragraph, re.M), f'a comment without a field: {paragraph}'


@pytest.mark.parametrize('path', INTERFACES, ids=lambda path: path.stem)
def test_a_field_has_a_name_that_cpp_does_not_reserve(path: Path) -> None:
    """`make setup` generates no C++, as `test_colcon_builds_it` does."""
    fields = re.findall(r'^[\w/<>=\[\]]+ +(\w+)', path.read_text(), re.M)
    assert fields
    assert not set(fields) & set(CPP_KEYWORDS.split())


@pytest.mark.parametrize('path', INTERFACES, ids=lambda path: path.stem)
def test_a_message_has_a_header_unless_it_is_a_part_of_another(path: Path) -> None:
    part = re.compile(rf'^ros2_igtl/{path.stem}(\[\])? ', re.M)
    is_part = any(part.search(other.read_text()) for other in INTERFACES)
    has_header = 'std_msgs/Header header' in path.read_text()
    assert has_header is not (is_part or path.suffix == '.srv')


def assert_installed(prefix: Path, package: Path) -> None:
    """Assert that colcon installed all parts of a package, beside its Python modules."""
    for program in ('igtl_bridge', 'igtl_client', 'igtl_server'):
        assert os.access(prefix / 'lib' / 'ros2_igtl' / program, os.X_OK)
    for name in ('launch', 'config'):
        installed = {p.name for p in (prefix / 'share' / 'ros2_igtl' / name).iterdir()}
        assert installed >= {p.name for p in (package / name).iterdir() if p.is_file()}


def test_the_package_under_test_is_installed_as_a_whole(tmp_path: Path) -> None:
    """`make setup`, or the user's workspace, has built it by colcon."""
    resource = 'share/ament_index/resource_index/packages/ros2_igtl'
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(':')
    prefix = next((Path(path) for path in prefixes if (Path(path) / resource).exists()), None)
    if prefix is None:
        pytest.skip('the package is not built: run make setup')
    assert_installed(prefix, ROOT)
    env = dict(os.environ)
    where = run(sys.executable, '-c', USE, cwd=tmp_path, env=env).strip()
    assert Path(where).is_relative_to(prefix)
    assert 'usage' in run('igtl', '--help', cwd=tmp_path, env=env).lower()


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    'options', [pytest.param([], id='copied'), pytest.param(['--symlink-install'], id='linked')]
)
def test_colcon_builds_it(tmp_path: Path, options: list[str]) -> None:
    if shutil.which('colcon') is None or 'AMENT_PREFIX_PATH' not in os.environ:
        pytest.skip('needs colcon and a sourced ROS 2')
    package = copy_of_package(tmp_path / 'src')
    env = {**os.environ, 'MAKEFLAGS': '-j2'}
    run(
        'colcon', 'build', *options,
        '--cmake-args', '-DBUILD_TESTING=OFF', f'-DPython3_EXECUTABLE={sys.executable}',
        cwd=tmp_path, env=env,
    )  # fmt: skip
    prefix = tmp_path / 'install' / 'ros2_igtl'
    sourced = ['sh', '-c', f'. {tmp_path}/install/local_setup.sh && exec "$@"', 'sh']
    where = Path(run(*sourced, sys.executable, '-c', USE, cwd=tmp_path, env=env).strip())
    assert where.is_relative_to(prefix)
    assert where.is_symlink() is bool(options)
    assert 'usage' in run(*sourced, 'igtl', '--help', cwd=tmp_path, env=env).lower()
    assert_installed(prefix, package)
    assert (prefix / 'lib' / 'libros2_igtl__rosidl_typesupport_fastrtps_cpp.so').exists()
    names = [path.stem for path in (package / 'msg').glob('*.msg')]
    # in a process of its own, which has loaded no other build of the package
    run(*sourced, sys.executable, '-c', USE_CPP, str(prefix), *names, cwd=ROOT / 'test', env=env)
    for header in ('msg/volume.hpp', 'srv/command.hpp'):
        assert (prefix / 'include' / 'ros2_igtl' / 'ros2_igtl' / header).exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ('compiler', 'implementations'),
    [
        pytest.param(None, {'compiled'}, id='with a compiler'),
        pytest.param(
            'false', {'liblzma', 'numpy'}, id='without a compiler', marks=pytest.mark.long
        ),
    ],
)
def test_pip_installs_it_without_ros(
    tmp_path: Path, compiler: str | None, implementations: set[str]
) -> None:
    package = copy_of_package(tmp_path / 'src')
    venv.create(tmp_path / 'venv', with_pip=True)
    python = tmp_path / 'venv' / 'bin' / 'python'
    ros = ('AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH', 'PYTHONPATH', 'ROS_DISTRO', 'VIRTUAL_ENV')
    env = {name: value for name, value in os.environ.items() if name not in ros}
    if compiler:
        env['CC'] = compiler
    run(python, '-m', 'pip', 'install', '--quiet', package, cwd=tmp_path, env=env)
    use = (
        'from ros2_igtl import codec\n'
        'import ros2_igtl.config, ros2_igtl.sim, ros2_igtl.transport.client\n'
        "data = codec.pack(codec.Message(codec.String('hello')))\n"
        'print(codec.unpack(data).type_name, codec.crc.IMPLEMENTATION)\n'
    )
    type_name, implementation = run(python, '-c', use, cwd=tmp_path, env=env).split()
    assert type_name == 'STRING'
    assert implementation in implementations
    igtl = tmp_path / 'venv' / 'bin' / 'igtl'
    assert 'usage' in run(igtl, '--help', cwd=tmp_path, env=env).lower()

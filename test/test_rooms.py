# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Imports between the rooms go one way, and each room imports no more than it may.

The same of the rooms inside nodes; no imports go round, and files and classes stay small.
"""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from helpers.imports import imports_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'ros2_igtl'

# a room, and the rooms it may import
ROOMS = {
    'codec': set(),
    'transport': {'options', 'codec'},
    'convert': {'codec', 'msg', 'srv'},
    'config': {'options', 'codec', 'convert'},
    'sim': {'codec', 'transport'},
    'cli': {'options', 'codec', 'transport', 'convert', 'config', 'sim'},
    'nodes': {'options', 'environment', 'codec', 'transport', 'convert', 'config', 'msg', 'srv'},
}

# what a room may import besides the standard library
THIRD_PARTY = {
    'codec': {'fastcrc', 'numpy'},
    'transport': set(),
    'convert': {'av', 'numpy'},
    'config': {'yaml'},
    'sim': {'numpy'},
    'cli': {'numpy', 'yaml'},
    'nodes': {'numpy', 'yaml'},
}

# what codec and convert do without: bytes in, values out, nothing waits or tells the time there
WAITING = {
    'asyncio', 'concurrent', 'datetime', 'logging', 'multiprocessing', 'select', 'selectors',
    'signal', 'socket', 'socketserver', 'ssl', 'subprocess', 'threading', 'time',
}  # fmt: skip
INTERFACES = ('_msgs', '_interfaces')


def is_interface(module: str) -> bool:
    return module.partition('.')[0].endswith(INTERFACES)


def is_allowed(room: str, module: str) -> bool:
    """Return whether a room may import a module."""
    top, _, below = module.partition('.')
    if top == 'ros2_igtl':
        return below.partition('.')[0] in {room, *ROOMS[room]}
    if room == 'nodes':
        return True  # the one room that may import all of ROS
    if top in sys.stdlib_module_names:
        return room not in ('codec', 'convert') or top not in WAITING
    return top in THIRD_PARTY[room] or (room == 'convert' and is_interface(module))


def test_every_folder_is_a_room() -> None:
    folders = {p.name for p in PACKAGE.iterdir() if any(p.glob('*.py'))}
    assert folders == set(ROOMS)


def test_the_table_of_options_imports_the_standard_library_without_sockets() -> None:
    imported = {module.partition('.')[0] for _, module in imports_of(PACKAGE / 'options.py')}
    assert imported <= set(sys.stdlib_module_names) - WAITING


def test_the_package_itself_is_a_docstring() -> None:
    (only,) = ast.parse((PACKAGE / '__init__.py').read_text(encoding='utf-8')).body
    assert isinstance(only, ast.Expr)


@pytest.mark.parametrize('room', ROOMS)
def test_a_room_imports_what_it_may(room: str) -> None:
    wrong = [
        f'{path.relative_to(ROOT)}:{line}: {module}'
        for path in sorted((PACKAGE / room).rglob('*.py'))
        for line, module in imports_of(path)
        if not is_allowed(room, module)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ('room', 'module'),
    [
        ('codec', 'socket'),
        ('codec', 'ros2_igtl.transport.client'),
        ('codec', 'rclpy'),
        ('transport', 'rclpy.node'),
        ('transport', 'ros2_igtl.convert'),
        ('convert', 'rclpy.time'),
        ('convert', 'ros2_igtl.nodes.node'),
        ('config', 'sensor_msgs.msg'),
        ('cli', 'ros2_igtl.nodes'),
        ('sim', 'rclpy'),
    ],
)
def test_what_a_room_may_not_import_is_seen(room: str, module: str) -> None:
    assert not is_allowed(room, module)


# the rooms inside nodes, and those of them that each may import besides itself
INNER_ROOMS = {
    'reporting': set(),
    'to_ros': {'reporting'},
    'to_igtl': {'reporting'},
    'exchanges': {'reporting', 'to_igtl'},  # queries are answered from the senders
    'services': {'reporting', 'to_igtl', 'to_ros', 'exchanges'},
    'programs': set(),
}
# modules of nodes that the rooms inside are built on, and those that are built on the rooms
BASE = {
    'claims', 'clock_watch', 'feature', 'parameters', 'peer', 'qos', 'settings', 'worker',
}  # fmt: skip
TOP = {'connection', 'node'}
MAY_IMPORT_TOP = {'services': {'connection'}, 'programs': {'node'}}

MAX_LINES = 400
MAX_CLASS_LINES = 250
LARGE = re.compile(r'(?m)^# Over \d+ lines because ')
"""A comment that says why a file or a class is as large as it is."""

MODULES = {
    '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__'): path
    for path in sorted(PACKAGE.rglob('*.py'))
}


def module_of(name: str) -> str | None:
    """Return the module of the package that an import is from, None if it is of another."""
    while name not in MODULES and '.' in name:
        name = name.rpartition('.')[0]
    return name if name in MODULES else None


IMPORTS = {
    module: {found for _, name in imports_of(path) if (found := module_of(name)) is not None}
    - {module}
    for module, path in MODULES.items()
}


def test_no_imports_go_round() -> None:
    """No circle, not even of two modules, and none that only type checkers see."""
    rest = {module: set(imports) for module, imports in IMPORTS.items()}
    while free := {module for module, imports in rest.items() if not imports & rest.keys()}:
        for module in free:
            del rest[module]
    assert rest == {}


@pytest.mark.parametrize('room', INNER_ROOMS)
def test_a_room_inside_nodes_imports_what_it_may(room: str) -> None:
    allowed = {room, *INNER_ROOMS[room], *BASE, *MAY_IMPORT_TOP.get(room, ())}
    start = f'ros2_igtl.nodes.{room}'
    wrong = [
        f'{module}: {imported}'
        for module, imports in IMPORTS.items()
        if module.startswith(start)
        for imported in imports
        if imported.startswith('ros2_igtl.nodes.') and imported.split('.')[2] not in allowed
    ]
    assert wrong == []


def test_every_module_of_nodes_has_its_place() -> None:
    places = {path.stem for path in (PACKAGE / 'nodes').iterdir() if path.stem[0] != '_'}
    assert places == {*INNER_ROOMS, *BASE, *TOP}
    for module in BASE:
        beyond = {name.split('.')[2] for name in IMPORTS[f'ros2_igtl.nodes.{module}']
                  if name.startswith('ros2_igtl.nodes.')}  # fmt: skip
        assert beyond <= {*BASE, 'reporting'}, module


@pytest.mark.parametrize('path', MODULES.values(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_classes_are_small(path: Path) -> None:
    text = path.read_text(encoding='utf-8')
    if LARGE.search(text):
        return
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < MAX_CLASS_LINES, node.name


def test_every_ros_package_imported_is_declared() -> None:
    manifest = ElementTree.parse(ROOT / 'package.xml').getroot()
    declared = {
        (node.text or '').strip()
        for tag in ('depend', 'exec_depend')
        for node in manifest.iter(tag)
    }
    # the modules of tf2_ros_py and of Python packages are not named like their packages
    names = {'tf2_ros': 'tf2_ros_py', 'numpy': 'python3-numpy', 'yaml': 'python3-yaml'}
    imported = {
        module.partition('.')[0]
        for path in PACKAGE.rglob('*.py')
        for _, module in imports_of(path)
    }
    needed = {
        names.get(name, name)
        for name in imported - sys.stdlib_module_names - {'ros2_igtl', 'av', 'fastcrc'}
    }
    assert needed <= declared

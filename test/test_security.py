# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What SECURITY.md claims of the package as a whole, and that the tests it names are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.imports import imports_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'ros2_igtl'
PAGE = (ROOT / 'SECURITY.md').read_text()
MEASURES = re.findall(r'^\* \*\*(S\d+)\*\* ', PAGE, re.MULTILINE)
CITED = re.findall(
    r'^\| (S\d+|stunnel) \| `(test/[\w/]+\.py)::(test_\w+)` \|$', PAGE, re.MULTILINE
)

# What reads or writes files, loads code, runs programs or reaches into memory.
CALLS = {'open', 'exec', 'eval', 'compile', '__import__', 'breakpoint', 'input'}
MODULES = {
    'code', 'codecs', 'ctypes', 'dbm', 'glob', 'importlib', 'io', 'marshal', 'mmap',
    'multiprocessing', 'pickle', 'pty', 'runpy', 'shelve', 'shutil', 'sqlite3', 'subprocess',
    'tempfile', 'urllib',
}  # fmt: skip
OF_OS = re.compile(
    r'open|popen|system|exec\w*|spawn\w*|posix_spawn\w*|fork\w*|remove|rename|unlink'
)
OF_NUMPY = re.compile(r'load\w*|save\w*|fromfile|memmap|genfromtxt')

# The command line is what a user types, and sim what it runs.
ROOMS = ('codec', 'transport', 'convert', 'config', 'nodes')
ALLOWED = {
    ('codec/crc.py', 'ctypes'),  # liblzma and the package's own extension, by their constant names
    ('codec/crc.py', 'importlib'),
    ('codec/registry.py', 'importlib'),  # the entry points of installed packages
    ('config/document.py', 'open'),  # the mapping file
    ('config/document.py', 'os.open'),
    ('nodes/programs/process.py', 'os.open'),  # its own stdout and stderr
    ('convert/interfaces.py', 'importlib'),  # the ROS types of the table
    ('convert/conversion.py', 'importlib'),  # the entry points of installed packages
    # of no file: memory that is there once it is written
    ('convert/streams/volume_assembler.py', 'mmap'),
    ('nodes/programs/process.py', 'ctypes'),  # mallopt
    ('transport/tls.py', 'open'),  # certificates and keys
}


def touches_of(path: Path) -> Iterator[str]:
    """Yield what a module uses of the above."""
    for _, module in imports_of(path):
        if module.partition('.')[0] in MODULES:
            yield module.partition('.')[0]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Name) and node.id in CALLS:
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            pattern = {'os': OF_OS, 'np': OF_NUMPY}.get(node.value.id)
            if pattern is not None and pattern.fullmatch(node.attr):
                yield f'{node.value.id}.{node.attr}'


def test_only_these_modules_touch_files_modules_and_memory() -> None:
    found = {
        (str(path.relative_to(PACKAGE)), touch)
        for room in ROOMS
        for path in (PACKAGE / room).rglob('*.py')
        for touch in touches_of(path)
    }
    assert found == ALLOWED


def test_there_is_no_xml_parser() -> None:
    for path in PACKAGE.rglob('*.py'):
        modules = {module.partition('.')[0] for _, module in imports_of(path)}
        assert not modules & {'xml', 'lxml', 'defusedxml', 'pyexpat'}, path


def test_the_measures_are_numbered_and_each_has_a_test() -> None:
    assert [f'S{number}' for number in range(1, len(MEASURES) + 1)] == MEASURES
    assert {measure for measure, _, _ in CITED} == {*MEASURES, 'stunnel'}
    for section in ('Sessions', 'Data from peers', 'Files'):
        (text,) = re.findall(rf'^### {section}\n(.*?)^##', PAGE, re.DOTALL | re.MULTILINE)
        assert len(re.findall(r'^\* ', text, re.MULTILINE)) == len(
            re.findall(r'^\* \*\*S\d+\*\* ', text, re.MULTILINE)
        )


@pytest.mark.parametrize(('measure', 'path', 'name'), CITED)
def test_each_test_that_is_named_is_there(measure: str, path: str, name: str) -> None:
    assert re.search(rf'^ *(async )?def {name}\(', (ROOT / path).read_text(), re.MULTILINE)


def test_every_test_that_the_page_names_is_in_its_table() -> None:
    assert len(re.findall(r'::test_', PAGE)) == len(CITED) >= 50

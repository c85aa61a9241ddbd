# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The pages agree with the package: their links, commands, mapping files, and README's table."""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
from pathlib import Path

import pytest

from ros2_igtl.cli.main import main, make_parser

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob('*.md'), *(ROOT / 'doc').glob('*.md')])
BLOCK = re.compile(r'^( *)```(\w*)\n(.*?)^\1```$', re.DOTALL | re.MULTILINE)
MAX_README_LINES = 150
MAX_PICTURE_BYTES = 200_000


def blocks(document: Path, *languages: str) -> list[str]:
    """Return the code blocks of a page that are in one of the languages."""
    return [
        textwrap.dedent(text)
        for _, language, text in BLOCK.findall(document.read_text())
        if language in languages
    ]


def code_of(document: Path) -> str:
    """Return all commands of a page, those in its blocks and those in its sentences."""
    spans = re.findall(r'`([^`\n]+)`', BLOCK.sub('', document.read_text()))
    return '\n'.join([*blocks(document, 'sh'), *spans]).replace('\\\n', ' ')


def headings(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    lines = re.findall(r'^#+ +(.*)$', BLOCK.sub('', document.read_text()), re.MULTILINE)
    return {re.sub(r'[^\w -]', '', line.lower()).replace(' ', '-') for line in lines}


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in re.findall(r'\]\(([^)\s]+)\)', document.read_text()):
        if link.startswith(('http://', 'https://')):
            continue
        path, _, anchor = link.partition('#')
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_the_commands_of_a_page_exist(document: Path) -> None:
    code = code_of(document)
    targets = re.findall(r'^\.PHONY: ([\w-]+)$', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    assert set(re.findall(r'^(?:\w+=\S+ )*make ([a-z-]+)', code, re.MULTILINE)) <= set(targets)
    programs = re.findall(r'install_program\((\w+)', (ROOT / 'CMakeLists.txt').read_text())
    assert set(re.findall(r'ros2 run ros2_igtl (\w+)', code)) <= set(programs)
    for name in re.findall(r'[\w.]+\.launch\.(?:py|xml)\b', code):
        assert (ROOT / 'launch' / name).exists(), name


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_igtl_takes_the_arguments_that_a_page_has(document: Path) -> None:
    for block in blocks(document, 'sh'):
        for line in block.splitlines():
            if match := re.fullmatch(r'igtl ([^#&|>]+).*', line):
                make_parser().parse_args(shlex.split(match[1]))


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_the_mapping_files_of_a_page_are_right(document: Path, tmp_path: Path) -> None:
    pytest.importorskip('ros2_igtl.msg', reason='the package is not built: run make setup')
    path = tmp_path / 'mapping.yaml'
    for block in blocks(document, 'yaml'):
        if block.startswith('version:'):
            path.write_text(block)
            assert main(['check', str(path)]) == 0, block


def test_the_table_of_the_readme_is_that_of_the_conversions() -> None:
    conversions = pytest.importorskip('ros2_igtl.convert.conversions').CONVERSIONS
    readme = (ROOT / 'README.md').read_text()
    (table,) = re.findall(
        r'^\| OpenIGTLink \| ROS 2 \|\n.*?\n\n', readme, re.DOTALL | re.MULTILINE
    )
    named: dict[str, list[str]] = {}
    for left, right in re.findall(r'^\| (.*) \| (.*) \|$', table, re.MULTILINE)[2:]:
        ros_types = [name.split('/')[-1] for name in re.findall(r'`([\w/]+)`', right)]
        for type_name in re.findall(r'[A-Z]{3,}', left.replace('any other type', 'RAW')):
            named.setdefault(type_name, []).extend(ros_types)
    there: dict[str, list[str]] = {}
    for conversion in conversions:
        type_name = conversion.type_name.replace('*', 'RAW')
        there.setdefault(type_name, []).append(conversion.ros_type_name.split('/')[-1])
    for type_name, ros_types in there.items():
        assert named[type_name] == ros_types  # the first is the default


def test_the_functions_of_the_architecture_exist() -> None:
    cited = re.findall(r'`([\w/]+\.py)::([\w.]+)`', (ROOT / 'doc' / 'architecture.md').read_text())
    assert len(cited) > 30
    for path, name in cited:
        body = ast.parse((ROOT / 'ros2_igtl' / path).read_text(encoding='utf-8')).body
        for part in name.split('.'):
            found = [
                node
                for node in body
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == part
            ]
            assert found, f'{path}::{name}'
            body = found[0].body


def test_the_files_of_the_recipes_exist() -> None:
    text = (ROOT / 'CONTRIBUTING.md').read_text()
    paths = re.findall(r'`((?:ros2_igtl|test|doc)/[\w/]+\.\w+)`', text)
    assert len(paths) > 10
    assert [path for path in paths if 'NAME' not in path and not (ROOT / path).exists()] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / 'README.md').read_text().splitlines()) <= MAX_README_LINES


def test_the_pictures_are_small() -> None:
    for path in (ROOT / 'doc').iterdir():
        if path.suffix in ('.png', '.svg'):
            assert path.stat().st_size < MAX_PICTURE_BYTES, path

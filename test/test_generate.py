# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The files made from the tables are fresh, and the schema says what the reader does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import generate
import pytest
import yaml
from config.test_load import EVERYTHING, refused

from ros2_igtl.options import PARAMETERS

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize('path', generate.files(), ids=lambda path: path.name)
def test_the_committed_file_is_fresh(path: Path) -> None:
    assert path.read_text(encoding='utf-8') == generate.files()[path]


def test_the_page_has_every_parameter() -> None:
    page = generate.reference()
    assert [name for name in PARAMETERS if f'| `{name}` |' not in page] == []


def errors_of(document: Any) -> list[str]:
    jsonschema = pytest.importorskip('jsonschema')
    schema = json.loads((ROOT / 'config/mapping.schema.json').read_text(encoding='utf-8'))
    jsonschema.Draft7Validator.check_schema(schema)
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(document)]


@pytest.mark.parametrize('name', ['config/example.yaml', 'demo/receiver.yaml'])
def test_the_schema_takes_the_files_of_this_package(name: str) -> None:
    assert errors_of(yaml.safe_load((ROOT / name).read_text())) == []


def test_the_schema_takes_every_key_the_reader_takes() -> None:
    assert errors_of(yaml.safe_load(EVERYTHING)) == []


# What one value may be, and which keys there are; the rest is beyond a schema.
SEEN = (
    'unknown key',
    'a whole number from',
    'allowed: a number ',
    'allowed: true or false',
    'allowed: a list',
    'is missing; it has no default',
)


@pytest.mark.parametrize(('connection', 'expected'), refused('refused_connections.txt'))
def test_the_schema_refuses_wrong_values_of_a_connection(
    connection: str, expected: list[str]
) -> None:
    text = f'version: 1\nconnections:\n{connection}'
    if any(word in text for word in ('0x10', 'yes', '.nan')):
        return  # YAML 1.1, by which PyYAML reads these, makes other values of them
    if any(word in line for word in SEEN for line in expected):
        assert errors_of(yaml.safe_load(text)) != []

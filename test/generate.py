# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Writes the files that are made from the table of options; run it after changing the table.

``./with-ros python test/generate.py``
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from ros2_igtl.launching import arguments_of
from ros2_igtl.options import FILE_KEYS, PARAMETERS, SECTIONS, Option

ROOT = Path(__file__).resolve().parents[1]
LAUNCHES = {
    'client': 'one client: it dials an OpenIGTLink server and keeps to it',
    'server': 'one server: OpenIGTLink clients dial it',
    'bridge': 'a bridge: all the connections of a mapping file in one node',
    'demo': 'a simulated tracker and a simulated imager, and a client for each of them',
}
TITLES = {
    'TfTool': 'A tool of `tf`',
    'TfLookup': '`tf`',
    'QosOptions': '`qos`',
    'MappingRow': 'A row of `mappings`',
    'CommandRow': 'A row of `commands`',
    'ConnectionConfig': 'A connection',
    'RegistrationKeys': 'A row of `registration`',
}


def launch_xml(program: str) -> str:
    """Return a launch file in XML: its arguments, and the launch file in Python."""
    lines = [
        '<?xml version="1.0"?>',
        '<!-- Copyright ros2_igtl contributors -->',
        '<!-- SPDX-License-Identifier: Apache-2.0 -->',
        f'<!-- Launch {LAUNCHES[program]}. Made by test/generate.py. -->',
        '<launch>',
    ]
    for name, (default, text) in arguments_of(program).items():
        value = '' if default is None else f' default={quoteattr(default)}'
        lines.append(f'  <arg name="{name}"{value} description={quoteattr(text)}/>')
    # The included file sees all arguments; of those without a default launch wants to be told.
    lines.append(f'  <include file="$(find-pkg-share ros2_igtl)/launch/{program}.launch.py">')
    lines += [
        f'    <arg name="{name}" value="$(var {name})"/>'
        for name, (default, _) in arguments_of(program).items()
        if default is None
    ]
    lines += ['  </include>', '</launch>', '']
    return '\n'.join(lines)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a mapping file."""
    return {
        '$schema': 'http://json-schema.org/draft-07/schema#',
        'title': 'Mapping file of ros2_igtl',
        **_object(FILE_KEYS),
        'definitions': {name: _object(section) for name, section in SECTIONS.items()},
    }


def _object(section: dict[str, Option]) -> dict[str, Any]:
    required = [name for name, option in section.items() if option.is_required]
    return {
        'type': 'object',
        'properties': {name: _property(option) for name, option in section.items()},
        **({'required': required} if required else {}),
        'additionalProperties': False,
    }


def _property(option: Option) -> dict[str, Any]:
    unit = f' [{option.unit}]' if option.unit else ''
    described: dict[str, Any] = {'description': f'{option.text}{unit}', **_type(option)}
    if option.default is not None and option.kind != 'nested':
        default = option.default
        described['default'] = list(default) if isinstance(default, tuple) else default
    return described


def _type(option: Option) -> dict[str, Any]:
    if option.kind == 'nested':
        if not option.section:
            return {'type': 'object', 'additionalProperties': {'type': 'string'}}
        item = {'$ref': f'#/definitions/{option.section}'}
        if not option.is_list:
            return {'allOf': [item]}
        return {'type': 'array', 'items': item}
    if option.kind == 'truth':
        return {'type': 'boolean'}
    if option.kind == 'word':
        return {'enum': list(option.allowed)}
    if option.kind in ('integer', 'number', 'numbers'):
        return _number(option)
    text: dict[str, Any] = {'type': 'string', 'maxLength': option.form.max_length}
    if option.form.pattern:
        text['pattern'] = f'^(?:{option.form.pattern})$'
    if option.form.min_bytes:
        text['minLength'] = 1
    if option.form.max_bytes:
        text['maxLength'] = option.form.max_bytes
    return text if option.kind == 'text' else {'type': 'array', 'items': text}


def _number(option: Option) -> dict[str, Any]:
    low, high = option.allowed
    lowest = 'exclusiveMinimum' if option.above else 'minimum'
    one = {
        'type': 'integer' if option.kind == 'integer' else 'number',
        lowest: low,
        'maximum': high,
    }
    if option.kind != 'numbers':
        return one
    return {
        'type': 'array',
        'items': one,
        'minItems': option.count,
        'maxItems': option.count,
    }


def reference() -> str:
    """Return doc/options.md."""
    lines = [
        '# Options',
        '',
        'The parameters of the nodes, and the keys of the [mapping file](mapping_file.md). This',
        'page is made from `ros2_igtl/options.py` by `./with-ros python test/generate.py`.',
        '',
        '## Parameters',
        '',
        'A connection of the mapping file can set every parameter except `config_file`,',
        '`autostart` and `memory_limit` for itself.',
        '',
        *_table(PARAMETERS),
        '## The mapping file',
        '',
        *_table(FILE_KEYS),
    ]
    for name in reversed(SECTIONS):
        own = {
            key: option
            for key, option in SECTIONS[name].items()
            if name != 'ConnectionConfig' or key not in PARAMETERS or key in ('address', 'port')
        }
        lines += [f'### {TITLES[name]}', '', *_table(own)]
    return '\n'.join(lines)


def _table(section: dict[str, Option]) -> list[str]:
    rows = ['| name | default | allowed | |', '| --- | --- | --- | --- |']
    for name, option in section.items():
        default = '' if option.default in (None, '', ()) else f'`{option.default}`'
        if option.kind == 'truth':
            default = default.lower()
        allowed = '' if option.kind == 'nested' else option.range_text
        if option.kind == 'texts':
            allowed = f'list, each {allowed}'
        if option.kind == 'numbers':
            allowed = f'{option.count} numbers'
        if option.is_required:
            default = 'required'
        where = f' `{option.direction}` only.' if option.direction else ''
        rows.append(f'| `{name}` | {default} | {allowed} | {_escape(option.text)}{where} |')
    return [*rows, '']


def _escape(text: str) -> str:
    return text.replace('<', '`<').replace('>', '>`').replace('>`/`<', '>/<')


def files() -> dict[Path, str]:
    """Return the text of each file that is made from the table."""
    made = {ROOT / f'launch/{name}.launch.xml': launch_xml(name) for name in LAUNCHES}
    schema = json.dumps(json_schema(), indent=1, ensure_ascii=False) + '\n'
    return {
        **made,
        ROOT / 'config/mapping.schema.json': schema,
        ROOT / 'doc/options.md': reference(),
    }


if __name__ == '__main__':
    for path, text in files().items():
        path.write_text(text, encoding='utf-8')

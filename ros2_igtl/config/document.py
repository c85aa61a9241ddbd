# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A file's bytes to YAML nodes with their lines. Other modules interpret the nodes.

A mapping file is one document without anchors, aliases and tags, with limits on size, depth and
number of nodes. No object is constructed from a node.
"""

from __future__ import annotations

import os
import stat
from typing import Any

import yaml
from yaml.reader import Reader

from ros2_igtl.config.errors import Problems

# Enough for 5000 mappings, which pure Python reads in about 3 s on a slow machine.
MAX_FILE_BYTES = 1_000_000
# Enough for 5000 mappings. A file of `- a` lines with ten times as many nodes takes minutes.
MAX_NODES = 100_000
# The schema has 8 levels, and the composer is recursive.
MAX_DEPTH = 20


class _NotAllowedError(yaml.MarkedYAMLError):
    """Valid YAML that is not allowed in a mapping file."""


class _Loader(yaml.SafeLoader):
    """Composes nodes within the limits above."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        self._nodes += 1
        self._depth += 1
        problem = None
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            problem = 'anchors and aliases (& and *) are not allowed, write the value out'
        elif event.tag:
            problem = 'tags (!) are not allowed, write the bare value'
        elif self._nodes > MAX_NODES:
            problem = f'more than {MAX_NODES} values in one file'
        elif self._depth > MAX_DEPTH:
            problem = f'nested more than {MAX_DEPTH} deep'
        if problem is not None:
            raise _NotAllowedError(problem=problem, problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read_file(path: str, problems: Problems) -> bytes:
    """
    Return the bytes of a file of at most `MAX_FILE_BYTES`.

    :raises ConfigError: the file does not exist, is not a file, or is not readable or too large.
    """
    data = b''
    try:
        # O_NONBLOCK: opening a pipe without a writer must not block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, 'rb') as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                data = file.read(MAX_FILE_BYTES + 1)
            else:
                problems.add(1, 'file', 'is not a regular file')
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        problems.add(1, 'file', f'cannot be read: {reason}')
    if len(data) > MAX_FILE_BYTES:
        problems.add(1, 'file', f'is larger than the {MAX_FILE_BYTES} bytes allowed')
    problems.raise_if_any()
    return data


def compose(data: bytes, problems: Problems) -> yaml.Node:
    """
    Return the root node of the one YAML document in `data`.

    :raises ConfigError: `data` is not such a document.
    """
    text = _decode(data, problems)
    loader = _Loader(text)
    root = None
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or loader.get_mark()
        problems.add(mark.line + 1, 'YAML', _explain(error))
    except (ValueError, OverflowError) as error:
        # PyYAML does not wrap the errors of "\UFFFFFFFF" and the like.
        problems.add(loader.get_mark().line + 1, 'YAML', str(error))
    finally:
        loader.dispose()
    if root is None and not problems:
        problems.add(1, 'file', 'is empty; allowed: a mapping of version and connections')
    problems.raise_if_any()
    assert root is not None
    return root


def _decode(data: bytes, problems: Problems) -> str:
    text = ''
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        problems.add(line, 'file', f'byte 0x{data[error.start]:02X} is not UTF-8')
    if unprintable := Reader.NON_PRINTABLE.search(text):
        line = text.count('\n', 0, unprintable.start()) + 1
        problems.add(line, 'file', f'character {unprintable.group()!r} is not printable')
    problems.raise_if_any()
    return text


def _explain(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or 'cannot be read'
    if problem.startswith('but ') and error.context:
        problem = f'{error.context}, {problem}'
    elif error.context and error.context_mark:
        problem = f'{problem}, {error.context} that starts in line {error.context_mark.line + 1}'
    hint = '; indent with spaces' if r'\t' in problem else ''
    return f'{problem}{hint}'

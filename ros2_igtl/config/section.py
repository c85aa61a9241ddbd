# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""One YAML mapping, read key by key with a table of checks from the caller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ros2_igtl.config import checks
from ros2_igtl.config.errors import Problems, Refused


class Section:
    """
    The keys and values of one YAML mapping.

    `values` has the values that passed their checks; `problems` has the problems of the others.
    """

    def __init__(
        self, node: yaml.Node, key: str, keys: Mapping[str, checks.Check], problems: Problems
    ) -> None:
        self.values: dict[str, Any] = {}
        self.line = node.start_mark.line + 1
        self.problems = problems
        self._problems_before = len(problems)
        self._key = key
        self._lines: dict[str, int] = {}
        self._is_mapping = isinstance(node, yaml.MappingNode)
        if not self._is_mapping:
            self._add(
                self.line, f'is {checks.show(node)}; allowed: a mapping of {", ".join(keys)}'
            )
            return
        for key_node, value_node in node.value:
            self._read(key_node, value_node, keys)

    def _read(
        self, key_node: yaml.Node, value_node: yaml.Node, keys: Mapping[str, checks.Check]
    ) -> None:
        name = key_node.value if isinstance(key_node, yaml.ScalarNode) else ''
        line = key_node.start_mark.line + 1
        if name not in keys:
            hint = checks.suggest(name, keys) or f'; allowed: {", ".join(keys)}'
            self._add(line, f'has an unknown key, {checks.show(key_node)}{hint}')
        elif name in self._lines:
            text = f'is given twice, first in line {self._lines[name]}; allowed: once'
            self.problems.add(line, self.key(name), text)
        else:
            self._lines[name] = value_node.start_mark.line + 1
            try:
                self.values[name] = keys[name](value_node)
            except Refused as refused:
                self.refuse(name, str(refused))

    def _add(self, line: int, text: str) -> None:
        self.problems.add(line, self._key or 'file', text)

    @property
    def is_wrong(self) -> bool:
        """Whether a problem was found since this section was begun."""
        return len(self.problems) > self._problems_before

    def key(self, name: str) -> str:
        """Return the full name of a key."""
        return f'{self._key}.{name}' if self._key else name

    def line_of(self, name: str) -> int:
        """Return the line of a key's value, or of the section if the key is missing."""
        return self._lines.get(name, self.line)

    def has(self, name: str) -> bool:
        """Return whether the mapping has a key, with a right or a wrong value."""
        return name in self._lines

    def refuse(self, name: str, text: str) -> None:
        """Add a problem of a key, present or missing."""
        self.problems.add(self.line_of(name), self.key(name), text)

    def require(self, *names: str, hint: str = 'it has no default') -> None:
        """Add a problem for each missing key, if the node is a mapping."""
        for name in names:
            if self._is_mapping and not self.has(name):
                self.refuse(name, f'is missing; {hint}')

    def forbid(self, names: Iterable[str], text: str) -> None:
        """Add a problem for each of the keys that is present."""
        for name in names:
            if self.has(name):
                self.refuse(name, text)

    def items(self, name: str) -> list[yaml.Node]:
        """Return the items of a list; empty if the key is missing or not a list."""
        node = self.values.get(name)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(name, f'is {checks.show(node)}; allowed: a list')
            return []
        return list(node.value)

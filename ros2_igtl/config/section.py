# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""One YAML mapping, read key by key. Which keys there are is the caller's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ros2_igtl.config import checks
from ros2_igtl.config.errors import Problems, Refused


class Section:
    """
    What the keys of one YAML mapping say.

    `values` has the values that are right; what is wrong with the others is noted in `problems`.
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
            text = f'stands twice, first in line {self._lines[name]}'
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
        """Tell whether anything was found wrong since this section was begun."""
        return len(self.problems) > self._problems_before

    def key(self, name: str) -> str:
        """Return the full name of a key."""
        return f'{self._key}.{name}' if self._key else name

    def line_of(self, name: str) -> int:
        """Return the line a key's value starts in; the section's if the key is not there."""
        return self._lines.get(name, self.line)

    def has(self, name: str) -> bool:
        """Tell whether a key was given, be its value right or wrong."""
        return name in self._lines

    def refuse(self, name: str, text: str) -> None:
        """Note what is wrong with a key that is there, or that it is not."""
        self.problems.add(self.line_of(name), self.key(name), text)

    def require(self, *names: str, hint: str = 'it has no default') -> None:
        """Note each of the keys that is missing from what is a mapping at all."""
        for name in names:
            if self._is_mapping and not self.has(name):
                self.refuse(name, f'is missing; {hint}')

    def forbid(self, names: Iterable[str], text: str) -> None:
        """Note each of the keys that is there, and why it must not be."""
        for name in names:
            if self.has(name):
                self.refuse(name, text)

    def items(self, name: str) -> list[yaml.Node]:
        """Return the items of a list; none if the key is missing or no list."""
        node = self.values.get(name)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(name, f'is {checks.show(node)}; allowed: a list')
            return []
        return list(node.value)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The problems of a mapping file, with their lines, and the errors that report them."""

from __future__ import annotations

from typing import NamedTuple

# A file that is not a mapping file has a problem in every line; nobody reads more than these.
MAX_PROBLEMS = 100


class Problem(NamedTuple):
    """One problem, at one line (counted from 1)."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        """Return `file:line: key: problem; allowed: values`."""
        return f'{self.file}:{self.line}: {self.key}: {self.text}'


class ConfigError(ValueError):
    """A mapping file is refused as a whole; `problems` has all its problems, in line order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__('\n'.join(map(str, problems)))


class Refused(ValueError):  # noqa: N818 - stays within this package, which makes a Problem of it
    """A value is not allowed; the text has the value and the allowed ones."""


class Problems:
    """Collects the problems of one file, so that one error reports them all."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[Problem] = []

    def __len__(self) -> int:
        """Return the number of problems so far."""
        return len(self._found)

    def add(self, line: int, key: str, text: str) -> None:
        """
        Note a problem.

        :raises ConfigError: the number of problems has reached MAX_PROBLEMS.
        """
        self._found.append(Problem(self.file, line, key, text))
        if len(self._found) == MAX_PROBLEMS:
            text = f'reading stopped after {MAX_PROBLEMS} problems'
            self._found.append(Problem(self.file, line, key, text))
            self.raise_if_any()

    def raise_if_any(self) -> None:
        """
        Refuse the file if it has problems.

        :raises ConfigError: with all problems, in line order.
        """
        if self._found:
            raise ConfigError(tuple(sorted(self._found, key=lambda problem: problem.line)))

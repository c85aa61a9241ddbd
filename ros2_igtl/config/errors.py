# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a mapping file, and where. Nothing is judged here."""

from __future__ import annotations

from typing import NamedTuple

# A file that was never a mapping file makes a problem a line; nobody reads more than these.
MAX_PROBLEMS = 100


class Problem(NamedTuple):
    """One thing that is wrong, at one line (counted from 1)."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        """Return `file:line: key: what, and what is allowed`."""
        return f'{self.file}:{self.line}: {self.key}: {self.text}'


class ConfigError(ValueError):
    """A mapping file is refused as a whole; `problems` says all that is wrong, in line order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__('\n'.join(map(str, problems)))


class Refused(ValueError):  # noqa: N818 - never leaves this package; a Problem is made of it
    """A value is not allowed; the text says what it is, and what is allowed."""


class Problems:
    """Collects what is wrong with one file, so that all of it is told at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[Problem] = []

    def __len__(self) -> int:
        """Return how many problems were found so far."""
        return len(self._found)

    def add(self, line: int, key: str, text: str) -> None:
        """
        Note a problem.

        :raises ConfigError: it is the last one that is told.
        """
        self._found.append(Problem(self.file, line, key, text))
        if len(self._found) == MAX_PROBLEMS:
            text = f'reading stopped after {MAX_PROBLEMS} problems'
            self._found.append(Problem(self.file, line, key, text))
            self.raise_if_any()

    def raise_if_any(self) -> None:
        """
        Refuse the file if anything is wrong with it.

        :raises ConfigError: with every problem, in line order.
        """
        if self._found:
            raise ConfigError(tuple(sorted(self._found, key=lambda problem: problem.line)))

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the query messages share: GET_ and STP_ are empty, RTS_ is one byte.

Source: ``query.md``; what stands in each type's own document stands in that type's module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.registry import Content, check_size

_S = TypeVar('_S', bound='Stop')
_R = TypeVar('_R', bound='Reply')


@dataclass(slots=True)
class Stop(Content):
    """A message without content."""

    type_name: ClassVar[str]

    @classmethod
    def unpack(cls: type[_S], content: memoryview) -> _S:
        """Return the message of an empty content."""
        if len(content):
            check_size(cls.type_name, content, 0)
        return cls()

    def pack_parts(self) -> tuple[bytes, ...]:
        """Return nothing."""
        return ()


@dataclass(slots=True)
class Reply(Content):
    """
    The answer to a query.

    :ivar status: 0 for success, 1 for error.
    """

    type_name: ClassVar[str]

    status: int = 0

    @classmethod
    def unpack(cls: type[_R], content: memoryview) -> _R:
        """Return the reply of 1 byte."""
        check_size(cls.type_name, content, 1)
        return cls(content[0])

    def pack_parts(self) -> tuple[bytes]:
        """Return 1 byte."""
        if not 0 <= self.status <= 255:
            raise ValueRangeError(f'{self.type_name} status {self.status}: 0 to 255 are allowed')
        return (bytes((self.status,)),)

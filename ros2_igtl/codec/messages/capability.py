# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""CAPABILITY: the types a peer can receive. Source: ``capability.md``, ``igtl_capability.h``."""

from __future__ import annotations

from dataclasses import dataclass

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ContentValueError, ValueRangeError
from ros2_igtl.codec.header import TYPE_NAME_SIZE
from ros2_igtl.codec.messages.companions import Get, Reply, companions
from ros2_igtl.codec.names import pack_name
from ros2_igtl.codec.registry import MAX_ITEMS, Content, check_multiple, register

__all__ = ['Capability', 'CapabilityReply', 'GetCapability']


@register
@dataclass(slots=True)
class Capability(Content):
    """The type names that the sender can receive, at most 65535. 12 bytes each."""

    type_name = 'CAPABILITY'
    sizes = f'{TYPE_NAME_SIZE} n'
    protocol_version = 1

    type_names: tuple[str, ...] = ()

    @property
    def item_count(self) -> int:
        """The number of names."""
        return len(self.type_names)

    @classmethod
    def unpack(cls, content: memoryview) -> Capability:
        """Return the capability from a multiple of 12 bytes."""
        check_multiple('CAPABILITY', content, TYPE_NAME_SIZE)
        count = len(content) // TYPE_NAME_SIZE
        if count > MAX_ITEMS:
            raise ContentValueError(f'CAPABILITY has {count} names, {MAX_ITEMS} are allowed')
        data = bytes(content)
        return cls(
            tuple(
                wire.text(data[start : start + TYPE_NAME_SIZE])
                for start in range(0, len(data), TYPE_NAME_SIZE)
            )
        )

    def pack_parts(self) -> tuple[bytes]:
        """Return 12 bytes for each name; a name of 12 characters has no NUL."""
        count = len(self.type_names)
        if count > MAX_ITEMS:
            raise ValueRangeError(f'CAPABILITY has {count} names, {MAX_ITEMS} are allowed')
        names = (pack_name(name, TYPE_NAME_SIZE, 'type name') for name in self.type_names)
        return (b''.join(name.ljust(TYPE_NAME_SIZE, b'\0') for name in names),)


GetCapability, CapabilityReply = companions(Capability, Get, Reply, name='CAPABIL')

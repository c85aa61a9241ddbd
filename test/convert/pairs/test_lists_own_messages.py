# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.pairs.lists: what a peer says it has, own messages."""

from __future__ import annotations

from builtin_interfaces.msg import Time

from helpers.conversions import cause
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.pairs.lists import capability_from_ros, capability_to_ros
from ros2_igtl.msg import Capability

CONTEXT = Context('CT', Time(sec=5), 'igtl_ras', 'CT')


def test_type_names_of_a_capability_fill_their_field_or_are_refused() -> None:
    convert = capability_from_ros
    message = Capability(type_names=['A' * 12])
    assert convert(message).content == codec.Capability(('A' * 12,))
    message = Capability(type_names=['STATUS', 'A' * 13])
    assert cause(convert, message) == 'name_too_long'
    content = codec.Capability(('caf\udce9',))
    assert capability_to_ros(content, CONTEXT).type_names == ['caf\ufffd']

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# CRC-64 of a contiguous buffer, continuing from that of the bytes before it; see src/crc64.c.
from typing import Any

FOLDS: bool  # crc64 multiplies without carry; otherwise it is tables

def crc64(data: Any, initial: int = 0, /) -> int: ...
def tables(data: Any, initial: int = 0, /) -> int: ...

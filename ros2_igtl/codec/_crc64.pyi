# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
# CRC-64 of a contiguous buffer, continued from the CRC of the bytes before it; see src/crc64.c.
from typing import Any

FOLDS: bool  # whether crc64 uses carry-less multiplication; if not, it is tables()

def crc64(data: Any, initial: int = 0, /) -> int: ...
def tables(data: Any, initial: int = 0, /) -> int: ...

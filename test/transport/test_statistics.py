# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.statistics."""

from __future__ import annotations

import json
from collections import Counter

from ros2_igtl.transport import Statistics


def test_counts_add_up_and_the_higher_high_water_stays() -> None:
    total = Statistics(received=1, high_water_bytes=5, rejected=Counter(crc=1))
    total.add(Statistics(received=2, high_water_bytes=3, rejected=Counter(crc=1, no_data=4)))
    assert total.received == 3
    assert total.high_water_bytes == 5
    assert total.rejected == {'crc': 2, 'no_data': 4}


def test_a_snapshot_is_a_copy_that_json_can_write() -> None:
    statistics = Statistics(sent=1, rejected=Counter(crc=2))
    snapshot = statistics.snapshot()
    statistics.rejected['crc'] += 1
    assert json.loads(json.dumps(snapshot))['rejected'] == {'crc': 2}
    assert snapshot['sent'] == 1

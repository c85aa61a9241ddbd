# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The soak in short: in a minute it finds some bytes a message, in ten seconds more of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.usage import Usage, slopes_of
from load.soak import MEMORY_STEP, Report, soak


@pytest.mark.alone
@pytest.mark.timeout(180)
@pytest.mark.parametrize('seconds', [10.0, pytest.param(60.0, marks=pytest.mark.long)])
def test_f38_nothing_grows_under_ten_times_the_usual_load(
    seconds: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """FAULTS F38, in short: ``make soak`` takes its time."""
    report = soak(seconds, tmp_path, min(15.0, seconds))
    with capsys.disabled():
        print(f'\n{report}')
    assert not report.excesses()


def test_what_grows_faster_than_it_may_is_named() -> None:
    samples = [(10.0 + s, Usage(50_000_000 + 1_000_000 * s, 20 + s, 9)) for s in range(10)]
    slopes = slopes_of(samples)
    assert slopes == pytest.approx((9.0, 1_000_000.0, 1.0, 0.0), abs=1e-6)
    assert Report(slopes, '').excesses() == ['memory', 'descriptors']


def test_a_step_is_no_leak() -> None:
    samples = [(s, Usage(MEMORY_STEP // 2 * (s > 4), 20 + (s % 3 == 0), 9)) for s in range(10)]
    assert Report(slopes_of(samples), 'all').excesses() == []

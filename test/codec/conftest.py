# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""How hypothesis looks for examples here, and whether a module's own tests reach all of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from helpers.own_coverage import OwnCoverage

# A machine that does other things at the same time is not a fault of the codec.
settings.register_profile('codec', deadline=None, max_examples=60)
settings.load_profile('codec')

MEASURED: pytest.StashKey[OwnCoverage] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Measure what a test file runs of its module while it is imported: its tables of cases."""
    if not isinstance(collector, pytest.Module) or not collector.config.option.own_coverage:
        return (yield)
    from helpers.own_coverage import OwnCoverage, own_module

    if (module := own_module(collector.path)) is None:
        return (yield)
    measured = collector.stash[MEASURED] = OwnCoverage(module)
    with measured.measured():
        return (yield)


@pytest.fixture(scope='session')
def imported_codec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data of a process that did nothing but import the codec."""
    from helpers.own_coverage import imported_codec

    return imported_codec(tmp_path_factory.mktemp('coverage') / 'imported')


@pytest.fixture(scope='module', autouse=True)
def own_coverage(request: pytest.FixtureRequest) -> Iterator[None]:
    """
    Fail where the tests of a file do not reach all lines and branches of its module.

    What other tests reach by the way does not count.
    """
    measured = request.node.stash.get(MEASURED, None)
    if measured is None:
        yield
        return
    imported: Path = request.getfixturevalue('imported_codec')
    with measured.measured():
        yield
    gaps = measured.gaps(imported)
    assert not gaps, f'not reached by its own tests: {gaps}'

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""How hypothesis looks for examples here, and whether a module's own tests reach all of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import is_hypothesis_test, settings

if TYPE_CHECKING:
    from helpers.own_coverage import OwnCoverage

# A machine that does other things at the same time is not a fault of the codec.
settings.register_profile('codec', deadline=None, max_examples=60)
settings.load_profile('codec')

MEASURED: pytest.StashKey[OwnCoverage] = pytest.StashKey()
LAST: pytest.StashKey[str] = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what hypothesis makes behind the examples of its file, which reach most of a module."""
    files = {path: number for number, path in enumerate(dict.fromkeys(i.path for i in items))}
    items.sort(key=lambda item: (files[item.path], is_hypothesis(item)))


def is_hypothesis(item: pytest.Item) -> bool:
    return is_hypothesis_test(getattr(item, 'obj', None))


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


@pytest.fixture(autouse=True)
def measured_until_complete(request: pytest.FixtureRequest, own_coverage: None) -> None:
    """See before each test function, with whatever parameters, whether all is reached."""
    module = request.node.getparent(pytest.Module)
    measured = module.stash.get(MEASURED, None)
    if measured is not None and module.stash.get(LAST, None) != request.node.originalname:
        module.stash[LAST] = request.node.originalname
        measured.stop_if_complete(request.getfixturevalue('imported_codec'))


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

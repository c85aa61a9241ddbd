# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What a node says of the exceptions of its callbacks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from ros2_igtl.nodes.reporting import faults
from ros2_igtl.nodes.reporting.faults import PEACE_S, Faults
from ros2_igtl.nodes.reporting.log import PACKAGE_LOGGER

logger = logging.getLogger(f'{PACKAGE_LOGGER}.test')


class Kept(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    faults.detach(handler)


def raise_and_log(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception('a test failed')


def report(of: Faults) -> tuple[bytes, str, str]:
    status = of.status('node')
    (value,) = status.values
    assert (status.name, value.key) == ('node: own callbacks', 'callback_failed')
    return status.level, status.message, value.value


def test_f45_each_place_is_logged_once_and_each_exception_counted(kept: Kept) -> None:
    counted = faults.attach(kept)
    assert report(counted) == (DiagnosticStatus.OK, 'no callback has failed', '0')
    for number in range(3):
        raise_and_log(f'number {number}')
    logger.error('no exception', exc_info=ValueError('that was never raised'))
    logger.warning('said by the package')
    assert kept.texts == ['a test failed', 'no exception', 'said by the package']
    level, message, count = report(counted)
    assert (level, count) == (DiagnosticStatus.WARN, '4')
    assert message.endswith("s ago: no exception: ValueError('that was never raised')")


def test_f45_after_an_hour_of_peace_it_is_ok_again(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = faults.attach(kept)
    raise_and_log('long ago')
    last_s = counted._last_s
    for age_s, level in ((PEACE_S - 1.0, DiagnosticStatus.WARN), (PEACE_S, DiagnosticStatus.OK)):
        monkeypatch.setattr('time.monotonic', lambda age_s=age_s: last_s + age_s)
        assert report(counted)[::2] == (level, '1')


def test_f45_a_failed_transition_is_an_error(kept: Kept) -> None:
    counted = faults.attach(kept)
    raise_and_log('no socket')
    counted.failure = 'activate'
    level, message, _ = report(counted)
    assert level == DiagnosticStatus.ERROR
    assert message.startswith('activate failed, and the node is unconfigured: a test failed: ')


def test_f45_what_a_callback_of_the_io_thread_raises_is_counted_and_no_word_of_libraries_logged(
    kept: Kept,
) -> None:
    counted = faults.attach(kept)

    async def run() -> None:
        asyncio.get_running_loop().call_soon(raise_for_asyncio)
        await asyncio.sleep(0)

    asyncio.run(run())
    logging.getLogger('asyncio').warning('slow')
    assert counted.count == 1
    assert len(kept.texts) == 1
    assert 'raise_for_asyncio' in kept.texts[0]


def raise_for_asyncio() -> None:
    raise ValueError('in the loop')

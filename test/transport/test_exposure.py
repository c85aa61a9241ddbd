# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests of ros2_igtl.transport.exposure."""

from __future__ import annotations

import pytest

from ros2_igtl.transport import Options
from ros2_igtl.transport.exposure import check_exposure


@pytest.mark.parametrize('address', ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
def test_this_machine_needs_no_permission(address: str) -> None:
    check_exposure(address, Options())


@pytest.mark.parametrize('address', ['0.0.0.0', '::', '192.168.0.5', 'fe80::1%eth0', 'a-host'])
def test_other_machines_may_connect_only_with_permission(address: str) -> None:
    check_exposure(address, Options(allowed_peers=('192.168.0.0/24',)))
    check_exposure(address, Options(tls=True))
    for options in (Options(), Options(tls=True, tls_client_auth='none')):
        with pytest.raises(ValueError, match='set allowed_peers'):
            check_exposure(address, options)

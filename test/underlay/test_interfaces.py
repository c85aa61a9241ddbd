# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The interfaces of tf2_msgs have the hashes of the genuine ones, or nobody could talk to us."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

packages = pytest.importorskip('ament_index_python.packages')

# as the code that the distributions generate and publish says
HASHES = {
    'msg/TFMessage': '01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087',
    'srv/FrameGraph': '01_0d1fbc6222c018ba5f33822904a2fdd4063705289956d3fdde07cd8c50fe8067',
}


@pytest.mark.parametrize(('name', 'expected'), HASHES.items())
def test_the_type_hash_is_the_genuine_one(name: str, expected: str) -> None:
    share = Path(packages.get_package_share_directory('tf2_msgs'))
    description = share / f'{name}.json'
    if not description.exists():
        pytest.skip('this distribution is older than type hashes')
    hashes = {
        h['type_name']: h['hash_string']
        for h in json.loads(description.read_text())['type_hashes']
    }
    assert hashes[f'tf2_msgs/{name}'] == f'RIHS{expected}'


def test_errors_have_the_genuine_numbers() -> None:
    from tf2_msgs.msg import TF2Error

    names = [
        'NO_ERROR',
        'LOOKUP_ERROR',
        'CONNECTIVITY_ERROR',
        'EXTRAPOLATION_ERROR',
        'INVALID_ARGUMENT_ERROR',
        'TIMEOUT_ERROR',
        'TRANSFORM_ERROR',
    ]
    assert [getattr(TF2Error, name) for name in names] == list(range(7))

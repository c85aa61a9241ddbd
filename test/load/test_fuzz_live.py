# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The fuzzing peer in short, and what judges the poses that come of it."""

from __future__ import annotations

import pytest
from geometry_msgs.msg import Quaternion, Transform, Vector3

from helpers.pose_ledger import PoseLedger
from helpers.promise import CAUSES
from load.fuzz_live import MEMORY_BOUND, fuzz
from ros2_igtl import codec

# Of what the codec reads the node rejects this, without a mapping file; other causes need a row
# that asks for another ROS type, or what is sent.
NODE_CAUSES = {
    'duplicate_name',
    'encoding',
    'non_rigid',
    'not_finite',
    'out_of_range',
    'quaternion_norm',
    'sub_volume',
    'timestamp_range',
    'transform_status',
    'volume_too_large',
    'zero_axis',
    'zero_quaternion',
}
# -90 degrees about z: column by column, and of a quaternion -z and w
TURN = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
HALF = 0.5**0.5


@pytest.mark.timeout(180)
@pytest.mark.parametrize('seconds', [30.0, pytest.param(60.0, marks=pytest.mark.long)])
def test_a_node_stands_a_peer_that_sends_anything(
    seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    report = fuzz(seconds, 1)
    with capsys.disabled():
        print(f'\n{report}')
    # what is below says nothing unless all of this was there
    assert report.type_names >= set(codec.MESSAGE_TYPES)
    assert set(report.outcomes) == {'message', *CAUSES}
    assert report.causes >= CAUSES | NODE_CAUSES
    assert report.poses > 100
    assert report.strangers == []
    assert report.growth < MEMORY_BOUND


def transform(x: float, y: float, z: float, quaternion: tuple[float, ...]) -> Transform:
    rotation = Quaternion(**dict(zip('xyzw', quaternion, strict=True)))
    return Transform(translation=Vector3(x=x, y=y, z=z), rotation=rotation)


AT = transform(0.001, 0.002, 0.003, (0.0, 0.0, -HALF, HALF))


@pytest.mark.parametrize(
    'content',
    [
        codec.Transform(*TURN, 1.0, 2.0, 3.0),
        codec.Position(1.0, 2.0, 3.0, 0.0, 0.0, -HALF, HALF),
    ],
)
def test_the_ledger_has_what_was_sent_and_nothing_else(content: codec.Content) -> None:
    ledger = PoseLedger()
    assert not ledger.has(AT)
    ledger.note(codec.Message(content))
    assert ledger.has(AT)
    assert not ledger.has(transform(0.001, 0.002, 0.003, (0.0, 0.0, HALF, HALF)))
    assert not ledger.has(transform(0.001, 0.002, 0.0031, (0.0, 0.0, -HALF, HALF)))

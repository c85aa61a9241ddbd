# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""What tf2_ros.Buffer is documented to do. Holds for the genuine one and for the stand-in."""

from __future__ import annotations

import math
import threading

import pytest

pytest.importorskip('rclpy')

import tf2_ros
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time

S = 1_000_000_000  # nanoseconds in a second
LATEST = Time()


def transform(
    parent: str, child: str, time: int, x: float = 0.0, turn: float = 0.0
) -> TransformStamped:
    """Return a transform that lies x metres along the parent's x and is turned about its z."""
    message = TransformStamped()
    message.header.frame_id = parent
    message.header.stamp = Time(nanoseconds=time).to_msg()
    message.child_frame_id = child
    message.transform.translation.x = x
    message.transform.rotation.z = math.sin(turn / 2)
    message.transform.rotation.w = math.cos(turn / 2)
    return message


def x_and_turn(message: TransformStamped) -> tuple[float, float]:
    rotation = message.transform.rotation
    turn = 2 * math.atan2(rotation.z, rotation.w)
    return message.transform.translation.x, math.remainder(turn, 2 * math.pi)


@pytest.fixture
def buffer() -> tf2_ros.Buffer:
    return tf2_ros.Buffer()


def test_what_was_set_is_looked_up(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', 5 * S, x=1.0, turn=0.5), 'test')
    found = buffer.lookup_transform('tracker', 'probe', Time(nanoseconds=5 * S))
    assert found.header.frame_id == 'tracker'
    assert found.child_frame_id == 'probe'
    assert Time.from_msg(found.header.stamp).nanoseconds == 5 * S
    assert x_and_turn(found) == pytest.approx((1.0, 0.5))


def test_the_other_way_round_it_is_inverted(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', S, x=1.0, turn=math.pi / 2), 'test')
    found = buffer.lookup_transform('probe', 'tracker', Time(nanoseconds=S))
    assert x_and_turn(found) == pytest.approx((0.0, -math.pi / 2))
    assert found.transform.translation.y == pytest.approx(1.0)


def test_a_frame_lies_in_itself_without_moving(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', S, x=1.0), 'test')
    found = buffer.lookup_transform('probe', 'probe', LATEST)
    assert x_and_turn(found) == pytest.approx((0.0, 0.0))


def test_transforms_are_chained_over_a_common_ancestor(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', S, x=3.0), 'test')
    buffer.set_transform(transform('probe', 'tip', S, x=0.5), 'test')
    buffer.set_transform(transform('tracker', 'reference', S, x=1.0), 'test')
    found = buffer.lookup_transform('reference', 'tip', Time(nanoseconds=S))
    assert x_and_turn(found) == pytest.approx((2.5, 0.0))


def test_translation_and_rotation_between_two_samples_are_interpolated(
    buffer: tf2_ros.Buffer,
) -> None:
    buffer.set_transform(transform('tracker', 'probe', 2 * S, x=3.0, turn=1.0), 'test')
    buffer.set_transform(transform('tracker', 'probe', 1 * S, x=1.0, turn=0.2), 'test')
    found = buffer.lookup_transform('tracker', 'probe', Time(nanoseconds=S + S // 4))
    assert x_and_turn(found) == pytest.approx((1.5, 0.4))


def test_a_rotation_is_interpolated_along_the_shorter_arc(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', 1 * S, turn=math.radians(-170)), 'test')
    buffer.set_transform(transform('tracker', 'probe', 2 * S, turn=math.radians(170)), 'test')
    found = buffer.lookup_transform('tracker', 'probe', Time(nanoseconds=S + S // 4))
    assert x_and_turn(found)[1] == pytest.approx(math.radians(-175))


def test_time_zero_is_the_newest_sample(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', 1 * S, x=1.0), 'test')
    buffer.set_transform(transform('tracker', 'probe', 2 * S, x=2.0), 'test')
    found = buffer.lookup_transform('tracker', 'probe', LATEST)
    assert Time.from_msg(found.header.stamp).nanoseconds == 2 * S
    assert x_and_turn(found)[0] == pytest.approx(2.0)


def test_time_zero_is_the_latest_that_all_of_a_chain_have(buffer: tf2_ros.Buffer) -> None:
    for time in (1, 2, 3):
        buffer.set_transform(transform('world', 'tracker', time * S, x=float(time)), 'test')
    for time in (1, 2):
        buffer.set_transform(transform('tracker', 'probe', time * S, x=10.0 * time), 'test')
    found = buffer.lookup_transform('world', 'probe', LATEST)
    assert Time.from_msg(found.header.stamp).nanoseconds == 2 * S
    assert x_and_turn(found)[0] == pytest.approx(22.0)


def test_a_static_transform_holds_at_all_times(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform_static(transform('probe', 'tip', 0, x=0.5), 'test')
    for time in (0, 1, 1000 * S):
        found = buffer.lookup_transform('probe', 'tip', Time(nanoseconds=time))
        assert x_and_turn(found)[0] == pytest.approx(0.5)


def test_a_static_transform_does_not_hold_back_the_latest_common_time(
    buffer: tf2_ros.Buffer,
) -> None:
    buffer.set_transform_static(transform('probe', 'tip', S, x=0.5), 'test')
    buffer.set_transform(transform('tracker', 'probe', 7 * S, x=1.0), 'test')
    found = buffer.lookup_transform('tracker', 'tip', LATEST)
    assert Time.from_msg(found.header.stamp).nanoseconds == 7 * S
    assert x_and_turn(found)[0] == pytest.approx(1.5)


def test_a_static_transform_has_the_time_that_was_asked_for(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform_static(transform('probe', 'tip', S, x=0.5), 'test')
    for time in (0, 7 * S):
        found = buffer.lookup_transform('probe', 'tip', Time(nanoseconds=time))
        assert Time.from_msg(found.header.stamp).nanoseconds == time


def test_an_unknown_frame_is_a_lookup_error(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', S), 'test')
    with pytest.raises(tf2_ros.LookupException, match='stylus'):
        buffer.lookup_transform('tracker', 'stylus', LATEST)


def test_frames_of_two_trees_are_a_connectivity_error(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', S), 'test')
    buffer.set_transform(transform('scanner', 'image', S), 'test')
    with pytest.raises(tf2_ros.ConnectivityException):
        buffer.lookup_transform('tracker', 'image', LATEST)
    with pytest.raises(tf2_ros.ConnectivityException):
        buffer.lookup_transform('tracker', 'image', Time(nanoseconds=S))


@pytest.mark.parametrize('time', [S // 2, 3 * S])
def test_a_time_outside_of_the_samples_is_an_extrapolation_error(
    buffer: tf2_ros.Buffer, time: int
) -> None:
    for stamp in (1, 2):
        buffer.set_transform(transform('tracker', 'probe', stamp * S), 'test')
    with pytest.raises(tf2_ros.ExtrapolationException):
        buffer.lookup_transform('tracker', 'probe', Time(nanoseconds=time))


def test_one_sample_answers_for_its_own_time_only(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', S), 'test')
    assert buffer.can_transform('tracker', 'probe', Time(nanoseconds=S))
    with pytest.raises(tf2_ros.ExtrapolationException):
        buffer.lookup_transform('tracker', 'probe', Time(nanoseconds=S + 1))


@pytest.mark.parametrize('frame', ['', '/probe'])
def test_a_name_that_is_none_is_an_invalid_argument(buffer: tf2_ros.Buffer, frame: str) -> None:
    buffer.set_transform(transform('tracker', 'probe', S), 'test')
    with pytest.raises(tf2_ros.InvalidArgumentException):
        buffer.lookup_transform('tracker', frame, LATEST)


@pytest.mark.parametrize(
    'name',
    [
        'ConnectivityException',
        'ExtrapolationException',
        'InvalidArgumentException',
        'LookupException',
        'TimeoutException',
    ],
)
def test_every_exception_is_a_transform_exception(name: str) -> None:
    assert issubclass(getattr(tf2_ros, name), tf2_ros.TransformException)


def test_what_is_older_than_the_cache_time_is_forgotten(buffer: tf2_ros.Buffer) -> None:
    for time in (100, 105, 111, 112):  # the genuine one forgets at the next
        buffer.set_transform(transform('tracker', 'probe', time * S), 'test')
    assert buffer.can_transform('tracker', 'probe', Time(nanoseconds=106 * S))
    assert not buffer.can_transform('tracker', 'probe', Time(nanoseconds=101 * S))


def test_the_cache_time_can_be_chosen() -> None:
    buffer = tf2_ros.Buffer(cache_time=Duration(seconds=2))
    for time in (100, 102, 103, 104):
        buffer.set_transform(transform('tracker', 'probe', time * S), 'test')
    assert buffer.can_transform('tracker', 'probe', Time(nanoseconds=103 * S))
    assert not buffer.can_transform('tracker', 'probe', Time(nanoseconds=100 * S))


def not_finite() -> TransformStamped:
    return transform('tracker', 'probe', S, x=math.nan)


@pytest.mark.parametrize(
    'invalid',
    [
        not_finite(),
        transform('probe', 'probe', S),
        transform('', 'probe', S),
        transform('tracker', '', S),
    ],
    ids=['not finite', 'own parent', 'no parent', 'no child'],
)
def test_an_invalid_transform_is_ignored(
    buffer: tf2_ros.Buffer, invalid: TransformStamped
) -> None:
    buffer.set_transform(transform('world', 'tracker', S), 'test')
    buffer.set_transform(invalid, 'test')
    assert not buffer.can_transform('tracker', 'probe', LATEST)
    assert not buffer.can_transform('probe', 'tracker', Time(nanoseconds=S))


def test_a_frame_can_change_its_parent(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform_static(transform('world', 'left', 0, x=10.0), 'test')
    buffer.set_transform_static(transform('world', 'right', 0, x=20.0), 'test')
    buffer.set_transform(transform('left', 'tool', 1 * S, x=1.0), 'test')
    buffer.set_transform(transform('right', 'tool', 2 * S, x=2.0), 'test')
    then = buffer.lookup_transform('world', 'tool', Time(nanoseconds=S))
    now = buffer.lookup_transform('world', 'tool', LATEST)
    assert x_and_turn(then)[0] == pytest.approx(11.0)
    assert x_and_turn(now)[0] == pytest.approx(22.0)


def test_can_transform_says_why_not_if_asked(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', S), 'test')
    known = buffer.can_transform('tracker', 'probe', LATEST, return_debug_tuple=True)
    unknown = buffer.can_transform('tracker', 'stylus', LATEST, return_debug_tuple=True)
    assert known == (True, '')
    assert not unknown[0]
    assert 'stylus' in unknown[1]


def test_a_look_up_waits_for_what_is_still_to_come(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', 1 * S, x=1.0), 'test')
    later = transform('tracker', 'probe', 2 * S, x=2.0)
    thread = threading.Timer(0.1, buffer.set_transform, (later, 'test'))
    thread.start()
    found = buffer.lookup_transform(
        'tracker', 'probe', Time(nanoseconds=2 * S), timeout=Duration(seconds=20)
    )
    thread.join()
    assert x_and_turn(found)[0] == pytest.approx(2.0)


def test_a_look_up_gives_up_when_its_timeout_is_over(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', S), 'test')
    with pytest.raises(tf2_ros.ExtrapolationException):
        buffer.lookup_transform(
            'tracker', 'probe', Time(nanoseconds=2 * S), timeout=Duration(seconds=0.05)
        )


def test_clear_forgets(buffer: tf2_ros.Buffer) -> None:
    buffer.set_transform(transform('tracker', 'probe', S), 'test')
    buffer.clear()
    assert not buffer.can_transform('tracker', 'probe', LATEST)

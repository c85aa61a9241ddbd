# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service by row, by publishers and by the mapping file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)

from ros2_igtl.convert.conversions import CONVERSIONS, find_conversion
from ros2_igtl.nodes import qos

POSE = find_conversion('TRANSFORM', 'geometry_msgs/msg/TransformStamped')
TEXT = find_conversion('STRING', 'std_msgs/msg/String')
IMAGE = find_conversion('IMAGE', 'sensor_msgs/msg/Image')
VOLUME = find_conversion('IMAGE', 'ros2_igtl/msg/Volume')
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=1)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
OVERRIDES = {
    'reliability': 'best_effort',
    'durability': 'transient_local',
    'history': 'keep_all',
    'depth': 7,
}


def subscribed(*offers: QoSProfile, row: Any = POSE, overrides: Any = None) -> QoSProfile:
    infos = [SimpleNamespace(qos_profile=offer) for offer in offers]
    node = SimpleNamespace(get_publishers_info_by_topic={'/x': infos}.__getitem__)
    return qos.subscription_qos(node, '/x', row, overrides or {})


@pytest.mark.parametrize(
    'row', CONVERSIONS, ids=lambda row: f'{row.type_name}-{row.ros_type_name}'
)
def test_what_is_published_is_reliable_and_kept_if_it_is_latched(row: Any) -> None:
    profile = qos.publisher_qos(row, {})
    assert profile.reliability == ReliabilityPolicy.RELIABLE
    assert profile.history == HistoryPolicy.KEEP_LAST
    if row.latched:
        assert (profile.durability, profile.depth) == (DurabilityPolicy.TRANSIENT_LOCAL, 1)
    else:
        assert profile.durability == DurabilityPolicy.VOLATILE
        assert profile.depth >= qos.held_limit(row)


def test_only_a_reliable_publisher_that_keeps_all_may_wait_for_its_subscribers() -> None:
    keep_all = {'history': 'keep_all'}
    assert qos.may_block(qos.publisher_qos(POSE, keep_all))
    assert not qos.may_block(qos.publisher_qos(POSE, {}))
    assert not qos.may_block(qos.publisher_qos(POSE, {**keep_all, 'reliability': 'best_effort'}))


def test_queues_hold_a_second_of_tracking_and_few_images() -> None:
    depths = [qos.publisher_qos(row, {}).depth for row in (POSE, TEXT, IMAGE)]
    assert depths == [1000, 100, 10]
    assert [qos.held_limit(row) for row in (POSE, TEXT, IMAGE, VOLUME)] == [1000, 100, 4, 4]


@pytest.mark.parametrize('key', OVERRIDES)
def test_the_mapping_file_has_the_last_word(key: str) -> None:
    wanted = {
        'reliability': ReliabilityPolicy.BEST_EFFORT,
        'durability': DurabilityPolicy.TRANSIENT_LOCAL,
        'history': HistoryPolicy.KEEP_ALL,
        'depth': 7,
    }
    overrides = {key: OVERRIDES[key]}
    plain = qos.publisher_qos(POSE, {})
    for profile in (
        qos.publisher_qos(POSE, overrides),
        subscribed(RELIABLE, overrides=overrides),
    ):
        for name in wanted:
            expected = wanted[name] if name == key else getattr(plain, name)
            assert getattr(profile, name) == expected


def test_the_mapping_file_wins_over_the_publishers() -> None:
    overrides = {'reliability': 'reliable', 'durability': 'volatile'}
    profile = subscribed(BEST_EFFORT, overrides=overrides)
    assert profile.reliability == ReliabilityPolicy.RELIABLE
    profile = subscribed(LATCHED, overrides=overrides)
    assert profile.durability == DurabilityPolicy.VOLATILE


@pytest.mark.parametrize(
    ('offers', 'reliability', 'durability'),
    [
        ((), 'RELIABLE', 'VOLATILE'),
        ((RELIABLE,), 'RELIABLE', 'VOLATILE'),
        ((BEST_EFFORT,), 'BEST_EFFORT', 'VOLATILE'),
        ((RELIABLE, BEST_EFFORT), 'BEST_EFFORT', 'VOLATILE'),
        ((LATCHED,), 'RELIABLE', 'TRANSIENT_LOCAL'),
        ((LATCHED, RELIABLE), 'RELIABLE', 'VOLATILE'),
    ],
)
def test_a_subscription_hears_all_publishers(
    offers: tuple[QoSProfile, ...], reliability: str, durability: str
) -> None:
    profile = subscribed(*offers)
    assert profile.reliability == ReliabilityPolicy[reliability]
    assert profile.durability == DurabilityPolicy[durability]


def test_parameters_may_override_what_the_mapping_file_does_not_say() -> None:
    publisher = qos.publisher_overriding({})
    assert publisher is not None
    assert QoSPolicyKind.RELIABILITY in publisher.policy_kinds
    subscription = qos.subscription_overriding({})
    assert subscription is not None
    assert set(subscription.policy_kinds) == {QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH}
    assert qos.publisher_overriding({'depth': 1}) is None
    assert qos.subscription_overriding({'depth': 1}) is None


def unfit(*offers: QoSProfile, matched: int, ros_type_name: str = 'std_msgs/msg/String') -> str:
    infos = [
        SimpleNamespace(
            qos_profile=offer,
            node_name='display',
            node_namespace='/or',
            topic_type='std_msgs/msg/String',
        )
        for offer in offers
    ]
    node = SimpleNamespace(
        count_subscribers=lambda topic: len(infos),
        get_subscriptions_info_by_topic={'/x': infos}.__getitem__,
    )
    publisher = SimpleNamespace(
        topic_name='/x', qos_profile=RELIABLE, get_subscription_count=lambda: matched
    )
    return qos.unfit_subscriber(node, publisher, ros_type_name)


def test_a_subscriber_that_does_not_fit_is_named_with_the_reason() -> None:
    assert unfit(RELIABLE, BEST_EFFORT, matched=2) == ''
    assert unfit(RELIABLE, matched=0) == ''  # they have only just found each other
    text = unfit(RELIABLE, LATCHED, matched=1)
    assert text.startswith('/or/display gets nothing of /x: ')
    assert 'Volatile publisher and transient local subscription' in text
    text = unfit(RELIABLE, matched=0, ros_type_name='std_msgs/msg/Empty')
    assert text == '/or/display gets nothing of /x: it expects std_msgs/msg/String'

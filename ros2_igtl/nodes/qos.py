# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The quality of service of publishers and subscriptions; this module makes neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

from ros2_igtl.convert.conversions import Conversion as Row

# DDS drops samples that overflow a queue without reporting it. Queues therefore have room for 1 s
# of tracking at 1 kHz, and for a third of a second of video, whose frames are large.
DEPTH_OF_TRAFFIC = {'state': 1000, 'event': 100}
DEPTH_OF_BULK = 10
HELD_BULK = 4  # 25 MB of video fit into Fast DDS's shared memory segment at once
_BULK_TYPES = frozenset({'IMAGE', 'VIDEO'})


def latched(depth: int) -> QoSProfile:
    """Return the quality of service that keeps the last messages for late joiners."""
    return QoSProfile(depth=depth, durability=DurabilityPolicy.TRANSIENT_LOCAL)


# All tools of a device share a status topic; late joiners get the last status of up to 100 tools.
DEVICE_STATUS_QOS = latched(100)

_RELIABILITY = {
    'reliable': ReliabilityPolicy.RELIABLE,
    'best_effort': ReliabilityPolicy.BEST_EFFORT,
}
_DURABILITY = {
    'volatile': DurabilityPolicy.VOLATILE,
    'transient_local': DurabilityPolicy.TRANSIENT_LOCAL,
}
_HISTORY = {'keep_last': HistoryPolicy.KEEP_LAST, 'keep_all': HistoryPolicy.KEEP_ALL}


def _depth(row: Row) -> int:
    return DEPTH_OF_BULK if row.type_name in _BULK_TYPES else DEPTH_OF_TRAFFIC[row.traffic]


def held_limit(row: Row) -> int:
    """Return how many messages a new topic may hold for its subscribers, to publish at once."""
    return HELD_BULK if row.type_name in _BULK_TYPES else _depth(row)


def _apply(profile: QoSProfile, overrides: Mapping[str, Any]) -> QoSProfile:
    if 'reliability' in overrides:
        profile.reliability = _RELIABILITY[overrides['reliability']]
    if 'durability' in overrides:
        profile.durability = _DURABILITY[overrides['durability']]
    if 'history' in overrides:
        profile.history = _HISTORY[overrides['history']]
    if 'depth' in overrides:
        profile.depth = overrides['depth']
    return profile


# Subscriptions must follow their publishers; a declared override would fix their other policies.
_FOLLOWING = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)


def publisher_overriding(overrides: Mapping[str, Any]) -> QoSOverridingOptions | None:
    """Return the policies that ``qos_overrides`` may set; None if the mapping file sets any."""
    return None if overrides else QoSOverridingOptions.with_default_policies()


def subscription_overriding(overrides: Mapping[str, Any]) -> QoSOverridingOptions | None:
    """Return the same for a subscription; its other policies follow the publishers."""
    return None if overrides else QoSOverridingOptions(policy_kinds=_FOLLOWING)


def publisher_qos(row: Row, overrides: Mapping[str, Any]) -> QoSProfile:
    """
    Return the quality of service for publishing the messages of a row.

    Reliable, so that all subscribers match (REP 2003 asks this of publishers of sensor data).
    Latched topics keep one message for late joiners.

    :param overrides: the mapping file's ``qos``.
    """
    profile = QoSProfile(depth=1 if row.latched else _depth(row))
    if row.latched:
        profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
    return _apply(profile, overrides)


def unfit_subscriber(node: Node, publisher: Publisher, ros_type_name: str) -> str:
    """
    Return which subscriber of a topic gets nothing from its publisher, and why; '' if none.

    :param ros_type_name: of the topic.
    """
    topic = publisher.topic_name
    if publisher.get_subscription_count() >= node.count_subscribers(topic):
        return ''
    for info in node.get_subscriptions_info_by_topic(topic):
        fit, reason = qos_check_compatible(publisher.qos_profile, info.qos_profile)
        if fit != QoSCompatibility.ERROR:
            reason = ''
        if info.topic_type != ros_type_name:
            reason = f'it expects {info.topic_type}'
        if reason:
            name = f'{info.node_namespace.rstrip("/")}/{info.node_name}'
            return f'{name} gets nothing of {topic}: {reason}'
    return ''  # they have only just found each other


def may_block(profile: QoSProfile) -> bool:
    """Return whether publish() waits for slow subscribers, 0.1 s by default."""
    is_reliable = profile.reliability == ReliabilityPolicy.RELIABLE
    return bool(is_reliable and profile.history == HistoryPolicy.KEEP_ALL)


def subscription_qos(node: Node, topic: str, row: Row, overrides: Mapping[str, Any]) -> QoSProfile:
    """
    Return the quality of service for subscribing to a topic, following its publishers.

    Best effort if a publisher is, since a reliable subscription would not match it; latched if
    all publishers are. The mapping file overrides both.
    """
    profile = QoSProfile(depth=_depth(row))
    offers = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    if any(offer.reliability == ReliabilityPolicy.BEST_EFFORT for offer in offers):
        profile.reliability = ReliabilityPolicy.BEST_EFFORT
    if offers and all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers):
        profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
    return _apply(profile, overrides)

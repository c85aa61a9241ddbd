# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service of what the nodes publish and subscribe; nothing is published here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

from ros2_igtl.convert.conversions import Conversion as Row

# A sample that overflows its queue is lost without a word (DDS counts it for nobody), so queues
# hold a second of tracking at 1 kHz, and a third of one of video, whose frames are large.
DEPTH_OF_TRAFFIC = {'state': 1000, 'event': 100}
DEPTH_OF_BULK = 10
HELD_BULK = 4  # 25 MB of video at once fit Fast DDS's segment of shared memory
_BULK_TYPES = frozenset({'IMAGE', 'VIDEO'})


def latched(depth: int) -> QoSProfile:
    """Return what late joiners get the last messages by."""
    return QoSProfile(depth=depth, durability=DurabilityPolicy.TRANSIENT_LOCAL)


# A device's tools share a topic: late joiners get what was last said of each of so many.
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
    """Return how many messages may wait for a new topic's subscribers, to be published at once."""
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


# Recreated subscriptions have to follow their publishers, and a declared override never changes.
_FOLLOWING = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)


def publisher_overriding(overrides: Mapping[str, Any]) -> QoSOverridingOptions | None:
    """Return which policies the ``qos_overrides`` parameters may set: none the file has set."""
    return None if overrides else QoSOverridingOptions.with_default_policies()


def subscription_overriding(overrides: Mapping[str, Any]) -> QoSOverridingOptions | None:
    """Return the same for a subscription, whose other policies follow its publishers."""
    return None if overrides else QoSOverridingOptions(policy_kinds=_FOLLOWING)


def publisher_qos(row: Row, overrides: Mapping[str, Any]) -> QoSProfile:
    """
    Return the quality of service to publish a row's messages with.

    Reliable (REP 2003: a publisher of sensor data is, so that any subscriber matches); what is
    latched is kept for late joiners, one message of it.

    :param overrides: the mapping file's ``qos``.
    """
    profile = QoSProfile(depth=1 if row.latched else _depth(row))
    if row.latched:
        profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
    return _apply(profile, overrides)


def subscription_qos(node: Node, topic: str, row: Row, overrides: Mapping[str, Any]) -> QoSProfile:
    """
    Return the quality of service to subscribe to a topic with, following its publishers.

    Reliable unless a publisher is best effort, which a reliable subscription would not hear;
    latched if all publishers are. What the mapping file says holds instead.
    """
    profile = QoSProfile(depth=_depth(row))
    offers = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    if any(offer.reliability == ReliabilityPolicy.BEST_EFFORT for offer in offers):
        profile.reliability = ReliabilityPolicy.BEST_EFFORT
    if offers and all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers):
        profile.durability = DurabilityPolicy.TRANSIENT_LOCAL
    return _apply(profile, overrides)

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A plan of named points goes from a navigator to ROS, is edited there, and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers.bridge_peer import await_accounted, dial, pack
from helpers.outcomes import sent_by
from helpers.ros_graph import Graph
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl import codec

POINT_ARRAY = 'ros2_igtl/msg/PointArray'
PLAN: list[dict[str, Any]] = [
    {
        'name': 'Entry',
        'group': 'Trajectory',
        'rgba': (0, 255, 17, 255),
        'position': (-41.25, 80.5, 12.0),
        'size': 3.0,
        'owner': 'Navigator',
    },
    {
        'name': 'Target',
        'group': 'Trajectory',
        'rgba': (254, 1, 0, 200),
        'position': (0.1, -0.2, 0.3),
        'size': 1.5,
        'owner': 'Navigator',
    },
    {
        'name': 'Prostate, links (β)',
        'group': 'Organ',
        'rgba': (120, 60, 30, 77),
        'position': (12.5, 33.25, -60.125),
        'size': 45.0,
        'owner': 'MR 7',
    },
]
MAPPING = f"""version: 1
connections:
  - mappings:
    - {{igtl_device_name: Plan, igtl_type_name: POINT, direction: IGTL_TO_ROS,
        ros_topic_name: plan, ros_type_name: {POINT_ARRAY}, frame_id: scanner_ras}}
    - {{igtl_device_name: PlanEdited, igtl_type_name: POINT, direction: ROS_TO_IGTL,
        ros_topic_name: plan/edited, ros_type_name: {POINT_ARRAY}}}
"""


def test_a_plan_that_is_edited_in_ros_comes_back_with_the_edit_and_nothing_else(
    graph: Graph, tmp_path: Path
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(MAPPING)
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': str(path)})
    peer = dial(graph, bridge)
    plans = graph.subscribe(POINT_ARRAY, '/plan')
    planner = graph.publisher(POINT_ARRAY, '/plan/edited')
    sent = pack(codec.Point.from_points(PLAN), 'Plan')
    peer.send(sent)
    (plan,) = wait_until(lambda: plans, what='the plan')
    assert plan.header.frame_id == 'scanner_ras'
    for point, row in zip(plan.points, PLAN, strict=True):
        assert (point.name, point.group, point.owner) == (row['name'], row['group'], row['owner'])
        color = (point.color.r, point.color.g, point.color.b, point.color.a)
        assert tuple(round(part * 255) for part in color) == row['rgba']
        assert abs(point.size - row['size'] / 1000) < 1e-12
        x, y, z = row['position']
        place = point.position
        assert max(abs(place.x - x / 1e3), abs(place.y - y / 1e3), abs(place.z - z / 1e3)) < 1e-8

    planner.publish(plan)
    assert peer.receive_message()[58:] == sent[58:]

    target = plan.points[1]
    target.position.x, target.position.y, target.position.z = 0.001, 0.0025, -0.04
    planner.publish(plan)
    edited = [PLAN[0], {**PLAN[1], 'position': (1.0, 2.5, -40.0)}, PLAN[2]]
    message = codec.unpack(received := peer.receive_message())
    assert (message.type_name, message.device_name) == ('POINT', 'PlanEdited')
    assert received[58:] == pack(codec.Point.from_points(edited))[58:]

    # and the navigator may send that back in its turn: it arrives as it was edited
    peer.send(pack(message.content, 'Plan'))
    wait_for_count(plans, 2)
    assert plans[1].points == plan.points
    await_accounted(bridge, 2)
    assert sent_by(bridge.connections[0]).done == 2


def test_points_that_are_added_and_taken_away_are_all_that_changes(
    graph: Graph, tmp_path: Path
) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(MAPPING)
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': str(path)})
    peer = dial(graph, bridge)
    plans = graph.subscribe(POINT_ARRAY, '/plan')
    planner = graph.publisher(POINT_ARRAY, '/plan/edited')
    peer.send(pack(codec.Point.from_points(PLAN), 'Plan'))
    (plan,) = wait_until(lambda: plans, what='the plan')
    entry, target, organ = plan.points
    plan.points = [organ, target, entry, target]
    planner.publish(plan)
    expected = codec.Point.from_points([PLAN[2], PLAN[1], PLAN[0], PLAN[1]])
    assert peer.receive_message()[58:] == pack(expected)[58:]
    plan.points = []
    planner.publish(plan)
    assert codec.unpack(peer.receive_message()).content == codec.Point.from_points([])

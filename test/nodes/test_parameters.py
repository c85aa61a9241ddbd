# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Which parameters a node has, and what they may be."""

from __future__ import annotations

from typing import Any

import pytest
from rcl_interfaces.msg import ParameterType
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient

from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl.nodes.parameters import ACTUAL_PORT, declare_parameters, judge, parameter_values
from ros2_igtl.options import PARAMETERS

NUMBERS = [name for name, each in PARAMETERS.items() if each.kind in ('integer', 'number')]
CHOICES = [name for name, each in PARAMETERS.items() if each.kind == 'word']
LISTS = [name for name, each in PARAMETERS.items() if each.kind == 'texts']


@pytest.fixture
def node(graph: Graph) -> Node:
    declare_parameters(graph.user)
    return graph.user


def node_with(graph: Graph, **overrides: Any) -> Node:
    node = Node(
        'declaring',
        context=graph.context,
        parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()],
    )
    graph.stack.callback(node.destroy_node)
    declare_parameters(node)
    return node


def test_unset_parameters_have_their_defaults(node: Node) -> None:
    values = parameter_values(node)
    assert values == {name: option.default for name, option in PARAMETERS.items()}


def test_who_asks_for_all_parameters_gets_all(graph: Graph) -> None:
    own = {'port': 0, 'max_clock_skew': PARAMETERS['max_clock_skew'].default}
    node = graph.add_bridge('server', {**own, 'device_whitelist': ['a']})
    client = AsyncParameterClient(graph.user, node.get_name())
    wait_until(client.services_are_ready, 20.0, 'the services')
    call = client.get_parameters(list(PARAMETERS))
    wait_until(call.done, 20.0, 'the response')
    values = [parameter_value_to_python(value) for value in call.result().values]
    expected = {name: d.default for name, d in PARAMETERS.items()} | own
    expected |= {name: [] for name in LISTS} | {'device_whitelist': ['a']}
    assert dict(zip(PARAMETERS, values, strict=True)) == expected


def test_lists_come_as_tuples(graph: Graph) -> None:
    node = node_with(graph, device_whitelist=['a', 'b'])
    values = parameter_values(node)
    assert (values['device_whitelist'], values['device_blacklist']) == (('a', 'b'), ())


def test_every_parameter_says_what_it_is_for_and_what_is_allowed(node: Node) -> None:
    for name, option in PARAMETERS.items():
        descriptor = node.describe_parameter(name)
        unit = f' [{option.unit}]' if option.unit else ''
        assert descriptor.description == option.text + unit
        if name in CHOICES:
            for word in option.allowed:
                assert word in descriptor.additional_constraints
        elif name in NUMBERS:
            (allowed,) = descriptor.floating_point_range or descriptor.integer_range
            assert (allowed.from_value, allowed.to_value) == option.allowed
        elif name == 'default_frame_id':
            assert 'leading /' in descriptor.additional_constraints
        if name in LISTS:
            assert descriptor.type == ParameterType.PARAMETER_STRING_ARRAY
    assert 'Set by the node' in node.describe_parameter(ACTUAL_PORT).description


@pytest.mark.parametrize('name', NUMBERS)
def test_a_number_within_its_limits_is_taken_and_one_beyond_refused(node: Node, name: str) -> None:
    low, high = PARAMETERS[name].allowed
    margin = 1 if isinstance(low, int) else high / 1000.0  # rclpy forgives a millionth
    for value in (low, high):
        (result,) = node.set_parameters([Parameter(name, value=value)])
        assert result.successful, result.reason
    for value in (low - margin, high + margin):
        (result,) = node.set_parameters([Parameter(name, value=value)])
        assert not result.successful
        assert name in result.reason
        assert str(high) in result.reason


@pytest.mark.parametrize('name', [n for n in NUMBERS if PARAMETERS[n].kind == 'number'])
def test_a_number_that_is_none_is_refused_at_the_start(graph: Graph, name: str) -> None:
    with pytest.raises(InvalidParameterValueException, match=name):
        node_with(graph, **{name: float('nan')})


@pytest.mark.parametrize('name', PARAMETERS)
def test_another_type_is_refused_by_name(graph: Graph, name: str) -> None:
    wrong = [1.5, 2.5]
    with pytest.raises(InvalidParameterTypeException, match=name):
        node_with(graph, **{name: wrong})


@pytest.mark.parametrize('name', CHOICES)
def test_a_word_that_is_none_of_the_choice_is_refused_with_the_choice(name: str) -> None:
    allowed = PARAMETERS[name].allowed
    for word in allowed:
        assert judge([Parameter(name, value=word)], False).successful
    result = judge([Parameter(name, value='maybe')], False)
    assert not result.successful
    for text in (name, 'maybe', *allowed):
        assert text in result.reason


@pytest.mark.parametrize('name', PARAMETERS)
def test_once_configured_nothing_can_be_changed(name: str) -> None:
    default = PARAMETERS[name].default
    parameter = Parameter(name, value=['x'] if default == () else default)
    assert judge([parameter], False).successful
    result = judge([parameter], True)
    assert not result.successful
    assert name in result.reason
    assert 'clean up first' in result.reason


def test_what_is_not_ours_is_not_judged() -> None:
    assert judge([Parameter('use_sim_time', value=True)], True).successful


def test_of_several_changes_a_bad_one_refuses_all() -> None:
    changes = [Parameter('port', value=1), Parameter('crc_policy', value='maybe')]
    assert not judge(changes, False).successful

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The options of a node as ROS parameters: declared with text and range, and checked together."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from ros2_igtl.options import PARAMETERS, TEXT, Option

ACTUAL_PORT = 'actual_port'


def _descriptor(option: Option) -> ParameterDescriptor:
    """Return the description, unit included, and the range or words of an option."""
    unit = f' [{option.unit}]' if option.unit else ''
    descriptor = ParameterDescriptor(description=f'{option.text}{unit}')
    if option.kind == 'word':
        descriptor.additional_constraints = f'one of {", ".join(option.allowed)}'
    elif option.kind in ('text', 'texts') and option.form is not TEXT:
        descriptor.additional_constraints = option.form.allowed
    elif option.kind == 'number':
        low, high = option.allowed
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=low, to_value=high, step=0.0)
        ]
    elif option.kind == 'integer':
        low, high = option.allowed
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    return descriptor


def declare_parameters(node: Node) -> None:
    """
    Declare all parameters of a node.

    :raises ParameterException: the user set a value of the wrong type, or out of range.
    """
    for name, option in PARAMETERS.items():
        if option.kind == 'texts':
            _declare_list(node, option)
        else:
            node.declare_parameter(name, option.default, _descriptor(option))
    node.declare_parameter(
        ACTUAL_PORT,
        0,
        ParameterDescriptor(
            description='The port in use while the node is active, else 0. Set by the node.'
        ),
    )


def _declare_list(node: Node, option: Option) -> None:
    """Declare a list of texts; an empty one has no type of its own, so the type goes first."""
    name, kind = option.name, Parameter.Type.STRING_ARRAY
    node.declare_parameter(name, kind, _descriptor(option))
    # While one is unset, rclpy returns no values to requests for several parameters.
    if node.get_parameter_or(name).type_ is Parameter.Type.NOT_SET:
        node.set_parameters([Parameter(name, kind, [])])


def parameter_values(node: Node) -> dict[str, Any]:
    """Return the values of all parameters; lists as tuples."""
    values = {name: node.get_parameter(name).value for name in PARAMETERS}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def judge(parameters: list[Parameter], configured: bool) -> SetParametersResult:
    """
    Check a set of changes as a whole, before any of them is applied.

    rclpy checks ranges and types; this function checks words, and that the node is unconfigured.
    """
    for parameter in parameters:
        option = PARAMETERS.get(parameter.name)
        if option is None:
            continue
        if configured:
            return _refuse(
                f'{parameter.name} takes effect at configuration: deactivate and clean up first'
            )
        if option.kind == 'word' and not option.allows(parameter.value):
            return _refuse(
                f'{parameter.name} is {parameter.value!r}; allowed: {option.range_text}'
            )
    return SetParametersResult(successful=True)


def _refuse(reason: str) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=reason)

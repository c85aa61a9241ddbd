# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers of services whose callback raises an exception, which would end the executor."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.lifecycle import LifecycleNode

from ros2_igtl.convert import naming

logger = logging.getLogger(__name__)

Callback = Callable[[Any, Any], Any]
"""Receives a request and an empty response, and returns the response."""


def answer_always(node: LifecycleNode, service: Any) -> None:
    """Let a service of a node answer even if its callback raises an exception, which is logged."""
    callback: Callback = service.callback
    if service.srv_type is SetParameters:
        callback = _one_by_one(callback)
    elif service.srv_type is ChangeState:
        callback = _existing_only(node, callback)

    def answer(request: Any, response: Any) -> Any:
        try:
            return callback(request, response)
        except Exception as error:
            return refusal(service.srv_type, _reason(service.srv_name, error))

    service.callback = answer


def refusal(service_type: Any, reason: str) -> Any:
    """Return the response of a service that failed, with the reason if it has a field for it."""
    response = service_type.Response()
    place = getattr(response, 'result', response)
    for name in ('error', 'message', 'reason'):
        if hasattr(place, name):
            setattr(place, name, reason)
    return response


def _reason(what: str, error: Exception) -> str:
    """Return why a request failed; log it, unless the caller gave a type that does not exist."""
    if not (isinstance(error, ValueError) and 'is not a valid Parameter.Type' in str(error)):
        logger.error('%s failed', what, exc_info=error)
    return naming.ros_text(f'{type(error).__name__}: {error}')


def _one_by_one(callback: Callback) -> Callback:
    """Set parameters one by one, so that one that fails does not hide the results of others."""

    def set_parameters(request: Any, response: Any) -> Any:
        for parameter in request.parameters:
            try:
                one = SetParameters.Request(parameters=[parameter])
                result = callback(one, SetParameters.Response()).results[0]
            except Exception as error:
                reason = _reason(f'setting {naming.escape(parameter.name)}', error)
                result = SetParametersResult(successful=False, reason=reason)
            response.results.append(result)
        return response

    return set_parameters


def _existing_only(node: LifecycleNode, callback: Callback) -> Callback:
    """Refuse transitions that do not exist in the node's state; rclpy raises an exception."""

    def change_state(request: Any, response: Any) -> Any:
        machine = node._state_machine
        labels = {number: label for number, label, *_ in machine.available_transitions}
        asked = request.transition
        exists = asked.label in labels.values() if asked.label else asked.id in labels
        if exists:
            return callback(request, response)
        allowed = ', '.join(f'{label} ({number})' for number, label in labels.items())
        node.get_logger().warning(
            f"change_state: no transition '{naming.escape(asked.label[:100])}' ({asked.id}) in "
            f'state {machine.current_state[1]}; allowed: {allowed or "none"}'
        )
        return response

    return change_state

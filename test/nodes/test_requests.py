# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Every service of a running node with every wrong argument, from several callers at once."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from helpers.bridge_peer import pose
from helpers.bridge_process import BridgeProcess
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer
from helpers.waiting import wait_until
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.options import PARAMETERS
from ros2_igtl.srv import Command, Disconnect, Query, SetRegistration

CALLERS, AT_ONCE = 2, 4  # together less than the queue of a service of rclpy, which has 10
CROWD = 60
ABSURD_NAMES = ['', ' ', '/', '~', 'a' * 10_000, 'port', 'port\n', 'use_sim_time', '.', 'ä', '::']
ABSURD_NUMBERS = [math.nan, math.inf, -math.inf, -1.0, 1e308, 5e-324]
VALUES = [
    ParameterValue(),
    ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=True),
    ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=-(2**63)),
    ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=2**63 - 1),
    *(
        ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=number)
        for number in ABSURD_NUMBERS
    ),
    ParameterValue(type=ParameterType.PARAMETER_STRING, string_value='x' * 100_000),
    ParameterValue(type=ParameterType.PARAMETER_BYTE_ARRAY, byte_array_value=[b'\0']),
    ParameterValue(type=ParameterType.PARAMETER_BOOL_ARRAY, bool_array_value=[True]),
    ParameterValue(type=ParameterType.PARAMETER_INTEGER_ARRAY, integer_array_value=[-1]),
    ParameterValue(type=ParameterType.PARAMETER_DOUBLE_ARRAY, double_array_value=ABSURD_NUMBERS),
    ParameterValue(type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=['(', '']),
    ParameterValue(type=10),
    ParameterValue(type=255),
]
ONE_OF_EACH = ['', 'port', 'use_sim_time', 'address', 'crc_policy', 'allowed_peers', 'tls']
# by state: the transitions that exist in it
VALID = {
    State.PRIMARY_STATE_UNCONFIGURED: {1: 'configure', 5: 'shutdown'},
    State.PRIMARY_STATE_INACTIVE: {2: 'cleanup', 3: 'activate', 6: 'shutdown'},
    State.PRIMARY_STATE_ACTIVE: {4: 'deactivate', 7: 'shutdown'},
    State.PRIMARY_STATE_FINALIZED: {},
}
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
LABELS = ['nonsense', 'a' * 10_000, 'transition_success', 'transition_error', 'create', 'destroy']


FAULTY = """
import sys
from ros2_igtl.nodes.connection import BridgeConnection
from ros2_igtl.nodes.programs import process
from ros2_igtl.nodes.to_igtl.topic import TopicSender

def follow(_):
    raise RuntimeError('in a timer')

def received(*_):
    raise RuntimeError('in a subscription')

BridgeConnection.follow_publishers = follow
TopicSender._received_raw = received
sys.exit(process.run('igtl_server', 'server', sys.argv))
"""


class Call(NamedTuple):
    """A request, and the service that it is for."""

    service_type: Any
    name: str
    request: Any


def parameter_calls() -> Iterator[Call]:
    names = [*ABSURD_NAMES, *PARAMETERS]
    for service_type, name in (
        (DescribeParameters, 'describe_parameters'),
        (GetParameters, 'get_parameters'),
        (GetParameterTypes, 'get_parameter_types'),
    ):
        yield from (Call(service_type, name, service_type.Request(names=[n])) for n in names)
        for many in ([], names * 20, ['port'] * 500):
            yield Call(service_type, name, service_type.Request(names=many))
    for depth in (0, 1, 2**64 - 1):
        for prefixes in ([], ABSURD_NAMES, [*PARAMETERS]):
            request = ListParameters.Request(prefixes=prefixes, depth=depth)
            yield Call(ListParameters, 'list_parameters', request)
    yield Call(SetParameters, 'set_parameters', SetParameters.Request())
    for name in names:
        wrong = [Parameter(name=name, value=value) for value in VALUES]
        yield Call(SetParameters, 'set_parameters', SetParameters.Request(parameters=wrong))
        for chosen in ([], wrong, *([each] for each in wrong)) if name in ONE_OF_EACH else ():
            request = SetParametersAtomically.Request(parameters=chosen)
            yield Call(SetParametersAtomically, 'set_parameters_atomically', request)


def own_calls() -> Iterator[Call]:
    for name in (*ABSURD_NAMES, 'STOP', 'x\0y', '<Command Name="a"/>'):
        yield Call(Command, 'send_command', Command.Request(name=name, device_name=name))
        yield Call(Command, 'send_command', Command.Request(name='Move', content=name))
        yield Call(Command, 'send_command', Command.Request(name='Move', connection=name))
        yield Call(Disconnect, 'disconnect', Disconnect.Request(connection=name or 'x'))
        yield Call(Disconnect, 'disconnect', Disconnect.Request(peer=name or 'x'))
        for action in (0, 1, 2, 3, 255):
            request = Query.Request(action=action, type_name=name, device_name=name)
            yield Call(Query, 'query', request)
            request = Query.Request(action=action, type_name='TDATA', coordinate_name=name)
            request.timeout = 0.01
            yield Call(Query, 'query', request)
        transform = SetRegistration.Request()
        transform.transform.header.frame_id = transform.transform.child_frame_id = name
        yield Call(SetRegistration, 'set_registration', transform)
    yield Call(Command, 'send_command', Command.Request(name='Move', content='x' * 10_000_000))
    for number in ABSURD_NUMBERS:
        yield Call(Command, 'send_command', Command.Request(name='Move', timeout=number))
        for field in ('resolution', 'timeout'):
            request = Query.Request(type_name='STATUS', action=1, **{field: number})
            yield Call(Query, 'query', request)
        registration = SetRegistration.Request()
        registration.transform.header.frame_id, registration.transform.child_frame_id = 'a', 'b'
        registration.transform.transform.translation.x = number
        registration.transform.transform.rotation.w = number
        yield Call(SetRegistration, 'set_registration', registration)
    yield Call(Trigger, 'reset_statistics', Trigger.Request())


def wrong_transitions(valid: dict[int, str]) -> Iterator[Call]:
    """Yield all requests for transitions that do not exist in a state, and questions about it."""
    for number in range(256):
        if number not in valid:
            request = ChangeState.Request(transition=Transition(id=number))
            yield Call(ChangeState, 'change_state', request)
    existing = {label for labels in VALID.values() for label in labels.values()}
    for label in (*LABELS, *sorted(existing - {*valid.values()})):
        request = ChangeState.Request(transition=Transition(id=min(valid, default=1), label=label))
        yield Call(ChangeState, 'change_state', request)
    for service_type, name in (
        (GetState, 'get_state'),
        (GetAvailableStates, 'get_available_states'),
        (GetAvailableTransitions, 'get_available_transitions'),
        (GetAvailableTransitions, 'get_transition_graph'),
    ):
        yield Call(service_type, name, service_type.Request())


def call_all(graph: Graph, node_name: str, calls: list[Call]) -> list[Any]:
    """
    Return the responses to requests, each asked for by several callers at once.

    :returns: those of the first caller.
    """
    with ExitStack() as stack:
        clients: dict[str, list[Any]] = {}
        for service_type, name in dict.fromkeys((call.service_type, call.name) for call in calls):
            clients[name] = [
                graph.user.create_client(service_type, f'/{node_name}/{name}')
                for _ in range(CALLERS)
            ]
            for client in clients[name]:
                stack.callback(graph.call, partial(graph.user.destroy_client, client))
                wait_until(client.service_is_ready, 10.0, name)
        responses: list[Any] = []
        for start in range(0, len(calls), AT_ONCE):
            some = calls[start : start + AT_ONCE]
            asked = [[each.call_async(c.request) for each in clients[c.name]] for c in some]
            for call, futures in zip(some, asked, strict=True):
                for future in futures:
                    wait_until(future.done, 20.0, f'an answer to {str(call)[:1000]}')
                responses.append(futures[0].result())
        return responses


def state_of(graph: Graph) -> State:
    """Return the state of the node."""
    (response,) = call_all(graph, 'node', [Call(GetState, 'get_state', GetState.Request())])
    return response.current_state


def change(graph: Graph, transition: int) -> bool:
    """Ask the node for a transition, once, and return whether it has succeeded."""
    client = graph.user.create_client(ChangeState, '/node/change_state')
    wait_until(client.service_is_ready, 10.0, 'change_state')
    future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
    wait_until(future.done, 20.0, 'a transition')
    return bool(future.result().success)


def values_of(graph: Graph, *names: str) -> list[Parameter]:
    """Return parameters of the node."""
    call = Call(GetParameters, 'get_parameters', GetParameters.Request(names=names))
    (response,) = call_all(graph, 'node', [call])
    return [
        Parameter(name=name, value=value)
        for name, value in zip(names, response.values, strict=True)
    ]


def check_requests(graph: Graph, *more: Iterable[Call]) -> None:
    """Make every wrong request in the state of the node, and check that it stays there."""
    before = state_of(graph)
    parameters = values_of(graph, *PARAMETERS, 'use_sim_time')
    calls = [*wrong_transitions(VALID[before.id]), *chain(*more)]
    for call, response in zip(calls, call_all(graph, 'node', calls), strict=True):
        if call.name == 'change_state':
            assert not response.success, call
        elif call.name == 'set_parameters':
            assert len(response.results) == len(call.request.parameters)
            assert all(result.successful or result.reason for result in response.results)
    assert state_of(graph) == before
    restore = SetParameters.Request(parameters=parameters)  # some were no wrong values
    call_all(graph, 'node', [Call(SetParameters, 'set_parameters', restore)])
    assert values_of(graph, *PARAMETERS, 'use_sim_time') == parameters


def check_bridges(graph: Graph) -> None:
    """Check that the active node publishes what a peer sends."""
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/node/transform/Probe')
    (port,) = values_of(graph, 'actual_port')
    with ScriptedPeer.dial(port.value.integer_value) as peer:
        peer.send(pose())
        wait_until(lambda: poses, 10.0, 'a pose')


def own_status(arrays: list[Any]) -> Any:
    """Return what the node says next of itself on /diagnostics."""
    arrays.clear()
    wait_until(lambda: arrays, 10.0, 'diagnostics')
    (status,) = [each for each in arrays[-1].status if each.name == 'node: own callbacks']
    return status


@pytest.mark.timeout(300)
def test_f45_no_wrong_request_ends_the_node_and_each_gets_an_answer(graph: Graph) -> None:
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    with BridgeProcess('igtl_server', {'port': 0}, name='node') as process:
        check_requests(graph, parameter_calls(), own_calls())
        for transition, state in (
            (Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE),
            (Transition.TRANSITION_CLEANUP, State.PRIMARY_STATE_UNCONFIGURED),
        ):
            assert change(graph, transition)
            assert state_of(graph).id == state
            check_requests(graph)
        check_requests(graph, parameter_calls())
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            assert change(graph, transition)
        check_bridges(graph)
        status = own_status(arrays)
        assert (status.level, status.values[0].value) == (DiagnosticStatus.OK, '0'), status
        assert change(graph, Transition.TRANSITION_ACTIVE_SHUTDOWN)
        check_requests(graph)
        assert not process.has_ended


def test_f45_of_many_callers_at_once_each_gets_an_answer(graph: Graph) -> None:
    graph.add_bridge('server', {'port': 0}, name='node')
    profile = QoSProfile(depth=CROWD)
    client = graph.user.create_client(Command, '/node/send_command', qos_profile=profile)
    wait_until(client.service_is_ready, 10.0, 'the service')
    request = Command.Request(name='Move')
    # the executor of the node is busy with this, so that all of them wait
    futures = graph.call(lambda: [client.call_async(request) for _ in range(CROWD)])
    wait_until(lambda: all(future.done() for future in futures), 10.0, 'all answers')
    assert {future.result().error for future in futures} == {'no_peer: no peer is connected'}


def fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError('a fault that a test has put there')


def own_report(bridge: BridgeNode) -> tuple[bytes, str]:
    """Return level and count of what a node in this process says of itself."""
    status = bridge._faults.status('node')
    return status.level, status.values[0].value


@pytest.mark.parametrize(
    ('place', 'call', 'error'),
    [
        (
            'ros2_igtl.nodes.connection.BridgeConnection.close_sessions',
            Call(Disconnect, 'disconnect', Disconnect.Request()),
            lambda response: response.error,
        ),
        (
            'ros2_igtl.nodes.services.reset_statistics.reset_counts',
            Call(Trigger, 'reset_statistics', Trigger.Request()),
            lambda response: '' if response.success else response.message,
        ),
        (
            'ros2_igtl.nodes.to_ros.registrations.static_transform',
            Call(SetRegistration, 'set_registration', SetRegistration.Request()),
            lambda response: '' if response.success else response.message,
        ),
        (
            'ros2_igtl.nodes.node.judge',
            Call(
                SetParameters,
                'set_parameters',
                SetParameters.Request(
                    parameters=[Parameter(name='lazy', value=ParameterValue(type=1))]
                ),
            ),
            lambda response: response.results[0].reason,
        ),
        (
            'ros2_igtl.nodes.services.send_command.choose_connection',
            Call(Command, 'send_command', Command.Request(name='Move')),
            lambda response: response.error,
        ),
        (
            'ros2_igtl.nodes.services.send_command._response',
            Call(Command, 'send_command', Command.Request(name='Move')),
            lambda response: response.error,
        ),
        (
            'ros2_igtl.nodes.exchanges.commands_out.CommandsOut._problem',
            Call(Command, 'send_command', Command.Request(name='Move')),
            lambda response: response.error,
        ),
        (
            'ros2_igtl.nodes.exchanges.pending.PendingReplies.ask',
            Call(Query, 'query', Query.Request(type_name='STATUS')),
            lambda response: response.error,
        ),
    ],
)
def test_f45_a_fault_in_a_service_is_answered_counted_and_logged_once(
    graph: Graph,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: str,
    call: Call,
    error: Callable[[Any], str],
) -> None:
    bridge = graph.add_bridge('server', {'port': 0}, name='node')
    assert bridge._log_handler is not None
    logged: list[logging.LogRecord] = []
    monkeypatch.setattr(bridge._log_handler, 'emit', logged.append)
    monkeypatch.setattr(place, fail)
    (response,) = call_all(graph, 'node', [call])
    assert 'RuntimeError' in error(response), response
    assert own_report(bridge) == (DiagnosticStatus.WARN, str(CALLERS))
    assert len([record for record in logged if record.exc_info]) == 1
    monkeypatch.undo()
    check_bridges(graph)


def test_f45_a_fault_in_a_transition_closes_all_and_is_mended_by_configuring_again(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    graph.add_bridge('server', {'port': 0}, name='node')
    check_bridges(graph)
    (port,) = values_of(graph, 'actual_port')
    monkeypatch.setattr('ros2_igtl.nodes.connection.BridgeConnection.stop', fail)
    assert not change(graph, Transition.TRANSITION_DEACTIVATE)
    monkeypatch.undo()
    assert state_of(graph).id == State.PRIMARY_STATE_UNCONFIGURED
    status = own_status(arrays)
    assert (status.level, status.values[0].value) == (DiagnosticStatus.ERROR, '1')
    assert 'deactivate failed, and the node is unconfigured' in status.message
    with pytest.raises(ConnectionRefusedError):
        ScriptedPeer.dial(port.value.integer_value)
    assert change(graph, Transition.TRANSITION_CONFIGURE)
    assert change(graph, Transition.TRANSITION_ACTIVATE)
    check_bridges(graph)
    assert own_status(arrays).level == DiagnosticStatus.WARN


def test_f45_a_fault_in_a_timer_or_a_subscription_of_a_process_is_logged_once(
    graph: Graph, tmp_path: Path
) -> None:
    path, script = tmp_path / 'node.yaml', tmp_path / 'faulty.py'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n    - {igtl_device_name: Text, '
        'igtl_type_name: STRING, direction: ROS_TO_IGTL, ros_topic_name: /text, '
        'ros_type_name: std_msgs/msg/String}\n'
    )
    script.write_text(FAULTY)
    arrays = graph.subscribe(DIAGNOSTICS, '/diagnostics')
    process = BridgeProcess('igtl_server', {'port': 0, 'config_file': path}, name='node')
    process._command[:1] = [sys.executable, str(script)]
    with process:
        text = graph.publisher('std_msgs/msg/String', '/text')
        text.publish(String(data='fails'))
        wait_until(lambda: int(own_status(arrays).values[0].value) > 2, 20.0, 'more failures')
        check_bridges(graph)
        wait_until(lambda: 'in a subscription' in process.output, 10.0, 'its traceback')
        assert process.output.count('Traceback') == 2, process.output
        assert own_status(arrays).level == DiagnosticStatus.WARN
        process._lines.clear()  # they were expected

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Commands over real sockets and real services, in both directions and both dialects."""

from __future__ import annotations

import queue
import statistics
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import Image

from helpers.bridge_peer import await_accounted, dial, pack, port_of
from helpers.command_server import (
    CommandServer,
    await_response,
    await_services,
    dial_as_version_2,
    receive,
    send_command,
    show_version_2,
)
from helpers.outcomes import query_counts, received_by, sent_by
from helpers.pyigtl_peer import PyigtlPeer
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.msg import Volume
from ros2_igtl.nodes.exchanges.commands_in import MAX_RUNNING, CommandsIn
from ros2_igtl.nodes.exchanges.commands_out import CommandsOut
from ros2_igtl.nodes.exchanges.dialects import numbers
from ros2_igtl.nodes.exchanges.pending import Answer
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.nodes.peer import RECENT_COMMANDS
from ros2_igtl.srv import Command

Response = Command.Response
ALL = '{igtl_command_regex: ".*", ros_service_name: /run}'
BOMB = '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><Command Name="x">&b;</Command>'


def add_bridge(
    graph: Graph, folder: Path, commands: str = '', dialect: str = 'command', **parameters: Any
) -> BridgeNode:
    path = folder / 'commands.yaml'
    path.write_text(
        'version: 1\nconnections:\n'
        f'  - command_dialect: {dialect}\n    auto_inbound: true\n    commands: [{commands}]\n'
    )
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': str(path), **parameters})
    await_services(bridge)
    return bridge


def commands_in(bridge: BridgeNode) -> CommandsIn:
    return bridge.connections[0].commands_in


def commands_out(bridge: BridgeNode) -> CommandsOut:
    return bridge.connections[0].commands_out


def running(bridge: BridgeNode) -> int:
    """Return how many commands of peers have no outcome yet."""
    return sum(len(peer.running_commands) for peer in bridge.connections[0].peers.all)


def command(number: int, name: str = 'Start', text: str = '<Command/>', **fields: Any) -> bytes:
    fields.setdefault('header_version', 2)
    return pack(codec.Command(number, name, text), 'Console', **fields)


def reply(number: int, name: str = '', text: str = '', **fields: Any) -> bytes:
    return pack(codec.CommandReply(number, name, text), 'Console', header_version=2, **fields)


# Commands that come.


def test_a_command_is_run_and_its_result_goes_to_that_peer_only(
    graph: Graph, tmp_path: Path
) -> None:
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer, other = dial(graph, bridge), dial(graph, bridge)
    other.collect()
    peer.send(command(7, 'Start', '<Command Name="Start" a="1"/>', message_id=5))
    server.respond(0, content='<Result>42</Result>')
    answer = receive(peer)
    (request,) = server.requests
    assert (request.device_name, request.name) == ('Console', 'Start')
    assert (request.content, request.timeout) == ('<Command Name="Start" a="1"/>', 5.0)
    assert answer.content == codec.CommandReply(7, '', '<Result>42</Result>')
    assert (answer.device_name, answer.header_version, answer.message_id) == ('Console', 2, 5)
    assert answer.metadata == {'Status': 'SUCCESS'}
    assert commands_in(bridge).outcomes == {'succeeded': 1}
    assert other.collected == b''


def test_the_reply_to_a_peer_of_header_version_1_is_of_that_version(
    graph: Graph, tmp_path: Path
) -> None:
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer = dial(graph, bridge)
    peer.send(command(7, header_version=1))
    server.respond(0, content='done')
    answer = receive(peer)
    assert (answer.header_version, answer.content) == (1, codec.CommandReply(7, '', 'done'))


def test_a_failure_is_told_in_the_name_and_whole_in_the_metadata(
    graph: Graph, tmp_path: Path
) -> None:
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer = dial(graph, bridge)
    error = 'ä' * 100
    peer.send(command(1) + command(2))
    server.respond(1, error=error, content='<Log/>')
    server.respond(0, error='no needle')
    first, second = receive(peer), receive(peer)
    assert first.content == codec.CommandReply(2, 'ä' * 62 + '...', '<Log/>')
    assert first.metadata == {'Status': 'FAIL', 'Error': error}
    assert second.content == codec.CommandReply(1, 'no needle')
    assert commands_in(bridge).outcomes == {'failed': 2}


def test_a_service_that_leaves_the_outcome_unset_has_failed(graph: Graph, tmp_path: Path) -> None:
    graph.user.create_service(Command, '/run', lambda request, response: response)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer = dial(graph, bridge)
    peer.send(command(1))
    assert receive(peer).content == codec.CommandReply(1, 'the command failed')


def test_rows_are_tried_in_order_and_have_a_deadline_each(graph: Graph, tmp_path: Path) -> None:
    first, second = CommandServer(graph, '/first'), CommandServer(graph, '/second')
    bridge = add_bridge(
        graph,
        tmp_path,
        '{igtl_command_name: Stop, ros_service_name: /first, timeout: 20},'
        '{igtl_command_regex: "St.*", ros_service_name: /second},'
        '{igtl_command_regex: ".*art", ros_service_name: /first}',
    )
    peer = dial(graph, bridge)
    peer.send(command(1, 'Stop') + command(2, 'Start') + command(3, 'Rest'))
    assert receive(peer).content == codec.CommandReply(3, 'unknown command')
    first.respond(0)
    second.respond(0)
    assert [(r.name, r.timeout) for r in first.requests] == [('Stop', 20.0)]
    assert [(r.name, r.timeout) for r in second.requests] == [('Start', 5.0)]
    wait_until(lambda: commands_in(bridge).outcomes['succeeded'] == 2, what='both')


def test_no_command_is_run_unless_a_row_says_so(graph: Graph, tmp_path: Path) -> None:
    """FAULTS B30 and 1.12."""
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path)
    peer = dial(graph, bridge)
    peer.send(command(1))
    answer = receive(peer)
    assert answer.content == codec.CommandReply(1, 'unknown command')
    assert answer.metadata == {'Status': 'FAIL', 'Error': 'unknown command'}
    await_accounted(bridge, 1)
    assert received_by(bridge.connections[0]).skipped == {'command_unknown': 1}
    assert server.requests == []


@pytest.mark.parametrize('row', ['', ALL])
def test_a_peer_that_asks_is_told_whether_commands_are_run(
    graph: Graph, tmp_path: Path, row: str
) -> None:
    CommandServer(graph)
    peer = dial(graph, add_bridge(graph, tmp_path, row))
    peer.send(pack(codec.GetCapability()))
    assert ('COMMAND' in receive(peer).content.type_names) == bool(row)


def test_a_service_that_is_not_there_is_said_at_once(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'commands.yaml'
    path.write_text(f'version: 1\nconnections:\n  - commands: [{ALL}]\n')
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': str(path)})
    peer = dial(graph, bridge)
    peer.send(command(1))
    error = 'the service of this command is missing'
    assert receive(peer).content == codec.CommandReply(1, error)
    assert commands_in(bridge).outcomes == {'no_service': 1}


def test_a_result_that_comes_too_late_is_discarded_and_counted(
    graph: Graph, tmp_path: Path
) -> None:
    server = CommandServer(graph)
    row = '{igtl_command_regex: ".*", ros_service_name: /run, timeout: 0.05}'
    bridge = add_bridge(graph, tmp_path, row)
    peer = dial(graph, bridge)
    peer.send(command(1))
    assert receive(peer).content == codec.CommandReply(1, 'no result within 0.05 s')
    server.respond(0, content='late')
    wait_until(lambda: commands_in(bridge).late_responses == 1, what='the late response')
    assert (commands_in(bridge).outcomes, running(bridge)) == ({'timed_out': 1}, 0)
    peer.collect()
    watch_for(lambda: peer.collected, 0.1, 'a second reply')


def test_only_so_many_late_results_are_waited_for(graph: Graph, tmp_path: Path) -> None:
    server = CommandServer(graph)
    row = '{igtl_command_regex: ".*", ros_service_name: /run, timeout: 0.01}'
    bridge = add_bridge(graph, tmp_path, row)
    (client,) = commands_in(bridge)._clients.values()
    peer = dial(graph, bridge)
    for number in range(MAX_RUNNING + 5):
        peer.send(command(number))
        receive(peer)
    assert commands_in(bridge).outcomes == {'timed_out': MAX_RUNNING + 5}
    assert len(client._pending_requests) == MAX_RUNNING
    server.respond(MAX_RUNNING + 4)
    wait_until(lambda: commands_in(bridge).late_responses == 1, what='the late response')


def test_b30_a_number_that_was_there_is_run_once_and_answered_once(
    graph: Graph, tmp_path: Path
) -> None:
    """FAULTS B30."""
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer = dial(graph, bridge)
    peer.send(command(1) + command(1))  # while it runs
    server.respond(0, content='once')
    assert receive(peer).content == codec.CommandReply(1, '', 'once')
    peer.send(command(1) + command(2))  # after it
    server.respond(1, content='next')
    assert receive(peer).content == codec.CommandReply(2, '', 'next')
    await_accounted(bridge, 4)
    assert len(server.requests) == 2
    assert commands_in(bridge).outcomes == {'succeeded': 2, 'duplicate': 2}
    assert received_by(bridge.connections[0]).skipped == {'command_duplicate': 2}
    other = dial(graph, bridge)  # whose numbers are its own
    other.send(command(1))
    server.respond(2)
    assert receive(other).content == codec.CommandReply(1, '')


def test_b30_numbers_are_remembered_for_so_many_commands(graph: Graph, tmp_path: Path) -> None:
    bridge = add_bridge(graph, tmp_path)
    peer = dial(graph, bridge)
    numbers = [*range(RECENT_COMMANDS), 0, RECENT_COMMANDS, 0]
    for number in numbers:
        peer.send(command(number))
    await_accounted(bridge, len(numbers))
    assert commands_in(bridge).outcomes == {'unknown': len(numbers) - 1, 'duplicate': 1}


def test_b30_xml_is_text_and_expanded_by_nobody(graph: Graph, tmp_path: Path) -> None:
    """FAULTS B30."""
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer = dial(graph, bridge)
    peer.send(command(1, 'x', BOMB))
    server.respond(0, content=BOMB)
    assert receive(peer).content == codec.CommandReply(1, '', BOMB)
    assert server.requests[0].content == BOMB


def test_b30_a_text_that_the_reference_would_not_send_is_refused(
    graph: Graph, tmp_path: Path
) -> None:
    """FAULTS B30."""
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer = dial(graph, bridge)
    peer.send(command(1, text='x' * 65536) + command(2, text='x' * 65535))
    error = 'the text has 65536 bytes; 65535 are allowed'
    assert receive(peer).content == codec.CommandReply(1, error)
    server.respond(0, content='y' * 65536)
    assert receive(peer).content == codec.CommandReply(2, 'the result is too long')
    assert [len(request.content) for request in server.requests] == [65535]


def test_what_no_ros_string_can_hold_is_replaced(graph: Graph, tmp_path: Path) -> None:
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer = dial(graph, bridge)
    data = pack(codec.Command(1, 'N\udcff', 'a\0b'), 'D\udcff', header_version=2)
    peer.send(data)
    server.respond(0)
    assert receive(peer).device_name == 'D\udcff'
    (request,) = server.requests
    assert (request.name, request.content) == ('N\ufffd', 'a\ufffdb')
    assert request.device_name == 'D\ufffd'


def test_a_peer_has_so_many_commands_running(graph: Graph, tmp_path: Path) -> None:
    CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer = dial(graph, bridge)
    for number in range(MAX_RUNNING + 1):
        peer.send(command(number))
    assert receive(peer).content.command_id == MAX_RUNNING
    assert commands_in(bridge).outcomes == {'too_many': 1}
    assert running(bridge) == MAX_RUNNING


@pytest.mark.parametrize(
    'row',
    [
        '{igtl_command_name: EmergencyStop, ros_service_name: /run}',
        '{igtl_command_regex: "Emergency(Stop|Halt)", ros_service_name: /run}',
    ],
)
@pytest.mark.parametrize('name', ['EmergencyStop', 'EMERGENCYSTOP', 'emergencystop'])
def test_f44_a_stop_matches_in_any_case_of_the_letters(
    graph: Graph, tmp_path: Path, row: str, name: str
) -> None:
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, row)
    peer = dial(graph, bridge)
    peer.send(command(1, name))
    server.respond(0)
    assert receive(peer).content == codec.CommandReply(1, '')
    assert server.requests[0].name == name


def test_f44_what_is_no_stop_matches_as_it_is_written(graph: Graph, tmp_path: Path) -> None:
    CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, '{igtl_command_name: Move, ros_service_name: /run}')
    peer = dial(graph, bridge)
    peer.send(command(1, 'MOVE'))
    assert receive(peer).content == codec.CommandReply(1, 'unknown command')


def test_f44_a_stop_runs_beside_any_number_of_commands_and_with_a_number_that_was_there(
    graph: Graph, tmp_path: Path
) -> None:
    CommandServer(graph)
    server = CommandServer(graph, '/stop')
    stop = '{igtl_command_name: Stop, ros_service_name: /stop}'
    bridge = add_bridge(graph, tmp_path, f'{stop}, {ALL}')
    peer = dial(graph, bridge)
    for number in range(MAX_RUNNING):
        peer.send(command(number))
    wait_until(lambda: running(bridge) == MAX_RUNNING, 10.0, 'all to run')
    peer.send(command(0, 'STOP'))
    server.respond(0, content='stopped')
    assert receive(peer).content == codec.CommandReply(0, '', 'stopped')
    for number in range(MAX_RUNNING + 1):  # as many again, and no more
        peer.send(command(number, 'STOP'))
    assert receive(peer).content.command_id == MAX_RUNNING
    assert commands_in(bridge).outcomes == {'succeeded': 1, 'stop_too_many': 1}


def test_the_result_for_a_peer_that_has_gone_is_for_nobody(graph: Graph, tmp_path: Path) -> None:
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    peer, other = dial(graph, bridge), dial(graph, bridge)
    peer.send(command(1))
    wait_for_count(server.requests, 1)
    peer.close()
    wait_until(
        lambda: commands_in(bridge).outcomes == {'peer_gone': 1}, what='the end of the session'
    )
    server.respond(0)
    wait_until(lambda: commands_in(bridge).late_responses == 1, what='the response')
    other.send(command(1))
    server.respond(1)
    assert receive(other).content == codec.CommandReply(1, '')


# Commands that are sent.


def test_a_command_is_sent_with_a_number_of_its_own_and_returns_the_reply(
    graph: Graph, tmp_path: Path
) -> None:
    bridge = add_bridge(graph, tmp_path)
    peer = dial_as_version_2(graph, bridge)
    first = send_command(graph, device_name='Robot', name='Move', content='<Command Name="Move"/>')
    message = receive(peer)
    second = send_command(graph, device_name='Robot', name='Halt')
    assert receive(peer).content == codec.Command(2, 'Halt')
    assert (message.device_name, message.header_version) == ('Robot', 2)
    assert message.content == codec.Command(1, 'Move', '<Command Name="Move"/>')
    peer.send(reply(2, '', 'halted') + reply(1, '', 'moved'))
    moved, halted = await_response(first), await_response(second)
    assert (moved.outcome, moved.error, moved.content) == (Response.SUCCEEDED, '', 'moved')
    assert (halted.outcome, halted.error, halted.content) == (Response.SUCCEEDED, '', 'halted')
    assert commands_out(bridge).outcomes == {'succeeded': 2}


STATUS = 'CommandReply Name="Move" Status'


@pytest.mark.parametrize(
    ('fields', 'error'),
    [
        ({}, ''),
        ({'name': 'Move'}, ''),
        ({'name': 'no motor'}, 'no motor'),
        ({'name': 'Move', 'metadata': {'Status': 'SUCCESS', 'Error': ''}}, ''),
        ({'name': 'Move', 'metadata': {'Status': 'FAIL', 'Error': 'no motor'}}, 'no motor'),
        ({'metadata': {'Status': 'FAIL'}}, 'the peer reports a failure'),
        ({'name': 'Move', 'text': f'<{STATUS}="FAIL" Error="a &lt; b"/>'}, 'a < b'),
        ({'name': 'Move', 'text': f'<{STATUS}="SUCCESS" Message="ok"></CommandReply>'}, ''),
        ({'name': 'Move', 'text': '<Command><Result>true</Result></Command>'}, ''),
        ({'text': '<Motor Status="FAIL"/>'}, ''),
    ],
)
def test_what_peers_call_success_and_failure(
    graph: Graph, tmp_path: Path, fields: dict[str, Any], error: str
) -> None:
    bridge = add_bridge(graph, tmp_path)
    peer = dial_as_version_2(graph, bridge)
    future = send_command(graph, name='Move')
    peer.send(reply(receive(peer).content.command_id, **fields))
    response = await_response(future)
    assert response.outcome == (Response.FAILED if error else Response.SUCCEEDED)
    assert (response.error, response.content) == (error, fields.get('text', ''))


@pytest.mark.parametrize('dialect', ['command', 'string'])
def test_a_stop_goes_before_all_that_waits_and_takes_the_place_of_commands_that_do(
    graph: Graph, tmp_path: Path, dialect: str
) -> None:
    bridge = add_bridge(graph, tmp_path, dialect=dialect, send_timeout=60.0)
    connection = bridge.connections[0]
    peer = graph.stack.enter_context(ScriptedPeer.dial(port_of(bridge), receive_buffer=4096))
    wait_until(lambda: connection.peers.all, what='the session')
    show_version_2(bridge, peer)
    (session,) = connection.transport.sessions
    volume = codec.Message(codec.String('.' * 65000), 'Text')
    for _ in range(200):  # which the peer does not read, until the socket takes no more
        connection._send(volume, 'event')
    wait_until(lambda: session.outbox.is_blocked, what='a full socket')
    futures = [send_command(graph, name=f'Move{number}') for number in range(3)]
    wait_until(lambda: len(commands_out(bridge)._replies) == 3, what='the commands to wait')
    stop = send_command(graph, name='Stop')
    for future in futures:
        response = await_response(future)
        assert response.outcome == Response.NOT_SENT
        assert response.error == 'withdrawn: a stop was sent instead'
    sent_before = connection.transport.statistics.sent
    behind = 0
    while (message := receive(peer)).device_name == 'Text':
        behind += 1
    assert behind <= sent_before + 1
    if dialect == 'command':
        assert message.content.name == 'Stop'
        peer.send(reply(message.content.command_id))
    else:
        assert 'Stop' in message.content.text
        ack = codec.String(f'<CommandReply {STATUS}="SUCCESS"></CommandReply>')
        peer.send(pack(ack, message.device_name.replace('CMD', 'ACK')))
    assert await_response(stop).outcome == Response.SUCCEEDED
    assert commands_out(bridge).outcomes == {'withdrawn': 3, 'succeeded': 1}
    assert connection.transport.statistics.send_rejected == {'withdrawn': 3}
    for _ in range(200 - behind):
        assert receive(peer).device_name == 'Text'  # what is no command has waited


def accept_and_fill(graph: Graph, server: ScriptedServer, bridge: BridgeNode) -> ScriptedPeer:
    """Accept a bridge that connects, and return its peer with an image partly sent to it."""
    connection = bridge.connections[0]
    peer = graph.stack.enter_context(server.accept())
    wait_until(lambda: connection.peers.all, what='the session')
    show_version_2(bridge, peer)
    image = codec.Message(codec.Image.from_pixels(np.zeros((9, 1000, 1000), np.uint8)), 'CT')
    connection._send(image, 'event')
    (session,) = connection.transport.sessions
    wait_until(lambda: session.outbox.is_blocked, what='a full socket')
    return peer


@pytest.mark.parametrize('preempts', [False, True])
def test_f44_a_stop_behind_a_message_partly_sent_closes_and_connects_again_if_it_may(
    graph: Graph, preempts: bool
) -> None:
    with ScriptedServer(receive_buffer=4096) as server:
        parameters = {'port': server.port, 'stop_preempts': preempts, 'send_timeout': 60.0}
        bridge = graph.add_bridge('client', parameters)
        first = accept_and_fill(graph, server, bridge)
        connection = bridge.connections[0]
        (session,) = connection.transport.sessions
        move = send_command(graph, name='Move')
        wait_until(lambda: session.outbox.waiting_bytes, what='a command that waits')
        stops = [send_command(graph, name=name) for name in ('Stop', 'Halt')]
        assert 'withdrawn' in await_response(move).error
        if preempts:
            peer = graph.stack.enter_context(server.accept())
        else:
            peer = first
            assert receive(peer).type_name == 'IMAGE'
        for name in ('Stop', 'Halt'):
            message = receive(peer)
            assert message.content.name == name
            peer.send(reply(message.content.command_id))
        for stop in stops:
            response = await_response(stop)
            assert (response.outcome, response.error) == (Response.SUCCEEDED, '')
            assert response.reconnected == preempts
        assert commands_out(bridge).outcomes == {'withdrawn': 1, 'succeeded': 2}
        rejected = connection.transport.statistics.send_rejected
        assert rejected == {'withdrawn': 3 if preempts else 1}


def test_f44_a_stop_that_is_not_answered_after_that_times_out(graph: Graph) -> None:
    with ScriptedServer(receive_buffer=4096) as server:
        parameters = {'port': server.port, 'stop_preempts': True, 'send_timeout': 60.0}
        bridge = graph.add_bridge('client', parameters)
        accept_and_fill(graph, server, bridge)
        response = await_response(send_command(graph, name='Stop', timeout=0.2))
    assert (response.outcome, response.reconnected) == (Response.TIMED_OUT, True)


def test_f34_a_command_that_is_never_answered_times_out_and_a_late_reply_is_counted(
    graph: Graph, tmp_path: Path
) -> None:
    """FAULTS F34."""
    bridge = add_bridge(graph, tmp_path)
    peer = dial_as_version_2(graph, bridge)
    begin = time.monotonic()
    future = send_command(graph, name='Move', timeout=0.2)
    number = receive(peer).content.command_id
    response = await_response(future)
    assert time.monotonic() - begin >= 0.2
    assert (response.outcome, response.error) == (Response.TIMED_OUT, 'no reply within 0.2 s')
    peer.send(reply(number) + reply(99))
    await_accounted(bridge, 3)  # with the status that showed version 2
    assert commands_out(bridge).late_replies == 2
    assert received_by(bridge.connections[0]).skipped['late_reply'] == 2
    assert commands_out(bridge).outcomes == {'timed_out': 1}
    peer.collect()
    watch_for(lambda: peer.collected, 0.1, 'the command again')


def test_f35_each_command_in_flight_returns_disconnected_once(
    graph: Graph, tmp_path: Path
) -> None:
    """FAULTS F35."""
    bridge = add_bridge(graph, tmp_path)
    peer = dial_as_version_2(graph, bridge)
    futures = [send_command(graph, name=f'Move{number}') for number in range(5)]
    for _ in futures:
        receive(peer)
    peer.reset()
    for future in futures:
        response = await_response(future)
        assert response.outcome == Response.DISCONNECTED
        assert response.error == 'the peer disconnected before it replied'
    assert (commands_out(bridge).outcomes, len(commands_out(bridge)._replies)) == (
        {'disconnected': 5},
        0,
    )


def test_f35_deactivation_ends_what_is_in_flight_too(graph: Graph, tmp_path: Path) -> None:
    """FAULTS F35."""
    CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL)
    connection = bridge.connections[0]
    peer = dial_as_version_2(graph, bridge)
    future = send_command(graph, name='Move')
    receive(peer)
    peer.send(command(1))
    wait_until(lambda: running(bridge) == 1, what='the command')
    assert graph.call(bridge.trigger_deactivate) == TransitionCallbackReturn.SUCCESS
    assert await_response(future).outcome == Response.DISCONNECTED
    assert connection.commands_in.outcomes == {'peer_gone': 1}
    assert connection.commands_out.outcomes == {'disconnected': 1}
    assert graph.call(bridge.trigger_activate) == TransitionCallbackReturn.SUCCESS
    response = await_response(send_command(graph, name='Move'))
    assert response.error == 'no_peer: no peer is connected'


def test_a_peer_that_may_not_read_version_2_gets_no_command_unless_somebody_says_so(
    graph: Graph, tmp_path: Path
) -> None:
    bridge = add_bridge(graph, tmp_path)
    peer = dial(graph, bridge)
    response = await_response(send_command(graph, name='Move'))
    assert response.outcome == Response.NOT_SENT
    assert response.error.startswith('peer_too_old: ')
    assert sent_by(bridge.connections[0]).skipped == {'peer_too_old': 1}
    peer.collect()
    watch_for(lambda: peer.collected, 0.1, 'a command')
    parameters = {'port': 0, 'header_version': 2}
    other = graph.add_bridge('server', parameters, name='other')
    with ScriptedPeer.dial(port_of(other)) as unknown:
        wait_until(lambda: other.connections[0].peers.all, what='the session')
        future = send_command(graph, 'other', name='Move')
        unknown.send(reply(receive(unknown).content.command_id))
        assert await_response(future).outcome == Response.SUCCEEDED


@pytest.mark.parametrize(
    ('fields', 'error'),
    [
        ({'name': ''}, 'name is empty'),
        ({'name': 'x' * 128}, '128'),
        ({'name': 'Move', 'device_name': 'x' * 21}, '21'),
        ({'name': 'Move', 'content': 'x' * 65536}, 'content has 65536 bytes'),
        ({'name': 'Move', 'timeout': -1.0}, 'timeout is -1 s'),
        ({'name': 'Move', 'timeout': float('nan')}, 'timeout is nan s'),
        ({'name': 'Move', 'timeout': float('inf')}, 'timeout is inf s'),
    ],
)
def test_what_cannot_be_sent_is_refused_with_the_reason(
    graph: Graph, tmp_path: Path, fields: dict[str, Any], error: str
) -> None:
    bridge = add_bridge(graph, tmp_path)
    dial_as_version_2(graph, bridge)
    response = await_response(send_command(graph, **fields))
    assert response.outcome == Response.NOT_SENT
    assert response.error.startswith('refused: ')
    assert error in response.error
    sent = sent_by(bridge.connections[0])
    assert (sent.received, sum(sent.rejected.values())) == (1, 1)


def test_of_several_peers_the_first_success_counts(graph: Graph, tmp_path: Path) -> None:
    bridge = add_bridge(graph, tmp_path)
    peers = [dial_as_version_2(graph, bridge) for _ in range(2)]
    old = dial(graph, bridge)
    old.collect()

    def waiting(bridge: BridgeNode) -> int:
        (question,) = commands_out(bridge)._replies._questions
        return len(question.waiting)

    def ask() -> tuple[Any, int]:
        future = send_command(graph, name='Move')
        (number,) = {receive(peer).content.command_id for peer in peers}
        return future, number

    future, number = ask()
    peers[0].send(reply(number, 'unknown command'))
    wait_until(lambda: waiting(bridge) == 1, what='the failure')
    peers[1].send(reply(number, '', 'moved'))
    response = await_response(future)
    assert (response.outcome, response.content) == (Response.SUCCEEDED, 'moved')
    future, number = ask()
    peers[0].send(reply(number))
    assert await_response(future).outcome == Response.SUCCEEDED
    peers[1].send(reply(number))
    wait_until(lambda: commands_out(bridge).late_replies == 1, what='the second reply')
    future, number = ask()
    peers[0].send(reply(number, 'no motor'))
    wait_until(lambda: waiting(bridge) == 1, what='the failure')
    old.close()
    assert old.collected == b''
    wait_until(lambda: len(bridge.connections[0].peers.all) == 2, what='its end')
    peers[1].close()
    response = await_response(future)
    assert (response.outcome, response.error) == (Response.FAILED, 'no motor')


def test_a_reply_that_is_too_long_is_no_success(graph: Graph, tmp_path: Path) -> None:
    bridge = add_bridge(graph, tmp_path)
    peer = dial_as_version_2(graph, bridge)
    future = send_command(graph, name='Move')
    peer.send(reply(receive(peer).content.command_id, text='x' * 65536))
    response = await_response(future)
    assert (response.outcome, response.error) == (Response.FAILED, 'the reply is too long')


def test_numbers_begin_anew_after_the_last_one(graph: Graph, tmp_path: Path) -> None:
    bridge = add_bridge(graph, tmp_path)
    peer = dial_as_version_2(graph, bridge)
    commands_out(bridge)._ids = numbers(2**32 - 1)
    for number in (2**32 - 1, 1):
        send_command(graph, name='Move')
        assert receive(peer).content.command_id == number


def test_a_client_sends_commands_too_and_again_after_it_came_back(
    graph: Graph, tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        parameters = {'port': server.port, 'reconnect_initial_delay': 0.05}
        bridge = graph.add_bridge('client', parameters)
        for number in (1, 2):
            peer = server.accept()
            wait_until(lambda: bridge.connections[0].peers.all, what='the session')
            show_version_2(bridge, peer)
            future = send_command(graph, name='Move')
            assert receive(peer).content.command_id == number
            peer.send(reply(number))
            assert await_response(future).outcome == Response.SUCCEEDED
            peer.reset()
            wait_until(lambda: not bridge.connections[0].peers.all, what='the end')


def test_a_peer_that_is_being_closed_gets_neither_a_command_nor_a_reply(
    graph: Graph, tmp_path: Path
) -> None:
    bridge = add_bridge(graph, tmp_path)
    peer = dial_as_version_2(graph, bridge)
    (session,) = bridge.connections[0].transport.sessions
    session.outbox.refuse_more()
    response = await_response(send_command(graph, name='Move'))
    assert response.error == 'no_peer: no peer is connected'
    peer.send(command(1))
    wait_until(lambda: commands_in(bridge).outcomes == {'peer_gone': 1}, what='the command')


def test_nothing_is_sent_by_a_node_that_is_not_active(graph: Graph, tmp_path: Path) -> None:
    bridge = add_bridge(graph, tmp_path)
    connection = bridge.connections[0]
    assert graph.call(bridge.trigger_deactivate) == TransitionCallbackReturn.SUCCESS
    response = connection.commands_out.send('Move').result(0.0)
    assert response == Answer('refused', 'the node is not active')
    connection.commands_in.destroy()  # as often as it is stopped


def test_a_fault_ends_that_session_only_and_is_counted(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = add_bridge(graph, tmp_path)
    peer, other = dial(graph, bridge), dial(graph, bridge)

    def fail(*arguments: Any) -> Any:
        raise ZeroDivisionError('a fault of ours')

    with monkeypatch.context() as patch:
        patch.setattr(CommandsIn, '_take', fail)
        peer.send(command(1))
        assert peer.receive_until_closed() == b''
    assert received_by(bridge.connections[0]).rejected == {'internal_error': 1}
    other.send(command(1))
    assert receive(other).content == codec.CommandReply(1, 'unknown command')


# PLUS's dialect.


def test_a_string_is_a_command_in_the_dialect_of_plus(graph: Graph, tmp_path: Path) -> None:
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL, 'string')
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/CMD_x')
    peer = dial(graph, bridge)
    text = '<Command Name="Say" Text="&quot;x&quot;" />'
    peer.send(pack(codec.String(text + '\0'), 'CMD_007'))
    peer.send(pack(codec.String(text), 'CMD_7'))  # the same number
    peer.send(pack(codec.String(text), 'CMD_x'))  # a text like any other
    server.respond(0, content='a "b"\n<c>')
    answer = receive(peer)
    assert (answer.device_name, answer.header_version) == ('ACK_007', 1)
    expected = '<CommandReply Status="SUCCESS" Message="a &quot;b&quot;&#10;&lt;c&gt;" />'
    assert answer.content.text == expected
    wait_for_count(texts, 1)
    assert [(r.name, r.content) for r in server.requests] == [('Say', text)]
    assert server.requests[0].device_name == 'CMD_007'
    await_accounted(bridge, 3)
    assert commands_in(bridge).outcomes == {'succeeded': 1, 'duplicate': 1}


@pytest.mark.parametrize('text', ['', 'Say', BOMB, f'<Command Name="{"x" * 128}" />'])
def test_a_string_command_without_a_name_is_unknown(
    graph: Graph, tmp_path: Path, text: str
) -> None:
    server = CommandServer(graph)
    bridge = add_bridge(
        graph, tmp_path, '{igtl_command_regex: ".+", ros_service_name: /run}', 'string'
    )
    peer = dial(graph, bridge)
    peer.send(pack(codec.String(text), 'CMD_1'))
    expected = '<CommandReply Status="FAIL" Message="unknown command" />'
    assert receive(peer).content.text == expected
    assert server.requests == []


def test_a_result_that_escapes_make_longer_than_a_string_is_a_failure(
    graph: Graph, tmp_path: Path
) -> None:
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL, 'string')
    peer = dial(graph, bridge)
    peer.send(pack(codec.String('<Command Name="Say" />'), 'CMD_1'))
    server.respond(0, content='&' * 20000)
    answer = receive(peer).content.text
    assert answer.startswith('<CommandReply Status="FAIL" Message="the result cannot be sent: ')
    assert commands_in(bridge).outcomes == {'failed': 1}


def test_in_the_dialect_of_command_such_strings_are_texts(graph: Graph, tmp_path: Path) -> None:
    bridge = add_bridge(graph, tmp_path, '', 'command')
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/CMD_7')
    peer = dial(graph, bridge)
    peer.send(pack(codec.String('<Command Name="Say" />'), 'CMD_7'))
    wait_for_count(texts, 1)


@pytest.mark.parametrize(
    ('text', 'outcome', 'error'),
    [
        ('<CommandReply Status="SUCCESS" Message="ok" />', Response.SUCCEEDED, ''),
        ("<CommandReply Message='a &gt; b' Status='FAIL'/>", Response.FAILED, 'a > b'),
        ('nothing of the kind', Response.FAILED, 'the reply has no Status'),
    ],
)
def test_a_command_goes_out_as_a_string_to_a_peer_of_any_version(
    graph: Graph, tmp_path: Path, text: str, outcome: int, error: str
) -> None:
    bridge = add_bridge(graph, tmp_path, '', 'string')
    peer = dial(graph, bridge)
    future = send_command(graph, name='Say "x"')
    message = receive(peer)
    assert (message.device_name, message.header_version) == ('CMD_1', 1)
    assert message.content.text == '<Command Name="Say &quot;x&quot;" />'
    peer.send(pack(codec.String(text), 'ACK_1'))
    response = await_response(future)
    assert (response.outcome, response.error, response.content) == (outcome, error, text)
    peer.send(pack(codec.String(text), 'ACK_1'))
    wait_until(lambda: commands_out(bridge).late_replies == 1, what='the second reply')


def test_a_string_command_has_the_name_that_its_text_says(graph: Graph, tmp_path: Path) -> None:
    bridge = add_bridge(graph, tmp_path, '', 'string')
    peer = dial(graph, bridge)
    response = await_response(send_command(graph, name='Say', content='<Command Name="Do"/>'))
    assert response.outcome == Response.NOT_SENT
    assert "content has Name 'Do' in its first tag" in response.error
    send_command(graph, name='Say', content='<Command Name="Say" Text="hi" />')
    message = receive(peer)
    assert message.content.text == '<Command Name="Say" Text="hi" />'


def test_pyigtl_sends_commands_and_replies_in_the_dialect_of_plus(
    graph: Graph, tmp_path: Path
) -> None:
    """What it has in place of COMMAND, which it does not know."""
    server = CommandServer(graph)
    bridge = add_bridge(graph, tmp_path, ALL, 'string')
    with PyigtlPeer('client', port_of(bridge)) as peer:
        wait_until(lambda: bridge.connections[0].peers.all, 10.0, 'the session')
        peer.send('STRING', 'CMD_3', string='<Command Name="Say" />')
        server.respond(0, content='said')
        answer = peer.receive('ACK_3')['content']['string']
        assert answer == '<CommandReply Status="SUCCESS" Message="said" />'
        future = send_command(graph, name='Do')
        assert peer.receive('CMD_1')['content']['string'] == '<Command Name="Do" />'
        peer.send('STRING', 'ACK_1', string='<CommandReply Status="SUCCESS" Message="done" />')
        assert await_response(future).outcome == Response.SUCCEEDED


# Promptness.

IMAGE_RATE_HZ = 30.0
COUNT = 40
PACE_S = 0.023  # no divisor of the images' period, so that commands meet them anywhere
ECHO = """
import rclpy
from ros2_igtl.msg import Volume
from ros2_igtl.srv import Command

def echo(request, response):
    response.outcome = response.SUCCEEDED
    response.content = request.content
    return response

rclpy.init()
node = rclpy.create_node('echo')
node.create_service(Command, '/run', echo)
rclpy.spin(node)
"""


@contextmanager
def echo_process(folder: Path) -> Iterator[None]:
    """Run a command server in a process of its own, away from the checkout."""
    process = subprocess.Popen([sys.executable, '-c', ECHO], cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


class TalkingPeer:
    """A peer that receives in a thread, and replies to each command at once."""

    def __init__(self, peer: ScriptedPeer) -> None:
        self.images = 0
        self.replies: queue.Queue[float] = queue.Queue()  # when they came
        self._peer = peer
        self._lock = threading.Lock()
        threading.Thread(target=self._receive, daemon=True).start()

    def send(self, data: bytes) -> None:
        """Send a message whole, whoever else sends."""
        with self._lock:
            self._peer.send(data)

    def _receive(self) -> None:
        while True:
            try:
                data = self._peer.receive_message()
            except (EOFError, OSError):
                return
            if data[2:13] == b'RTS_COMMAND':
                self.replies.put(time.perf_counter())
            elif data[2:9] == b'COMMAND':
                self.send(reply(codec.unpack(data).content.command_id))
            else:
                self.images += 1

    def round_trip_s(self, number: int) -> float:
        """Send a command and return how long its reply took."""
        begin = time.perf_counter()
        self.send(command(number, text='x' * 100))
        return self.replies.get(timeout=10.0) - begin


@contextmanager
def repeated(function: Callable[[], None]) -> Iterator[None]:
    """Call a function at the rate of images."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(1.0 / IMAGE_RATE_HZ):
            function()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def median_s(measure: Callable[[int], float], first: int) -> float:
    pause = threading.Event()
    times = []
    for number in range(first, first + COUNT):
        pause.wait(PACE_S)
        times.append(measure(number))
    return statistics.median(times)


@pytest.mark.alone
def test_commands_overtake_images_both_ways(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Full HD images at 30 Hz from the peer, and to it, on the connection of the commands."""
    path = tmp_path / 'images.yaml'
    path.write_text(
        f'version: 1\nconnections:\n  - commands: [{ALL}]\n    mappings:\n'
        '      - {igtl_device_name: Out, igtl_type_name: IMAGE, direction: ROS_TO_IGTL,\n'
        '         ros_topic_name: /out, ros_type_name: sensor_msgs/msg/Image}\n'
    )
    pixels = np.zeros((1, 1080, 1920), np.uint8)
    data = pack(codec.Image.from_pixels(pixels), 'In')
    image = Image(
        height=1080, width=1920, step=1920, encoding='mono8', data=array('B', pixels.tobytes())
    )
    with echo_process(tmp_path):
        bridge = graph.add_bridge('server', {'port': 0, 'config_file': str(path)})
        await_services(bridge)
        peer = TalkingPeer(dial(graph, bridge))
        publisher = graph.publisher('sensor_msgs/msg/Image', '/out')
        graph.subscribe('sensor_msgs/msg/Image', '/bridge/image/In')
        idle_s = median_s(peer.round_trip_s, 0)
        with repeated(lambda: peer.send(data)):
            in_s = median_s(peer.round_trip_s, COUNT)
        with repeated(lambda: publisher.publish(image)):
            out_s = median_s(peer.round_trip_s, 2 * COUNT)
    assert commands_in(bridge).outcomes == {'succeeded': 3 * COUNT}
    assert peer.images > COUNT / 4
    with capsys.disabled():
        print(
            f'\na command and its reply, p50: {1e3 * idle_s:.2f} ms idle, {1e3 * in_s:.2f} ms '
            f'among images that come, {1e3 * out_s:.2f} ms among images that go'
        )
    # one image is converted, or written, before a command can be; many would take far longer
    assert max(in_s, out_s) < 10.0 * max(idle_s, 0.002)


VOLUME_BYTES = 50_000_000


def test_a_command_does_not_wait_for_the_volume_that_answers_a_query(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GET_IMAGE of 50 MB, whose conversion lasts until the command has its reply."""
    path = tmp_path / 'volume.yaml'
    path.write_text(
        f'version: 1\nconnections:\n  - commands: [{ALL}]\n    mappings:\n'
        '      - {igtl_device_name: Scan, igtl_type_name: IMAGE, direction: ROS_TO_IGTL,\n'
        '         on_request: true, ros_topic_name: /scan, ros_type_name: ros2_igtl/msg/Volume}\n'
    )
    server = CommandServer(graph)
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': str(path)})
    await_services(bridge)
    (sender,) = bridge.connections[0].senders.all
    peer = dial(graph, bridge)
    volume = Volume(
        size=[500, 500, VOLUME_BYTES // 250_000], components=1,
        scalar_type=Volume.UINT8, data=array('B', bytes(VOLUME_BYTES)),
        ijk_to_frame=[1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    )  # fmt: skip
    graph.publisher('ros2_igtl/msg/Volume', '/scan').publish(volume)
    wait_until(lambda: sent_by(bridge.connections[0]).received == 1, 20.0, 'the volume')
    converted, threads = threading.Event(), []
    newest = sender.newest

    def convert_slowly() -> Any:
        threads.append(threading.current_thread().name)
        assert converted.wait(20.0)
        return newest()

    monkeypatch.setattr(sender, 'newest', convert_slowly)
    peer.send(pack(codec.GetImage(), 'Scan') + pack(codec.GetImage(), 'Other') + command(1))
    peer.send(pack(codec.StopImage(), 'Scan'))
    assert receive(peer).content == codec.ImageReply(1)  # of the other image, which is not there
    server.respond(0, content='done')
    assert receive(peer).content.text == 'done'
    converted.set()
    image, stopped = receive(peer), receive(peer)
    assert (image.type_name, image.device_name, image.body_size > VOLUME_BYTES) == (
        'IMAGE',
        'Scan',
        True,
    )
    assert (stopped.type_name, stopped.content) == ('RTS_IMAGE', codec.ImageReply(0))
    assert threads == ['bridge worker']
    assert query_counts(bridge.connections[0]) == {'answered': 2, 'refused': 1}


def test_a_reply_reaches_who_waits_for_it_promptly(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bridge = add_bridge(graph, tmp_path)
    TalkingPeer(dial_as_version_2(graph, bridge))

    def respond(request: Any, response: Any) -> Any:
        return response

    graph.user.create_service(Command, '/plain', respond)

    def round_trip_of(client: Any) -> Callable[[int], float]:
        wait_until(client.service_is_ready, 10.0, 'the service')

        def measure(number: int) -> float:
            done = threading.Event()
            begin = time.perf_counter()
            future = client.call_async(Command.Request(name='Move'))
            future.add_done_callback(lambda _: done.set())
            assert done.wait(10.0)
            return time.perf_counter() - begin

        return measure

    plain_s = median_s(round_trip_of(graph.user.create_client(Command, '/plain')), 0)
    sent_s = median_s(round_trip_of(graph.user.create_client(Command, '/bridge/send_command')), 0)
    assert commands_out(bridge).outcomes == {'succeeded': COUNT}
    with capsys.disabled():
        print(f'\na service call, p50: {1e3 * plain_s:.2f} ms; by the peer {1e3 * sent_s:.2f} ms')
    assert sent_s < 10.0 * max(plain_s, 0.001)

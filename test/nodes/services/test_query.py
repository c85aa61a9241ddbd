# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The service ~/query, and what it says became of a question."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from std_msgs.msg import String

from helpers.bridge_peer import await_accounted, dial, pack, pose, serve
from helpers.bridge_process import BridgeProcess
from helpers.outcomes import query_counts
from helpers.ros_graph import Graph
from helpers.scripted_peer import ScriptedPeer, ScriptedServer
from helpers.waiting import wait_for_count, wait_until, watch_for
from ros2_igtl import codec
from ros2_igtl.srv import Query

Request, Response = Query.Request, Query.Response
GET, START, STOP = Request.GET, Request.START, Request.STOP


class Asker:
    """A client of ~/query."""

    def __init__(self, graph: Graph) -> None:
        self._client = graph.user.create_client(Query, '/bridge/query')
        wait_until(self._client.service_is_ready, 20.0, 'the service')

    def ask(self, action: int, type_name: str, device_name: str = 'Probe', **fields: Any) -> Any:
        """Ask, and return the future response."""
        request = Request(action=action, type_name=type_name, device_name=device_name, **fields)
        return self._client.call_async(request)

    def answer(self, *arguments: Any, **fields: Any) -> tuple[int, str]:
        """Ask, and return what became of it."""
        return result(self.ask(*arguments, **fields))

    def await_response(self) -> None:
        """
        Wait until a response from another process arrives.

        The middleware loses a response to a client that it has not discovered yet, and the client
        cannot know whether it has.
        """
        calls: list[Any] = []
        begin = time.monotonic()

        def has_response() -> bool:
            if time.monotonic() - begin >= len(calls):  # once a second
                calls.append(self.ask(GET, 'STRING', timeout=-1.0))  # rejected at once
            return any(call.done() for call in calls)

        wait_until(has_response, 20.0, 'a response')


def result(call: Any) -> tuple[int, str]:
    wait_until(call.done, 20.0, 'the response')
    return call.result().outcome, call.result().error


def query_at(peer: ScriptedPeer) -> codec.Message:
    return codec.unpack(peer.receive_message())


def test_a_message_that_comes_and_is_published_is_success(graph: Graph) -> None:
    bridge, peer = serve(graph)
    poses = graph.subscribe('geometry_msgs/msg/TransformStamped', '/bridge/transform/Probe')
    call = Asker(graph).ask(GET, 'TRANSFORM')
    query = query_at(peer)
    assert (query.type_name, query.device_name, query.header_version) == ('GET_TRANS', 'Probe', 1)
    peer.send(pose(device_name='Other') + pack(codec.String('text'), 'Probe'))
    await_accounted(bridge, 2)
    assert not call.done()
    peer.send(pose())
    assert result(call) == (Response.SUCCEEDED, '')
    wait_for_count(poses, 1)


def test_any_device_will_do_where_none_is_named(graph: Graph) -> None:
    _, peer = serve(graph)
    call = Asker(graph).ask(GET, 'POSITION', '')
    assert query_at(peer).type_name == 'GET_POSITION'
    peer.send(pack(codec.Position(1.0, 2.0, 3.0), 'Anything', type_name='QTRANS'))
    assert result(call) == (Response.SUCCEEDED, '')


def test_a_peer_that_cannot_says_so(graph: Graph) -> None:
    _, peer = serve(graph)
    call = Asker(graph).ask(GET, 'TRANSFORM')
    query_at(peer)
    peer.send(pack(codec.TransformReply(0), 'Probe'))  # that one comes is not that it is here
    peer.send(pack(codec.TransformReply(1), 'Probe'))
    assert result(call) == (Response.FAILED, 'the peer rejected the query')


def test_a_message_that_is_not_published_is_no_success(graph: Graph) -> None:
    _, peer = serve(graph, device_blacklist=['Probe'])
    asker = Asker(graph)
    call = asker.ask(GET, 'STRING')
    query_at(peer)
    peer.send(pack(codec.String('text')))
    outcome, error = result(call)
    assert (outcome, error.rpartition(': ')[2]) == (Response.FAILED, 'device_filtered')
    call = asker.ask(GET, 'TRANSFORM', 'Mirrored')
    query_at(peer)
    peer.send(pack(codec.Transform(-1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0), 'Mirrored'))
    outcome, error = result(call)
    assert (outcome, error.rpartition(': ')[2]) == (Response.FAILED, 'non_rigid')


def test_a_stream_is_started_and_stopped(graph: Graph) -> None:
    bridge, peer = serve(graph)
    asker = Asker(graph)
    call = asker.ask(START, 'TDATA', 'Tools', resolution=0.05, coordinate_name='Patient')
    query = query_at(peer)
    assert (query.type_name, query.device_name) == ('STT_TDATA', 'Tools')
    assert query.content == codec.StartTrackingData(50, 'Patient')
    peer.send(pack(codec.TrackingDataReply(0), 'Tools'))
    assert result(call) == (Response.SUCCEEDED, '')
    call = asker.ask(STOP, 'TDATA', 'Tools')
    assert query_at(peer).type_name == 'STP_TDATA'
    peer.send(pack(codec.Unknown('TDATA', b''), 'Tools'))  # was on its way
    await_accounted(bridge, 2)
    assert not call.done()
    peer.send(pack(codec.TrackingDataReply(0), 'Tools'))
    assert result(call) == (Response.SUCCEEDED, '')
    graph.call(bridge.trigger_deactivate)  # nothing is left to stop
    assert peer.receive_until_closed() == b''


def test_a_stream_that_a_user_has_started_is_stopped_at_deactivation(graph: Graph) -> None:
    bridge, peer = serve(graph)
    asker = Asker(graph)
    call = asker.ask(START, 'TRANSFORM', '')
    assert query_at(peer).type_name == 'STT_TRANS'
    peer.send(pose())  # a server may do without RTS_
    assert result(call) == (Response.SUCCEEDED, '')
    call = asker.ask(GET, 'TRANSFORM', '')  # the stream goes on
    assert query_at(peer).type_name == 'GET_TRANS'
    peer.send(pose())
    assert result(call) == (Response.SUCCEEDED, '')
    graph.call(bridge.trigger_deactivate)
    assert query_at(peer).type_name == 'STP_TRANS'


def test_no_answer_in_time_is_said_and_a_late_one_is_published_all_the_same(graph: Graph) -> None:
    bridge, peer = serve(graph)
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/Probe')
    call = Asker(graph).ask(GET, 'STRING', timeout=0.05)
    query_at(peer)
    assert result(call) == (Response.TIMED_OUT, 'no reply within 0.05 s')
    peer.send(pack(codec.String('late')) + pack(codec.StringReply(1)))
    wait_for_count(texts, 1)
    await_accounted(bridge, 2)


def test_without_a_peer_nothing_is_sent(graph: Graph) -> None:
    graph.add_bridge('server', {'port': 0})
    assert Asker(graph).answer(GET, 'TRANSFORM') == (Response.NOT_SENT, 'no peer is connected')


@pytest.mark.parametrize(
    ('arguments', 'fields', 'error'),
    [
        ((GET, 'COMMAND'), {}, "the protocol has no GET_ of 'COMMAND'; allowed: BIND, CAP"),
        ((START, 'STRING'), {}, "the protocol has no STT_ of 'STRING'; allowed: BIND, IMAGE, "),
        ((STOP, ''), {}, "the protocol has no STP_ of ''; allowed: BIND, IMAGE, "),
        ((3, 'TRANSFORM'), {}, 'action is 3; allowed: 0, 1, 2'),
        ((START, 'TDATA'), {'resolution': -1.0}, 'resolution is -1 s; allowed: 0 to 86400'),
        ((GET, 'TDATA'), {'timeout': float('nan')}, 'timeout is nan s; allowed: 0 to 3600'),
        ((GET, 'TDATA', 'x' * 21), {}, '21 bytes, 20 are allowed'),
        ((START, 'TDATA'), {'coordinate_name': 'x' * 32}, '32 bytes, 31 are allowed'),
    ],
)
def test_what_cannot_be_asked_is_not_sent(
    graph: Graph, arguments: Any, fields: Any, error: str
) -> None:
    bridge, _ = serve(graph)
    outcome, text = Asker(graph).answer(*arguments, **fields)
    assert outcome == Response.NOT_SENT
    assert error in text
    assert query_counts(bridge.connections[0]) == {}


def test_a_peer_that_goes_has_not_answered(graph: Graph) -> None:
    """FAULTS F35, of queries."""
    _, peer = serve(graph)
    asker = Asker(graph)
    calls = [asker.ask(GET, 'TRANSFORM'), asker.ask(START, 'IMAGE')]
    query_at(peer), query_at(peer)
    peer.reset()
    for call in calls:
        assert result(call) == (Response.DISCONNECTED, 'the peer disconnected before it replied')


def test_of_two_peers_one_answer_is_enough(graph: Graph) -> None:
    bridge, one = serve(graph)
    other = dial(graph, bridge)
    asker = Asker(graph)
    call = asker.ask(GET, 'STRING')
    assert query_at(one) == query_at(other)
    one.send(pack(codec.StringReply(1)))
    await_accounted(bridge, 1)
    assert not call.done()
    other.send(pack(codec.String('here')))
    assert result(call) == (Response.SUCCEEDED, '')
    call = asker.ask(GET, 'STRING')
    query_at(one), query_at(other)
    one.send(2 * pack(codec.StringReply(1)))  # to say so twice is nothing new
    await_accounted(bridge, 4)
    assert not call.done()
    other.reset()
    assert result(call) == (Response.FAILED, 'the peer rejected the query')


def test_a_peer_that_came_later_is_not_waited_for(graph: Graph) -> None:
    bridge, peer = serve(graph)
    call = Asker(graph).ask(GET, 'STRING')
    query_at(peer)
    late = dial(graph, bridge)
    late.send(pack(codec.String('not asked')))
    await_accounted(bridge, 1)
    assert not call.done()
    peer.send(pack(codec.String('asked')))
    assert result(call) == (Response.SUCCEEDED, '')


def test_deactivation_answers_who_waits_and_who_asks_later(graph: Graph) -> None:
    bridge, peer = serve(graph)
    asker = Asker(graph)
    call = asker.ask(GET, 'STRING')
    query_at(peer)
    graph.call(bridge.trigger_deactivate)
    assert result(call) == (Response.DISCONNECTED, 'the node is being deactivated')
    outcome, error = asker.answer(GET, 'STRING')
    assert outcome == Response.NOT_SENT
    assert error.endswith('the node is not active')
    graph.call(bridge.trigger_activate)
    assert Asker(graph).answer(GET, 'STRING') == (Response.NOT_SENT, 'no peer is connected')


def test_while_one_waits_everything_else_goes_on(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - mappings:\n'
        '      - {igtl_device_name: Say, igtl_type_name: STRING, direction: ROS_TO_IGTL,\n'
        '         ros_topic_name: /say, ros_type_name: std_msgs/msg/String}\n'
    )
    bridge, peer = serve(graph, config_file=str(path))
    asker = Asker(graph)
    calls = [asker.ask(GET, 'TRANSFORM', name) for name in ('A', 'B', 'C')]
    for _ in calls:
        query_at(peer)
    publisher = graph.publisher('std_msgs/msg/String', '/say')
    texts = graph.subscribe('std_msgs/msg/String', '/bridge/string/Console')
    for number in range(20):
        publisher.publish(String(data=f'{number}'))
        assert codec.unpack(peer.receive_message()).content.text == f'{number}'
        peer.send(pack(codec.String(f'{number}'), 'Console'))
        wait_for_count(texts, number + 1)
    assert not any(call.done() for call in calls)
    for name, call in reversed(list(zip(('A', 'B', 'C'), calls, strict=True))):
        peer.send(pose(device_name=name))
        assert result(call) == (Response.SUCCEEDED, '')
    await_accounted(bridge, 23)


def test_a_node_in_another_process_answers(graph: Graph) -> None:
    with (
        ScriptedServer() as server,
        BridgeProcess('igtl_client', {'port': server.port}) as process,
    ):
        peer = server.accept()
        process.wait_for('connected')
        asker = Asker(graph)
        asker.await_response()
        call = asker.ask(GET, 'STRING')
        query_at(peer)
        watch_for(call.done, 0.2, 'an answer before there is one')
        peer.send(pack(codec.String('text')))
        assert result(call) == (Response.SUCCEEDED, '')
        call = asker.ask(GET, 'STRING', timeout=0.1)
        assert result(call)[0] == Response.TIMED_OUT

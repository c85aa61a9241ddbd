# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""A service that answers later, on a node whose executor has other things to do."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

from rclpy.node import Node

from helpers.ros_graph import Graph
from helpers.waiting import wait_for_count, wait_until
from ros2_igtl.nodes.services.deferred import DeferredService
from ros2_igtl.srv import Query


class Asked:
    """A service of the user's node, and a client of it."""

    def __init__(self, graph: Graph) -> None:
        self.requests: list[Any] = []
        self.answers: list[Future[Any]] = []
        self.node: Node = graph.user
        self.service = graph.call(lambda: DeferredService(graph.user, Query, 'ask', self._called))
        self.client = graph.user.create_client(Query, 'ask')
        wait_until(self.client.service_is_ready, 10.0, 'the service')

    def _called(self, request: Any) -> Future[Any]:
        self.requests.append(request)
        self.answers.append(Future())
        return self.answers[-1]


def test_a_response_is_sent_when_it_is_there_whoever_asked_first(graph: Graph) -> None:
    asked = Asked(graph)
    calls = [asked.client.call_async(Query.Request(type_name=name)) for name in ('A', 'B')]
    wait_for_count(asked.answers, 2)
    assert [request.type_name for request in asked.requests] == ['A', 'B']
    for index in (1, 0):
        asked.answers[index].set_result(Query.Response(error=f'{index}'))
        wait_until(calls[index].done, 10.0, 'the response')
        assert calls[index].result().error == f'{index}'
    graph.call(asked.service.destroy)


def test_a_response_that_is_there_at_once_is_sent_at_once(graph: Graph) -> None:
    answer: Future[Any] = Future()
    answer.set_result(Query.Response(outcome=Query.Response.FAILED))
    service = graph.call(lambda: DeferredService(graph.user, Query, 'ask', lambda _: answer))
    client = graph.user.create_client(Query, 'ask')
    wait_until(client.service_is_ready, 10.0, 'the service')
    call = client.call_async(Query.Request())
    wait_until(call.done, 10.0, 'the response')
    assert call.result().outcome == Query.Response.FAILED
    graph.call(service.destroy)


def test_one_that_waits_keeps_the_executor_neither_from_work_nor_from_rest(graph: Graph) -> None:
    asked = Asked(graph)
    call = asked.client.call_async(Query.Request())
    wait_for_count(asked.answers, 1)
    ticks: list[float] = []
    timer = graph.user.create_timer(0.01, lambda: ticks.append(time.monotonic()))
    used = time.process_time()
    wait_for_count(ticks, 50)
    assert time.process_time() - used < 0.4 * (ticks[-1] - ticks[0])
    assert not call.done()
    asked.answers[0].set_result(Query.Response())
    wait_until(call.done, 10.0, 'the response')
    graph.call(lambda: graph.user.destroy_timer(timer))
    graph.call(asked.service.destroy)

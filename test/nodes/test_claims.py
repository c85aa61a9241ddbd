# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Topics and their owners."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from ros2_igtl.nodes.claims import Owner, TopicClaims

TEXT, POSE = 'std_msgs/msg/String', 'geometry_msgs/msg/PoseStamped'


def owner(connection: str, device: str = 'A', ros_type_name: str = TEXT) -> Owner:
    return Owner(connection, 'STRING', device, ros_type_name)


def test_topics_are_claimed_all_or_none() -> None:
    claims = TopicClaims()
    assert claims.claim({'/a': owner('one')}) is None
    assert claims.claim({'/a': owner('one')}) is None
    refused = claims.claim({'/b': owner('two'), '/a': owner('two')})
    assert refused == ('/a', owner('one'))
    assert claims.claim({'/b': owner('three')}) is None
    assert claims.claim({'/a': owner('one', ros_type_name=POSE)}) == ('/a', owner('one'))


def test_the_topics_of_a_connection_are_released_with_it() -> None:
    claims = TopicClaims()
    assert claims.claim({'/a': owner('one'), '/b': owner('one')}) is None
    claims.add_sent('one', '/c')
    claims.release('one')
    assert claims.claim({'/a': owner('two'), '/c': owner('one')}) is None


def test_single_topics_can_be_given_back() -> None:
    claims = TopicClaims()
    assert claims.claim({'/a': owner('one'), '/b': owner('one')}) is None
    assert claims.claim({'/a': owner('one')}) is None
    claims.give_back(['/a'])
    assert claims.claim({'/a': owner('two')}) == ('/a', owner('one'))
    claims.give_back(['/a'])
    assert claims.claim({'/a': owner('two')}) is None
    assert claims.claim({'/b': owner('two')}) == ('/b', owner('one'))


def test_a_connection_publishes_on_no_topic_that_it_sends() -> None:
    claims = TopicClaims()
    claims.add_sent('one', '/a')
    assert claims.claim({'/a': owner('one')}) == ('/a', None)
    assert claims.claim({'/a': owner('two')}) is None  # of another peer: it passes it on
    assert not claims.reserve('one', '/a')
    assert claims.reserve('one', '/b')
    assert claims.claim({'/b': owner('one')}) == ('/b', None)
    claims.release_sent('one', '/b')
    assert claims.claim({'/b': owner('one')}) is None


def test_of_two_connections_that_claim_a_topic_at_once_one_gets_it_a_thousand_times() -> None:
    claims = TopicClaims()
    together = Barrier(2)

    def claim(connection: str) -> list[bool]:
        taken = []
        for number in range(1000):
            topics = {f'/{number}/{part}': owner(connection) for part in range(3)}
            together.wait(10.0)
            taken.append(claims.claim(topics) is None)
        return taken

    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(claim, ('one', 'two'))
    assert [a + b for a, b in zip(one, two, strict=True)] == [1] * 1000
    for number, is_ones in enumerate(one):
        has = 'one' if is_ones else 'two'
        assert claims.claim({f'/{number}/2': owner('three')}) == (f'/{number}/2', owner(has))

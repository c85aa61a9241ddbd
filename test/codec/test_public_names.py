# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from ros2_igtl import codec


def test_the_promise_of_the_front_page_holds() -> None:
    data = codec.pack(codec.Message(codec.String('ready'), 'Robot'))
    stream = codec.Stream()
    stream.receive_data(data)
    messages = []
    while (message := stream.next_message()) is not codec.NEED_DATA:
        messages.append(message)
    assert [(message.content.text, message.device_name) for message in messages] == [
        ('ready', 'Robot')
    ]


def test_every_public_name_is_there() -> None:
    assert sorted(set(codec.__all__)) == sorted(codec.__all__)
    for name in codec.__all__:
        assert hasattr(codec, name)


def test_every_message_type_of_the_protocol_is_a_public_name() -> None:
    classes = {
        content_class
        for content_class in codec.MESSAGE_TYPES.values()
        if content_class.__module__.startswith('ros2_igtl.')
    }
    assert len(classes) > 70
    for content_class in classes:
        assert getattr(codec, content_class.__name__) is content_class


def test_a_stream_is_also_called_a_connection() -> None:
    assert codec.Connection is codec.Stream

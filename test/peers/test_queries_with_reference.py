# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Queries between the nodes and the reference implementation's programs, from mapping files."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import pytest
from rclpy.lifecycle import TransitionCallbackReturn

from helpers.outcomes import query_counts, received_by, sent_by
from helpers.reference_programs import ReferenceProgram, find_test_images, free_port
from helpers.ros_graph import Graph
from helpers.waiting import wait_until
from ros2_igtl.convert.conversions import CONVERSIONS, find_conversion, ros_type
from ros2_igtl.nodes.node import BridgeNode
from ros2_igtl.srv import Query

TRACKING_DATA = 'ros2_igtl/msg/TrackingData'
IMAGE_META = 'ros2_igtl/msg/ImageMetaArray'
LABEL_META = 'ros2_igtl/msg/LabelMetaArray'
POLY_DATA = 'ros2_igtl/msg/PolyData'


def needs(*type_names: str) -> pytest.MarkDecorator:
    known = {row.type_name for row in CONVERSIONS}
    missing = [type_name for type_name in type_names if type_name not in known]
    return pytest.mark.skipif(bool(missing), reason=f'the table has no row for {missing}')


def case(program: str, type_name: str, *values: Any) -> Any:
    return pytest.param(program, type_name, *values, id=program, marks=needs(type_name))


def mapping(tmp_path: Path, *rows: str) -> str:
    path = tmp_path / 'mapping.yaml'
    text = ''.join(f'      - {{{row}}}\n' for row in rows)
    path.write_text(f'version: 1\nconnections:\n  - mappings:\n{text}')
    return str(path)


def asked(device: str, type_name: str, more: str) -> str:
    return (
        f"igtl_device_name: '{device}', igtl_type_name: {type_name}, direction: IGTL_TO_ROS, "
        f'request: {more}'
    )


def given(device: str, type_name: str, ros_type_name: str) -> str:
    return (
        f'igtl_device_name: {device}, igtl_type_name: {type_name}, direction: ROS_TO_IGTL, '
        f'ros_topic_name: /given, ros_type_name: {ros_type_name}, on_request: true'
    )


def client_of(graph: Graph, port: int, config_file: str) -> BridgeNode:
    parameters = {'port': port, 'config_file': config_file, 'reconnect_initial_delay': 0.1}
    return graph.add_bridge('client', parameters)


# The node asks.


@pytest.mark.parametrize(
    ('program', 'type_name', 'causes'),
    [
        case('TrackingDataServer', 'TDATA', set()),
        # its quaternions are not of length 1
        case('QuaternionTrackingDataServer', 'QTDATA', {'quaternion_norm'}),
    ],
)
def test_a_tracker_streams_at_the_rate_it_is_asked_for_until_the_node_is_deactivated(
    graph: Graph, tmp_path: Path, program: str, type_name: str, causes: set[str]
) -> None:
    more = 'stream, resolution: 0.02, coordinate_name: Patient'
    config_file = mapping(tmp_path, asked('Tracker', type_name, more))
    port = free_port()
    topic = f'/bridge/{type_name.lower()}/Tracker'
    arrays = graph.subscribe(TRACKING_DATA, topic, depth=1000)
    with ReferenceProgram(program, port) as server:
        server.wait_until_listening(port)
        bridge = client_of(graph, port, config_file)
        server.wait_for_output(rf'Received a STT_{type_name} message\.')
        server.wait_for_output(r'Interval = 20 \(ms\)')
        outcomes = received_by(bridge.connections[0])
        wait_until(lambda: outcomes.received >= 20, 10.0, 'twenty cycles')
        assert outcomes.rejected.keys() == causes
        assert not outcomes.skipped
        wait_until(lambda: len(arrays) == outcomes.done, 10.0, 'what is published')
        names = {tuple(tool.name for tool in array.tools) for array in arrays}
        assert names <= {('Channel 0', 'Channel 1', 'Channel 2')}
        assert graph.call(bridge.trigger_deactivate) == TransitionCallbackReturn.SUCCESS
        server.wait_for_output(rf'Received a STP_{type_name} message\.')
        assert graph.call(bridge.trigger_activate) == TransitionCallbackReturn.SUCCESS
        outcomes = received_by(bridge.connections[0])
        wait_until(lambda: outcomes.received >= 20, 10.0, 'twenty more cycles')


@pytest.mark.parametrize(
    ('program', 'type_name', 'device', 'ros_type_name', 'field', 'expected'),
    [
        case(
            'ImageMetaServer',
            'IMGMETA',
            'Head',
            IMAGE_META,
            lambda message: [image.device_name for image in message.images],
            ['IMAGE_0', 'IMAGE_1', 'IMAGE_2'],
        ),
        case(
            'LabelMetaServer',
            'LBMETA',
            'MetaServer',
            LABEL_META,
            lambda message: [label.device_name for label in message.labels],
            ['LABEL_0', 'LABEL_1', 'LABEL_2'],
        ),
        case(
            'PolyDataServer',
            'POLYDATA',
            'Cube',
            POLY_DATA,
            lambda message: (len(message.points), len(message.polygons.indices)),
            (24, 24),
        ),
    ],
)  # fmt: skip
def test_a_server_that_waits_to_be_asked_is_asked(
    graph: Graph,
    tmp_path: Path,
    program: str,
    type_name: str,
    device: str,
    ros_type_name: str,
    field: Any,
    expected: Any,
) -> None:
    config_file = mapping(tmp_path, asked(device, type_name, 'once'))
    port = free_port()
    topic = f'/bridge/{type_name.lower()}/{device}'
    latched = find_conversion(type_name, ros_type_name).latched
    messages = graph.subscribe(ros_type_name, topic, latched=latched)
    with ReferenceProgram(program, port) as server:
        server.wait_until_listening(port)
        client_of(graph, port, config_file)
        wait_until(lambda: messages, 10.0, 'the answer')
    assert field(messages[0]) == expected


def test_a_database_gives_the_images_that_rows_and_users_ask_for(
    graph: Graph, tmp_path: Path
) -> None:
    folder = find_test_images()
    names = {'IMAGE_0': 2, 'IMAGE_1': 3, 'LABEL_1': 6}  # files of the server
    rows = [asked(name, 'IMAGE', 'once') for name in ('IMAGE_0', 'LABEL_1')]
    port = free_port()
    images = {
        name: graph.subscribe('sensor_msgs/msg/Image', f'/bridge/image/{name}') for name in names
    }
    with ReferenceProgram('ImageDatabaseServer', port, folder) as server:
        server.wait_until_listening(port)
        client_of(graph, port, mapping(tmp_path, *rows))
        wait_until(lambda: images['IMAGE_0'] and images['LABEL_1'], 10.0, 'the images of the rows')
        assert not images['IMAGE_1']
        client = graph.user.create_client(Query, '/bridge/query')
        wait_until(client.service_is_ready, 10.0, 'the service')

        def ask(device: str, **fields: Any) -> int:
            request = Query.Request(type_name='IMAGE', device_name=device, **fields)
            call = client.call_async(request)
            wait_until(call.done, 10.0, 'the response')
            return int(call.result().outcome)

        assert ask('IMAGE_1') == Query.Response.SUCCEEDED
        wait_until(lambda: images['IMAGE_1'], 10.0, 'the image of the user')
        # it says nothing where it has nothing
        assert ask('IMAGE_7', timeout=0.2) == Query.Response.TIMED_OUT
    for name, number in names.items():
        expected = (folder / f'igtlTestImage{number}.raw').read_bytes()
        assert bytes(images[name][0].data) == expected


@needs('IMGMETA', 'LBMETA')
def test_a_database_gives_its_tables_and_an_image_in_one_session(
    graph: Graph, tmp_path: Path
) -> None:
    rows = [
        asked('Images', 'IMGMETA', 'once'),
        asked('Labels', 'LBMETA', 'once'),
        asked('IMAGE_2', 'IMAGE', 'once'),
    ]
    port = free_port()
    tables = [
        graph.subscribe(IMAGE_META, '/bridge/imgmeta/Images', latched=True),
        graph.subscribe(LABEL_META, '/bridge/lbmeta/Labels', latched=True),
        graph.subscribe('sensor_msgs/msg/Image', '/bridge/image/IMAGE_2'),
    ]
    with ReferenceProgram('ImageDatabaseServer', port, find_test_images()) as server:
        server.wait_until_listening(port)
        client_of(graph, port, mapping(tmp_path, *rows))
        wait_until(lambda: all(tables), 10.0, 'all three')


# The node is asked.


def tracking() -> Any:
    tool = ros_type('ros2_igtl/msg/TrackedTool')(name='Needle', tool_type=2)
    tool.pose.position.x, tool.pose.orientation.w = 0.1, 1.0
    message = ros_type(TRACKING_DATA)(tools=[tool])
    message.header.frame_id = 'base'
    return message


@pytest.mark.parametrize(
    ('program', 'type_name', 'device', 'printed'),
    [
        case('TrackingDataClient', 'TDATA', 'TDataClient', '1, 0, 0, 100\n0, 1, 0, 0\n0, 0, 1, 0'),
        case('QuaternionTrackingDataClient', 'QTDATA', 'QTDataClient', 'Position   : 100, 0, 0'),
    ],
)
def test_a_tracking_client_is_served_until_it_stops(
    graph: Graph, tmp_path: Path, program: str, type_name: str, device: str, printed: str
) -> None:
    config_file = mapping(tmp_path, given(device, type_name, TRACKING_DATA))
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': config_file})
    port = bridge.get_parameter('actual_port').value
    publisher = graph.publisher(TRACKING_DATA, '/given')
    sent = sent_by(bridge.connections[0])
    with ReferenceProgram(program, '127.0.0.1', port, 100) as client:
        client.wait_for_output(rf'Receiving : RTS_{type_name}')

        def stopped() -> bool:
            publisher.publish(tracking())
            return f'Sending STP_{type_name} message' in client.output

        wait_until(stopped, 20.0, 'the client to have enough')
        client.wait_for_output(printed)
        client.wait_for_output('Name       : Needle')
        before = sent.skipped['not_asked_for']

        def unasked() -> bool:
            publisher.publish(tracking())
            return sent.skipped['not_asked_for'] > before + 5

        wait_until(unasked, 10.0, 'the node to send no more')
        assert sent.done >= 9


def image_meta() -> Any:
    image = ros_type('ros2_igtl/msg/ImageMeta')(
        name='Head', device_name='CT_7', modality='CT', size=[256, 256, 3], scalar_type=5
    )
    return ros_type(IMAGE_META)(images=[image])


def label_meta() -> Any:
    label = ros_type('ros2_igtl/msg/LabelMeta')(
        name='Tumour', device_name='SEG_7', label=3, size=[9, 8, 7], owner='CT_7'
    )
    return ros_type(LABEL_META)(labels=[label])


def poly_data() -> Any:
    cells = ros_type('ros2_igtl/msg/PolyDataCells')
    return ros_type(POLY_DATA)(
        points=array('d', (0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.2, 0.0)),
        polygons=cells(offsets=array('I', (0, 3)), indices=array('I', (0, 1, 2))),
    )


@pytest.mark.parametrize(
    ('program', 'type_name', 'ros_type_name', 'make', 'printed'),
    [
        case('ImageMetaClient', 'IMGMETA', IMAGE_META, image_meta, 'DeviceName : CT_7'),
        case('LabelMetaClient', 'LBMETA', LABEL_META, label_meta, 'SEG_7'),
        case('PolyDataClient', 'POLYDATA', POLY_DATA, poly_data, r'point\[2\] = \(0, 200, 0\)'),
    ],
)
def test_a_client_that_asks_gets_what_ros_published_last(
    graph: Graph,
    tmp_path: Path,
    program: str,
    type_name: str,
    ros_type_name: str,
    make: Any,
    printed: str,
) -> None:
    # the clients ask under a name of their own, and take nothing that they have not asked for
    config_file = mapping(tmp_path, given('Client', type_name, ros_type_name))
    bridge = graph.add_bridge('server', {'port': 0, 'config_file': config_file})
    port = bridge.get_parameter('actual_port').value
    graph.publisher(ros_type_name, '/given').publish(make())
    connection = bridge.connections[0]
    wait_until(lambda: sent_by(connection).received == 1, 10.0, 'the message of ROS')
    with ReferenceProgram(program, '127.0.0.1', port) as client:
        client.wait_for_output(printed)
        wait_until(lambda: query_counts(connection).get('answered', 0) >= 3, 10.0, 'three answers')
        assert 'Invalid response' not in client.output
    assert 'refused' not in query_counts(connection)

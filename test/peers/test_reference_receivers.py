# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is packed here is what the reference implementation prints; it checks every CRC.

The numbers have at most six digits, which is what it prints.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from helpers.reference_programs import (
    ReferenceProgram,
    build_reference_programs,
    connected_program,
)
from ros2_igtl import codec
from ros2_igtl.sim import Imager, Simulation, Tracker, VolumeImager

# the first test waits for the compiler
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope='module', autouse=True)
def _programs() -> None:
    """Compile all at once, which is quicker than one by one."""
    build_reference_programs(
        *('ImageMetaClient', 'LabelMetaClient', 'PolyDataClient', 'QuaternionTrackingDataClient'),
        *('ReceiveClient', 'ReceiveServer', 'TrackingDataClient'),
    )


def printed_fields(output: str) -> list[Any]:
    """
    Return headings, labels with their values and rows of numbers, in the order of the printout.

    A number is a float and several of them are a list; any other value is a text.
    """
    fields: list[Any] = []
    for line in output.splitlines():
        heading = re.fullmatch(r' *([=-])\1{4,}(?: (.+) \1{5,})?', line)
        labelled = re.fullmatch(r' *([A-Za-z][^:=]*?) *[:=] *(.*)', line)
        if heading:
            fields += [heading[2]] if heading[2] else []
        elif labelled:
            fields.append((labelled[1], printed_value(labelled[2])))
        elif line:
            fields.append(printed_value(line))
    return fields


def printed_value(text: str) -> Any:
    try:
        numbers = [float(number) for number in text.strip('() ').split(',')]
    except ValueError:
        return text
    return numbers if len(numbers) > 1 else numbers[0]


# Different numbers all over, as three rows of four
ROWS = [[0.5, -1.25, 2.0, 100.0], [1.5, 0.25, -3.0, -20.5], [-2.5, 4.0, 0.75, 3.25]]
OTHER_ROWS = [[7.0, 8.0, 9.0, 10.0], [11.0, 12.0, 13.0, 14.0], [15.0, 16.0, 17.0, 18.0]]
LAST_ROW = [0.0, 0.0, 0.0, 1.0]

TRACKING_DATA = codec.TrackingData.from_tools(
    [
        ('Probe', codec.ToolType.INSTRUMENT_6D, ROWS),
        ('Needle', codec.ToolType.INSTRUMENT_5D, OTHER_ROWS),
    ]
)
TRACKING_DATA_FIELDS = [
    *('Element #0', ('Name', 'Probe'), ('Type', 2.0), ('Matrix', ''), *ROWS, LAST_ROW),
    *('Element #1', ('Name', 'Needle'), ('Type', 4.0), ('Matrix', ''), *OTHER_ROWS, LAST_ROW),
]
QUATERNION_TRACKING_DATA = codec.QuaternionTrackingData.from_tools(
    [
        ('Probe', codec.ToolType.TRACKER, [1.5, -2.5, 3.5], [0.25, -0.5, 0.75, 0.125]),
        ('Needle', codec.ToolType.INSTRUMENT_3D, [4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0]),
    ]
)
QUATERNION_TRACKING_DATA_FIELDS = [
    'Element #0',
    ('Name', 'Probe'),
    ('Type', 1.0),
    ('Position', [1.5, -2.5, 3.5]),
    ('Quaternion', [0.25, -0.5, 0.75, 0.125]),
    'Element #1',
    ('Name', 'Needle'),
    ('Type', 3.0),
    ('Position', [4.0, 5.0, 6.0]),
    ('Quaternion', [7.0, 8.0, 9.0, 10.0]),
]

BOTH = ('ReceiveServer', 'ReceiveClient')
# A content, what is printed of it, and by which of the two; the other one skips it.
CASES: list[tuple[codec.Content, list[Any], tuple[str, ...]]] = [
    (codec.Transform.from_matrix(np.array([*ROWS, LAST_ROW])), [*ROWS, LAST_ROW], BOTH),
    (
        codec.Position(1.5, -2.5, 3.5, 0.25, -0.5, 0.75, 0.125),
        [('position', [1.5, -2.5, 3.5]), ('quaternion', [0.25, -0.5, 0.75, 0.125])],
        BOTH,
    ),
    *(
        (
            codec.Image.from_pixels(
                np.arange(24).reshape(2, 3, 4).astype(dtype),
                axes=(0.3, 0.4, 0.0, -1.0, 0.75, 0.0, 0.0, 1.25, -3.0),
            ),
            [
                ('Device Name', 'ToReference'),
                ('Scalar Type', number),
                ('Dimensions', [4.0, 3.0, 2.0]),
                ('Spacing', [0.5, 1.25, 3.25]),
                ('Sub-Volume dimensions', [4.0, 3.0, 2.0]),
                ('Sub-Volume offset', [0.0, 0.0, 0.0]),
            ],
            BOTH,
        )
        for dtype, number in [
            *(('i1', 2), ('u1', 3), ('<i2', 4), ('<u2', 5)),
            *(('<i4', 6), ('<u4', 7), ('<f4', 10), ('<f8', 11)),
        ]
    ),
    (
        codec.Image(bytes(24), (9, 8, 7), offset=(3, 2, 1), sub_size=(4, 3, 2)),
        [
            ('Device Name', 'ToReference'),
            ('Scalar Type', 3.0),
            ('Dimensions', [9.0, 8.0, 7.0]),
            ('Spacing', [1.0, 1.0, 1.0]),
            ('Sub-Volume dimensions', [4.0, 3.0, 2.0]),
            ('Sub-Volume offset', [3.0, 2.0, 1.0]),
        ],
        BOTH,
    ),
    (
        codec.Status(codec.StatusCode.DISABLED, -(2**40), 'ACTUATOR', 'a wire is loose'),
        [
            'STATUS',
            ('Code', 15.0),
            ('SubCode', -(2.0**40)),
            ('Error Name', 'ACTUATOR'),
            ('Status', 'a wire is loose'),
        ],
        BOTH,
    ),
    (
        codec.Point.from_points(
            [
                {
                    'name': 'Target',
                    'group': 'Plan',
                    'rgba': (1, 2, 3, 4),
                    'position': (10.5, -20.25, 30.125),
                    'size': 2.5,
                    'owner': 'CT',
                },
                {'name': 'Entry', 'rgba': (255, 254, 253, 252), 'position': (0, 0, 1)},
            ]
        ),
        [
            'Element #0',
            ('Name', 'Target'),
            ('GroupName', 'Plan'),
            ('RGBA', [1.0, 2.0, 3.0, 4.0]),
            ('Position', [10.5, -20.25, 30.125]),
            ('Radius', 2.5),
            ('Owner', 'CT'),
            'Element #1',
            ('Name', 'Entry'),
            ('GroupName', ''),
            ('RGBA', [255.0, 254.0, 253.0, 252.0]),
            ('Position', [0.0, 0.0, 1.0]),
            ('Radius', 0.0),
            ('Owner', ''),
        ],
        BOTH,
    ),
    (
        codec.Trajectory.from_trajectories(
            [
                {
                    'name': 'Path',
                    'group': 'Plan',
                    'trajectory_type': codec.TrajectoryType.ENTRY_TARGET,
                    'rgba': (5, 6, 7, 8),
                    'entry': (1.5, -2.5, 3.5),
                    'target': (-4.0, 5.0, -6.0),
                    'size': 0.5,
                    'owner': 'MR',
                },
                {'name': 'Detour', 'target': (7, 8, 9)},
            ]
        ),
        [
            'Element #0',
            ('Name', 'Path'),
            ('GroupName', 'Plan'),
            ('RGBA', [5.0, 6.0, 7.0, 8.0]),
            ('Entry Pt', [1.5, -2.5, 3.5]),
            ('Target Pt', [-4.0, 5.0, -6.0]),
            ('Radius', 0.5),
            ('Owner', 'MR'),
            'Element #1',
            ('Name', 'Detour'),
            ('GroupName', ''),
            ('RGBA', [0.0, 0.0, 0.0, 0.0]),
            ('Entry Pt', [0.0, 0.0, 0.0]),
            ('Target Pt', [7.0, 8.0, 9.0]),
            ('Radius', 0.0),
            ('Owner', ''),
        ],
        BOTH,
    ),
    (codec.String('bring the needle'), [('Encoding', '3; String: bring the needle')], BOTH),
    (codec.String('Grüße'), [('Encoding', '106; String: Grüße')], BOTH),
    (codec.String('x' * 65535, 4), [('Encoding', '4; String: ' + 'x' * 65535)], BOTH),
    (
        codec.Capability(('TRANSFORM', 'GET_POLYDATA')),
        [('Typename #0', 'TRANSFORM'), ('Typename #1', 'GET_POLYDATA')],
        BOTH,
    ),
    (TRACKING_DATA, TRACKING_DATA_FIELDS, ('ReceiveClient',)),
    (QUATERNION_TRACKING_DATA, QUATERNION_TRACKING_DATA_FIELDS, ('ReceiveClient',)),
    (
        codec.Bind(
            (
                codec.Message(codec.String('odd'), 'Text'),  # 7 bytes and one of padding
                codec.Message(codec.Sensor([1.0]), 'a type that it skips'),
                codec.Message(codec.Transform.from_matrix(ROWS), 'Probe'),
            )
        ),
        [
            ('Message type', 'STRING'),
            ('Message name', 'Text'),
            ('Encoding', '3; String: odd'),
            ('Message type', 'TRANSFORM'),
            ('Message name', 'Probe'),
            *ROWS,
            LAST_ROW,
        ],
        ('ReceiveServer',),
    ),
    *(
        (content, [], ())
        for content in (
            codec.Sensor([1.0, 2.0], 'mm'),
            codec.NDArray(np.zeros((2, 3), 'u1')),
            codec.ColorTable(np.zeros(256, 'u1')),
            codec.ImageMeta.from_images([{'name': 'Head'}]),
            codec.LabelMeta.from_labels([{'name': 'Bone'}]),
            codec.PolyData([[1.0, 2.0, 3.0]]),
            codec.GetPolyData(),
            codec.TrackingDataReply(1),
            codec.Unknown('NEW', b'abc'),
        )
    ),
]
SECONDS = 1_234_567_890


def sent(index: int, content: codec.Content) -> bytes:
    """Return a message with a time stamp of its own, which ends with half a second."""
    timestamp = codec.timestamp.from_nanoseconds((SECONDS + index) * 10**9 + 500_000_000)
    return codec.pack(codec.Message(content, 'ToReference', timestamp))


@pytest.mark.parametrize('receiver', BOTH)
def test_receivers_print_every_field_and_stay_in_step(receiver: str) -> None:
    with connected_program(receiver) as (program, peer):
        for index, (content, _, _) in enumerate(CASES):
            peer.send(sent(index, content))
        peer.send(sent(len(CASES), codec.String('the end')))
        program.wait_for_output('String: the end')
        sections = program.output.split('Time stamp: ')[1:]
    assert len(sections) == len(CASES) + 1
    for index, (content, expected, receivers) in enumerate(CASES):
        time_s, *fields = printed_fields(sections[index])
        assert time_s == SECONDS + index + 0.5
        type_name = {'TRAJ': 'TRAJECTORY'}.get(content.type_name, content.type_name)
        if receiver in receivers:
            assert fields == [f'Receiving {type_name} data type.', *expected]
        else:
            size = len(sent(index, content)) - codec.HEADER_SIZE
            said_size = [('Size', float(size))] if receiver == 'ReceiveServer' else []
            assert fields == [('Receiving', type_name), *said_size]


@pytest.mark.parametrize('receiver', BOTH)
def test_receivers_ignore_a_message_whose_crc_is_wrong(receiver: str) -> None:
    with connected_program(receiver) as (program, peer):
        data = bytearray(sent(0, codec.Transform.from_matrix(ROWS)))
        data[-1] ^= 1
        peer.send(bytes(data))
        peer.send(sent(1, codec.String('after it')))
        program.wait_for_output('String: after it')
        first, _ = program.output.split('Time stamp: ')[1:]
    assert printed_fields(first)[1:] == ['Receiving TRANSFORM data type.']


def answered(receiver: str, content: codec.Content, *, ends: int) -> list[Any]:
    """
    Return what a program prints of the answer to its query.

    :param ends: how often it prints the line that ends a part.
    """
    with connected_program(receiver) as (program, peer):
        query = codec.unpack(peer.receive_message())
        peer.send(codec.pack(codec.Message(content, query.device_name)))
        program.wait_for_output(f'(?s)(?:={{32}}\n.*){{{ends}}}')
        return printed_fields(program.output)


def test_poly_data_client_prints_points_cells_and_attributes() -> None:
    kinds = codec.AttributeType
    mesh = codec.PolyData(
        [[0.5, -1.5, 2.5], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0], [9.0, 10.0, 11.0]],
        vertices=[[0], [3, 1]],
        lines=[[0, 1], [1, 2, 3]],
        polygons=[[0, 1, 2], [3, 2, 1, 0]],
        triangle_strips=[[2, 1, 0, 3]],
        attributes=[
            codec.Attribute(kinds.POINT_SCALARS, 'weight', [[0.5, 1.5], [2.5, 3.5]]),
            codec.Attribute(kinds.POINT_VECTORS, 'flow', [[1.0, 2.0, 3.0]]),
            codec.Attribute(kinds.POINT_NORMALS, 'normal', [[0.0, 0.0, -1.0]]),
            codec.Attribute(kinds.POINT_TENSORS, 'strain', np.arange(18.0).reshape(2, 9)),
            codec.Attribute(kinds.CELL_TENSORS, 'stress', np.arange(9.0).reshape(1, 9)),
        ],
    )
    assert answered('PolyDataClient', mesh, ends=1) == [
        'Receiving POLYDATA data type.',
        'PolyData Contents',
        'Points',
        ('point[0]', [0.5, -1.5, 2.5]),
        ('point[1]', [3.0, 4.0, 5.0]),
        ('point[2]', [6.0, 7.0, 8.0]),
        ('point[3]', [9.0, 10.0, 11.0]),
        # the program prints the first point of a cell twice
        'Vertices',
        ('cell[0]', [0.0, 0.0]),
        ('cell[1]', [3.0, 3.0, 1.0]),
        'Lines',
        ('cell[0]', [0.0, 0.0, 1.0]),
        ('cell[1]', [1.0, 1.0, 2.0, 3.0]),
        'Polygons',
        ('cell[0]', [0.0, 0.0, 1.0, 2.0]),
        ('cell[1]', [3.0, 3.0, 2.0, 1.0, 0.0]),
        'TriangleStrips',
        ('cell[0]', [2.0, 2.0, 1.0, 0.0, 3.0]),
        *('Attributes #0', ('Name', 'weight'), ('Type', 'POINT_SCALAR')),
        *(('data[0]', [0.5, 1.5]), ('data[1]', [2.5, 3.5])),
        *('Attributes #1', ('Name', 'flow'), ('Type', 'POINT_VECTOR')),
        ('data[0]', [1.0, 2.0, 3.0]),
        *('Attributes #2', ('Name', 'normal'), ('Type', 'POINT_NORMAL')),
        ('data[0]', [0.0, 0.0, -1.0]),
        *('Attributes #3', ('Name', 'strain'), ('Type', 'POINT_TENSOR')),
        *(('data[0]', [*map(float, range(9))]), ('data[1]', [*map(float, range(9, 18))])),
        *('Attributes #4', ('Name', 'stress'), ('Type', 'CELL_TENSOR')),
        ('data[0]', [*map(float, range(9))]),
    ]


def test_image_meta_client_prints_every_field() -> None:
    images = [
        {
            'name': 'Head',
            'device_name': 'CT_1',
            'modality': 'CT',
            'patient_name': 'Anyone',
            'patient_id': 'P-7',
            'timestamp': codec.timestamp.from_nanoseconds(1_291_739_370_250_000_000),
            'size': (512, 511, 64),
            'scalar_type': codec.ScalarType.UINT16,
        },
        {'name': 'Knee', 'timestamp': 3 << 31, 'scalar_type': codec.ScalarType.FLOAT64},
    ]
    assert answered('ImageMetaClient', codec.ImageMeta.from_images(images), ends=2) == [
        'Receiving IMGMETA data type.',
        'Element #0',
        ('Name', 'Head'),
        ('DeviceName', 'CT_1'),
        ('Modality', 'CT'),
        ('PatientName', 'Anyone'),
        ('PatientID', 'P-7'),
        ('TimeStamp', 1291739370.25),
        ('Size', [512.0, 511.0, 64.0]),
        ('ScalarType', 5.0),
        'Element #1',
        ('Name', 'Knee'),
        *(('DeviceName', ''), ('Modality', ''), ('PatientName', ''), ('PatientID', '')),
        ('TimeStamp', 1.5),
        ('Size', [0.0, 0.0, 0.0]),
        ('ScalarType', 11.0),
    ]


def test_label_meta_client_prints_every_field() -> None:
    labels = [
        {
            'name': 'Bone',
            'device_name': 'LABELS',
            'label': 200,
            'rgba': (255, 2, 3, 4),
            'size': (10, 20, 30),
            'owner': 'CT_1',
        },
        {'name': 'Vessel', 'label': 1},
    ]
    assert answered('LabelMetaClient', codec.LabelMeta.from_labels(labels), ends=2) == [
        'Receiving LBMETA data type.',
        'Element #0',
        ('Name', 'Bone'),
        ('DeviceName', 'LABELS'),
        ('Label', 200.0),
        ('RGBA', [255.0, 2.0, 3.0, 4.0]),
        ('Size', [10.0, 20.0, 30.0]),
        ('Owner', 'CT_1'),
        'Element #1',
        ('Name', 'Vessel'),
        ('DeviceName', ''),
        ('Label', 1.0),
        ('RGBA', [0.0, 0.0, 0.0, 0.0]),
        ('Size', [0.0, 0.0, 0.0]),
        ('Owner', ''),
    ]


@pytest.mark.parametrize(
    ('receiver', 'reply', 'content', 'expected', 'stop'),
    [
        (
            'TrackingDataClient',
            codec.TrackingDataReply(),
            TRACKING_DATA,
            TRACKING_DATA_FIELDS,
            codec.StopTrackingData(),
        ),
        (
            'QuaternionTrackingDataClient',
            codec.QuaternionTrackingDataReply(),
            QUATERNION_TRACKING_DATA,
            QUATERNION_TRACKING_DATA_FIELDS,
            codec.StopQuaternionTrackingData(),
        ),
    ],
)
def test_tracking_data_clients_skip_a_reply_print_the_tools_and_stop_after_ten(
    receiver: str,
    reply: codec.Content,
    content: codec.Content,
    expected: list[Any],
    stop: codec.Content,
) -> None:
    with connected_program(receiver, 50) as (program, peer):
        start = codec.unpack(peer.receive_message()).content
        for answer in (reply, *[content] * 9):
            peer.send(codec.pack(codec.Message(answer, 'Tracker')))
        program.wait_for_output(f'Sending {stop.type_name} message')
        assert codec.unpack(peer.receive_message()).content == stop
        fields = printed_fields(program.output)
    assert fields == [
        f'Sending {start.type_name} message.....',
        ('Receiving', reply.type_name),
        *[f'Receiving {content.type_name} data type.', *expected] * 9,
        f'Sending {stop.type_name} message.....',
    ]


def test_receive_client_prints_the_transforms_of_the_simulated_tracker() -> None:
    with (
        Simulation(Tracker(('Probe',)), 50.0) as simulation,
        ReferenceProgram('ReceiveClient', '127.0.0.1', simulation.port) as client,
    ):
        # a matrix is printed if the CRC is right
        client.wait_for_output('([^R]*Receiving TRANSFORM data type[^R]*0, 0, 0, 1){20}')
    # a time stamp of this decade, with its fraction
    assert re.search(r'Time stamp: 1[7-9]\d{8}\.\d{9}\n', client.output)


def test_receive_client_prints_the_tools_of_the_simulated_tracker() -> None:
    with (
        Simulation(Tracker(('Probe', 'Needle'), tdata=True), 50.0) as simulation,
        ReferenceProgram('ReceiveClient', '127.0.0.1', simulation.port) as client,
    ):
        client.wait_for_output(
            '(?s)Element #0.* Name       : Probe\n Type       : 2\n'
            '.*Element #1.* Name       : Needle\n Type       : 2\n'
        )


@pytest.mark.parametrize(
    ('source', 'scalar_type', 'dimensions', 'spacing'),
    [
        (Imager(), 3, '(256, 256, 1)', '(1, 1, 1)'),
        (VolumeImager(), 5, '(96, 112, 96)', '(2, 2, 2)'),
    ],
)
def test_receive_client_prints_the_images_of_the_simulated_imagers(
    source: Imager | VolumeImager, scalar_type: int, dimensions: str, spacing: str
) -> None:
    with (
        Simulation(source, 20.0) as simulation,
        ReferenceProgram('ReceiveClient', '127.0.0.1', simulation.port) as client,
    ):
        client.wait_for_output(
            re.escape(
                f'Device Name           : {source.device_name}\n'
                f'Scalar Type           : {scalar_type}\n'
                f'Dimensions            : {dimensions}\n'
                f'Spacing               : {spacing}\n'
                f'Sub-Volume dimensions : {dimensions}\n'
                'Sub-Volume offset     : (0, 0, 0)\n'
            )
        )

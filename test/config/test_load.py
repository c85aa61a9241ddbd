# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Mapping files to Config or to lines of problems; the parts are tested beside this file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ros2_igtl import config
from ros2_igtl.config import load, row, tf
from ros2_igtl.config.registration import REGISTRATION_KEYS

ROOT = Path(__file__).parents[2]

BOTH = {'IGTL_TO_ROS', 'ROS_TO_IGTL'}
PAIRS = {
    ('TRANSFORM', 'geometry_msgs/msg/TransformStamped'): BOTH,
    ('TRANSFORM', 'geometry_msgs/msg/PoseStamped'): BOTH,
    ('TDATA', 'ros2_igtl/msg/TrackingData'): BOTH,
    ('IMAGE', 'ros2_igtl/msg/ImageGeometry'): {'IGTL_TO_ROS'},
    ('IMU', 'sensor_msgs/msg/Imu'): BOTH,
    ('STATUS', 'diagnostic_msgs/msg/DiagnosticStatus'): {'IGTL_TO_ROS'},
    ('IMAGE', 'sensor_msgs/msg/PointCloud2'): {'IGTL_TO_ROS', 'threshold'},
    (config.ANY_OTHER_TYPE, 'ros2_igtl/msg/RawMessage'): BOTH,
    ('BIND', 'ros2_igtl/msg/RawMessage'): {'ROS_TO_IGTL'},
}
REQUESTS = {
    'TRANSFORM': {'once', 'stream'},
    'TDATA': {'once', 'stream', 'resolution', 'coordinate_name'},
    'IMAGE': {'stream'},
    'STATUS': {'once'},
}


def read(
    text: str, pairs: config.Pairs | None = PAIRS, requests: config.Requests | None = REQUESTS
) -> config.Config:
    return config.parse_config(text.encode(), 'f', pairs, requests)


def problems_of(text: str) -> list[str]:
    with pytest.raises(config.ConfigError) as refusal:
        read(text)
    return str(refusal.value).splitlines()


def refused(name: str) -> list[tuple[str, list[str]]]:
    """Return what a list of refusals beside this file holds: texts, and what is told of each."""
    cases = []
    for case in (Path(__file__).parent / name).read_text().split('\n\n')[1:]:
        lines = case.splitlines()
        text = ''.join(
            f'{line[1:]}\n' if line.startswith('|') else f'  - {{{line}}}\n'
            for line in lines
            if not line.startswith('    ')
        )
        cases.append((text, [line.strip() for line in lines if line.startswith('    ')]))
    return cases


def assert_problems(text: str, expected: list[str]) -> None:
    found = problems_of(text)
    short = [
        line.removeprefix('f:')
        .replace('connections[0].mappings[', 'rows[')
        .replace('connections[0]', 'connection')
        for line in found
    ]
    for at, line in enumerate(expected[: len(short)]):
        if line.endswith(' ...'):
            short[at] = short[at][: len(line) - 3] + '...'
    assert short == expected


@pytest.mark.parametrize('direction', ['IGTL_TO_ROS', 'ROS_TO_IGTL'])
def test_a_type_that_nobody_knows_can_be_had_as_its_bytes(direction: str) -> None:
    row = (
        f'{{direction: {direction}, igtl_device_name: A, igtl_type_name: NEWTYPE, '
        'ros_topic_name: a, ros_type_name: ros2_igtl/msg/RawMessage}'
    )
    read_config = read(f'version: 1\nconnections:\n- mappings:\n  - {row}\n')
    assert read_config.connections[0].mappings[0].igtl_type_name == 'NEWTYPE'


@pytest.mark.parametrize(('text', 'expected'), refused('refused_files.txt'))
def test_a_wrong_file_is_refused_line_by_line(text: str, expected: list[str]) -> None:
    assert_problems(text, expected)


@pytest.mark.parametrize(('connection', 'expected'), refused('refused_connections.txt'))
def test_a_wrong_connection_is_refused_line_by_line(connection: str, expected: list[str]) -> None:
    assert_problems(f'version: 1\nconnections:\n{connection}', expected)


@pytest.mark.parametrize(('rows', 'expected'), refused('refused_rows.txt'))
def test_a_wrong_row_is_refused_line_by_line(rows: str, expected: list[str]) -> None:
    assert_problems(f'version: 1\nconnections:\n- mappings:\n{rows}', expected)


EVERYTHING = """\
version: 1
connections:
  - name: plus
    mode: client
    address: ::1
    port: 18944
    auto_inbound: false
    header_version: 2
    time_offset: -1
    send_timeout: 1.5
    crc_policy: warn
    device_whitelist: ['Probe.*', Stylus]
    mappings:
      - igtl_device_name: ProbeToTracker
        igtl_type_name: TRANSFORM
        ros_topic_name: ~/probe/pose
        ros_type_name: geometry_msgs/msg/PoseStamped
        direction: IGTL_TO_ROS
        frame_id: Tracker
        child_frame_id: Probe
        publish_tf: false
        stale_timeout: 0
        rate_limit: 50
        qos: {reliability: best_effort, durability: volatile, history: keep_last, depth: 5}
      - {igtl_device_regex: '(?i)tool[0-9]+', igtl_type_name: IMAGE, direction: IGTL_TO_ROS}
      - {igtl_device_name: '', igtl_type_name: VIDEO, direction: IGTL_TO_ROS, skip: true}
      - igtl_device_name: Robot
        igtl_type_name: TRANSFORM
        direction: ROS_TO_IGTL
        ros_topic_name: /robot
        ros_type_name: geometry_msgs/msg/TransformStamped
        qos: {history: keep_all}
      - igtl_device_name: ToolToBase
        igtl_type_name: TRANSFORM
        direction: ROS_TO_IGTL
        tf: {rate: 20, parent_frame_id: base, child_frame_id: tool}
        on_request: true
      - igtl_device_name: Tools
        igtl_type_name: TDATA
        direction: ROS_TO_IGTL
        stale_timeout: 2
        tf:
          rate: 0.5
          tools:
            - {name: a, parent_frame_id: base, child_frame_id: a}
            - {name: b, parent_frame_id: base, child_frame_id: b}
      - igtl_device_name: ''
        igtl_type_name: TDATA
        direction: IGTL_TO_ROS
        request: stream
        resolution: 0.05
        coordinate_name: Patient
      - {igtl_device_name: State, igtl_type_name: STATUS, direction: IGTL_TO_ROS, request: once}
      - igtl_device_name: CT
        igtl_type_name: IMAGE
        direction: IGTL_TO_ROS
        ros_type_name: sensor_msgs/msg/PointCloud2
        threshold: -200.5
  - name: scanner
    mode: server
    address: 0.0.0.0
    port: 0
    allowed_peers: [192.168.0.0/24, fe80::/10]
    max_clients: 2
    tls: true
    certfile: server.crt
    cafile: /etc/ssl/ca.pem
    tls_client_auth: none
    auto_outbound: ['/robot/.*', /text]
    command_dialect: string
    commands:
      - {igtl_command_name: Start, ros_service_name: ~/start, timeout: 30}
      - igtl_command_regex: 'Needle.*'
        ros_service_name: /needle
registration:
  - parent_frame_id: patient_ras
    child_frame_id: Tracker
    translation: [0.1, 0, 0]
    rotation: [0, 0, 0, 1]
"""


def test_every_key_of_a_right_file_arrives() -> None:
    plus, scanner = read(EVERYTHING).connections
    assert read(EVERYTHING).registration == (
        config.RegistrationConfig(
            'patient_ras', 'Tracker', (0.1, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), 76
        ),
    )
    pose, images, skipped, robot, looked_up, tools, stream, once, cloud = plus.mappings
    assert plus == config.ConnectionConfig(
        line=3,
        name='plus',
        mode='client',
        address='::1',
        port=18944,
        auto_inbound=False,
        options={
            'header_version': 2,
            'time_offset': -1.0,
            'send_timeout': 1.5,
            'crc_policy': 'warn',
            'device_whitelist': ('Probe.*', 'Stylus'),
        },
        mappings=plus.mappings,
    )
    assert scanner == config.ConnectionConfig(
        line=59,
        name='scanner',
        mode='server',
        address='0.0.0.0',
        port=0,
        options={
            'allowed_peers': ('192.168.0.0/24', 'fe80::/10'),
            'max_clients': 2,
            'tls': True,
            'certfile': 'server.crt',
            'cafile': '/etc/ssl/ca.pem',
            'tls_client_auth': 'none',
            'auto_outbound': ('/robot/.*', '/text'),
        },
        command_dialect='string',
        commands=(
            config.CommandRow('~/start', 72, igtl_command_name='Start', timeout=30.0),
            config.CommandRow('/needle', 73, igtl_command_regex=re.compile('Needle.*')),
        ),
    )
    assert pose == config.MappingRow(
        igtl_type_name='TRANSFORM',
        direction='IGTL_TO_ROS',
        line=14,
        igtl_device_name='ProbeToTracker',
        ros_topic_name='~/probe/pose',
        ros_type_name='geometry_msgs/msg/PoseStamped',
        frame_id='Tracker',
        child_frame_id='Probe',
        publish_tf=False,
        stale_timeout=0.0,
        rate_limit=50.0,
        qos={
            'reliability': 'best_effort',
            'durability': 'volatile',
            'history': 'keep_last',
            'depth': 5,
        },
    )
    assert images == config.MappingRow(
        igtl_type_name='IMAGE',
        direction='IGTL_TO_ROS',
        line=25,
        igtl_device_regex=re.compile('(?i)tool[0-9]+'),
    )
    assert skipped == config.MappingRow(
        igtl_type_name='VIDEO',
        direction='IGTL_TO_ROS',
        line=26,
        igtl_device_name='',
        skip=True,
    )
    assert robot == config.MappingRow(
        igtl_type_name='TRANSFORM',
        direction='ROS_TO_IGTL',
        line=27,
        igtl_device_name='Robot',
        ros_topic_name='/robot',
        ros_type_name='geometry_msgs/msg/TransformStamped',
        qos={'history': 'keep_all'},
    )
    assert looked_up.tf == config.TfLookup(20.0, 'base', 'tool')
    assert (looked_up.on_request, tools.on_request) == (True, False)
    assert (stream.request, stream.resolution, stream.coordinate_name) == (
        'stream',
        0.05,
        'Patient',
    )
    assert (once.request, once.resolution, once.coordinate_name) == ('once', None, None)
    assert (cloud.threshold, once.threshold) == (-200.5, None)
    assert tools.stale_timeout == 2.0
    assert tools.tf == config.TfLookup(
        0.5, tools=(config.TfTool('a', 'base', 'a'), config.TfTool('b', 'base', 'b'))
    )


def test_a_chain_is_sent_at_a_rate_or_with_each_joint_state() -> None:
    row = 'igtl_device_name: Robot, igtl_type_name: TDATA, direction: ROS_TO_IGTL, tf'
    lookups = [
        read(f'version: 1\nconnections: [{{mappings: [{{{row}: {{{tf}}}}}]}}]').connections[0]
        for tf in (
            'rate: 50, parent_frame_id: base_link, chain: tool0',
            'joint_states: /arm/joint_states, parent_frame_id: base_link, chain: tool0',
        )
    ]
    assert [connection.mappings[0].tf for connection in lookups] == [
        config.TfLookup(50.0, 'base_link', chain='tool0'),
        config.TfLookup(None, 'base_link', chain='tool0', joint_states='/arm/joint_states'),
    ]


def test_what_is_not_said_is_left_to_the_node() -> None:
    assert read('version: 1\nconnections: [{}]') == config.Config(
        (config.ConnectionConfig(line=2, options={}, mappings=()),)
    )


def test_any_pair_of_types_is_taken_when_none_are_given() -> None:
    text = EVERYTHING.replace('igtl_type_name: TRANSFORM', 'igtl_type_name: NEW_TYPE')
    assert read(text, None, None).connections[0].mappings[0].igtl_type_name == 'NEW_TYPE'


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text(EVERYTHING)
    assert config.load_config(str(path), PAIRS, REQUESTS) == read(EVERYTHING)


def test_a_problem_names_the_file_it_was_read_from(tmp_path: Path) -> None:
    path = tmp_path / 'mapping.yaml'
    path.write_text('version: 3\n')
    with pytest.raises(config.ConfigError, match=re.escape(f'{path}:1: version: is 3')):
        config.load_config(str(path))


def _mutated(base: str) -> st.SearchStrategy[str]:
    """Return the text with up to 5 pieces cut out, doubled or replaced."""
    piece = st.one_of(
        st.sampled_from(['&a ', '*a', '!', '!!int ', '|\n', '? ', ': ', '- ', '[', ']', '{', '}']),
        st.sampled_from(
            [',', '"', "'", '\\U99999999', '\t', '\r', '#', '---\n', '<<: ', '~', '.nan']
        ),
        st.text(max_size=5),
    )
    place = st.integers(0, len(base))
    edit = st.tuples(place, st.integers(0, 12), piece)

    def apply(edits: list[tuple[int, int, str]]) -> str:
        text = base
        for at, length, new in edits:
            text = text[:at] + new + text[at + length :]
        return text

    return st.lists(edit, max_size=5).map(apply)


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode('utf-8', 'replace')),
        _mutated(EVERYTHING).map(lambda text: text.encode('utf-8', 'replace')),
    )
)
def test_any_bytes_give_a_config_or_the_documented_error(data: bytes) -> None:
    try:
        read_config = config.parse_config(data, 'f', PAIRS, REQUESTS)
    except config.ConfigError as error:
        lines = len(data.decode('utf-8', 'replace').splitlines())
        for problem in error.problems:
            assert 1 <= problem.line <= lines + 1
            assert str(problem).isprintable()
    else:
        assert read_config.connections


@pytest.mark.parametrize('name', ['config/example.yaml', 'demo/receiver.yaml'])
def test_the_files_of_this_package_are_right(name: str) -> None:
    connection = config.load_config(str(ROOT / name)).connections[0]
    assert connection.mappings


def test_every_key_stands_in_the_reference() -> None:
    pages = ('doc/mapping_file.md', 'doc/options.md')
    reference = ''.join((ROOT / page).read_text() for page in pages)
    tables = (
        load.FILE_KEYS,
        REGISTRATION_KEYS,
        load.CONNECTION_KEYS,
        row.MAPPING_KEYS,
        load.COMMAND_KEYS,
        row.QOS_KEYS,
        tf.TF_KEYS,
        tf.TF_TOOL_KEYS,
    )
    missing = [key for table in tables for key in table if f'`{key}`' not in reference]
    assert missing == []

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters and mapping file put together, and every mistake in them named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.certificates import Authority
from ros2_igtl.convert.conversions import ANY_OTHER_TYPE, CONVERSIONS
from ros2_igtl.nodes.settings import Settings, SettingsError, load_settings
from ros2_igtl.options import PARAMETERS

DEFAULTS = {name: option.default for name, option in PARAMETERS.items()}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return one that signs."""
    return Authority(tmp_path)


def resolve(name: str) -> str:
    """Resolve as a node without namespace does."""
    if len(name) > 40:
        raise RuntimeError('topic length should not exceed 40')
    return name if name.startswith('/') else f'/{name}'


def load_all(mode: str | None, **parameters: Any) -> tuple[Settings, ...]:
    return load_settings(
        {**DEFAULTS, **parameters}, mode=mode, node_name='node', resolve_topic_name=resolve
    )


def load(mode: str = 'server', **parameters: Any) -> Settings:
    (settings,) = load_all(mode, **parameters)
    return settings


def with_file(tmp_path: Path, text: str, mode: str = 'server', /, **parameters: Any) -> Settings:
    path = tmp_path / 'file.yaml'
    path.write_text(text)
    return load(mode, config_file=str(path), **parameters)


def connection(keys: str) -> str:
    return f'version: 1\nconnections:\n  - {keys}\n'


def refusal(mode: str = 'server', **parameters: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(mode, **parameters)
    return str(caught.value)


def test_without_a_file_the_parameters_hold() -> None:
    settings = load('client', address='10.0.0.1', port=5, time_offset=-1.5, max_clock_skew=0.25)
    assert (settings.name, settings.mode) == ('node', 'client')
    assert (settings.address, settings.port) == ('10.0.0.1', 5)
    assert (settings.time_offset_ns, settings.max_clock_skew_ns) == (-1_500_000_000, 250_000_000)
    assert (settings.rows, settings.auto_inbound) == ((), True)


# Of every parameter of a connection: a value that is not its default, as YAML, as it arrives.
OTHER: dict[str, tuple[str, Any, Callable[[Settings], Any]]] = {
    'header_version': ('2', 2, lambda s: s.options.header_version),
    'allowed_peers': ('[10.0.0.0/8]', ('10.0.0.0/8',), lambda s: s.options.allowed_peers),
    'long_device_names': ('reject', 'reject', lambda s: s.long_device_names),
    'stop_preempts': ('true', True, lambda s: s.stop_preempts),
    'device_whitelist': ('[a]', ('a',), lambda s: tuple(p.pattern for p in s.device_whitelist)),
    'device_blacklist': ('[b]', ('b',), lambda s: tuple(p.pattern for p in s.device_blacklist)),
    'auto_outbound': ('[/a/.*]', ('/a/.*',), lambda s: tuple(p.pattern for p in s.auto_outbound)),
    'max_clients': ('3', 3, lambda s: s.options.max_clients),
    'max_message_bytes': ('1000', 1000, lambda s: s.options.max_message_bytes),
    'crc_policy': ('warn', 'warn', lambda s: s.options.crc_policy),
    'send_buffer_limit': ('2000', 2000, lambda s: s.options.send_buffer_limit),
    'send_timeout': ('1.25', 1.25, lambda s: s.options.send_timeout),
    'connect_timeout': ('1.5', 1.5, lambda s: s.options.connect_timeout),
    'header_timeout': ('1.75', 1.75, lambda s: s.options.header_timeout),
    'body_timeout': ('2.25', 2.25, lambda s: s.options.body_timeout),
    'handshake_timeout': ('2.75', 2.75, lambda s: s.options.handshake_timeout),
    'idle_timeout': ('1.25', 1.25, lambda s: s.options.idle_timeout),
    'max_rejected_rate': ('7', 7, lambda s: s.options.max_rejected_rate),
    'keepalive_interval': ('2.5', 2.5, lambda s: s.options.keepalive_interval),
    'reconnect_initial_delay': ('0.75', 0.75, lambda s: s.options.reconnect_initial_delay),
    'reconnect_max_delay': ('20.0', 20.0, lambda s: s.options.reconnect_max_delay),
    'timestamp_mode': ('receive', 'receive', lambda s: s.timestamp_mode),
    'time_offset': ('3.5', 3_500_000_000, lambda s: s.time_offset_ns),
    'max_clock_skew': ('0.5', 500_000_000, lambda s: s.max_clock_skew_ns),
    'stale_timeout': ('4.5', 4.5, lambda s: s.stale_timeout_s),
    'publish_tf': ('false', False, lambda s: s.publish_tf),
    'lazy': ('true', True, lambda s: s.lazy),
    'default_frame_id': ('room', 'room', lambda s: s.default_frame_id),
    'frame_prefix': ('left/', 'left/', lambda s: s.frame_prefix),
}
NOT_OF_A_CONNECTION = {'config_file', 'autostart', 'address', 'port', 'memory_limit'}
# Of no use one by one: they have tests of their own below.
TOGETHER = {'tls', 'certfile', 'keyfile', 'cafile', 'tls_client_auth'}


def test_no_parameter_is_left_out_below() -> None:
    assert set(OTHER) == set(DEFAULTS) - NOT_OF_A_CONNECTION - TOGETHER


@pytest.mark.parametrize('name', OTHER)
def test_every_parameter_is_used_and_the_file_wins_over_it(tmp_path: Path, name: str) -> None:
    text, expected, read = OTHER[name]
    assert read(load()) != expected
    in_seconds = name in ('time_offset', 'max_clock_skew')
    given = expected / 1e9 if in_seconds else expected
    assert read(load(**{name: given})) == expected
    assert read(with_file(tmp_path, connection(f'{name}: {text}'))) == expected
    default = DEFAULTS[name]
    other = ('z',) if default == () and name != 'allowed_peers' else default
    assert read(with_file(tmp_path, connection(f'{name}: {text}'), **{name: other})) == expected
    assert read(with_file(tmp_path, connection('name: c'), **{name: given})) == expected


def test_the_file_says_where_to_dial_and_what_the_connection_is_called(tmp_path: Path) -> None:
    text = connection('{name: plus, mode: client, address: tracker.local, port: 5}')
    settings = with_file(tmp_path, text, 'client', address='10.0.0.1', port=6)
    assert (settings.name, settings.address, settings.port) == ('plus', 'tracker.local', 5)
    settings = with_file(tmp_path, connection('auto_inbound: false'), 'client', port=6)
    assert (settings.name, settings.address, settings.port) == ('node', '127.0.0.1', 6)
    assert not settings.auto_inbound


REFUSED_PARAMETERS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    'port_of_a_client': ('client', {'port': 0}, ['parameters: port: 0', '1 to 65535']),
    'address_for_all': ('server', {'address': '0.0.0.0'}, ["'0.0.0.0'", 'allowed_peers']),
    'ipv6_for_all': ('server', {'address': '::'}, ["'::'", 'allowed_peers']),
    'host_name': ('server', {'address': 'or1.local'}, ["'or1.local'", 'allowed_peers']),
    'no_address': ('server', {'address': ''}, ["address: ''", 'allowed_peers']),
    'peer': ('server', {'allowed_peers': ('10.0.0.300',)}, ['allowed_peers', '10.0.0.300']),
    'host_bits': ('server', {'allowed_peers': ('10.0.0.1/8',)}, ['allowed_peers', '10.0.0.1/8']),
    'regex': ('server', {'device_whitelist': ('[',)}, ['device_whitelist', "'['"]),
    'slow_regex': ('server', {'device_blacklist': ('(a+)+b',)}, ['device_blacklist', '(a+)+b']),
    'long_regex': ('server', {'device_blacklist': ('a' * 201,)}, ['201', '200']),
    'tls_choice': ('server', {'tls_client_auth': 'optional'}, ['required', 'none', 'optional']),
    'no_certificate': ('server', {'tls': True}, ['certfile: is empty; allowed: the certificate']),
    'no_tls': ('client', {'cafile': 'a.pem'}, ['cafile: is set, but tls is false; allowed:']),
    'topic_regex': ('server', {'auto_outbound': ('/a/[',)}, ['auto_outbound', "'/a/['"]),
    'slow_topics': (
        'server',
        {'auto_outbound': ('.*a.*b.*',)},
        ['auto_outbound', '2 consecutive repetit'],
    ),
    'choice': ('server', {'crc_policy': 'maybe'}, ['crc_policy', 'reject', 'warn', 'maybe']),
    'delays': (
        'client',
        {'reconnect_initial_delay': 2.0, 'reconnect_max_delay': 1.0},
        ['reconnect_max_delay (1.0)', 'reconnect_initial_delay (2.0)'],
    ),
    'no_frame': ('server', {'default_frame_id': ''}, ["default_frame_id: ''", 'allowed']),
    'rooted_frame': ('server', {'default_frame_id': '/a'}, ["default_frame_id: '/a'", 'allowed']),
    'spaced_frame': ('server', {'default_frame_id': 'a b'}, ["'a b'", 'allowed']),
    'rooted_prefix': ('server', {'frame_prefix': '/a/'}, ["frame_prefix: '/a/'", 'allowed']),
    'spaced_prefix': ('server', {'frame_prefix': 'a '}, ["frame_prefix: 'a '", 'allowed']),
    'tabbed_prefix': ('server', {'frame_prefix': 'a\t'}, ["frame_prefix: 'a\\t'", 'allowed']),
}


@pytest.mark.parametrize('name', REFUSED_PARAMETERS)
def test_a_wrong_parameter_is_refused_with_what_where_and_what_is_allowed(name: str) -> None:
    mode, parameters, words = REFUSED_PARAMETERS[name]
    text = refusal(mode, **parameters)
    assert text.startswith('parameters: ')
    for word in words:
        assert word in text


def test_beyond_loopback_the_lines_to_add_are_told() -> None:
    assert refusal(address='0.0.0.0').splitlines()[1:] == [
        '  allowed_peers:',
        '    - 192.168.0.0/24',
        'or require a certificate from every client:',
        '  tls: true',
        '  tls_client_auth: required',
    ]


def test_beyond_loopback_tls_is_enough_if_clients_show_certificates(authority: Authority) -> None:
    files = authority.issue('ours')
    settings = load(address='0.0.0.0', tls=True, cafile=authority.cafile, **files)
    assert settings.options.tls
    assert 'allowed_peers' in refusal(address='0.0.0.0', tls=True, tls_client_auth='none', **files)
    assert 'allowed_peers' in refusal(address='0.0.0.0', tls_client_auth='required')


def test_certificates_of_the_file_are_looked_for_beside_it(
    tmp_path: Path, authority: Authority
) -> None:
    (tmp_path / 'certificates').mkdir()
    beside = Authority(tmp_path / 'certificates')
    beside.issue('ours')
    elsewhere = authority.issue('elsewhere')
    text = connection(
        '{tls: true, certfile: certificates/ours.crt, keyfile: certificates/ours.key, '
        f'cafile: {authority.cafile}}}'
    )
    options = with_file(tmp_path, text, keyfile=elsewhere['keyfile']).options
    assert options.certfile == str(tmp_path / 'certificates' / 'ours.crt')
    assert options.keyfile == str(tmp_path / 'certificates' / 'ours.key')
    assert options.cafile == authority.cafile


def test_of_several_connections_one_may_do_without_tls(
    tmp_path: Path, authority: Authority
) -> None:
    keys = {'cafile': authority.cafile, **authority.issue('ours')}
    path = tmp_path / 'file.yaml'
    path.write_text(
        'version: 1\nconnections:\n  - {name: a, mode: client, port: 1, tls: true}\n'
        '  - {name: b, mode: client, port: 2}\n'
    )
    first, second = load_all(None, config_file=str(path), **keys)
    assert (first.options.tls, second.options.tls) == (True, False)
    path.write_text(path.read_text().replace('port: 2', 'port: 2, cafile: authority.pem'))
    with pytest.raises(SettingsError, match=r'file\.yaml:4: cafile: is set, but tls is false'):
        load_all(None, config_file=str(path), **keys)


@pytest.mark.parametrize('mode', ['client', 'server'])
def test_f30_b39_a_file_that_cannot_be_used_is_refused_with_its_key(
    tmp_path: Path, authority: Authority, mode: str
) -> None:
    keys = {'tls': True, 'cafile': authority.cafile, **authority.issue('ours')}
    assert load(mode, **keys).options.tls
    expired = authority.issue_expired('expired')['certfile']
    missing = str(tmp_path / 'missing.pem')
    for key, path, text in (
        ('certfile', missing, 'cannot be read: No such file or directory; allowed: '),
        ('cafile', str(tmp_path), 'is not a file; allowed: '),
        (
            'keyfile',
            authority.issue('other')['keyfile'],
            'does not fit the certificate; allowed: ',
        ),
    ):
        told = refusal(mode, **{**keys, key: path})
        assert told.startswith(f'parameters: {key}: {path!r} {text}')
    text = connection(f'{{tls: true, certfile: {expired}, cafile: {authority.cafile}}}')
    with pytest.raises(SettingsError) as caught:
        with_file(tmp_path, text, mode, keyfile=expired.replace('.crt', '.key'))
    assert str(caught.value).startswith(
        f'{tmp_path}/file.yaml:3: certfile: {expired!r} is rejected'
    )
    assert 'certificate has expired; allowed: a ' in str(caught.value)


@pytest.mark.parametrize('address', ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
def test_loopback_needs_no_list_of_peers(address: str) -> None:
    assert load(address=address).address == address


def test_the_registrations_of_the_file_are_there(tmp_path: Path) -> None:
    assert load().registration == ()
    pose = 'translation: [0, 0, 1], rotation: [0, 0, 0, 1]'
    text = f'registration: [{{parent_frame_id: a, child_frame_id: b, {pose}}}]\n'
    (registration,) = with_file(tmp_path, connection('name: c') + text).registration
    assert (registration.parent_frame_id, registration.translation) == ('a', (0.0, 0.0, 1.0))


def test_a_prefix_stands_before_the_default_frame() -> None:
    settings = load(frame_prefix='left/', default_frame_id='room')
    assert (settings.frame_prefix, settings.default_frame_id) == ('left/', 'left/room')


def test_a_client_may_dial_anywhere() -> None:
    assert load('client', address='192.0.2.1').address == '192.0.2.1'


ROW = '{igtl_device_name: A, igtl_type_name: STRING, direction: %s, ros_topic_name: %s, %s}'
TEXT = 'ros_type_name: std_msgs/msg/String'
POSES = (
    '{igtl_device_name: B, igtl_type_name: TRANSFORM, direction: ROS_TO_IGTL,'
    ' ros_topic_name: /x, ros_type_name: geometry_msgs/msg/PoseStamped}'
)
CHAIN = (
    '{igtl_device_name: C, igtl_type_name: TDATA, direction: ROS_TO_IGTL,'
    ' tf: {joint_states: x, parent_frame_id: base, chain: tool0}}'
)
REFUSED_FILES = {
    'two_connections': (
        connection('{name: a, port: 1}\n  - {name: b, port: 2}'),
        ['file.yaml:1: connections: 2 given', 'one connection'],
    ),
    'other_mode': (connection('mode: client'), ['file.yaml:3: mode: client', 'takes server']),
    'unknown_key': (connection('prot: 1'), ['file.yaml:3: ', 'prot', "'port'"]),
    'exposure': (connection('address: 0.0.0.0'), ['file.yaml:3: address', 'allowed_peers']),
    'delays': (
        connection('reconnect_initial_delay: 40'),
        ['file.yaml:3: ', 'reconnect_max_delay (30.0)'],
    ),
    'pair': (
        connection('mappings:\n    - ' + ROW % ('ROS_TO_IGTL', 'x', 'ros_type_name: a/msg/B')),
        ['file.yaml:4: ', 'std_msgs/msg/String'],
    ),
    'one_way': (
        connection(
            'mappings:\n    - {igtl_device_name: A, igtl_type_name: IMAGE, ros_topic_name: x, '
            'direction: ROS_TO_IGTL, ros_type_name: ros2_igtl/msg/ImageGeometry}'
        ),
        ['file.yaml:4: ', 'no ROS_TO_IGTL conversion', 'sensor_msgs/msg/Image'],
    ),
    'two_types_of_a_topic': (
        connection('mappings:\n    - ' + ROW % ('ROS_TO_IGTL', 'x', TEXT) + '\n    - ' + POSES),
        [
            'file.yaml:5: ros_topic_name: /x is geometry_msgs/msg/PoseStamped here',
            'std_msgs/msg/String in line 4',
            'one type a topic',
        ],
    ),
    'joint_states_on_a_topic_of_another_type': (
        connection('mappings:\n    - ' + ROW % ('ROS_TO_IGTL', 'x', TEXT) + '\n    - ' + CHAIN),
        [
            'file.yaml:5: tf.joint_states: /x is sensor_msgs/msg/JointState here',
            'std_msgs/msg/String in line 4',
            'one type a topic',
        ],
    ),
    'long_topic': (
        connection('mappings:\n    - ' + ROW % ('IGTL_TO_ROS', 'x' * 41, TEXT)),
        ['file.yaml:4: ros_topic_name: xxx', 'should not exceed 40'],
    ),
}


HUB_CONNECTIONS = '{name: a, mode: %s, port: %s}\n  - {name: b, mode: server, port: %s}'


def test_a_hub_has_all_connections_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / 'file.yaml'
    path.write_text(connection(HUB_CONNECTIONS % ('client', 5, 0)))
    settings = load_all(None, config_file=str(path), header_version=2)
    assert [(s.name, s.mode, s.port) for s in settings] == [('a', 'client', 5), ('b', 'server', 0)]
    assert [s.options.header_version for s in settings] == [2, 2]


def test_the_only_connection_of_a_hub_may_do_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / 'file.yaml'
    path.write_text(connection('mode: server'))
    assert [s.name for s in load_all(None, config_file=str(path))] == ['node']


REFUSED_HUBS = {
    'no_file': ('', ['parameters: config_file: is empty']),
    'no_mode': (
        connection('{name: a, port: 1}\n  - {name: b, mode: server}'),
        ['file.yaml:3: mode: is missing; allowed: client, server'],
    ),
    'one_port': (
        # the default of the parameter is the other's port
        connection('{name: a, mode: server}\n  - {name: b, mode: server, port: 18944}'),
        ['file.yaml:4: port: 127.0.0.1:18944', 'line 3', 'or 0 for any'],
    ),
    'one_topic': (
        connection(
            f'{{name: a, mode: server, mappings: [{ROW % ("ROS_TO_IGTL", "x", TEXT)}]}}\n'
            f'  - {{name: b, mode: client, mappings: [{POSES}]}}'
        ),
        ['file.yaml:4: ros_topic_name: /x is geometry_msgs', 'in line 3'],
    ),
}


@pytest.mark.parametrize('name', REFUSED_HUBS)
def test_a_wrong_file_of_a_hub_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    text, words = REFUSED_HUBS[name]
    path = tmp_path / 'file.yaml'
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_all(None, config_file=str(path) if text else '')
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize('name', REFUSED_FILES)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    text, words = REFUSED_FILES[name]
    with pytest.raises(SettingsError) as caught:
        with_file(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path))
    for word in words:
        assert word in str(caught.value)


def test_port_0_in_the_file_of_a_client_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r'file\.yaml:3: port: 0 .*1 to 65535'):
        with_file(tmp_path, connection('port: 0'), 'client')


@pytest.mark.parametrize('what', ['missing.yaml', '.'])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    assert str(path) in refusal(config_file=str(path))


def test_one_topic_may_have_several_rows_of_one_type(tmp_path: Path) -> None:
    rows = ROW % ('ROS_TO_IGTL', 'x', TEXT)
    rows += '\n    - ' + (ROW % ('IGTL_TO_ROS', '/x', TEXT)).replace('A,', 'B,')
    settings = with_file(tmp_path, connection('mappings:\n    - ' + rows))
    assert [row.ros_topic_name for row in settings.rows] == ['x', '/x']


@pytest.mark.parametrize('direction', ['IGTL_TO_ROS', 'ROS_TO_IGTL'])
@pytest.mark.parametrize(
    'row', CONVERSIONS, ids=lambda row: f'{row.type_name}-{row.ros_type_name}'
)
def test_every_row_of_the_table_can_be_asked_for(tmp_path: Path, row: Any, direction: str) -> None:
    type_name = 'NEWTYPE' if row.type_name == ANY_OTHER_TYPE else row.type_name
    text = connection(
        f'mappings:\n    - {{igtl_device_name: A, igtl_type_name: {type_name}, '
        f'direction: {direction}, ros_topic_name: x, ros_type_name: {row.ros_type_name}}}'
    )
    if (row.to_ros if direction == 'IGTL_TO_ROS' else row.from_ros) is None:
        with pytest.raises(SettingsError):
            with_file(tmp_path, text)
    else:
        (loaded,) = with_file(tmp_path, text).rows
        assert (loaded.igtl_type_name, loaded.direction) == (type_name, direction)


def test_an_alias_can_be_asked_for(tmp_path: Path) -> None:
    text = connection(
        'mappings:\n    - {igtl_device_name: A, igtl_type_name: QTRANS, direction: ROS_TO_IGTL, '
        'ros_topic_name: x, ros_type_name: geometry_msgs/msg/PoseStamped}'
    )
    assert with_file(tmp_path, text).rows[0].igtl_type_name == 'QTRANS'

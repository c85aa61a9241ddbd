# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.naming: the PLUS rule, and names that ROS takes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl import codec
from ros2_igtl.convert import naming
from ros2_igtl.convert.errors import ConvertError

# Any name a header can carry: up to 20 bytes, read as codec.text reads them.
device_names = st.binary(max_size=20).map(
    lambda raw: raw.partition(b'\0')[0].decode('utf-8', 'surrogateescape')
)
any_names = device_names | st.text(max_size=40).filter(
    lambda name: not any('\ud800' <= c <= '\udfff' for c in name)
)


def igsio_verdict(name: str) -> tuple[str, str] | None:
    """Read a name as IGSIO's loop does: byte by byte, cutting the name after each "To"."""
    raw = name.encode('utf-8', 'surrogateescape')
    rest, removed, matches, found = raw, 0, 0, -1
    while (at := rest.find(b'To')) >= 0 and len(rest) > at + 2:
        follower = rest[at + 2 : at + 3]
        if follower.upper() == follower:
            matches += 1
            found = removed + at
        rest = rest[at + 2 :]
        removed += at + 2
    if matches != 1 or found == 0:
        return None
    child, parent = raw[:found], raw[found + 2 :]
    return child.decode('utf-8', 'surrogateescape'), parent.decode('utf-8', 'surrogateescape')


@pytest.mark.parametrize(
    ('name', 'verdict'),
    [
        ('ProbeToTracker', ('Probe', 'Tracker')),
        ('ToTracker', None),
        ('ProbeTo', None),
        ('AToBToC', None),
        ('TestToolToTracker', ('TestTool', 'Tracker')),
        ('probetotracker', None),
        ('ProbeTotracker', None),
        ('probeToTracker', ('probe', 'Tracker')),
        ('StylusTipTo3D', ('StylusTip', '3D')),
        ('ImageTo_world', ('Image', '_world')),
        ('ATo B', ('A', ' B')),
        ('AToToB', None),
        ('AToTo', ('A', 'To')),
        ('ToToA', None),
        ('ToolToTool', ('Tool', 'Tool')),
        ('SondeToÉcran', ('Sonde', 'Écran')),
        ('SondeToécran', ('Sonde', 'écran')),
        ('To', None),
        ('', None),
        ('Tracker', None),
    ],
)
def test_b16_names_split_as_plus_splits_them(name: str, verdict: tuple[str, str] | None) -> None:
    assert naming.split_device_name(name) == verdict
    assert igsio_verdict(name) == verdict


@given(any_names | st.lists(st.sampled_from(['To', 'T', 'o', 'a', 'A', '1', 'é'])).map(''.join))
def test_b16_any_name_gets_the_verdict_of_the_igsio_loop(name: str) -> None:
    assert naming.split_device_name(name) == igsio_verdict(name)


@pytest.mark.parametrize(
    ('child', 'parent', 'name'),
    [
        ('Probe', 'Tracker', 'ProbeToTracker'),
        ('TestTool', 'Tracker', 'TestToolToTracker'),
        ('probe', 'Tracker', 'probeToTracker'),
        ('tool0', 'base_link', 'tool0'),
        ('AToB', 'C', 'AToB'),
        ('Probe', '', 'Probe'),
        ('', 'Tracker', ''),
    ],
)
def test_a_device_name_is_made_of_two_frames_where_it_reads_back(
    child: str, parent: str, name: str
) -> None:
    assert naming.device_name_for(child, parent) == name


@given(any_names, any_names)
def test_a_device_name_reads_back_to_its_frames_or_is_the_child(child: str, parent: str) -> None:
    name = naming.device_name_for(child, parent)
    assert naming.split_device_name(name) == (child, parent) or name == child


@pytest.mark.parametrize(
    ('topic', 'name'),
    [('/robot/arm/tip', 'tip'), ('/text', 'text'), ('/a/ProbeToTracker', 'ProbeToTracker')],
)
def test_a_topic_gives_a_device_name_by_its_last_token(topic: str, name: str) -> None:
    assert naming.device_name_of_topic(topic) == name


def test_b36_a_name_that_fits_is_not_touched() -> None:
    assert naming.fit_device_name('12345678901234567890') == '12345678901234567890'
    assert naming.fit_device_name('é' * 10) == 'é' * 10


def test_b36_a_longer_name_is_cut_so_that_it_shows() -> None:
    assert re.fullmatch('a{15}~[0-9a-f]{4}', naming.fit_device_name('a' * 60))


def test_b36_names_that_begin_alike_stay_apart() -> None:
    names = [f'camera_optical_frame_{number}' for number in range(50)]
    assert len({naming.fit_device_name(name) for name in names}) == 50


@given(any_names | st.text(min_size=10).map(lambda text: text.encode('utf-8', 'replace').decode()))
def test_b36_a_cut_name_always_fits_and_is_whole_text(name: str) -> None:
    fitted = naming.fit_device_name(name).encode('utf-8', 'surrogateescape')
    assert len(fitted) <= 20
    if len(name.encode('utf-8', 'surrogateescape')) > 20:
        assert '\ufffd' not in fitted.decode('utf-8') or '\ufffd' in name


@pytest.mark.parametrize(
    ('name', 'frames'),
    [
        ('ProbeToTracker', ('Probe', 'Tracker')),
        ('Probe', ('Probe', 'igtl_ras')),
        ('My ProbeTo/Tracker', ('My_Probe', 'Tracker')),
        ('', ('unnamed', 'igtl_ras')),
    ],
)
def test_frames_are_read_from_a_device_name(name: str, frames: tuple[str, str]) -> None:
    assert naming.frames_of(name, 'igtl_ras') == frames


@pytest.mark.parametrize(
    ('name', 'frames'),
    [
        ('ProbeToTracker', ('left/Probe', 'left/Tracker')),
        ('/Probe', ('left/Probe', 'igtl_ras')),
        ('', ('left/unnamed', 'igtl_ras')),
    ],
)
def test_a_prefix_stands_before_what_the_name_says(name: str, frames: tuple[str, str]) -> None:
    assert naming.frames_of(name, 'igtl_ras', 'left/') == frames


@pytest.mark.parametrize(
    ('name', 'frame'),
    [
        ('Probe', 'Probe'),
        ('/world', 'world'),
        ('//a/b', 'a/b'),
        ('a b\tc\n', 'a_b_c_'),
        ('\x1b[31m', '_[31m'),
        ('nadel-süd', 'nadel-süd'),
        ('\udcff', '_'),
        ('', 'unnamed'),
        ('///', 'unnamed'),
        ('../etc', '../etc'),
    ],
)
def test_b9_a_frame_name_is_what_tf_takes(name: str, frame: str) -> None:
    assert naming.frame_id(name) == frame


@given(any_names)
def test_b9_any_name_gives_a_frame_name(name: str) -> None:
    frame = naming.frame_id(name)
    assert frame
    assert not frame.startswith('/')
    assert frame.isprintable()
    assert not any(c.isspace() for c in frame)
    assert frame.encode('utf-8')


@pytest.mark.parametrize(
    ('name', 'token'),
    [
        ('ProbeToTracker', 'ProbeToTracker'),
        ('My  Probe', 'My_Probe'),
        ('a__b', 'a_b'),
        ('_hidden_', 'hidden'),
        ('3DSlicer', 'device_3DSlicer'),
        ('../x', 'x'),
        ('a.b-c', 'a_b_c'),
        ('é', 'unnamed'),
        ('\udcff\x00', 'unnamed'),
        ('', 'unnamed'),
        ('٣', 'unnamed'),
    ],
)
def test_b9_a_topic_token_is_what_ros_takes(name: str, token: str) -> None:
    assert naming.topic_token(name) == token


@given(any_names)
def test_b9_any_name_gives_a_topic_token(name: str) -> None:
    token = naming.topic_token(name)
    assert re.fullmatch('[A-Za-z][A-Za-z0-9_]*', token)
    assert '__' not in token
    assert naming.topic_token(token) == token


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('plain', 'plain'),
        ('Grüße', 'Grüße'),
        ('a\0b', 'a\ufffdb'),
        ('caf\udce9', 'caf\ufffd'),
    ],
)
def test_a_text_for_ros_carries_no_nul_and_no_broken_byte(text: str, expected: str) -> None:
    assert naming.ros_text(text) == expected


def test_names_are_escaped_by_the_one_function_for_it() -> None:
    assert naming.escape is codec.escape


def test_a_name_leaves_one_byte_of_its_field() -> None:
    assert naming.content_name('a' * 19, 20, 'tool') == b'a' * 19
    assert naming.content_name('caf\udce9', 20, 'tool') == b'caf\xe9'
    with pytest.raises(ConvertError, match='has 20 bytes, 19 are') as refusal:
        naming.content_name('a' * 20, 20, 'tool')
    assert refusal.value.cause == 'name_too_long'


def test_a_header_has_a_name_that_fits_whole_and_a_longer_one_cut_either_way() -> None:
    assert naming.header_names('x' * 20) == ('x' * 20,)
    assert naming.header_names('x' * 21) == ('x' * 20, naming.fit_device_name('x' * 21))


@pytest.mark.parametrize(
    ('name', 'full_name', 'expected'),
    [
        ('Probe', None, 'Probe'),
        ('Probe', 'Probe', 'Probe'),
        ('ABCDEFGHIJKLMNOPQRST', 'ABCDEFGHIJKLMNOPQRSTUVW', 'ABCDEFGHIJKLMNOPQRSTUVW'),
        (naming.fit_device_name('x' * 30), 'x' * 30, 'x' * 30),
        ('Probe', 'ProbeToTracker', 'Probe'),
        ('x' * 20, 'x' * 300, 'x' * 20),
        ('é' * 10, 'é' * 11, 'é' * 11),
    ],
)
def test_a_full_name_counts_where_the_other_is_what_is_left_of_it(
    name: str, full_name: str | None, expected: str
) -> None:
    assert naming.full_device_name(name, full_name) == expected


def test_a_topic_is_named_after_connection_type_and_device() -> None:
    assert naming.default_topic('plus', 'TRANSFORM', 'Probe Tip') == 'plus/transform/Probe_Tip'
    assert naming.default_topic('plus', 'NEW-TYPE', '1', 'geometry') == (
        'plus/new_type/device_1/geometry'
    )

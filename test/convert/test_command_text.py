# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Names and texts of commands as PLUS writes them; whatever stands there, quickly."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_igtl.convert import command_text
from ros2_igtl.convert.command_text import Verdict


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('CMD_1', ('CMD', '1')),
        ('CMD_007', ('CMD', '007')),
        ('ACK_4294967295', ('ACK', '4294967295')),
        ('CMD_', None),
        ('CMD', None),
        ('CMD_x', None),
        ('CMD_1\n', None),
        ('CMD_٣', None),
        ('CMD_12345678901', None),
        ('cmd_1', None),
        ('xCMD_1', None),
    ],
)
def test_which_devices_are_commands_and_replies(
    name: str, expected: tuple[str, str] | None
) -> None:
    assert command_text.split_command_device(name) == expected


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('<Command Name="A"/>', 'A'),
        ('<Command Name="A">', 'A'),
        ('<Command Id="1"\n Name = \'A\' ><Name Name="B"/></Command>', 'A'),
        ('<?xml version="1.0"?>\n<Command Name="A" />', 'A'),
        ('  <Command Text=\' Name="B"\' Name="A"/>', 'A'),
        ('<Command Text="a>b" Name="A &amp; &quot;B&#10;&lt;"/>', 'A & "B\n<'),
        ('<Command Name="A" Name="B"/>', 'A'),
        ('<Command LastName="A"/>', ''),
        ('<Command name="A"/>', ''),
        ('<Command Name="A"', ''),
        ('<Command Name="A', ''),
        ('<Command Name=A/>', ''),
        ('<CommandName="A"/>', ''),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Command Name="A"/>', ''),
        ('<Command Name="&b;"/>', '&b;'),
        ('text <Command Name="A"/>', ''),
        ('', ''),
    ],
)
def test_the_name_of_a_command_is_an_attribute_of_its_first_tag(text: str, expected: str) -> None:
    assert command_text.command_name(text) == expected


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('<CommandReply Status="SUCCESS" Message="m" />', Verdict(True)),
        ('<CommandReply Status="FAIL" Message="m" />', Verdict(False, 'm')),
        ('<CommandReply Status="FAIL" Error="e" Message="m" />', Verdict(False, 'e')),
        ('<CommandReply Status="FAIL"/>', Verdict(False, 'the peer reports a failure')),
        ('<CommandReply Status="MAYBE"/>', None),
        ('<CommandReply/>', None),
        ('<Command Status="FAIL"/>', None),
        ('SUCCESS', None),
    ],
)
def test_what_the_status_of_a_reply_says(text: str, expected: Verdict | None) -> None:
    assert command_text.judge_status(text) == expected


PRINTABLE = st.text(st.characters(codec='utf-8', exclude_categories=('Cs', 'Cc', 'Cn')))


@given(PRINTABLE.filter(bool))
def test_a_name_comes_back_and_is_xml_to_others(name: str) -> None:
    text = command_text.command_text(name)
    assert command_text.command_name(text) == name
    assert ElementTree.fromstring(text).attrib == {'Name': name}


@given(PRINTABLE, PRINTABLE.map(lambda text: text.replace('x', '\n\r')))
def test_a_reply_comes_back_and_is_xml_to_others(error: str, result: str) -> None:
    text = command_text.reply_text(error, result)
    verdict = command_text.judge_status(text)
    assert verdict == (Verdict(False, error) if error else Verdict(True))
    status = 'FAIL' if error else 'SUCCESS'
    expected = {'Status': status, 'Message': error or result}
    assert ElementTree.fromstring(text).attrib == expected


@pytest.mark.parametrize(
    'text',
    [
        '<' * 65535,
        '<a' * 32767,
        '<' + 'a' * 65534,
        '<a ' + 'a' * 65532,
        '<a ' + 'a ' * 32766,
        '<a ' + 'a=' * 32766,
        '<a ' + ' ' * 65532,
        '<a ' + 'a' + ' ' * 65530 + '>',
        '<a ' + 'a="' * 21844,
        '<a ' + 'a="\'' * 16383,
        '<a ' + '""' * 32766,
        '<a ' + 'a=""' * 16383 + '>',
        '<?xml' + '?' * 65530,
        ' ' * 65535,
        '<a ' + 'b' * 65531 + '>',
    ],
)
def test_no_text_takes_long(text: str) -> None:
    begin = time.process_time()
    assert command_text.command_name(text) == ''
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        ('', ''),
        ('short', 'short'),
        ('x' * 127, 'x' * 127),
        ('x' * 128, 'x' * 124 + '...'),
        ('ä' * 64, 'ä' * 62 + '...'),
        ('x' + 'ä' * 64, 'x' + 'ä' * 61 + '...'),
        ('\ud800', '?'),
    ],
)
def test_an_error_that_is_too_long_is_cut_where_it_can_be_seen(error: str, expected: str) -> None:
    assert command_text.fit_error(error) == expected
    assert len(expected.encode()) <= 127


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('STOP', True),
        ('Stop', True),
        ('EmergencyStop', True),
        ('e-stop', True),
        ('StopRecording', False),
        ('Move', False),
        ('', False),
    ],
)
def test_a_stop_is_a_command_of_such_a_name_and_no_longer_one(name: str, expected: bool) -> None:
    assert command_text.is_stop(name) == expected

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""`igtl types` knows what the codec knows, and says the sizes that contents have."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.contents import content_bytes
from helpers.strategies import CONTENTS
from helpers.wire_bytes import message_bytes
from ros2_igtl import codec
from ros2_igtl.cli.main import main

# Protocol version and content size, as the documents and headers of the protocol have them:
# index.md says which types came with which version, and which of them are other names.
PROTOCOL = {
    'TRANSFORM': (1, '48'),  # transform.md
    'POSITION': (1, '28, 24 or 12'),  # position.md; the others: igtlPositionMessage.cxx
    'IMAGE': (1, '72 + pixels'),  # igtl_image.h
    'STATUS': (1, '30 + message'),  # status.md
    'CAPABILITY': (1, '12 n'),  # capability.md
    'COLORT': (2, '2 + table'),  # igtl_colortable.h
    'IMGMETA': (2, '260 n'),  # imagemeta.md
    'LBMETA': (2, '116 n'),  # labelmeta.md
    'NDARRAY': (2, '2 + 2 d + numbers'),  # ndarray.md
    'POINT': (2, '136 n'),  # point.md
    'POLYDATA': (2, '40 + sections'),  # polydata.md
    'QTDATA': (2, '50 n'),  # qtrackingdata.md
    'SENSOR': (2, '10 + 8 n'),  # sensordata.md
    'STRING': (2, '4 + text'),  # string.md
    'TDATA': (2, '70 n'),  # trackingdata.md
    'TRAJ': (2, '150 n'),  # trajectory.md
    'BIND': (2, '4 + 20 n + names + contents'),  # bind.md
    'COMMAND': (3, '138 + text'),  # command.md
    'VIDEO': (3, '76 + bit stream'),  # igtl_video.h
    'VIDEOMETA': (3, '322 n'),  # igtl_videometa.h
    'QUERY': (3, '38 + device_uid'),  # igtl_query.h
    'RTS_COMMAND': (3, '138 + text'),  # command.md
    'STT_TDATA': (2, '36'),  # igtl_tdata.h
    'STT_QTDATA': (2, '36'),  # igtl_qtdata.h
    'STT_SENSOR': (2, '0 or 1'),  # query.md; sensordata.md
    'STT_POLYDATA': (2, '0 or 8'),  # igtlPolyDataMessage.h; polydata.md
    'STT_VIDEO': (3, '9'),  # igtl_video.h
    'GET_BIND': (2, '0 or 4 + 12 n + names'),  # bind.md
    'STT_BIND': (2, '8 or 12 + 12 n + names'),  # bind.md
}


@pytest.fixture
def types(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Return what is printed in JSON, by type name."""
    assert main(['types', '--json']) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line['type_name']: line for line in lines}


def test_every_type_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['types']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(codec.MESSAGE_TYPES)
    for line in lines:
        assert len(line.split()) > 3
        assert '`' not in line
    assert 'QTRANS       28, 24 or 12                1 another name of POSITION' in lines
    assert 'STT_VIDEO    9                           3 asks for a video stream' in lines


def test_json_has_what_the_lines_have(
    types: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['types']) == 0
    for line, said in zip(capsys.readouterr().out.splitlines(), types.values(), strict=True):
        words = ('type_name', 'content_size', 'protocol_version', 'description')
        assert line.split() == ' '.join(str(said[word]) for word in words).split()


def test_other_names_of_a_type_say_whose_they_are(types: dict[str, dict[str, Any]]) -> None:
    for type_name, said in types.items():
        content_class = codec.MESSAGE_TYPES[type_name]
        assert said['alias_of'] in (None, content_class.type_name)
        assert (said['alias_of'] is None) == (content_class.type_name == type_name)


def test_sizes_and_versions_are_those_of_the_protocol(types: dict[str, dict[str, Any]]) -> None:
    for type_name, said in types.items():
        version, size = PROTOCOL.get(said['alias_of'] or type_name, (None, None))
        if size is None:  # a query or a reply: query.md, of the version of what it is about
            content_class = codec.MESSAGE_TYPES[type_name]
            assert issubclass(content_class, codec.Get | codec.Start | codec.Stop | codec.Reply)
            version = max(2, PROTOCOL[content_class.subject][0])
            size = '1' if issubclass(content_class, codec.Reply) else '0'
        assert (said['protocol_version'], said['content_size']) == (version, size), type_name


def fits(said: str, size: int) -> bool:
    """Return whether a content of so many bytes is one of those that are said."""
    for alternative in re.split(', | or ', said):
        numbers = [int(term) for term in alternative.split(' + ') if term.isdecimal()]
        steps = [int(step) for step in re.findall(r'(\d+) [nd]\b', alternative)]
        names = re.search('[a-z_]{2,}', alternative)  # a part that is as large as it is
        rest = size - sum(numbers)
        if rest == 0 or (rest > 0 and (names or (steps and rest % steps[0] == 0))):
            return True
    return False


@pytest.mark.parametrize(
    ('said', 'right', 'wrong'),
    [
        ('48', [48], [0, 47, 49, 96]),
        ('28, 24 or 12', [28, 24, 12], [0, 36, 40, 52]),
        ('136 n', [0, 136, 272], [1, 135, 137]),
        ('10 + 8 n', [10, 18, 26], [0, 8, 11, 17]),
        ('76 + bit stream', [76, 77, 1000], [0, 75]),
        ('0 or 4 + 12 n + names', [0, 4, 5, 30], [1, 3]),
    ],
)
def test_what_is_said_of_a_size_is_read_right(
    said: str, right: list[int], wrong: list[int]
) -> None:
    assert all(fits(said, size) for size in right)
    assert not any(fits(said, size) for size in wrong)


@pytest.mark.parametrize('type_name', CONTENTS)
@settings(max_examples=20)
@given(data=st.data())
def test_contents_have_a_size_that_is_said(type_name: str, data: st.DataObject) -> None:
    content = data.draw(CONTENTS[type_name])
    assert fits(codec.MESSAGE_TYPES[type_name].sizes, len(content_bytes(content)))


@pytest.mark.parametrize('type_name', PROTOCOL)
def test_a_content_of_less_than_what_is_said_is_refused(type_name: str) -> None:
    said = codec.MESSAGE_TYPES[type_name].sizes
    refused = [size for size in range(150) if not fits(said, size)]
    assert refused
    for size in refused:
        if (type_name, size) != ('STT_VIDEO', 8):  # which is read too, and never written
            with pytest.raises(codec.MessageError) as caught:
                codec.unpack(message_bytes(type_name.encode(), bytes(size)))
            assert isinstance(caught.value, codec.NoDataError | codec.ContentSizeError)

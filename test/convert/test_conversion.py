# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ros2_igtl.convert.conversion: rows of other packages, and what is refused of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time

from helpers.packages import add_package, forgotten_modules
from ros2_igtl import codec
from ros2_igtl.convert.context import Context
from ros2_igtl.convert.conversion import Conversion, with_conversions_of_packages, with_options
from ros2_igtl.convert.conversions import CONVERSIONS

GROUP = 'ros2_igtl.mappings'
CONTEXT = Context('Probe', Time(), 'igtl_ras', 'Probe')
# a type that the codec knows and the table has no row of
OWN = "'GET_STRING'"
SOURCE = """
from std_msgs.msg import Empty, String
from geometry_msgs.msg import TransformStamped
from ros2_igtl.convert.conversion import Conversion, one

def none(*arguments):
    return (Empty(),)

def row(type_name, ros_type_name='std_msgs/msg/Empty', to_ros=none, from_ros=None, **more):
    return Conversion(type_name, ros_type_name, to_ros, from_ros, **more)

CONVERSIONS = {}
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder where packages are found; their modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    with forgotten_modules():
        yield tmp_path


def add_rows(folder: Path, rows: str, name: str = 'robot') -> None:
    add_package(folder, name, SOURCE.format(rows), f'{name}:CONVERSIONS', GROUP)


def added() -> list[Conversion]:
    """Return the rows that a new table has behind those of this package."""
    table = with_conversions_of_packages(CONVERSIONS)
    assert table[: len(CONVERSIONS)] == CONVERSIONS
    return list(table[len(CONVERSIONS) :])


@pytest.mark.filterwarnings('error::ros2_igtl.codec.EntryPointWarning')
def test_the_rows_of_a_package_stand_behind_those_of_this_one(packages: Path) -> None:
    tf = 'lambda content, context: [TransformStamped(child_frame_id=context.child_frame_id)]'
    own = f'row({OWN}, default=True, latched=True, to_tf={tf})'
    add_rows(packages, f"[{own}, row('STRING', to_ros=None, from_ros=none)]")
    first, second = added()
    assert (first.type_name, first.ros_type_name) == ('GET_STRING', 'std_msgs/msg/Empty')
    assert (first.default, first.latched, first.from_ros) == (True, True, None)
    assert first.to_ros is not None
    assert first.to_tf is not None
    (message,) = first.to_ros(codec.GetString(), CONTEXT)
    assert type(message).__name__ == 'Empty'
    assert first.to_tf(codec.GetString(), CONTEXT)[0].child_frame_id == 'Probe'
    assert (second.type_name, second.to_ros) == ('STRING', None)
    assert second.from_ros is sys.modules['robot'].none


REFUSED = {
    'no_list': ('5', 'TypeError: 5 is not a list of conversions'),
    'no_row': ("[('STRING', 'std_msgs/msg/Empty')]", 'TypeError: .*is not a Conversion'),
    'a_pair_of_the_table': (
        "[row('STRING', 'std_msgs/msg/String')]",
        'ValueError: STRING <-> std_msgs/msg/String: this pair already has a conversion',
    ),
    'a_pair_twice': (f'[row({OWN}), row({OWN})]', 'this pair already has a conversion'),
    'a_default_of_others': (
        "[row('STRING', default=True)]",
        'already has conversions; default and to_tf are not allowed',
    ),
    'tf_of_others': (
        "[row('STRING', to_tf=none)]",
        'already has conversions; default and to_tf are not allowed',
    ),
    'tools': ("[row('STRING', from_tf=none)]", 'from_tf is allowed only for the types of ros2_'),
    'an_unknown_type': ("[row('NEEDLE')]", 'ValueError: NEEDLE <-> .*does not know this type'),
    'the_type_of_raw_messages': ("[row('*')]", 'does not know this type'),
    'an_alias': ("[row('QTRANS')]", 'use the name of the type itself: POSITION'),
    'an_unknown_interface': (
        "[row('STRING', 'no_such_msgs/msg/Empty')]",
        "ModuleNotFoundError: No module named 'no_such_msgs'",
    ),
    'no_interface': ("[row('STRING', 'Empty')]", "ValueError: 'Empty' is not an interface name"),
    'neither_way': ("[row('STRING', to_ros=None)]", 'to_ros and from_ros are both None'),
    'no_function': ("[row('STRING', from_ros='f')]", "TypeError: from_ros is 'f'; allowed: a f"),
    'no_accepts': ("[row('STRING', accepts=None)]", 'TypeError: accepts is None'),
    'options': ("[row('STRING', options=('limit',))]", "options are .'limit',.; allowed: .'thr"),
    'traffic': ("[row('STRING', traffic='bulk')]", "traffic is 'bulk'; allowed: .'state', 'eve"),
    'no_sibling': (
        "[row('STRING', from_ros=none, reads_sibling='geometry')]",
        "reads_sibling is 'geometry'; no conversion of this type has that sibling",
    ),
    'a_fault': ('1 / 0', 'ZeroDivisionError'),
}


@pytest.mark.parametrize('name', REFUSED)
def test_a_package_with_a_wrong_row_is_named_and_none_of_its_rows_is_taken(
    packages: Path, name: str
) -> None:
    rows, cause = REFUSED[name]
    add_rows(packages, f"[row('STATUS')] and {rows}", 'broken')
    add_rows(packages, "[row('POINT')]", 'other')
    said = (
        f'^conversions of the package broken 1.0 .* entry point .broken_point. '
        f'.broken:CONVERSIONS. in ros2_igtl.mappings cannot be loaded: .*{cause}'
    )
    with pytest.warns(codec.EntryPointWarning, match=said) as warned:
        rows_of_others = added()
    assert len(warned) == 1
    assert [row.type_name for row in rows_of_others] == ['POINT']


def test_a_conversion_may_read_the_sibling_of_another(packages: Path) -> None:
    add_rows(packages, "[row('IMAGE', from_ros=none, reads_sibling='geometry')]")
    (row,) = added()
    assert row.reads_sibling == 'geometry'


def test_a_conversion_is_given_the_options_it_takes_and_no_others() -> None:
    row = next(row for row in CONVERSIONS if row.options)
    assert row.to_ros is not None
    content = codec.Image.from_pixels(np.arange(4, dtype='u1').reshape(1, 2, 2))
    for value, count in ((None, 3), (1.5, 2), (0.0, 3)):
        to_ros = with_options(row, {'threshold': value, 'lazy': True}).to_ros
        assert to_ros is not None
        assert to_ros(content, CONTEXT)[0].width == count
    other = next(row for row in CONVERSIONS if not row.options)
    assert with_options(other, {'threshold': 1.5}) is other


def test_what_is_no_message_of_the_row_is_a_fault_before_it_is_published(packages: Path) -> None:
    add_rows(packages, f'[row({OWN}, to_ros=lambda *_: [String()]), row("STRING")]')
    wrong, right = added()
    assert wrong.to_ros is not None
    assert right.to_ros is not None
    assert len(right.to_ros(codec.String(''), CONTEXT)) == 1
    with pytest.raises(TypeError, match=r'returned std_msgs.msg.String.*; allowed: Empty'):
        wrong.to_ros(codec.GetString(), CONTEXT)

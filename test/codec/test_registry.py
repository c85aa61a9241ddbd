# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.feeding import receive_every_way
from helpers.packages import add_package, forgotten_modules
from helpers.wire_bytes import message_bytes
from ros2_igtl import codec
from ros2_igtl.codec import registry
from ros2_igtl.codec.unpack import ORIGINS


class Temperature(codec.Content):
    __slots__ = ('kelvin',)
    type_name = 'TEMPERATURE'
    aliases = ('TEMP',)

    def __init__(self, kelvin: int) -> None:
        self.kelvin = kelvin

    @classmethod
    def unpack(cls, content: memoryview) -> Temperature:
        return cls(content[0])

    def pack_parts(self) -> tuple[bytes]:
        return (bytes((self.kelvin,)),)


pytestmark = pytest.mark.filterwarnings('error::ros2_igtl.codec.EntryPointWarning')


@pytest.fixture(autouse=True)
def restore_registry() -> Iterator[None]:
    types = dict(registry.MESSAGE_TYPES)
    yield
    registry.MESSAGE_TYPES.clear()
    registry.MESSAGE_TYPES.update(types)
    ORIGINS.clear()


def test_a_content_has_no_items_that_are_counted_unless_it_says_so() -> None:
    assert Temperature(1).item_count == 0


def test_a_registered_type_is_read_and_written_like_any_other() -> None:
    assert codec.register(Temperature) is Temperature
    assert codec.MESSAGE_TYPES['TEMPERATURE'] is Temperature
    data = message_bytes(b'TEMPERATURE', b'\x64')
    message = receive_every_way(data)
    assert isinstance(message, codec.Message)
    assert message.content.kelvin == 100
    assert codec.pack(message) == data


def test_a_registered_type_may_be_a_child_and_needs_no_count_of_its_items() -> None:
    codec.register(Temperature)
    assert Temperature(5).item_count == 0
    bind = codec.Bind((codec.Message(Temperature(5), 'A'), codec.Message(Temperature(6), 'B')))
    received = codec.unpack(codec.pack(codec.Message(bind))).content
    assert [child.content.kelvin for child in received.children] == [5, 6]
    assert received.item_count == 2


def test_an_alias_a_message_came_under_is_kept() -> None:
    codec.register(Temperature)
    data = message_bytes(b'TEMP', b'\x64')
    message = receive_every_way(data)
    assert isinstance(message, codec.Message)
    assert (message.type_name, type(message.content)) == ('TEMP', Temperature)
    assert codec.pack(message) == data


def test_registering_twice_changes_nothing() -> None:
    codec.register(Temperature)
    before = dict(codec.MESSAGE_TYPES)
    codec.register(Temperature)
    assert before == codec.MESSAGE_TYPES


@pytest.mark.parametrize(
    ('type_name', 'aliases'), [('IMAGE', ()), ('NEW', ('QTRANS',)), ('NEW', ('N2', 'STRING'))]
)
def test_a_name_that_is_taken_is_refused_and_nothing_registered(
    type_name: str, aliases: tuple[str, ...]
) -> None:
    before = dict(codec.MESSAGE_TYPES)
    other = type('Other', (Temperature,), {'type_name': type_name, 'aliases': aliases})
    with pytest.raises(ValueError, match='is taken by'):
        codec.register(other)
    assert before == codec.MESSAGE_TYPES


@pytest.mark.parametrize('type_name', ['', 'THIRTEENCHARS', 'T\u00c4', 'A\nB', 'A\0B'])
def test_a_name_that_cannot_stand_in_a_header_is_refused(type_name: str) -> None:
    other = type('Other', (Temperature,), {'type_name': type_name, 'aliases': ()})
    with pytest.raises(ValueError, match='1 to 12 printable ASCII characters'):
        codec.register(other)
    assert type_name not in codec.MESSAGE_TYPES


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder where packages are found; their modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    with forgotten_modules():
        yield tmp_path


def module_of(type_name: str) -> str:
    return (
        'from ros2_igtl import codec\n'
        '@codec.register\n'
        f'class {type_name.title()}(codec.Unknown):\n'
        f'    type_name = {type_name!r}\n'
    )


def test_a_type_of_another_package_is_found_through_its_entry_point(packages: Path) -> None:
    add_package(packages, 'thermometer', module_of('THERMO'))
    registry.load_entry_points()
    assert codec.MESSAGE_TYPES['THERMO'] is sys.modules['thermometer'].Thermo


@pytest.mark.parametrize(
    ('source', 'value', 'cause'),
    [
        ('import no_such_module', None, "ModuleNotFoundError: No module named 'no_such_module'"),
        ('def', None, 'SyntaxError: '),
        (module_of('IMAGE'), None, "ValueError: type name 'IMAGE' is taken by Image"),
        (module_of('HALF') + module_of('STRING'), None, "'STRING' is taken by String"),
        (module_of('TOO_LONG_A_NAME'), None, 'ValueError: .*1 to 12 printable ASCII'),
        (module_of('HALF') + 'raise SystemExit(0)', None, 'SystemExit: 0'),
        (module_of('HALF') + 'raise struct.error', None, 'NameError: '),
        (module_of('HALF'), 'broken:Nothing', 'AttributeError: .*Nothing'),
        (module_of('HALF'), 'no module', '(Attribute|Value)Error: '),
        (module_of('HALF'), 'no_such_file', 'ModuleNotFoundError: '),
    ],
)
def test_a_package_that_cannot_be_loaded_is_named_and_leaves_nothing(
    source: str, value: str | None, cause: str, packages: Path
) -> None:
    before = dict(codec.MESSAGE_TYPES)
    add_package(packages, 'broken', source, value)
    add_package(packages, 'thermometer', module_of('THERMO'))
    add_package(packages, 'airbag', module_of('AIRBAG'))
    said = (
        f"package broken 1.0 .* entry point 'broken_point' .{value or 'broken'}. "
        f'in ros2_igtl.messages cannot be loaded: .*{cause}'
    )
    with pytest.warns(codec.EntryPointWarning, match=said) as warned:
        registry.load_entry_points()
    assert len(warned) == 1
    after = dict(codec.MESSAGE_TYPES)
    assert {after.pop('THERMO').__name__, after.pop('AIRBAG').__name__} == {'Thermo', 'Airbag'}
    assert after == before


@pytest.mark.parametrize('damaged', [b'[ros2_igtl.messages]\nno equals sign\n', b'\xff'])
def test_a_package_with_a_damaged_file_is_named_and_the_others_are_loaded(
    damaged: bytes, packages: Path
) -> None:
    add_package(packages, 'damaged', '')
    (packages / 'damaged-1.0.dist-info' / 'entry_points.txt').write_bytes(damaged)
    add_package(packages, 'thermometer', module_of('THERMO'))
    with pytest.warns(codec.EntryPointWarning) as warned:
        registry.load_entry_points()
    (warning,) = warned
    assert str(warning.message).startswith(
        'message types of the package damaged 1.0 are not available: its entry_points.txt cannot '
        'be read: '
    )
    assert 'THERMO' in codec.MESSAGE_TYPES


def test_of_a_package_that_is_there_twice_the_first_is_loaded(
    packages: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path_factory.mktemp('overlay')
    add_package(packages, 'thermometer', module_of('OLD'), 'thermometer:Old')
    add_package(overlay, 'thermometer', module_of('THERMO'), 'thermometer:Thermo')
    monkeypatch.syspath_prepend(str(overlay))
    registry.load_entry_points()  # without a warning, which fails
    assert 'THERMO' in codec.MESSAGE_TYPES
    assert 'OLD' not in codec.MESSAGE_TYPES


def test_of_two_packages_with_the_same_type_the_second_is_named(packages: Path) -> None:
    add_package(packages, 'one', module_of('THERMO'))
    add_package(packages, 'other', module_of('THERMO'))
    with pytest.warns(codec.EntryPointWarning, match="'THERMO' is taken by Thermo"):
        registry.load_entry_points()
    owners = [name for name in ('one', 'other') if name in sys.modules]
    assert owners == [codec.MESSAGE_TYPES['THERMO'].__module__]


def test_every_class_is_registered_under_its_own_name() -> None:
    for type_name, content_class in codec.MESSAGE_TYPES.items():
        assert type_name in (content_class.type_name, *content_class.aliases)


def test_a_type_without_bulk_data_takes_no_parts() -> None:
    with pytest.raises(TypeError, match='Temperature has no bulk data'):
        Temperature.unpack_parts(memoryview(b''), b'')


class Samples(codec.Content):
    __slots__ = ('data',)
    type_name = 'SAMPLES'
    bulk_offset = 0

    def __init__(self, data: Any) -> None:
        self.data = data

    @classmethod
    def unpack(cls, content: memoryview) -> Samples:
        return cls(content)

    @classmethod
    def unpack_parts(cls, fixed: memoryview, bulk: Any) -> Samples:
        return cls(bulk)

    def pack_parts(self) -> tuple[Any]:
        return (self.data,)


@pytest.mark.parametrize('version', [1, 2])
@pytest.mark.parametrize('size', [1, 100_000])
def test_bulk_data_may_begin_at_once(version: int, size: int) -> None:
    codec.register(Samples)
    data = codec.pack(codec.Message(Samples(b'x' * size), header_version=version))
    message = receive_every_way(data)
    assert isinstance(message, codec.Message)
    assert bytes(message.content.data) == b'x' * size


def test_the_sizes_of_contents_are_checked_by_three_rules() -> None:
    content = memoryview(bytes(6))
    registry.check_size('T', content, 6)
    registry.check_minimum_size('T', content, 6)
    registry.check_multiple('T', content, 3)
    with pytest.raises(codec.ContentSizeError, match='T takes 5 bytes, got 6'):
        registry.check_size('T', content, 5)
    with pytest.raises(codec.ContentSizeError, match='T takes 7 bytes or more, got 6'):
        registry.check_minimum_size('T', content, 7)
    with pytest.raises(codec.ContentSizeError, match='T takes a multiple of 4 bytes, got 6'):
        registry.check_multiple('T', content, 4)
    for check in (registry.check_size, registry.check_minimum_size):
        with pytest.raises(codec.NoDataError, match=r'T takes 5 bytes.*, got an empty content'):
            check('T', content[:0], 5)

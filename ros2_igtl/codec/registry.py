# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which content class stands for which type name, and what every content class offers.

Packages of users add types with :func:`register`; the entry point group ``ros2_igtl.messages``
names modules that do so when they are imported.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, ClassVar, TypeVar

from ros2_igtl.codec.errors import ContentSizeError, MessageError, NoDataError
from ros2_igtl.codec.header import TYPE_NAME_SIZE
from ros2_igtl.codec.wire import Buffer

__all__ = [
    'MESSAGE_TYPES',
    'Content',
    'EntryPointWarning',
    'check_minimum_size',
    'check_multiple',
    'check_size',
    'register',
]

ENTRY_POINT_GROUP = 'ros2_igtl.messages'
MAX_ITEMS = 65535
"""
The largest :attr:`Content.item_count` of a message. An item costs a peer some 10 bytes, and us up
to 700 and 4 microseconds. A BIND can announce as many children; a hundred items are many.
"""


class Content:
    """
    The content of a message: what stands between extended header and metadata.

    Subclasses set :attr:`type_name` and the two methods, and are made known by :func:`register`.
    A constructor that takes the attributes by name makes contents from JSON too.
    """

    __slots__ = ()

    type_name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other type names that carry the same content."""
    sizes: ClassVar[str] = '?'
    """The bytes that it takes: '48', '28, 24 or 12', '136 n' of a list, '72 + pixels'."""
    protocol_version: ClassVar[int | None] = None
    """The version of the protocol that brought the type; None for a type of somebody else."""
    default_header_version: ClassVar[int] = 1
    bulk_offset: ClassVar[int | None] = None
    """
    Where bulk data begin. When set, :meth:`unpack_parts` is given them in a buffer of their own,
    so that a receiver can fill the very buffer that is handed on.
    """
    views: ClassVar[bool] = True
    """
    Whether values view the content's bytes. Where they do not, :meth:`unpack` may be given
    ``bytes``, since to copy a few takes less time than to make a view of them.
    """

    @property
    def item_count(self) -> int:
        """How many objects there are that cost a peer next to nothing, such as names; bounded."""
        return 0

    @classmethod
    @abstractmethod
    def unpack(cls, content: memoryview) -> Any:
        """
        Return the value of the content's bytes.

        :param content: its bytes; may be ``bytes`` where :attr:`views` is False.
        :raises MessageError: the bytes are not what the specification allows. Whoever receives
            catches nothing else.
        """

    @classmethod
    def unpack_parts(cls, fixed: memoryview, bulk: Any) -> Any:
        """Return the value of the part before :attr:`bulk_offset` and the bulk data after it."""
        raise TypeError(f'{cls.__name__} has no bulk data')

    @abstractmethod
    def pack_parts(self) -> Sequence[Any]:
        """
        Return buffers of single bytes whose concatenation is the content.

        :raises EncodeError: a value does not fit its field.
        """


TYPE_NAME_RULE = f'1 to {TYPE_NAME_SIZE} printable ASCII characters are allowed'

MESSAGE_TYPES: dict[str, type[Content]] = {}
"""Content class by type name, aliases included."""

_C = TypeVar('_C', bound=Content)


def register(content_class: type[_C]) -> type[_C]:
    """
    Make a content class known under its type name and aliases; a class decorator.

    :raises ValueError: a name is taken, or not 1 to 12 printable ASCII characters.
    """
    type_names = (content_class.type_name, *content_class.aliases)
    for type_name in type_names:
        if not is_type_name(type_name):
            raise ValueError(
                f'type name {type_name!r} of {content_class.__name__}: {TYPE_NAME_RULE}'
            )
        known = MESSAGE_TYPES.get(type_name)
        if known is not None and known is not content_class:
            raise ValueError(f'type name {type_name!r} is taken by {known.__qualname__}')
    for type_name in type_names:
        MESSAGE_TYPES[type_name] = content_class
    return content_class


def is_type_name(type_name: str) -> bool:
    """Return whether a type name can stand in a header: 1 to 12 printable ASCII characters."""
    return 0 < len(type_name) <= TYPE_NAME_SIZE and type_name.isascii() and type_name.isprintable()


class EntryPointWarning(UserWarning):
    """What another package names in a group of entry points cannot be loaded."""


def load_entry_points() -> None:
    """
    Import the modules that other packages name in the group ``ros2_igtl.messages``.

    Messages of types that are missing since :func:`load_group` could not load them are passed on
    as ``Unknown``.
    """
    load_group(ENTRY_POINT_GROUP, 'message types', _load_types)


def load_group(group: str, what: str, load: Callable[[metadata.EntryPoint], object]) -> None:
    """
    Load what other packages name in a group of entry points.

    One that fails is named in an :class:`EntryPointWarning`; all the others are loaded. Nothing
    else fails with it: this may serve a device in use, and what is wrong may be in a package that
    has nothing to do with that device. Who would rather stop turns the warning into an error.

    :param what: is loaded, for the warning.
    :param load: loads one entry point; where it raises it has to leave nothing of it behind.
    """
    packages: set[str] = set()
    for package in metadata.distributions():
        try:
            entry_points = package.entry_points.select(group=group)
        except Exception as error:  # whatever the package is for, its file is damaged
            _warn(what, package, 'the file of its entry points cannot be read', error)
            continue
        if not entry_points or package.name in packages:  # hidden by one of the same name
            continue
        packages.add(package.name)
        for entry_point in entry_points:
            try:
                load(entry_point)
            except (Exception, SystemExit) as error:
                where = f'its entry point {entry_point.name!r} ({entry_point.value})'
                _warn(what, package, f'{where} in {group} cannot be loaded', error)


def _load_types(entry_point: metadata.EntryPoint) -> None:
    """Import a module that registers types; if it fails, none of them is known."""
    known = {*MESSAGE_TYPES}
    try:
        entry_point.load()
    except BaseException:
        for type_name in MESSAGE_TYPES.keys() - known:
            del MESSAGE_TYPES[type_name]
        raise


def _warn(what: str, package: metadata.Distribution, reason: str, error: BaseException) -> None:
    warnings.warn(
        f'{what} of the package {package.name} {package.version} are not known, '
        f'since {reason}: {type(error).__name__}: {error}',
        EntryPointWarning,
        stacklevel=4,
    )


def size_error(type_name: str, content: Buffer, allowed: str) -> MessageError:
    """Return the refusal of a content of another size than its type's."""
    if not len(content):
        return NoDataError(f'{type_name} takes {allowed}, got an empty content')
    return ContentSizeError(f'{type_name} takes {allowed}, got {len(content)}')


def check_size(type_name: str, content: Buffer, size: int) -> None:
    """
    Check that a content has its size.

    :raises NoDataError: it is empty.
    :raises ContentSizeError: it has any other size.
    """
    if len(content) != size:
        raise size_error(type_name, content, f'{size} bytes')


def check_minimum_size(type_name: str, content: Buffer, size: int) -> None:
    """
    Check that a content has at least its fixed part.

    :raises NoDataError: it is empty.
    :raises ContentSizeError: it is shorter.
    """
    if len(content) < size:
        raise size_error(type_name, content, f'{size} bytes or more')


def check_multiple(type_name: str, content: Buffer, size: int) -> None:
    """
    Check that a list has whole elements.

    :raises ContentSizeError: the content is not a multiple of the element size.
    """
    if len(content) % size:
        raise ContentSizeError(f'{type_name} takes a multiple of {size} bytes, got {len(content)}')

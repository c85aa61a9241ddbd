# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The content class of each type name, and the interface of all content classes.

Other packages add types with :func:`register`, in modules that the entry point group
``ros2_igtl.messages`` names.
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
The largest :attr:`Content.item_count` of a message. An item of some 10 bytes on the wire takes up
to 700 bytes and 4 microseconds here. A BIND cannot announce more children than this; real messages
rarely have a hundred items.
"""


class Content:
    """
    The content of a message: the bytes between extended header and metadata.

    A subclass defines :attr:`type_name` and both methods; :func:`register` makes it known. If its
    constructor takes the attributes by name, contents can also be made from JSON.
    """

    __slots__ = ()

    type_name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other type names that carry the same content."""
    sizes: ClassVar[str] = '?'
    """The number of bytes: '48', '28, 24 or 12', '136 n' for a list, '72 + pixels'."""
    protocol_version: ClassVar[int | None] = None
    """The version of the protocol that introduced the type; None if it is not in the protocol."""
    default_header_version: ClassVar[int] = 1
    bulk_offset: ClassVar[int | None] = None
    """
    The offset of the bulk data, or None. If set, a receiver writes the bulk data into a buffer of
    their own, which :meth:`unpack_parts` receives without a copy.
    """
    views: ClassVar[bool] = True
    """
    Whether values are views of the content's bytes. If not, :meth:`unpack` may receive ``bytes``,
    since copying a few takes less time than making a view.
    """

    @property
    def item_count(self) -> int:
        """The number of items, such as names, that are small on the wire but not in memory."""
        return 0

    @classmethod
    @abstractmethod
    def unpack(cls, content: memoryview) -> Any:
        """
        Return the value that the content's bytes encode.

        :param content: the bytes; may be ``bytes`` if :attr:`views` is False.
        :raises MessageError: the specification does not allow these bytes. Receivers catch no
            other exception.
        """

    @classmethod
    def unpack_parts(cls, fixed: memoryview, bulk: Any) -> Any:
        """Return the value, given the part before :attr:`bulk_offset` and the bulk data."""
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
    Register a content class under its type name and aliases; a class decorator.

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
    """Return whether a header can contain a type name: 1 to 12 printable ASCII characters."""
    return 0 < len(type_name) <= TYPE_NAME_SIZE and type_name.isascii() and type_name.isprintable()


class EntryPointWarning(UserWarning):
    """An entry point of another package cannot be loaded."""


def load_entry_points() -> None:
    """
    Import the modules that other packages name in the group ``ros2_igtl.messages``.

    If a module cannot be loaded, messages of its types are received as ``Unknown``.
    """
    load_group(ENTRY_POINT_GROUP, 'message types', _load_types)


def load_group(group: str, what: str, load: Callable[[metadata.EntryPoint], object]) -> None:
    """
    Load the entry points of a group from all installed packages.

    An entry point that fails causes an :class:`EntryPointWarning`, and the others are still
    loaded: a damaged package must not stop a program that serves a device in use and may not need
    the package. To stop instead, turn the warning into an error.

    :param what: the name of the loaded objects in the warning.
    :param load: loads one entry point; if it raises, it must leave no part of it behind.
    """
    packages: set[str] = set()
    for package in metadata.distributions():
        try:
            entry_points = package.entry_points.select(group=group)
        except Exception as error:  # a damaged file can raise anything
            _warn(what, package, 'its entry_points.txt cannot be read', error)
            continue
        if not entry_points or package.name in packages:  # a package of the same name comes first
            continue
        packages.add(package.name)
        for entry_point in entry_points:
            try:
                load(entry_point)
            except (Exception, SystemExit) as error:
                where = f'its entry point {entry_point.name!r} ({entry_point.value})'
                _warn(what, package, f'{where} in {group} cannot be loaded', error)


def _load_types(entry_point: metadata.EntryPoint) -> None:
    """Import a module that registers types; if it fails, unregister its types."""
    known = {*MESSAGE_TYPES}
    try:
        entry_point.load()
    except BaseException:
        for type_name in MESSAGE_TYPES.keys() - known:
            del MESSAGE_TYPES[type_name]
        raise


def _warn(what: str, package: metadata.Distribution, reason: str, error: BaseException) -> None:
    warnings.warn(
        f'{what} of the package {package.name} {package.version} are not available: '
        f'{reason}: {type(error).__name__}: {error}',
        EntryPointWarning,
        stacklevel=4,
    )


def size_error(type_name: str, content: Buffer, allowed: str) -> MessageError:
    """Return the error for a content whose size its type does not allow."""
    if not len(content):
        return NoDataError(f'{type_name} takes {allowed}, got an empty content')
    return ContentSizeError(f'{type_name} takes {allowed}, got {len(content)}')


def check_size(type_name: str, content: Buffer, size: int) -> None:
    """
    Check that a content has this size.

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
    Check that a list consists of whole elements.

    :raises ContentSizeError: the content is not a multiple of the element size.
    """
    if len(content) % size:
        raise ContentSizeError(f'{type_name} takes a multiple of {size} bytes, got {len(content)}')

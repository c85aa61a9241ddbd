# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The base of the types whose content is a list of elements of equal size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.codec import wire
from ros2_igtl.codec.errors import ValueRangeError
from ros2_igtl.codec.names import pack_inner_name
from ros2_igtl.codec.registry import Content, check_multiple

__all__ = ['ElementList']

_E = TypeVar('_E', bound='ElementList')
_SMALL_SIZE = 16384  # bytes; up to this size a copy takes less time than a view


def fit(values: list[Any], dtype: np.dtype[Any], field: str) -> Any:
    """
    Return values as an array stores them in a field, or raise if they do not fit.

    Without this check numpy would cut, wrap or repeat values.

    :raises NameTooLongError: a text fills the field.
    :raises ValueRangeError: a value does not have the shape of the field, or does not fit it.
    """
    if dtype.kind == 'S':
        texts = (wire.text(value) if isinstance(value, bytes) else value for value in values)
        return [pack_inner_name(text, dtype.itemsize, field) for text in texts]
    try:
        given = np.array(values)
        if given.dtype.kind == 'f' and dtype.base.kind != 'f':
            given = np.array(values, object)  # as floats, numbers such as 2**64 - 1 are rounded
        with np.errstate(over='ignore', invalid='ignore'):
            stored = given.astype(dtype.base)
        if dtype.base.kind == 'f':
            fits = np.array_equal(np.isfinite(stored), np.isfinite(given))
        else:
            fits = np.array_equal(stored, given)
    except (ValueError, TypeError, OverflowError):  # ragged, or not numbers
        fits = False
    if not fits or given.shape[1:] != dtype.shape:
        raise ValueRangeError(f'{field} {values}: shape {dtype.shape} of {dtype.base} is allowed')
    return stored


class ElementList(Content):
    """
    A list of elements, a structured numpy array that views the received bytes.

    :param elements: shape (n,), dtype :attr:`dtype`.
    :raises ValueRangeError: the array has another shape or dtype.
    """

    __slots__ = ('elements',)
    dtype: ClassVar[np.dtype[Any]]

    def __init__(self, elements: NDArray[Any]) -> None:
        if elements.dtype != self.dtype or elements.ndim != 1:
            raise ValueRangeError(
                f'{self.type_name} takes an array of shape (n,) and dtype {self.dtype}, '
                f'got {elements.shape} and {elements.dtype}'
            )
        self.elements = elements

    @classmethod
    def unpack(cls: type[_E], content: memoryview) -> _E:
        """Return the list from a multiple of the element's size; nothing is copied."""
        check_multiple(cls.type_name, content, cls.dtype.itemsize)
        self = cls.__new__(cls)
        self.elements = np.frombuffer(content, cls.dtype)
        return self

    def pack_parts(self) -> tuple[Any]:
        """Return the bytes of the elements, copied if they are few."""
        if self.elements.nbytes <= _SMALL_SIZE:
            return (self.elements.tobytes(),)
        return (np.ascontiguousarray(self.elements).view(np.uint8),)

    @classmethod
    def array_of(cls, rows: Iterable[Mapping[str, Any]]) -> NDArray[Any]:
        """
        Return an array of elements, each given as a mapping by field name, with texts as str.

        :raises NameTooLongError: a name fills its field, whose last byte must stay NUL.
        :raises ValueRangeError: a field is unknown or its value does not fit.
        """
        rows = list(rows)
        array = np.zeros(len(rows), cls.dtype)
        fields: Mapping[str, Any] = cls.dtype.fields or {}
        unknown = {field for row in rows for field in row} - fields.keys()
        if unknown:
            raise ValueRangeError(
                f'{cls.type_name} has no field {min(unknown)!r}; {", ".join(fields)} are allowed'
            )
        for field, (dtype, *_) in fields.items():
            given = [index for index, row in enumerate(rows) if field in row]
            values = [rows[index][field] for index in given]
            if values:
                array[field][given] = fit(values, dtype, f'{cls.type_name} {field}')
        return array

    def __len__(self) -> int:
        return len(self.elements)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ElementList):
            return NotImplemented
        return type(self) is type(other) and self.elements.tobytes() == other.elements.tobytes()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.elements!r})'

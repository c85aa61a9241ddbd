# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""NDARRAY <-> the array messages of std_msgs, which have neither stamp nor frame."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from std_msgs.msg import (
    Float32MultiArray,
    Float64MultiArray,
    Int8MultiArray,
    Int16MultiArray,
    Int32MultiArray,
    MultiArrayDimension,
    MultiArrayLayout,
    UInt8MultiArray,
    UInt16MultiArray,
    UInt32MultiArray,
)

from ros2_igtl import codec
from ros2_igtl.convert.context import Context, Outbound
from ros2_igtl.convert.conversion import Conversion, one
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_arrays, number_array

COMPLEX_LABEL = 'complex'
"""The label of a last dimension of 2: the real and the imaginary part."""
_MAX_DIMENSIONS = 32  # as numpy, which the codec uses; the wire format allows 255
_MAX_SIZE = 0xFFFF  # of a dimension, ndarray.md
_ARRAYS: dict[np.dtype[Any], Any] = {
    np.dtype('i1'): Int8MultiArray,
    np.dtype('u1'): UInt8MultiArray,
    np.dtype('i2'): Int16MultiArray,
    np.dtype('u2'): UInt16MultiArray,
    np.dtype('i4'): Int32MultiArray,
    np.dtype('u4'): UInt32MultiArray,
    np.dtype('f4'): Float32MultiArray,
    np.dtype('f8'): Float64MultiArray,
    np.dtype('c16'): Float64MultiArray,
}
_DTYPES = {message_class: dtype for dtype, message_class in _ARRAYS.items() if dtype.kind != 'c'}
ARRAY_NAMES = sorted((c.__name__ for c in _DTYPES), key='Float64MultiArray'.__ne__)
"""Names of the std_msgs classes that an NDARRAY can become, the default first."""


def nd_array_class(content: codec.NDArray) -> Any:
    """
    Return the message class for an array.

    :raises ConvertError: ``scalar_type``: a type that the codec cannot pack either.
    """
    message_class = _ARRAYS.get(content.array.dtype.newbyteorder('='))
    if message_class is None:
        raise ConvertError('scalar_type', f'an NDARRAY of {content.array.dtype}')
    return message_class


def nd_array_to_multi_array(content: codec.NDArray, context: Context) -> Any:
    """
    Return an array of the same shape and type, such as a Float64MultiArray for an array of f8.

    Complex numbers become a Float64MultiArray with one more dimension of 2, labelled ``complex``.

    Lost: the shape of an array without dimensions, which becomes an array of one number.

    :raises ConvertError: ``scalar_type``.
    """
    message_class = nd_array_class(content)
    array = content.array
    sizes, labels = list(array.shape) or [1], [''] * max(array.ndim, 1)
    if array.dtype.kind == 'c':
        array = np.ascontiguousarray(array).reshape(-1)
        array = array.view(f'{array.dtype.byteorder}f8')
        sizes.append(2)
        labels.append(COMPLEX_LABEL)
    # in an empty array strides have no meaning and might not fit their field
    strides = [math.prod(sizes[index:]) if array.size else 0 for index in range(len(sizes))]
    dimensions = [
        MultiArrayDimension(label=label, size=size, stride=stride)
        for label, size, stride in zip(labels, sizes, strides, strict=True)
    ]
    layout = MultiArrayLayout(dim=dimensions)
    return message_with_arrays(message_class, {'data': number_array(array)}, layout=layout)


def nd_array_from_multi_array(message: Any) -> Outbound:
    """
    Return an array of the same shape and type; the numbers are not copied.

    Without a layout the array has one dimension. A last dimension of 2 with the label ``complex``
    marks complex numbers.

    Lost: all labels other than ``complex``.

    :raises ConvertError: ``array_layout``: sizes, strides, offset and numbers contradict one
        another, the strides leave gaps, or there are more than 32 dimensions or more than 65535
        numbers in one dimension.
    """
    dtype = _DTYPES[type(message)]
    offset, dimensions = message.layout.data_offset, message.layout.dim
    sizes = [dimension.size for dimension in dimensions] or [len(message.data) - offset]
    is_complex = dtype.char == 'd' and bool(dimensions) and dimensions[-1].label == COMPLEX_LABEL
    if len(sizes) > _MAX_DIMENSIONS + is_complex or max(sizes) > _MAX_SIZE:
        raise ConvertError(
            'array_layout',
            f'an array of {sizes[:33]}; {_MAX_DIMENSIONS} dimensions of {_MAX_SIZE} are allowed',
        )
    if offset > len(message.data) or math.prod(sizes) != len(message.data) - offset:
        raise ConvertError(
            'array_layout',
            f'{len(message.data)} numbers from offset {offset} do not fill an array of {sizes}',
        )
    for index, dimension in enumerate(dimensions):
        stride = math.prod(sizes[index:])
        if dimension.stride not in (0, stride):  # many publishers leave it 0
            raise ConvertError(
                'array_layout',
                f'dimension {index} has stride {dimension.stride}; {stride} or 0 are allowed',
            )
    values = np.frombuffer(message.data, dtype)[offset:]
    if is_complex:
        if sizes.pop() != 2:
            raise ConvertError(
                'array_layout', f'complex numbers have {dimensions[-1].size} parts; 2 are needed'
            )
        values = values.view('c16')
    try:
        return Outbound(codec.NDArray(values.reshape(sizes)))
    except ValueError as error:  # empty, but the product of its other dimensions is too large
        raise ConvertError('array_layout', f'an array of {sizes}: {error}') from None


def is_array_of(name: str) -> Callable[[Any], bool]:
    """Return a function that accepts the arrays for one class of std_msgs."""

    def accepts(content: Any) -> bool:
        return bool(nd_array_class(content).__name__ == name)

    return accepts


CONVERSIONS = (
    *(
        Conversion(
            'NDARRAY',
            f'std_msgs/msg/{name}',
            one(nd_array_to_multi_array),
            one(nd_array_from_multi_array),
            default=True,
            accepts=is_array_of(name),
        )
        for name in ARRAY_NAMES
    ),
)

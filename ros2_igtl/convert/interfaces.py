# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""ROS interfaces by name, and messages built around a buffer; no conversions."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray


@cache
def ros_type(ros_type_name: str) -> Any:
    """
    Return the class of a ROS interface such as ``geometry_msgs/msg/PoseStamped``.

    :raises ValueError: the name has another form.
    :raises ImportError: its package is not installed.
    :raises AttributeError: the package has no such interface.
    """
    parts = ros_type_name.split('/')
    if len(parts) != 3 or not all(part.isidentifier() for part in parts):
        raise ValueError(f'{ros_type_name!r} is not an interface name such as package/msg/Name')
    package, folder, name = parts
    return getattr(import_module(f'{package}.{folder}'), name)


def number_array(values: NDArray[Any]) -> array[Any]:
    """
    Return numbers, the last index fastest, as the array that a field of their type accepts.

    The numbers are copied once, into the byte order of the machine.
    """
    dtype = values.dtype.newbyteorder('=')
    numbers = array(dtype.char, [0]) * values.size
    np.frombuffer(numbers, dtype).reshape(values.shape)[...] = values
    return numbers


def numbers_of(messages: Iterable[Any], *fields: str) -> NDArray[np.float64]:
    """Return the numbers in fields of many messages, two fields or more, shape (n, fields)."""
    # takes a quarter of the time of an array of tuples
    numbers = chain.from_iterable(map(attrgetter(*fields), messages))
    return np.fromiter(numbers, np.float64).reshape(-1, len(fields))


def message_with_arrays(
    message_class: Any, arrays: Mapping[str, array[Any]], **fields: Any
) -> Any:
    """
    Return a message that keeps arrays in some of its fields by reference.

    A copy costs up to 26 ms for a volume. From Jazzy on, a message keeps a given array only if it
    checks its fields, so this function turns the checks on; on Humble they are always on.
    """
    if '_check_fields' in message_class.__slots__:
        fields['check_fields'] = True
    message = message_class(**fields)
    for name, values in arrays.items():
        setattr(message, name, values)
    return message


def byte_array(data: Any) -> array[int]:
    """Return an array('B') for a field of bytes: the given one, or a copy of other data."""
    if isinstance(data, array) and data.typecode == 'B':
        return data
    # frombytes copies any buffer at once; the constructor iterates over anything but bytes
    copied = array('B')
    copied.frombytes(memoryview(data).cast('B'))
    return copied


def message_with_data(message_class: Any, data: Any, **fields: Any) -> Any:
    """
    Return a message whose ``data`` are the given bytes, by reference if they are an array('B').

    Other data are copied into an array('B'): assigning them to the field as they are takes a
    hundred times as long.

    :param data: any bytes-like object.
    """
    return message_with_arrays(message_class, {'data': byte_array(data)}, **fields)

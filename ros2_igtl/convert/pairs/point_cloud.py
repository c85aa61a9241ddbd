# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
A sensor_msgs/PointCloud2 as numpy arrays and back, independent of OpenIGTLink messages.

See ``math/clouds.py`` for the colours. Source: ``PointCloud2.msg``, ``PointField.msg``; PCL,
``point_types.hpp``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from ros2_igtl.convert import naming
from ros2_igtl.convert.errors import ConvertError
from ros2_igtl.convert.interfaces import message_with_arrays, number_array

XYZ = [('x', '<f4'), ('y', '<f4'), ('z', '<f4')]
"""The first fields of each cloud, float32 in metres; RViz requires float32."""
RGBA = ('rgba', '<u4')
_CODES = {
    PointField.INT8: 'i1',
    PointField.UINT8: 'u1',
    PointField.INT16: 'i2',
    PointField.UINT16: 'u2',
    PointField.INT32: 'i4',
    PointField.UINT32: 'u4',
    PointField.FLOAT32: 'f4',
    PointField.FLOAT64: 'f8',
}
_DATATYPES = {np.dtype(f'<{code}'): datatype for datatype, code in _CODES.items()}
_MAX_POINT_SIZE = 2**31 - 1  # bytes: numpy's dtypes are no larger


class Cloud(NamedTuple):
    """The points of a cloud that have a position."""

    positions: NDArray[np.float64]  # (n, 3), metres; finite unless the cloud declares itself dense
    columns: dict[str, NDArray[Any]]  # the other fields: (n,), or (n, count) if count is not 1


def make_cloud(
    header: Header, positions: NDArray[np.float64], columns: dict[str, NDArray[Any]]
) -> PointCloud2:
    """
    Return a dense cloud of one row.

    :param positions: shape (n, 3), metres; kept as float32.
    :param columns: further fields by name, shape (n,) or (n, count), little-endian.
    """
    more = [(name, column.dtype, column.shape[1:]) for name, column in columns.items()]
    points = np.empty(len(positions), [*XYZ, *more])
    for name, values in zip('xyz', positions.T, strict=True):
        points[name] = values
    for name, column in columns.items():
        points[name] = column
    fields: Any = points.dtype.fields
    return message_with_arrays(
        PointCloud2,
        {'data': number_array(points.view(np.uint8))},
        header=header,
        height=1,
        width=len(points),
        fields=[
            PointField(
                name=name,
                offset=offset,
                datatype=_DATATYPES[dtype.base],
                count=math.prod(dtype.shape),
            )
            for name, (dtype, offset, *_) in fields.items()
        ],
        is_bigendian=False,
        point_step=points.itemsize,
        row_step=points.nbytes,
        is_dense=True,
    )


def read_cloud(message: PointCloud2) -> Cloud:
    """
    Return the points of a cloud, whose fields may have any type, offset and byte order.

    Points whose position is not finite are left out, unless the cloud declares itself dense.

    :raises ConvertError: ``point_fields``: x, y or z is missing or not a single number, or a field
        ends beyond its point; ``size_mismatch``: data and steps contradict the size.
    """
    dtype = _dtype_of(message)
    keys: dict[str, str] = {}
    for index, field in enumerate(message.fields):
        keys.setdefault(field.name, f'f{index}')  # of two fields with one name, the first counts
    missing = [axis for axis in 'xyz' if axis not in keys or dtype[keys[axis]].shape]
    if missing:
        raise ConvertError(
            'point_fields', f'{", ".join(missing)}: one number each for x, y and z is needed'
        )
    row_size = message.width * message.point_step
    if message.row_step < row_size or len(message.data) != message.row_step * message.height:
        raise ConvertError(
            'size_mismatch',
            f'{message.height} rows of {message.width} points of {message.point_step} bytes need '
            f'{row_size} bytes or more each, got {len(message.data)} bytes in rows of '
            f'{message.row_step}',
        )
    points = np.ndarray(
        (message.height, message.width),
        dtype,
        memoryview(message.data),
        strides=(message.row_step, message.point_step),
    ).reshape(-1)
    with np.errstate(invalid='ignore'):  # numpy would warn about some NaN
        positions = np.stack([points[keys[axis]] for axis in 'xyz'], axis=1).astype(np.float64)
    if not message.is_dense:
        is_valid = np.isfinite(positions).all(axis=1)
        if not is_valid.all():
            points, positions = points[is_valid], positions[is_valid]
    columns = {name: points[key] for name, key in keys.items() if name not in ('x', 'y', 'z')}
    return Cloud(positions, columns)


def _dtype_of(message: PointCloud2) -> np.dtype[Any]:
    """
    Return the dtype of a point with numbered fields, since their own names may be any text.

    :raises ConvertError: ``point_fields``.
    """
    if message.point_step > _MAX_POINT_SIZE:
        raise ConvertError(
            'point_fields', f'point_step is {message.point_step}; {_MAX_POINT_SIZE} is allowed'
        )
    order = '>' if message.is_bigendian else '<'
    formats: list[Any] = []
    for field in message.fields:
        code = _CODES.get(field.datatype)
        if code is None:
            raise ConvertError(
                'point_fields',
                f"field '{naming.escape(field.name)}' has datatype {field.datatype}; "
                f'{min(_CODES)} to {max(_CODES)} are allowed',
            )
        # PCL reads a count of 0, which old publishers write, as 1.
        count = max(field.count, 1)
        dtype = np.dtype(order + code)
        if field.offset + count * dtype.itemsize > message.point_step:
            raise ConvertError(
                'point_fields',
                f"field '{naming.escape(field.name)}' of {count} x {dtype} at {field.offset} "
                f'ends beyond the point of {message.point_step} bytes',
            )
        formats.append((dtype, (count,)) if count > 1 else dtype)
    return np.dtype(
        {
            'names': [f'f{index}' for index in range(len(formats))],
            'formats': formats,
            'offsets': [field.offset for field in message.fields],
            'itemsize': message.point_step,
        }
    )

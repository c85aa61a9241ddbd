# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Colours of a sensor_msgs/PointCloud2 as numpy arrays, independent of OpenIGTLink messages.

PCL and RViz store a colour as one number of four bytes: 0xAARRGGBB in a field ``rgba``, or
0x00RRGGBB in a field ``rgb``, which may be declared as float32. Source: ``PointCloud2.msg``,
``PointField.msg``; PCL, ``point_types.hpp``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_igtl.convert.errors import ConvertError


def pack_colors(rgba: NDArray[np.uint8]) -> NDArray[Any]:
    """Return the field ``rgba`` for bytes of shape (n, 4): red, green, blue, alpha."""
    return np.ascontiguousarray(rgba[:, [2, 1, 0, 3]]).view('<u4')[:, 0]


def color_field(columns: dict[str, NDArray[Any]]) -> str | None:
    """Return the name of the field with the colours, None without colours."""
    return next((name for name in ('rgba', 'rgb') if name in columns), None)


def unpack_colors(name: str, column: NDArray[Any]) -> NDArray[np.uint8]:
    """
    Return the bytes of a field ``rgba`` or ``rgb``, shape (n, 4): red, green, blue, alpha.

    Colours of ``rgb`` are opaque.

    :raises ConvertError: ``point_fields``: the field has a form that PCL and RViz do not read.
    """
    if column.ndim != 1 or column.itemsize != 4:
        raise ConvertError(
            'point_fields', f'{name} is {column.dtype}; one number of 4 bytes a point is needed'
        )
    order = '>' if column.dtype == column.dtype.newbyteorder('>') else '<'
    packed = np.ascontiguousarray(column).view(f'{order}u4').astype('<u4')
    rgba = packed.view(np.uint8).reshape(-1, 4)[:, [2, 1, 0, 3]]
    if name == 'rgb':
        rgba[:, 3] = 255
    return rgba


def color_bytes(components: NDArray[Any]) -> NDArray[np.uint8]:
    """
    Return colour components from 0 to 1 as bytes, in the same shape.

    :raises ConvertError: ``color_range``.
    """
    with np.errstate(invalid='ignore'):
        scaled = components.astype(np.float64) * 255.0
        # half a step of tolerance, as for single colours; False for NaN
        is_color = np.all((scaled > -0.5) & (scaled < 255.5))
    if not is_color:
        raise ConvertError('color_range', 'a colour component is outside 0 to 1')
    return np.rint(scaled).astype(np.uint8)

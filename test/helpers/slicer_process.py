# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
The process 3D Slicer's core lives in: a list of volumes on stdin, what it says of them on stdout.

Run by ask_slicer() with the interpreter of its own environment; imports nothing of the project.
All lengths are millimetres, all directions RAS.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import slicer  # type: ignore[import-not-found, import-untyped, unused-ignore]
import vtk  # type: ignore[import-not-found, import-untyped, unused-ignore]


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """
    Return what a volume node says of itself.

    :param asked: ``size`` along i, j, k; ``data``, a byte a voxel; ``ijk_to_ras``, 3 x 4.
    """
    matrix = vtk.vtkMatrix4x4()
    for row, numbers in enumerate(np.reshape(asked['ijk_to_ras'], (3, 4)).tolist()):
        for column, number in enumerate(numbers):
            matrix.SetElement(row, column, number)
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetIJKToRASMatrix(matrix)
    voxels = np.frombuffer(bytes(asked['data']), np.uint8).reshape(asked['size'][::-1])
    slicer.updateVolumeFromArray(node, voxels)
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    node.GetIJKToRASMatrix(matrix)
    image = node.GetImageData()
    i, j, k = brightest(image)
    return {
        'spacing': node.GetSpacing(),
        'ijk_to_ras': [matrix.GetElement(row, column) for row in range(3) for column in range(4)],
        'centre': [(bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)],
        'is_centered': bool(node.IsCentered()),
        'scan_order': slicer.vtkMRMLVolumeNode.ComputeScanOrderFromIJKToRAS(matrix),
        'brightest_ijk': [i, j, k],
        'brightest_ras': matrix.MultiplyPoint((i, j, k, 1))[:3],
    }


def brightest(image: Any) -> tuple[int, int, int]:
    """Return the index of the brightest voxel, by VTK's own access to each."""
    ni, nj, nk = image.GetDimensions()
    return max(
        ((i, j, k) for i in range(ni) for j in range(nj) for k in range(nk)),
        key=lambda index: image.GetScalarComponentAsDouble(*index, 0),
    )


if __name__ == '__main__':
    json.dump([answer(asked) for asked in json.load(sys.stdin)], sys.stdout)

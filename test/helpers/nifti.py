# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Heads that packages bring along, as nibabel reads them, and as the IMAGE that a scanner would send.

MNI152 (197 x 233 x 189, 1 mm): from the wheel of nilearn, which is not imported. The others are
test data of nibabel: a tilted scan of the brain with voxels of 2 x 2 x 2.2 mm, and an anatomical
one in big-endian numbers whose i axis points left.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ros2_igtl import codec

FILES = {
    'MNI152': ('nilearn', 'datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz'),
    'tilted': ('nibabel', 'tests/data/example4d.nii.gz'),
    'anatomical': ('nibabel', 'tests/data/anatomical.nii'),
}


class Head(NamedTuple):
    """Voxels as they are in the file, shape (i, j, k), and where they lie: millimetres, RAS."""

    voxels: NDArray[Any]
    affine: NDArray[np.float64]


def load_head(name: str) -> Head:
    """
    Return a head.

    :raises ModuleNotFoundError: nibabel, or the package that brings it, is not installed.
    """
    import nibabel

    package, path = FILES[name]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f'{package} is not installed', name=package)
    image: Any = nibabel.Nifti1Image.from_filename(Path(spec.origin).parent / path)
    voxels = np.asarray(image.dataobj.get_unscaled())
    return Head(voxels if voxels.ndim == 3 else voxels[..., 0], image.affine)


def image_of(
    head: Head, coordinate: codec.CoordinateSystem = codec.CoordinateSystem.RAS
) -> codec.Image:
    """Return the IMAGE of a head, its place by nibabel's own arithmetic."""
    from nibabel.affines import apply_affine

    affine = head.affine
    if coordinate == codec.CoordinateSystem.LPS:
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    centre = apply_affine(affine, (np.array(head.voxels.shape) - 1) / 2)  # type: ignore[no-untyped-call]
    return codec.Image.from_pixels(
        head.voxels.T,
        axes=tuple(affine[:3, :3].T.ravel().tolist()),
        position=tuple(centre.tolist()),
        coordinate=coordinate,
    )


def affine_of_volume(volume: Any) -> NDArray[np.float64]:
    """Return the affine of a ros2_igtl/Volume, millimetres, RAS."""
    return np.vstack([np.reshape(volume.ijk_to_frame, (3, 4)) * 1000.0, [0.0, 0.0, 0.0, 1.0]])


def affine_of_image(image: codec.Image) -> NDArray[np.float64]:
    """Return the affine of an IMAGE, millimetres, in its own directions."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.axes, (3, 3)).T
    affine[:3, 3] = image.position - affine[:3, :3] @ ((np.array(image.size) - 1) / 2)
    return affine


def parts_of(image: codec.Image, step: tuple[int, int, int]) -> Iterator[codec.Image]:
    """Yield an image in bricks of a size, or what is left of it at the end of an axis."""
    i, j, k = image.size
    di, dj, dk = step
    for z in range(0, k, dk):
        for y in range(0, j, dj):
            for x in range(0, i, di):
                brick = image.pixels[z : z + dk, y : y + dj, x : x + di]
                yield codec.Image(
                    brick.tobytes(),
                    image.size,
                    image.scalar_type,
                    image.components,
                    image.endian,
                    image.coordinate,
                    image.axes,
                    image.position,
                    (x, y, z),
                    (brick.shape[2], brick.shape[1], brick.shape[0]),
                )

# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The picture of the demo: slices as sent and as received, and the path of the tool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from numpy.typing import NDArray

Slice = tuple[str, NDArray[np.uint8], NDArray[np.uint8]]
Pose = tuple[NDArray[np.float64], NDArray[np.float64]]

PATH_POSES = 100
AXIS_COLORS = ('#ff5c5c', '#5cd65c', '#5c9dff')  # x, y, z: red, green, blue, as in RViz
BACKGROUND = '#14171c'
FOREGROUND = '#d8dee9'


def draw(path: Path, slices: Sequence[Slice], poses: Sequence[Pose], sender: str) -> None:
    """
    Write the picture.

    :param slices: name, pixels as sent, pixels as received; shape (rows, columns).
    :param poses: translation in metres and rotation matrix of the tool, in the order of arrival.
    :param sender: the programs that sent them, for the title.
    """
    style: Any = {  # mypy requires literal keys
        'figure.facecolor': BACKGROUND,
        'savefig.facecolor': BACKGROUND,
        'axes.facecolor': BACKGROUND,
        'text.color': FOREGROUND,
        'axes.labelcolor': FOREGROUND,
        'axes.titlecolor': FOREGROUND,
        'axes.edgecolor': '#4c566a',
        'xtick.color': FOREGROUND,
        'ytick.color': FOREGROUND,
        'grid.color': '#333a47',
        'font.size': 10,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(13, 10.5))
        FigureCanvasAgg(figure)
        figure.suptitle(f'From {sender}, over OpenIGTLink, to ROS 2', fontsize=17, y=0.975)
        grid = figure.add_gridspec(
            2,
            1,
            height_ratios=(1.05, 1.0),
            top=0.9,
            bottom=0.07,
            left=0.05,
            right=0.97,
            hspace=0.16,
        )
        _draw_slices(figure, grid[0], slices)
        _draw_path(figure, grid[1], poses[-PATH_POSES:])
        figure.savefig(path, dpi=110)


def _draw_slices(figure: Figure, place: SubplotSpec, slices: Sequence[Slice]) -> None:
    grid = place.subgridspec(2, max(len(slices), 1), wspace=0.05, hspace=0.08)
    for column, (name, sent, arrived) in enumerate(slices):
        for row, pixels in enumerate((sent, arrived)):
            axes = figure.add_subplot(grid[row, column])
            axes.imshow(pixels, cmap='gray', vmin=0, vmax=max(int(sent.max()), 1))
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(name, fontsize=10)
            else:
                same = np.array_equal(sent, arrived)
                axes.set_xlabel('identical' if same else 'DIFFERENT', fontsize=9)
            if column == 0:
                axes.set_ylabel(('as sent', 'as received in ROS')[row], fontsize=12)


def _draw_path(figure: Figure, place: SubplotSpec, poses: Sequence[Pose]) -> None:
    positions = np.array([position for position, _ in poses]) * 1000.0
    grid = place.subgridspec(1, 2, width_ratios=(1.0, 1.35), wspace=0.12)
    space: Any = figure.add_subplot(grid[0], projection='3d')
    space.view_init(elev=25.0, azim=-150.0)  # a view of the tilted circle of TrackerServer
    space.set_title('the tool in its tracker, millimetres', fontsize=12)
    space.plot(*positions.T, color='#e5c07b', linewidth=1.2)
    for position, (_, rotation) in list(zip(positions, poses, strict=True))[::4]:
        for axis, color in enumerate(AXIS_COLORS):
            tip = position + 12.0 * rotation[:, axis]
            space.plot(*np.array([position, tip]).T, color=color, linewidth=1.5)
    space.set_aspect('equal')
    space.set(xlabel='x', ylabel='y', zlabel='z')
    for axis in (space.xaxis, space.yaxis, space.zaxis):
        axis.set_pane_color((1.0, 1.0, 1.0, 0.04))

    over_time = figure.add_subplot(grid[1])
    over_time.set_title(f'the last {len(poses)} poses, in the order of their arrival', fontsize=12)
    for axis, (name, color) in enumerate(zip('xyz', AXIS_COLORS, strict=True)):
        # x and z of TrackerServer are equal: later lines are thinner, so that all are visible
        over_time.plot(
            positions[:, axis], color=color, label=name, linewidth=4.0 - 1.3 * axis, marker='.'
        )
    over_time.margins(y=0.16)
    over_time.set(xlabel='message', ylabel='position, millimetres')
    over_time.grid()
    over_time.legend(loc='upper right', facecolor=BACKGROUND, edgecolor='#4c566a', ncols=3)
    for side in ('top', 'right'):
        over_time.spines[side].set_visible(False)

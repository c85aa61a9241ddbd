# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The plot of the benchmark: times of the implementations relative to the C++ library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLORS = ('#8a8f98', '#c98b2b', '#2b7bc9', '#9cc4ea')


def draw(path: Path, report: dict[str, Any]) -> None:
    """
    Write the plot.

    :param report: as in bench.json; its first implementation is the reference.
    """
    rows = report['microseconds']
    names = [key for key in rows[0] if key not in ('message', 'operation')]
    reference, *others = names
    figure = Figure(figsize=(10, 0.5 * len(rows) + 1.6))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    height = 0.8 / len(others)
    for place, name in enumerate(others):
        measured = [
            (row, line[name] / line[reference]) for row, line in enumerate(rows) if name in line
        ]
        bars = axes.barh(
            [row + (place - 1) * height for row, _ in measured],
            # bars start at 1: those to the left are faster than the reference
            [value - 1.0 for _, value in measured],
            height,
            left=1.0,
            color=COLORS[1 + place],
            label=name,
        )
        axes.bar_label(bars, [f'{value:.2g}' for _, value in measured], fontsize=7, padding=2)
    axes.set_xscale('log')
    axes.axvline(1.0, color=COLORS[0], label=reference)
    axes.set_yticks(range(len(rows)), [f'{line["message"]} {line["operation"]}' for line in rows])
    axes.invert_yaxis()
    axes.margins(x=0.08, y=0.01)
    axes.set_xlabel(f'time / time of {reference}; shorter is further left')
    machine = report['machine']
    axes.set_title(
        f'Packing and unpacking: {machine["processor"]}, Python {machine["python"]}', fontsize=11
    )
    axes.legend(loc='lower right', fontsize=8)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=100)

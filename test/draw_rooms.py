# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""
Draws doc/rooms.svg, the rooms of the package and their imports, from the code.

Each box is a folder, or files of a divided folder that are in the same layer. A box imports only
boxes below it. An arrow is left out if a longer path of arrows implies it. Run
``./with-ros python test/draw_rooms.py`` after moving a module.
"""

from __future__ import annotations

import ast
import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from html import escape
from pathlib import Path
from typing import TypeAlias

from helpers.imports import imports_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'ros2_igtl'
PICTURE = ROOT / 'doc' / 'rooms.svg'

DIVIDED = frozenset({'convert', 'nodes'})  # rooms whose inner rooms are drawn
COLORS = {
    'nodes': '#dbe8fb', 'convert': '#ddf3e0', 'codec': '#fdebd0', 'transport': '#fbe0e0',
    'config': '#ece3f7', 'options': '#f3f3d9',
}  # fmt: skip
OTHER_COLOR = '#eeeeee'

Graph: TypeAlias = Mapping[str, set[str]]

MARGIN, GAP, LAYER_GAP = 20, 24, 40
LINE, PADDING = 16, 10
CHARACTER = 6.7  # of the modules' names, in pixels on average
MIN_BOX, MAX_BOX = 190, 440


def room_of(path: Path, divided: frozenset[str]) -> str:
    """Return the room of a file below the package: 'codec', 'nodes/to_ros', 'nodes/peer' ..."""
    first, *rest = path.relative_to(PACKAGE).with_suffix('').parts
    room = first
    for part in rest:
        if room not in divided:
            break
        room += f'/{part}'
    return room


def file_of(module: str) -> Path | None:
    """Return the file of a module of the package, also of a name in a module."""
    parts = module.split('.')
    while len(parts) > 1:
        path = ROOT.joinpath(*parts)
        for file in (path.with_suffix('.py'), path / '__init__.py'):
            if file.exists():
                return file
        parts.pop()
    return None


def read_rooms(divided: frozenset[str] = DIVIDED) -> tuple[Graph, Mapping[str, list[Path]]]:
    """
    Return which rooms each room imports, and the files of each room.

    :param divided: folders drawn by their inner folders and files. A folder that imports another
        which imports it is divided too.
    :raises CycleError: files import each other in a circle.
    """
    imports: dict[str, set[str]] = defaultdict(set)
    files: dict[str, list[Path]] = defaultdict(list)
    folders = {PACKAGE, *(PACKAGE / room for room in divided)}
    for path in sorted(PACKAGE.rglob('*.py')):
        if path.stem == '__init__' and path.parent in folders:
            continue  # a docstring
        room = room_of(path, divided)
        if path.stem != '__init__':
            files[room].append(path)
        for _, module in imports_of(path):
            imported = file_of(module) if module.startswith('ros2_igtl.') else None
            if imported is not None and imported not in {f / '__init__.py' for f in folders}:
                imports[room].add(room_of(imported, divided))
        imports[room].discard(room)
    for room in [*files]:
        imports[room] |= set()
    try:
        layers_of(imports)
    except CycleError as error:
        circle = {room for room in error.args[1] if (PACKAGE / room).is_dir()}
        if not circle:
            raise
        return read_rooms(divided | circle)
    return imports, files


def layers_of(imports: Graph) -> dict[str, int]:
    """
    Return the layer of each room: 0 for one that imports none, else above all that it imports.

    :raises graphlib.CycleError: rooms import each other in a circle.
    """
    layers: dict[str, int] = {}
    for room in TopologicalSorter(imports).static_order():
        layers[room] = max((layers[below] + 1 for below in imports[room]), default=0)
    return layers


def merged(
    imports: Graph, files: Mapping[str, list[Path]]
) -> tuple[Graph, Mapping[str, list[Path]]]:
    """Return the rooms with the files of one folder and layer in one box, 'nodes 3'."""
    layers = layers_of(imports)

    def box_of(room: str) -> str:
        folder = room.rpartition('/')[0]
        return f'{folder} {layers[room]}' if folder and not (PACKAGE / room).is_dir() else room

    boxes: dict[str, set[str]] = defaultdict(set)
    contents: dict[str, list[Path]] = defaultdict(list)
    for room, below in imports.items():
        boxes[box_of(room)] |= {box_of(each) for each in below}
        contents[box_of(room)] += files[room]
    return boxes, contents


def needed(imports: Graph) -> list[tuple[str, str]]:
    """Return the imports that no longer path implies."""
    reached: dict[str, set[str]] = {}
    for room in TopologicalSorter(imports).static_order():
        reached[room] = imports[room].union(*(reached[below] for below in imports[room]))
    return [
        (room, below)
        for room in sorted(imports)
        for below in sorted(imports[room])
        if not any(below in reached[other] for other in imports[room])
    ]


def summary(path: Path) -> str:
    """Return the first clause of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or ''
    sentence = ' '.join(docstring.split('\n\n')[0].split())
    return sentence.split(': ')[0].split('; ')[0].split('. ')[0].rstrip('.').replace('`', '')


class Box:
    """One room with its place in the picture, in pixels."""

    def __init__(self, room: str, files: Sequence[Path]) -> None:
        is_folder = (PACKAGE / room).is_dir()
        self.color = COLORS.get(room.split('/')[0].split(' ')[0], OTHER_COLOR)
        names = [path.stem for path in files]
        title = f'{room}/'
        if is_folder:
            about = summary(PACKAGE / room / '__init__.py')
        else:
            title = ', '.join(f'{path.relative_to(PACKAGE)}' for path in files)
            about = '' if len(names) > 1 else summary(files[0])
            names = []
        characters = min(max(len(title) + 2, 26, 9 * len(names) // 4), 80)
        self.width = min(max(characters * CHARACTER + 2 * PADDING, MIN_BOX), MAX_BOX)
        columns = int((self.width - 2 * PADDING) / CHARACTER)
        self.titles = textwrap.wrap(title, columns)
        self.lines = textwrap.wrap(about, columns)
        self.names = textwrap.wrap(', '.join(names), columns)
        self.height = LINE * (len(self.titles) + len(self.lines) + len(self.names)) + 2 * PADDING
        self.x = self.y = 0.0

    def draw(self) -> str:
        """Return the box as SVG."""
        rows = [
            f'<rect x="{self.x:.0f}" y="{self.y:.0f}" width="{self.width:.0f}" '
            f'height="{self.height:.0f}" rx="6" fill="{self.color}" stroke="#667"/>'
        ]
        texts = [(text, 'title') for text in self.titles] + [
            (text, 'about') for text in self.lines
        ]
        texts += [(text, 'names') for text in self.names]
        for number, (text, kind) in enumerate(texts):
            y = self.y + PADDING + LINE * (number + 0.75)
            place = f'x="{self.x + PADDING:.0f}" y="{y:.0f}"'
            rows.append(f'<text {place} class="{kind}">{escape(text)}</text>')
        return '\n'.join(rows)


def place(boxes: Mapping[str, Box], imports: Graph) -> tuple[float, float]:
    """Place the boxes in layers, and return the width and height of the picture."""
    layers = layers_of(imports)
    y = float(MARGIN)
    width = max(
        sum(boxes[room].width + GAP for room in imports if layers[room] == layer)
        for layer in layers.values()
    )
    width += 2 * MARGIN - GAP
    above: dict[str, list[str]] = defaultdict(list)
    for room, below in needed(imports):
        above[below].append(room)
    for layer in sorted(set(layers.values()), reverse=True):
        rooms = sorted(room for room in imports if layers[room] == layer)
        rooms.sort(key=lambda room: _middle([boxes[each] for each in above[room]], width))
        total = sum(boxes[room].width for room in rooms) + GAP * (len(rooms) - 1)
        x = (width - total) / 2
        for room in rooms:
            boxes[room].x, boxes[room].y = x, y
            x += boxes[room].width + GAP
        y += max(boxes[room].height for room in rooms) + LAYER_GAP
    return width, y - LAYER_GAP + MARGIN


def _middle(boxes: list[Box], width: float) -> float:
    return sum(box.x + box.width / 2 for box in boxes) / len(boxes) if boxes else width / 2


def draw() -> str:
    """Return the picture as SVG."""
    imports, files = merged(*read_rooms())
    boxes = {room: Box(room, files[room]) for room in imports}
    width, height = place(boxes, imports)
    arrows = []
    for room, below in needed(imports):
        start, end = boxes[room], boxes[below]
        x1, y1 = start.x + start.width / 2, start.y + start.height
        x2, y2 = end.x + end.width / 2, end.y - 6
        middle = (y1 + y2) / 2
        arrows.append(
            f'<path d="M{x1:.0f} {y1:.0f} C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} '
            f'{x2:.0f} {y2:.0f}" fill="none" stroke="#99a" marker-end="url(#head)"/>'
        )
    return '\n'.join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}">',
            '<style>text{font-family:DejaVu Sans,Verdana,sans-serif;font-size:11.5px;fill:#223}'
            '.title{font-weight:bold}.names{fill:#557}</style>',
            '<marker id="head" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#99a"/></marker>',
            '<rect width="100%" height="100%" fill="white"/>',
            *arrows,
            *(boxes[room].draw() for room in sorted(boxes)),
            '</svg>\n',
        ]
    )


if __name__ == '__main__':
    PICTURE.write_text(draw(), encoding='utf-8')

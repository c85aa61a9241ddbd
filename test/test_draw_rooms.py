# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""The picture of the rooms in the documentation is that of the code."""

from __future__ import annotations

from graphlib import CycleError

import draw_rooms
import pytest


def test_the_committed_picture_is_fresh() -> None:
    # by: ./with-ros python test/draw_rooms.py
    assert draw_rooms.PICTURE.read_text(encoding='utf-8') == draw_rooms.draw()


def test_a_room_lies_above_all_that_it_imports() -> None:
    imports, _ = draw_rooms.read_rooms()
    layers = draw_rooms.layers_of(imports)
    assert all(layers[room] > layers[below] for room in imports for below in imports[room])
    assert layers['nodes/programs'] == max(layers.values())
    assert 'codec' in imports['transport']


def test_an_arrow_is_left_out_if_a_longer_path_implies_it() -> None:
    imports = {'a': {'b', 'c'}, 'b': {'c'}, 'c': set()}
    assert draw_rooms.needed(imports) == [('a', 'b'), ('b', 'c')]


def test_a_circle_has_no_picture() -> None:
    with pytest.raises(CycleError):
        draw_rooms.layers_of({'a': {'b'}, 'b': {'a'}})

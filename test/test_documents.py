# Copyright ros2_igtl contributors
# SPDX-License-Identifier: Apache-2.0
"""Links between the documents lead to files and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob('*.md'), *(ROOT / 'doc').glob('*.md')]


def headings(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r'^ *```.*?^ *```', '', document.read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = re.findall(r'^#+ +(.*)$', text, re.MULTILINE)
    return {re.sub(r'[^\w -]', '', line.lower()).replace(' ', '-') for line in lines}


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in re.findall(r'\]\(([^)\s]+)\)', document.read_text()):
        if link.startswith(('http://', 'https://')):
            continue
        path, _, anchor = link.partition('#')
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link

"""The plot of metadata entries shows the counts that curation has published."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from jobs.alignment.curation.curation_facts import EntryBalance, EntryKind
from jobs.reporting.plots import balance_figure, png, svg
from jobs.reporting.plots.canvas import INK

ENTRIES = [
    EntryBalance(EntryKind.CATEGORY, "drama", 4_200, 1_310),
    EntryBalance(EntryKind.WORD, "cost $5 & $6", 900, 700),
    EntryBalance(EntryKind.PAIR, "a pair of very very long words", 5, 5),
]


@pytest.mark.parametrize("width", [340, 840])
def test_each_entry_has_both_counts_and_its_kind(width: int) -> None:
    figure = balance_figure(ENTRIES, width)
    before, after = (
        dict(zip(np.asarray(line.get_ydata()), np.asarray(line.get_xdata()), strict=True))
        for line in figure.axes[0].lines
    )
    places = figure.axes[0].get_yticks()
    assert [before[place] for place in places] == [4_200, 900, 5]
    assert [after[place] for place in places] == [1_310, 700, 5]
    assert sorted(places, reverse=True) == list(places)
    first, second = (svg(balance_figure(ENTRIES, width), "name", "any") for _ in range(2))
    assert first == second
    assert INK not in first
    words = " ".join(" ".join(ET.fromstring(first).itertext()).split())
    for shown in ("drama (category)", "cost $5 & $6 (word)", "before curation", "after curation"):
        assert shown in words
    assert "a pair of very very long wo… (pair of words)" in words


def test_fifty_entries_make_a_picture() -> None:
    many = [EntryBalance(EntryKind.WORD, f"word{n}", 100 - n, 50) for n in range(50)]
    assert png(balance_figure(many)).startswith(b"\x89PNG")


def test_a_plot_without_entries_is_refused() -> None:
    with pytest.raises(ValueError, match="no metadata entry"):
        balance_figure([])

"""The plots of the report, each drawn for a wide and for a narrow screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from markupsafe import Markup
from matplotlib.figure import Figure

from jobs.ais.ais_result import AisResult
from jobs.alignment.curation.curation_facts import CurationFacts
from jobs.evaluation.result import LisResult
from jobs.lis.slot_importance.slot_importance import SlotImportance
from jobs.reporting import wording
from jobs.reporting.plots import (
    balance_figure,
    decay_figure,
    dose_figure,
    forest_figure,
    importance_figure,
    improvement_figure,
    svg,
    trend_figure,
)
from jobs.reporting.plots.forest import COLUMNS

_WIDE, _NARROW = 1080, 340
Drawn = TypeVar("Drawn")


_MOST_ENTRIES = 15
"""Metadata entries in a report: the most frequent are those that curation thins out."""


@dataclass(frozen=True)
class Curation:
    """The items that an encoder was aligned on.

    Attributes:
        preference: Name of the preference data.
        aligned_at: Day of the encoder.
        facts: How many were kept, and why others were not.
    """

    preference: str
    aligned_at: str
    facts: CurationFacts

    @property
    def sentence(self) -> str:
        """What was kept and what was left out, in words."""
        facts = self.facts
        return (
            f"The encoder of {self.preference} as of {self.aligned_at} was trained on "
            f"{facts.train:,} items and validated on {facts.validation:,}. Of the {facts.items:,} "
            f"items of the ranker's snapshot, these are not among them: {facts.losses}."
        )


@dataclass(frozen=True)
class Picture:
    """A plot in two widths."""

    title: str
    caption: str
    wide: Markup
    narrow: Markup


def dose_picture(results: Sequence[LisResult], confidence: float) -> Picture:
    """Draw the LIS by days of leak, held-out and seen."""
    summary = "; ".join(
        f"{result.preference}, {result.mode}, n = {result.horizon}: held-out "
        f"{wording.signed(result.lis)}, seen {wording.signed(result.lis_seen)}"
        for result in results
    )
    caption = (
        f"Circles are held-out rows with their {wording.level(confidence)} interval. Diamonds are "
        "rows that trained the ranker, as in the paper. The gap between them is memorised labels. "
        "Days are spaced as log(1 + n)."
    )
    return _drawn("LIS by days of leak", caption, summary, "dose", dose_figure, results)


def trend_picture(results: Sequence[LisResult], confidence: float) -> Picture | None:
    """Draw the LIS by day; None with fewer than two days.

    If several rankers have results of the same day, the ranker of the newest day is drawn.
    """
    singles = [result for result in results if not result.is_pooled]
    days = sorted({result.as_of for result in singles})
    if len(days) < 2:
        return None
    newest = max(singles, key=lambda result: (result.last_day, result.ranker_version))
    drawn: dict[tuple[str, str, int, str], LisResult] = {}
    for result in sorted(singles, key=lambda one: one.ranker_version == newest.ranker_version):
        drawn[result.preference, result.mode, result.horizon, result.as_of] = result
    summary = f"Held-out LIS of each day from {days[0]} to {days[-1]}"
    caption = (
        f"{summary}. Bands are {wording.level(confidence)} intervals. A ring marks a verdict "
        "that differs from the day before, a vertical dotted line another ranker version."
    )
    return _drawn("LIS by day", caption, summary, "trend", trend_figure, list(drawn.values()))


def forest_picture(results: Sequence[LisResult], confidence: float) -> Picture | None:
    """Draw the LIS by slice at the longest horizon of each preference; None without slices."""
    chosen: dict[str, LisResult] = {}
    for result in sorted(results, key=lambda one: (one.mode == "retrain", one.horizon)):
        if result.slices:
            chosen[result.preference] = result
    if not chosen:
        return None
    shown = wording.ordered(chosen.values())
    parts = [
        f"{result.preference}, {part.name} {part.value}: {wording.signed(part.estimate.value)}"
        for result in shown
        for part in result.slices
        if part.stands_out
    ]
    summary = f"Held-out LIS on parts of the rows. Standing out: {'; '.join(parts) or 'none'}"
    caption = (
        f"Held-out LIS on parts of the rows, with {wording.level(confidence)} intervals; the "
        "dashed line is the LIS of all held-out rows. Intervals with an arrow go on beyond the "
        "edge. Among many parts, some intervals exclude the line by chance. Filled diamonds still "
        "differ from it after the correction for all parts of the result (Holm); treat the others "
        "as hints."
    )
    rows = [shown[first : first + COLUMNS] for first in range(0, len(shown), COLUMNS)]
    return _drawn("LIS by slice", caption, summary, "forest", forest_figure, *rows)


def importance_picture(importances: Sequence[SlotImportance], confidence: float) -> Picture | None:
    """Draw the AUC that the ranker loses without each embedding slot; None without importances."""
    if not importances:
        return None
    title = "AUC lost without each embedding slot"
    parts = [f"{one.slot}: {wording.signed(one.importance)}" for one in importances]
    caption = (
        "The further to the right, the more AUC the ranker loses when the ids of an embedding slot "
        f"are permuted among the rows of a day; lines are {wording.level(confidence)} intervals."
    )
    summary = f"AUC lost, by slot. {'; '.join(parts)}"
    return _drawn(title, caption, summary, "importance", importance_figure, importances)


def alignment_pictures(
    results: Sequence[AisResult], by_day: Sequence[AisResult], confidence: float
) -> list[Picture]:
    """Draw the AIS beside its bound, and by day where there are two days or more.

    Args:
        results: The results that lead the report.
        by_day: Results of single days.
        confidence: Coverage of the intervals.
    """
    if not results:
        return []
    level = wording.level(confidence)
    summary = "; ".join(
        f"{one.title}: AIS {wording.signed(one.ais)}, LIS {wording.signed(one.lis)}"
        for one in results
    )
    caption = f"Gains over the baseline on the same held-out rows, with {level} intervals."
    pictures = [
        _drawn("AIS and its bound", caption, summary, "improvement", improvement_figure, results)
    ]
    if len({one.as_of for one in by_day}) > 1:
        caption = f"AIS and LIS by day since the alignment. Bands are {level} intervals."
        pictures.append(_drawn("AIS by day", caption, caption, "decay", decay_figure, by_day))
    return pictures


def balance_picture(curation: Curation) -> Picture | None:
    """Draw the items of the most frequent metadata entries; None where there are none."""
    if not curation.facts.is_balanced:
        return None
    caption = (
        f"Items of {curation.preference} by metadata entry, before and after the most frequent "
        "entries are thinned out."
    )
    entries = curation.facts.entries[:_MOST_ENTRIES]
    name = f"balance-{curation.preference}-{curation.aligned_at}"
    return _drawn("Balance of the items", caption, caption, name, balance_figure, entries)


def _drawn(
    title: str,
    caption: str,
    summary: str,
    name: str,
    draw: Callable[[Sequence[Drawn], int], Figure],
    *parts: Sequence[Drawn],
) -> Picture:
    """Draw the items of each part on their own, so that a page can end between two parts."""
    wide, narrow = (
        Markup("\n").join(
            Markup(svg(draw(items, width), f"{name}-{width}-{place}", summary))
            for place, items in enumerate(parts)
        )
        for width in (_WIDE, _NARROW)
    )
    return Picture(title, caption, wide, narrow)

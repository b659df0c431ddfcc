"""What aligned encoders bring beside their bound: intervals of one date, or a curve over days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jobs.ais.ais_result import AisResult
from jobs.reporting.plots.canvas import (
    HELD_OUT,
    INK,
    SEEN,
    WIDE,
    columns_for,
    finish_gains,
    gain_formatter,
    legend,
    panels,
    style,
    title,
)
from jobs.reporting.wording import days
from jobs.stats.estimate import Estimate

_ROW = 22
_HEAD = 110
_LINES = (
    ("LIS: the bound", "lis", INK),
    ("AIS: aligned", "ais", HELD_OUT),
    ("content alone", "unaligned_content", SEEN),
    ("shuffled content", "ais_placebo", INK),
)


def improvement_figure(results: Sequence[AisResult], width: int = 720) -> Figure:
    """Draw the intervals of bound, AIS, content alone and placebo, one panel for each result.

    Args:
        results: The results to draw.
        width: Width in pixels.
    """
    columns = min(columns_for(len(results), width), 3)
    titles = [f"{one.preference}\n{one.way}, {days(one.horizon)}" for one in results]
    heights = [-place for place in range(len(_LINES))]
    with style():
        figure, chosen = panels(titles, width, _HEAD + _ROW * len(_LINES), columns, grid="x")
        for place, (axes, result) in enumerate(zip(chosen, results, strict=True)):
            axes.axvline(0, color=INK, alpha=0.5, linewidth=1)
            for height, (_, name, colour) in zip(heights, _LINES, strict=True):
                _interval(axes, result.figures[name], height, colour)
            axes.set_ylim(0.6 - len(_LINES), 0.6)
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.xaxis.set_major_formatter(gain_formatter(axes.get_xlim()))
            axes.set_xlabel("AUC gain")
            if place % columns == 0:
                axes.tick_params(labelleft=True)
                axes.set_yticks(heights, [name for name, _, _ in _LINES])
    return figure


def decay_figure(results: Sequence[AisResult], width: int = 720) -> Figure:
    """Draw AIS and LIS by day, one panel for each preference, mode and head.

    Each is drawn at the longest horizon.

    Args:
        results: Results of single days.
        width: Width in pixels.
    """
    groups: dict[tuple[str, str], list[AisResult]] = {}
    for result in sorted(results, key=lambda one: (one.preference, one.way, one.last_day)):
        groups.setdefault((result.preference, result.way), []).append(result)
    columns = min(columns_for(len(groups), width), 3)
    with style():
        figure, chosen = panels([title(key) for key in groups], width, 230, columns)
        for axes, group in zip(chosen, groups.values(), strict=True):
            horizon = max(result.horizon for result in group)
            line = [result for result in group if result.horizon == horizon]
            _curve(axes, line, "lis", INK, f"LIS, {days(horizon)}")
            _curve(axes, line, "ais", HELD_OUT, "AIS")
            axes.xaxis.set_major_locator(MaxNLocator(4 if width >= WIDE else 3, integer=True))
            axes.set_xlabel("days since the alignment")
        finish_gains(chosen, columns, results[0].threshold)
        legend(figure, chosen, width)
    return figure


def _interval(axes: Axes, found: object, height: int, colour: str) -> None:
    if not isinstance(found, Estimate) or not found.has_interval:
        return
    axes.hlines([height], [found.ci_low], [found.ci_high], color=colour, linewidth=2)
    axes.plot([found.value], [height], linestyle="none", marker="o", markersize=6, color=colour)


def _curve(axes: Axes, line: Sequence[AisResult], name: str, colour: str, label: str) -> None:
    found = [(_age(result), result.figures[name]) for result in line]
    points = [(age, one) for age, one in found if isinstance(one, Estimate) and one.has_interval]
    if not points:
        return
    ages = [age for age, _ in points]
    axes.fill_between(
        ages,
        [one.ci_low for _, one in points],
        [one.ci_high for _, one in points],
        color=colour,
        alpha=0.14,
        linewidth=0,
    )
    axes.plot(
        ages,
        [one.value for _, one in points],
        color=colour,
        marker="o",
        markersize=4,
        linewidth=1.4,
        label=label,
    )


def _age(result: AisResult) -> int:
    """Days from the alignment to the evaluation day."""
    return (result.last_day - datetime.fromisoformat(result.aligned_at).date()).days

"""The LIS on parts of the rows: one interval per part, one panel per result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jobs.evaluation.result import LisResult, Slice
from jobs.reporting.plots.canvas import (
    HELD_OUT,
    INK,
    SEEN,
    WIDE,
    gain_formatter,
    legend,
    panels,
    style,
)
from jobs.reporting.wording import days, shortened

_ROW = 15
_HEAD = 90
_ARROW = 34
"""Area of an arrow in square points."""
_LONGEST = 32
"""Characters of a value that are shown."""
COLUMNS = 3
"""Panels side by side where the plot is wide."""

Line = tuple[str, str]


def forest_figure(results: Sequence[LisResult], width: int = 720) -> Figure:
    """Draw the intervals of all slices; parts that stand out after the correction are filled.

    Panels side by side share their lines, but not their scale. Intervals much wider than the
    others end in an arrow at the edge of the plot.

    Args:
        results: The results to draw.
        width: Width in pixels.
    """
    lines = _lines(results)
    columns = min(len(results), COLUMNS) if width >= WIDE else 1
    height = _HEAD + _ROW * len(lines)
    titles = [f"{one.preference}\n{one.mode}, {days(one.horizon)}" for one in results]
    with style():
        figure, chosen = panels(titles, width, height, columns, grid="x")
        for axes, result in zip(chosen, results, strict=True):
            _draw(axes, result, lines)
        for axes in chosen[::columns]:
            _name_lines(axes, lines)
        legend(figure, chosen, width)
    return figure


def _lines(results: Sequence[LisResult]) -> dict[Line, float]:
    """Return the height of each slice value and each heading, downwards from 0."""
    values: dict[str, dict[str, None]] = {}
    for result in results:
        for part in result.slices:
            values.setdefault(part.name, {})[part.value] = None
    found: dict[Line, float] = {}
    for name, of_slice in values.items():
        found[name, ""] = -float(len(found))
        for value in of_slice:
            found[name, value] = -float(len(found))
    return found


def _draw(axes: Axes, result: LisResult, lines: dict[Line, float]) -> None:
    axes.axvline(0, color=INK, alpha=0.5, linewidth=1)
    axes.axvline(
        result.lis,
        color=INK,
        alpha=0.6,
        linewidth=1,
        linestyle=(0, (4, 3)),
        label="all held-out rows",
    )
    for stands_out, colour, label in (
        (False, HELD_OUT, "part, with interval"),
        (True, SEEN, "stands out after correction"),
    ):
        parts = [one for one in result.slices if one.stands_out == stands_out]
        if parts:
            _intervals(axes, parts, lines, colour, label, filled=stands_out)
    axes.set_ylim(-len(lines) + 0.2, 0.8)
    axes.set_xlim(_limits(result))
    _arrows(axes, result.slices, lines)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(gain_formatter(axes.get_xlim()))
    axes.set_xlabel("AUC gain")


def _name_lines(axes: Axes, lines: dict[Line, float]) -> None:
    axes.tick_params(labelleft=True)
    names = [shortened(value or name, _LONGEST) for name, value in lines]
    axes.set_yticks(list(lines.values()), names, fontsize=9)
    for text, (_, value) in zip(axes.get_yticklabels(), lines, strict=True):
        text.set_fontweight("normal" if value else "bold")


def _intervals(
    axes: Axes,
    parts: Sequence[Slice],
    lines: dict[Line, float],
    colour: str,
    label: str,
    *,
    filled: bool,
) -> None:
    heights = [lines[part.name, part.value] for part in parts]
    axes.hlines(
        heights,
        [part.estimate.ci_low for part in parts],
        [part.estimate.ci_high for part in parts],
        color=colour,
        linewidth=1.6,
    )
    axes.plot(
        [part.estimate.value for part in parts],
        heights,
        linestyle="none",
        marker="D" if filled else "o",
        markersize=5.5 if filled else 5,
        color=colour,
        markerfacecolor=colour if filled else "none",
        label=label,
    )


def _arrows(axes: Axes, slices: Sequence[Slice], lines: dict[Line, float]) -> None:
    """Mark the intervals that go on beyond an edge of the plot."""
    low, high = axes.get_xlim()
    for edge, marker, parts in (
        (low, "<", [part for part in slices if part.estimate.ci_low < low]),
        (high, ">", [part for part in slices if part.estimate.ci_high > high]),
    ):
        axes.scatter(
            [edge] * len(parts),
            [lines[part.name, part.value] for part in parts],
            s=_ARROW,
            marker=marker,
            color=[SEEN if part.stands_out else HELD_OUT for part in parts],
            clip_on=False,
            zorder=3,
        )


def _limits(result: LisResult) -> tuple[float, float]:
    estimates = [part.estimate for part in result.slices]
    points = [one.value for one in estimates]
    ends = [end for one in estimates for end in (one.ci_low, one.ci_high)]
    finite = np.array(ends)[~np.isnan(ends)]
    usual = np.quantile(finite, [0.1, 0.9]) if finite.size else np.zeros(0)
    values = np.array([0.0, result.lis, *points, *usual])
    values = values[~np.isnan(values)]
    margin = 0.08 * float(np.ptp(values)) or 0.001
    return float(values.min()) - margin, float(values.max()) + margin

"""The dose curve: the LIS by days of leak."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.evaluation.result import LisResult
from jobs.reporting.plots.canvas import (
    HELD_OUT,
    SEEN,
    by_panel,
    columns_for,
    finish_gains,
    legend,
    panels,
    style,
    title,
)


def dose_figure(results: Sequence[LisResult], width: int = 720) -> Figure:
    """Draw held-out and seen LIS by days of leak, one panel for each preference and mode.

    The axis of days is logarithmic, as log(1 + n), so that a horizon of 0 days has a place.

    Args:
        results: The results to draw.
        width: Width in pixels at scale 1, so that text stays readable on a narrow screen.
    """
    groups = by_panel(results)
    columns = columns_for(len(groups), width)
    height = 270 if columns_for(len(groups), 840) == 2 else 205
    horizons = sorted({result.horizon for result in results})
    with style():
        figure, chosen = panels([title(key) for key in groups], width, height, columns)
        for axes, group in zip(chosen, groups.values(), strict=True):
            _draw(axes, group)
            axes.set_xticks([_place(n) for n in horizons], [str(n) for n in horizons])
            edge = 0.12 * (_place(horizons[-1]) - _place(horizons[0])) or 0.5
            axes.set_xlim(_place(horizons[0]) - edge, _place(horizons[-1]) + edge)
        for axes in chosen[-columns:]:
            axes.set_xlabel("Days of leak")
        finish_gains(chosen, columns, results[0].threshold)
        legend(figure, chosen[:1], width)
    return figure


def _draw(axes: Axes, group: Sequence[LisResult]) -> None:
    places = [_place(result.horizon) for result in group]
    below = [max(result.lis - result.lis_ci_low, 0.0) for result in group]
    above = [max(result.lis_ci_high - result.lis, 0.0) for result in group]
    axes.errorbar(
        places,
        [result.lis for result in group],
        yerr=[below, above],
        color=HELD_OUT,
        marker="o",
        markersize=5.5,
        linewidth=1.4,
        elinewidth=2,
        capsize=3.5,
        label="held-out, with interval",
    )
    axes.plot(
        places,
        [result.lis_seen for result in group],
        color=SEEN,
        marker="D",
        markersize=5.5,
        markerfacecolor="none",
        linestyle="--",
        linewidth=1.4,
        label="seen in training",
    )


def _place(horizon: int) -> float:
    return math.log1p(horizon)

"""The LIS by day, with changes of verdict and of ranker version."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.evaluation.result import LisResult
from jobs.reporting.plots.canvas import (
    HORIZON_COLOURS,
    INK,
    MARKERS,
    WIDE,
    by_panel,
    columns_for,
    finish_gains,
    legend,
    panels,
    style,
    title,
)
from jobs.reporting.wording import days


def trend_figure(results: Sequence[LisResult], width: int = 720) -> Figure:
    """Draw the held-out LIS by day for each horizon, one panel for each preference and mode.

    A ring marks a verdict that differs from the day before, a dotted vertical line another ranker
    version. Pooled results belong to no single day and are left out.

    Args:
        results: The results to draw.
        width: Width in pixels.
    """
    singles = [result for result in results if not result.is_pooled]
    groups = by_panel(singles)
    horizons = sorted({result.horizon for result in singles})
    columns = min(columns_for(len(groups), width), 3)
    height = 270 if columns_for(len(groups), 840) == 2 else 215
    with style():
        figure, chosen = panels([title(key) for key in groups], width, height, columns)
        for axes, group in zip(chosen, groups.values(), strict=True):
            for index, horizon in enumerate(horizons):
                _draw(axes, [one for one in group if one.horizon == horizon], index)
            _mark_versions(axes, group)
            _day_ticks(axes, group, max(2, round((6 if width >= WIDE else 3) / columns)))
        finish_gains(chosen, columns, singles[0].threshold)
        legend(figure, chosen, width)
    return figure


def _draw(axes: Axes, line: Sequence[LisResult], index: int) -> None:
    if not line:
        return
    moments = [_moment(result) for result in line]
    colour = HORIZON_COLOURS[index % len(HORIZON_COLOURS)]
    axes.fill_between(
        moments,  # type: ignore[arg-type]
        [result.lis_ci_low for result in line],
        [result.lis_ci_high for result in line],
        color=colour,
        alpha=0.16,
        linewidth=0,
    )
    axes.plot(
        moments,  # type: ignore[arg-type]
        [result.lis for result in line],
        color=colour,
        marker=MARKERS[index % len(MARKERS)],
        markersize=4.5,
        linewidth=1.4,
        label=f"{days(line[0].horizon)} of leak",
    )
    changed = [
        after
        for before, after in pairwise(line)
        if after.verdict != before.verdict and not math.isnan(after.lis)
    ]
    if changed:
        axes.plot(
            [_moment(result) for result in changed],  # type: ignore[arg-type]
            [result.lis for result in changed],
            linestyle="none",
            marker="o",
            markersize=11,
            markerfacecolor="none",
            markeredgecolor=INK,
            label="verdict changed",
        )


def _mark_versions(axes: Axes, group: Sequence[LisResult]) -> None:
    by_day = sorted(group, key=lambda result: result.last_day)
    for before, after in pairwise(by_day):
        if before.ranker_version != after.ranker_version:
            axes.axvline(
                _moment(after),  # type: ignore[arg-type]
                color=INK,
                alpha=0.6,
                linewidth=1.2,
                linestyle=(0, (1, 2)),
                label="other ranker version",
            )


def _day_ticks(axes: Axes, group: Sequence[LisResult], most: int) -> None:
    shown = sorted({_moment(result) for result in group})
    step = math.ceil(len(shown) / most)
    moments = shown[::step]
    labels = [f"{moment:%b} {moment.day}" for moment in moments]
    labels[0] = f"{labels[0]}\n{moments[0]:%Y}"
    axes.set_xticks(moments, labels)  # type: ignore[arg-type]


def _moment(result: LisResult) -> datetime:
    return datetime.combine(result.last_day, datetime.min.time())

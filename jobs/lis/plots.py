"""Pictures of LIS results, as SVG for the report and PNG for MLflow.

Colours are those of Okabe and Ito (2008), which readers with any colour vision can tell apart.
The same results always give the same bytes.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from jobs.lis.result import LisResult
from jobs.lis.roc import RocCurve
from jobs.lis.wording import days, ordered, signed

HELD_OUT = "#0072B2"
SEEN = "#D55E00"
HORIZON_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v")
INK = "#1c1d1f"

_UNITS_PER_INCH = 72
_WIDE = 560
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
}


def roc_figure(baseline: RocCurve, leaked: RocCurve, result: LisResult) -> Figure:
    """Both curves on held-out rows; the area between them is the LIS."""
    with matplotlib.rc_context(_STYLE):
        panels = _panels(["ROC on held-out rows"], width=480, height=480, columns=1)
        figure, axes = panels[0], panels[1][0]
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.3, linewidth=1)
        for curve, name, area, colour, line in (
            (baseline, "baseline", result.auc_baseline, SEEN, "--"),
            (leaked, "leaked", result.auc_leaked, HELD_OUT, "-"),
        ):
            axes.plot(
                curve.false_positive_rate,
                curve.true_positive_rate,
                line,
                color=colour,
                linewidth=1.8,
                label=f"{name}, AUC {area:.4f}",
            )
        axes.set(xlabel="False positive rate", ylabel="True positive rate", aspect="equal")
        axes.set(xlim=(0, 1), ylim=(0, 1.01))
        axes.legend(loc="lower right", frameon=False)
    return figure


def lis_by_horizon_figure(results: Sequence[LisResult], width: int = 720) -> Figure:
    """Held-out and seen LIS against the days of leak, one panel a preference and mode.

    width: in pixels at scale 1, so that text stays readable on a narrow screen.
    """
    groups = _grouped(results)
    with matplotlib.rc_context(_STYLE):
        figure, panels = _panels([_title(key) for key in groups], width, height=270)
        for axes, group in zip(panels, groups.values(), strict=True):
            places = list(range(len(group)))
            held_out = [result.lis for result in group]
            axes.errorbar(
                [place - 0.06 for place in places],
                held_out,
                yerr=_bars(group),
                color=HELD_OUT,
                marker="o",
                markersize=6,
                linewidth=1.4,
                elinewidth=2,
                capsize=4,
                label="held-out, with interval",
            )
            axes.plot(
                [place + 0.06 for place in places],
                [result.lis_seen for result in group],
                color=SEEN,
                marker="D",
                markersize=6,
                markerfacecolor="none",
                linestyle="--",
                linewidth=1.4,
                label="seen in training",
            )
            axes.set_xticks(places, [str(result.horizon) for result in group])
            axes.set_xlim(-0.5, max(places) + 0.5)
            axes.set_xlabel("Days of leak")
            _finish(axes, group)
        _legend(figure, panels[0], width)
    return figure


def trend_figure(results: Sequence[LisResult], width: int = 720) -> Figure:
    """Held-out LIS by day for each horizon, one panel a preference and mode.

    Pooled results are left out: they belong to no single day. width: as above.
    """
    groups = _grouped([result for result in results if not result.is_pooled])
    horizons = sorted({result.horizon for group in groups.values() for result in group})
    with matplotlib.rc_context(_STYLE):
        figure, panels = _panels([_title(key) for key in groups], width, height=270)
        for axes, group in zip(panels, groups.values(), strict=True):
            for index, horizon in enumerate(horizons):
                line = [result for result in group if result.horizon == horizon]
                moments = [datetime.combine(r.last_day, datetime.min.time()) for r in line]
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
                    markersize=5,
                    linewidth=1.4,
                    label=f"{days(horizon)} of leak",
                )
            moments, labels = _day_ticks(group, 6 if width >= _WIDE else 3)
            axes.set_xticks(moments, labels)  # type: ignore[arg-type]
            axes.set_xlabel("As of")
            _finish(axes, group)
        _legend(figure, panels[0], width)
    return figure


def svg(figure: Figure, name: str, description: str) -> str:
    """An ``<svg>`` element to put into a page; its ink takes the colour of the page's text.

    Where the page defines ``--held-out``, held-out series take that colour.

    name: distinct within the page, so that the ids of two pictures do not meet.
    """
    target = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": "lis"}):
        FigureCanvasSVG(figure)
        figure.savefig(target, format="svg", transparent=True, metadata=nothing)
    text = target.getvalue().decode()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    blue = HELD_OUT.lower()
    text = text.replace(blue, f"var(--held-out, {blue})")
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    label = f'<svg role="img" aria-label="{escape(description, quote=True)}"'
    return text.replace("<svg", label, 1)


def png(figure: Figure) -> bytes:
    """A PNG on white, twice the nominal size for sharp screens."""
    target = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        FigureCanvasAgg(figure)
        figure.savefig(
            target,
            format="png",
            dpi=2 * _UNITS_PER_INCH,
            facecolor="white",
            metadata={"Software": None},
        )
    return target.getvalue()


def _panels(
    titles: Sequence[str], width: int, height: int, columns: int | None = None
) -> tuple[Figure, list[Axes]]:
    if not titles:
        raise ValueError("there is no result to draw")
    if columns is None:
        columns = 2 if width >= _WIDE and len(titles) > 1 else 1
    rows = math.ceil(len(titles) / columns)
    figure = Figure(
        figsize=(width / _UNITS_PER_INCH, rows * height / _UNITS_PER_INCH),
        dpi=_UNITS_PER_INCH,
        layout=ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.06, hspace=0.08),
    )
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    panels = list(grid[: len(titles)])
    for axes in grid[len(titles) :]:
        axes.remove()
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=10)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_alpha(0.5)
        axes.tick_params(length=0, pad=6)
        axes.grid(axis="y", color=INK, alpha=0.12, linewidth=1)
        axes.set_axisbelow(True)
    return figure, panels


def _finish(axes: Axes, group: Sequence[LisResult]) -> None:
    axes.axhline(0, color=INK, alpha=0.5, linewidth=1)
    threshold = group[0].threshold
    axes.axhline(
        threshold,
        color=INK,
        alpha=0.75,
        linewidth=1,
        linestyle=(0, (2, 3)),
        label=f"threshold {threshold:.4f}",
    )
    axes.yaxis.set_major_locator(MaxNLocator(5))
    digits = 4 if max(map(abs, axes.get_ylim())) < 0.02 else 3
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, digits)))
    axes.set_ylabel("AUC gain")
    axes.tick_params(labelleft=True)


def _legend(figure: Figure, axes: Axes, width: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    last = ("seen", "threshold")
    order = sorted(range(len(labels)), key=lambda index: labels[index].startswith(last))
    figure.legend(
        [handles[index] for index in order],
        [labels[index] for index in order],
        loc="outside upper left",
        ncols=len(labels) if width >= _WIDE else 1,
        frameon=False,
        handlelength=1.8,
    )


def _tick(value: float, digits: int) -> str:
    return signed(value, digits) if abs(value) > 1e-9 else "0"


def _day_ticks(group: Sequence[LisResult], most: int) -> tuple[list[datetime], list[str]]:
    shown = sorted({result.last_day for result in group})
    step = math.ceil(len(shown) / most)
    moments = [datetime.combine(day, datetime.min.time()) for day in shown[::step]]
    return moments, [f"{moment:%Y-%m-%d}" for moment in moments]


def _bars(group: Sequence[LisResult]) -> list[list[float]]:
    below = [result.lis - result.lis_ci_low for result in group]
    above = [result.lis_ci_high - result.lis for result in group]
    return [[max(bar, 0.0) for bar in below], [max(bar, 0.0) for bar in above]]


def _grouped(results: Sequence[LisResult]) -> dict[tuple[str, str], list[LisResult]]:
    groups: dict[tuple[str, str], list[LisResult]] = {}
    for result in ordered(results):
        groups.setdefault((result.preference, result.mode), []).append(result)
    return groups


def _title(key: tuple[str, str]) -> str:
    return f"{key[0]}, {key[1]}"

"""Parts shared by all plots: panels, colours, and export to SVG and PNG."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any, Literal

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from jobs.evaluation.result import LisResult
from jobs.reporting.wording import ordered, signed

HELD_OUT = "#0072B2"
SEEN = "#D55E00"
HORIZON_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v")
INK = "#1c1d1f"

WIDE = 560
"""The width in pixels from which panels fit side by side at full text size."""
_UNITS_PER_INCH = 72
_FEW = 4
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
    # A "$" in a value of the log is no formula.
    "text.parse_math": False,
}

Key = tuple[str, str]


@contextmanager
def style() -> Iterator[None]:
    """Apply the style of all plots, and restore the settings of matplotlib afterwards."""
    with matplotlib.rc_context(_STYLE):
        yield


def by_panel(results: Sequence[LisResult]) -> dict[Key, list[LisResult]]:
    """Group results by preference and mode, in the order of all tables."""
    groups: dict[Key, list[LisResult]] = {}
    for result in ordered(results):
        groups.setdefault((result.preference, result.mode), []).append(result)
    return groups


def columns_for(panels: int, width: int) -> int:
    """Return how many panels fit side by side."""
    if width < WIDE:
        return 1 if panels <= _FEW else 2
    return min(panels, 2 if panels <= _FEW else 4)


def panels(
    titles: Sequence[str],
    width: int,
    height: int,
    columns: int,
    *,
    share_values: bool = True,
    grid: Literal["x", "y"] = "y",
) -> tuple[Figure, list[Axes]]:
    """Create a figure with one panel for each title.

    Args:
        titles: Titles of the panels.
        width: Width of the figure in pixels.
        height: Height of one row of panels in pixels.
        columns: Panels side by side.
        share_values: Whether panels share their vertical axis.
        grid: The axis with grid lines.

    Raises:
        ValueError: If there is no title.
    """
    if not titles:
        raise ValueError("there is no result to draw")
    rows = math.ceil(len(titles) / columns)
    figure = Figure(
        figsize=(width / _UNITS_PER_INCH, rows * height / _UNITS_PER_INCH),
        dpi=_UNITS_PER_INCH,
        layout=ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.05, hspace=0.04),
    )
    cells = figure.subplots(rows, columns, sharey=share_values, squeeze=False).ravel()
    chosen = list(cells[: len(titles)])
    for axes in cells[len(titles) :]:
        axes.remove()
    for axes, title in zip(chosen, titles, strict=True):
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold", pad=8)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_alpha(0.5)
        axes.tick_params(length=0, pad=5)
        axes.grid(axis=grid, color=INK, alpha=0.12, linewidth=1)
        axes.set_axisbelow(True)
    return figure, chosen


def finish_gains(chosen: Sequence[Axes], columns: int, threshold: float) -> None:
    """Draw zero, threshold and ticks of panels that share a vertical axis of AUC gain."""
    for place, axes in enumerate(chosen):
        axes.axhline(0, color=INK, alpha=0.5, linewidth=1)
        axes.axhline(
            threshold,
            color=INK,
            alpha=0.75,
            linewidth=1,
            linestyle=(0, (2, 3)),
            label=f"threshold {threshold:.4f}",
        )
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(gain_formatter(axes.get_ylim()))
        if place % columns == 0:
            axes.set_ylabel("AUC gain")
            axes.tick_params(labelleft=True)


def gain_formatter(limits: tuple[float, float]) -> FuncFormatter:
    """Format ticks as differences, with as many digits as their range needs."""
    digits = 4 if max(map(abs, limits)) < 0.02 else 3 if max(map(abs, limits)) < 0.2 else 2

    def text(value: float, _: int) -> str:
        return signed(value, digits) if abs(value) > 1e-9 else "0"

    return FuncFormatter(text)


def legend(figure: Figure, sources: Sequence[Axes], width: int) -> None:
    """Draw one legend above all panels, without repeated names and with the threshold last."""
    entries: dict[str, Artist] = {}
    for axes in sources:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    order = sorted(entries, key=lambda label: label.startswith(("seen", "threshold")))
    figure.legend(
        [entries[label] for label in order],
        order,
        loc="outside upper left",
        ncols=min(len(order), 4) if width >= WIDE else 1,
        frameon=False,
        handlelength=1.8,
        fontsize=10,
    )


def title(key: Key) -> str:
    return f"{key[0]}\n{key[1]}"


def svg(figure: Figure, name: str, description: str) -> str:
    """Return an ``<svg>`` element for a page; its lines and text take the page's text colour.

    If the page defines ``--held-out`` or ``--seen``, these series take that colour.

    Args:
        figure: The plot.
        name: A name that is unique within the page, so that ids of two plots differ.
        description: Text for screen readers.
    """
    target = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": "lis"}):
        FigureCanvasSVG(figure)
        figure.savefig(target, format="svg", transparent=True, metadata=nothing)
    text = target.getvalue().decode()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    for colour, variable in ((HELD_OUT.lower(), "held-out"), (SEEN.lower(), "seen")):
        text = text.replace(colour, f"var(--{variable}, {colour})")
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    label = f'<svg role="img" aria-label="{escape(description, quote=True)}"'
    return text.replace("<svg", label, 1)


def png(figure: Figure) -> bytes:
    """Return a PNG on white, at twice the nominal size for high-resolution screens."""
    target = io.BytesIO()
    with style():
        FigureCanvasAgg(figure)
        figure.savefig(
            target,
            format="png",
            dpi=2 * _UNITS_PER_INCH,
            facecolor="white",
            metadata={"Software": None},
        )
    return target.getvalue()

"""The AUC that the ranker loses without each embedding slot: one interval per slot."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jobs.lis.slot_importance.slot_importance import SlotImportance
from jobs.reporting.plots.canvas import HELD_OUT, INK, WIDE, gain_formatter, panels, style

_ROW = 26
_HEAD = 90


def importance_figure(importances: Sequence[SlotImportance], width: int = 720) -> Figure:
    """Draw the importance of every slot with its interval, downwards in the given order.

    Args:
        importances: Importances of the embedding slots.
        width: Width in pixels.
    """
    heights = [-place for place in range(len(importances))]
    with style():
        figure, (axes,) = panels(
            ["Held-out rows"], width, _HEAD + _ROW * len(importances), columns=1, grid="x"
        )
        axes.axvline(0, color=INK, alpha=0.5, linewidth=1)
        axes.hlines(
            heights,
            [one.ci_low for one in importances],
            [one.ci_high for one in importances],
            color=HELD_OUT,
            linewidth=2,
        )
        axes.plot(
            [one.importance for one in importances],
            heights,
            linestyle="none",
            marker="o",
            markersize=6,
            color=HELD_OUT,
        )
        axes.set_yticks(heights, [one.slot for one in importances])
        axes.set_ylim(0.6 - len(importances), 0.6)
        axes.xaxis.set_major_locator(MaxNLocator(6 if width >= WIDE else 3))
        axes.xaxis.set_major_formatter(gain_formatter(axes.get_xlim()))
        axes.set_xlabel("AUC lost")
    return figure

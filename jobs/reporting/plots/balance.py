"""How many items match each metadata entry, before and after curation thins out the common ones."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from jobs.alignment.curation.curation_facts import EntryBalance
from jobs.reporting.plots.canvas import HELD_OUT, INK, SEEN, WIDE, legend, panels, style
from jobs.reporting.wording import shortened

_ROW = 20
_HEAD = 110
_LONGEST = 28
"""Characters of an entry that are shown."""


def balance_figure(entries: Sequence[EntryBalance], width: int = 720) -> Figure:
    """Draw the items of each metadata entry before and after, downwards in the given order.

    Args:
        entries: Entries with their counts; ``CurationFacts.entries`` has the most frequent.
        width: Width in pixels.

    Raises:
        ValueError: If there is no entry.
    """
    if not entries:
        raise ValueError("there is no metadata entry to draw")
    heights = [-place for place in range(len(entries))]
    before, after = [one.before for one in entries], [one.after for one in entries]
    with style():
        figure, (axes,) = panels(
            ["Items by metadata entry"], width, _HEAD + _ROW * len(entries), columns=1, grid="x"
        )
        axes.hlines(heights, after, before, color=INK, alpha=0.35, linewidth=2)
        drawn = (("before", before, SEEN, "none"), ("after", after, HELD_OUT, HELD_OUT))
        for label, counts, colour, face in drawn:
            axes.plot(
                counts,
                heights,
                linestyle="none",
                marker="o",
                markersize=5.5,
                color=colour,
                markerfacecolor=face,
                label=f"{label} curation",
            )
        axes.set_yticks(heights, [_label(one) for one in entries])
        axes.set_ylim(0.6 - len(entries), 0.6)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(6 if width >= WIDE else 3, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel("Items")
        legend(figure, [axes], width)
    return figure


def _label(entry: EntryBalance) -> str:
    return f"{shortened(entry.name, _LONGEST)} ({entry.kind})"

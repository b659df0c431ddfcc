"""The page on the orders of LIS and AIS: a table, a scatter, and what each score costs."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from jobs.reporting.plots.canvas import HELD_OUT, INK, gain_formatter, panels, png, style
from jobs.reporting.wording import MISSING, interval, number, share_interval, signed
from tests.benchmarks.measure import RESULTS
from tests.benchmarks.order.scores import Order
from tests.benchmarks.page import Page

PICTURE = RESULTS.parent / "images" / "order.png"
Costs = Mapping[str, Mapping[str, float]]


def publish_page(order: Order, costs: Costs, load: float) -> None:
    """Write the page and its picture.

    Args:
        order: The scores.
        costs: Of each command, by its name.
        load: The machine's one-minute average before the first command.
    """
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_bytes(png(scatter(order)))
    days = order.results[0].as_of.replace(":", " to ")
    Page(
        name="order",
        title="Does LIS predict what alignment brings?",
        did=f"Simulated feed of short-lived items, {days}, {order.results[0].rows:,} held-out "
        f"rows, horizon {order.results[0].horizon}, probe mode; encoders aligned at "
        f"{order.results[0].aligned_at}",
        found=f"{_table(order)}\n\n![AIS against LIS](../images/order.png)\n\n"
        f"Rank correlation of LIS and AIS over the {len(order.results)} kinds, with 95 % intervals "
        f"from a bootstrap over users: Spearman {order.spearman}, Kendall {order.kendall}.\n\n"
        f"{_cost_table(order, costs)}",
        means=_MEANS,
        figures={
            "results": [result.to_dict() for result in order.results],
            "spearman": vars(order.spearman),
            "kendall": vars(order.kendall),
            "costs": {name: dict(cost) for name, cost in costs.items()},
        },
        load=load,
    ).publish(kept=True)


_MEANS = """\
`id_dose_P` keeps the embeddings of P % of the items and has random vectors for the others,
`id_noise_K` adds random vectors of K times the length: preference data of known worth. LIS and AIS
come from the same rows and the same head. Costs are of one command after another: time of the cores
in all processes, time by the clock, to which other work on the machine adds, and the memory of the
largest process. The cost of a LIS includes the tables at T+n, that of an alignment the curation of
the preference data, training and the vectors of all items. `realised` has no interval where the LIS
may be 0."""


def scatter(order: Order) -> Figure:
    """AIS against LIS, both with their intervals."""
    with style():
        figure, (axes,) = panels(["Held-out AUC gain"], 720, 460, columns=1)
        by_lis = sorted(order.results, key=lambda one: one.lis)
        for place, result in enumerate(by_lis):
            lis, ais = result.estimate, result.ais_estimate
            axes.hlines([ais.value], [lis.ci_low], [lis.ci_high], color=INK, alpha=0.35)
            axes.vlines([lis.value], [ais.ci_low], [ais.ci_high], color=HELD_OUT, alpha=0.6)
            axes.plot([lis.value], [ais.value], marker="o", color=HELD_OUT, markersize=6)
            axes.annotate(
                result.preference,
                (lis.value, ais.value),
                # Names of neighbours would lie upon one another.
                xytext=(-5, 4) if place % 2 else (5, -12),
                ha="right" if place % 2 else "left",
                textcoords="offset points",
                fontsize=9,
            )
        axes.axhline(0, color=INK, alpha=0.4, linewidth=1)
        axes.axvline(0, color=INK, alpha=0.4, linewidth=1)
        axes.xaxis.set_major_formatter(gain_formatter(axes.get_xlim()))
        axes.yaxis.set_major_formatter(gain_formatter(axes.get_ylim()))
        axes.set_xlabel("LIS: gain of the leaked data")
        axes.set_ylabel("AIS: gain of the aligned vectors")
        axes.tick_params(labelleft=True)
    return figure


def _table(order: Order) -> str:
    rows = [
        f"| {one.preference} | {signed(one.lis)} | {interval(one.estimate)} | {signed(one.ais)} | "
        f"{interval(one.ais_estimate)} | {share_interval(one.realised_estimate)} | "
        f"{number(one.recall, 3)} | {one.diagnosis} |"
        for one in sorted(order.results, key=lambda one: -one.lis)
    ]
    head = "| preference data | LIS | interval | AIS | interval | realised | recall | diagnosis |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *rows])


def _cost_table(order: Order, costs: Costs) -> str:
    rows = []
    for one in order.results:
        cells = [one.preference]
        for step in ("lis", "align", "ais"):
            cost = costs.get(f"{step} {one.preference}")
            cells.append(
                MISSING
                if cost is None
                else f"{cost['core_seconds']:.0f} s, {cost['seconds']:.0f} s, "
                f"{cost['gigabytes']:.1f} GB"
            )
        rows.append(f"| {' | '.join(cells)} |")
    head = "| preference data | LIS | align and vectors | AIS |"
    return "\n".join([head, "|---|---|---|---|", *rows])

"""Both ROC curves of a result; the area between them is the LIS."""

from __future__ import annotations

from matplotlib.figure import Figure

from jobs.evaluation.result import LisResult
from jobs.reporting.plots.canvas import HELD_OUT, INK, SEEN, panels, style
from jobs.stats.roc import RocCurve


def roc_figure(baseline: RocCurve, leaked: RocCurve, result: LisResult) -> Figure:
    """Draw both curves on held-out rows, with the AUCs of the result."""
    with style():
        figure, (axes,) = panels(["ROC on held-out rows"], width=480, height=480, columns=1)
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

"""Plots of results, as SVG for the report and PNG for MLflow.

The colours are those of Okabe and Ito (2008), distinguishable with any colour vision. Equal results
give equal bytes.
"""

from jobs.reporting.plots.balance import balance_figure
from jobs.reporting.plots.canvas import png, svg
from jobs.reporting.plots.dose import dose_figure
from jobs.reporting.plots.forest import forest_figure
from jobs.reporting.plots.importance import importance_figure
from jobs.reporting.plots.improvement import decay_figure, improvement_figure
from jobs.reporting.plots.roc import roc_figure
from jobs.reporting.plots.trend import trend_figure

__all__ = [
    "balance_figure",
    "decay_figure",
    "dose_figure",
    "forest_figure",
    "importance_figure",
    "improvement_figure",
    "png",
    "roc_figure",
    "svg",
    "trend_figure",
]

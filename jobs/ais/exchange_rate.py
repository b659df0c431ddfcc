"""How much AUC a point of recall is worth: of one encoder, and over several."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import linregress, t

from jobs.ais.ais_result import AisResult
from jobs.stats.estimate import Estimate

POINTS = 100
"""Points of a recall of 1."""
FEWEST_ENCODERS = 3


def ais_per_point(ais: Estimate, recall: float) -> Estimate:
    """Return the AIS for each point of recall, with the interval of the AIS.

    The recall is taken as known: the interval does not cover how it would vary with other
    validation items. NaN where there is no recall, or it is 0.

    Args:
        ais: The AUC Improvement Score.
        recall: Mean recall of validation items, between 0 and 1.
    """
    if math.isnan(recall) or recall == 0:
        return Estimate()
    points = recall * POINTS
    return Estimate(ais.value / points, ais.ci_low / points, ais.ci_high / points)


def slope(results: Sequence[AisResult], level: float) -> Estimate:
    """Return how the AIS rises with each point of recall, by least squares over encoders.

    The interval is that of a regression line. It takes recalls as known, and encoders as drawn
    independently, although all are scored on the same rows.

    Args:
        results: Results of the same days and way, of one encoder each.
        level: Coverage of the interval, between 0 and 1.

    Returns:
        The slope; NaN with fewer than ``FEWEST_ENCODERS`` different recalls.
    """
    known = [(one.recall * POINTS, one.ais) for one in results if one.recall == one.recall]
    points = [(recall, ais) for recall, ais in known if ais == ais]
    if len({recall for recall, _ in points}) < FEWEST_ENCODERS:
        return Estimate()
    line = linregress([recall for recall, _ in points], [ais for _, ais in points])
    width = float(t.ppf((1 + level) / 2, len(points) - 2) * line.stderr)
    found = float(line.slope)
    return Estimate(found, found - width, found + width, float(line.stderr))

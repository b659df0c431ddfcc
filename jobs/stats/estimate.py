"""A value with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jobs.stats.auc_difference import PairedComparison
from jobs.stats.seed_variance import quantile


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and standard error; what could not be computed is NaN."""

    value: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    se: float = math.nan

    @classmethod
    def of(cls, comparison: PairedComparison) -> Estimate:
        """Return the AUC difference of a comparison."""
        return cls(comparison.difference, comparison.ci_low, comparison.ci_high, comparison.se)

    @property
    def has_interval(self) -> bool:
        return not math.isnan(self.ci_low + self.ci_high)


def difference_ratio(
    part: PairedComparison, whole: PairedComparison, remainder: PairedComparison, level: float
) -> Estimate:
    """Return part / whole with the interval of Fieller (1954).

    The interval contains the ratios r for which ``part - r * whole`` does not differ from 0. It is
    not symmetric, and stays right where a normal interval of a ratio would not: where ``whole`` is
    only a few standard errors from 0. Where ``whole`` does not differ from 0, every ratio is
    possible and there is no interval.

    Args:
        part: The difference above the line.
        whole: The difference below it, on the same rows.
        remainder: The difference whole - part on the same rows, which gives their covariance.
        level: Coverage of the interval, between 0 and 1.

    Returns:
        The ratio; NaN where ``whole`` is 0 or missing. The standard error is missing.
    """
    above, below = part.difference, whole.difference
    if math.isnan(above) or math.isnan(below) or below == 0:
        return Estimate()
    ratio = above / below
    t = -quantile((1 - level) / 2, min(part.degrees, whole.degrees, remainder.degrees))
    variance_above, variance_below = part.se**2, whole.se**2
    covariance = (variance_above + variance_below - remainder.se**2) / 2
    # The parts of a variance that are clipped at 0 can break what holds for any two quantities.
    covariance = math.copysign(min(abs(covariance), part.se * whole.se), covariance)
    square = below**2 - t**2 * variance_below
    middle = above * below - t**2 * covariance
    rest = above**2 - t**2 * variance_above
    root = middle**2 - square * rest
    if not square > 0 or math.isnan(root):
        return Estimate(ratio)
    width = math.sqrt(max(root, 0.0))
    return Estimate(ratio, (middle - width) / square, (middle + width) / square)

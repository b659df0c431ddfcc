"""What a Leakage Impact Score says about aligning a model on the preference data."""

from __future__ import annotations

import math
from enum import StrEnum

from scipy.special import ndtri

THRESHOLD = 0.0010
"""The AUC gain that arXiv 2508.04963 counts as significant."""


class Verdict(StrEnum):
    """Whether the preference data holds a gain that the ranker does not have yet."""

    WORTH_ALIGNING = "worth aligning"
    ALREADY_CAPTURED = "already captured"
    INCONCLUSIVE = "inconclusive"


def decide(lis: float, ci_low: float, ci_high: float, threshold: float = THRESHOLD) -> Verdict:
    """Compare the interval of a score with the threshold.

    All arguments are AUC differences. An interval wholly above the threshold is worth
    aligning, one wholly below is already captured. One that touches or crosses the
    threshold is inconclusive, and so is any NaN.
    """
    if any(math.isnan(value) for value in (lis, ci_low, ci_high, threshold)):
        return Verdict.INCONCLUSIVE
    if ci_low > threshold:
        return Verdict.WORTH_ALIGNING
    if ci_high < threshold:
        return Verdict.ALREADY_CAPTURED
    return Verdict.INCONCLUSIVE


def rows_needed(
    rows: int,
    difference: float,
    se: float,
    threshold: float = THRESHOLD,
    level: float = 0.95,
    se_fixed: float = 0.0,
) -> int | None:
    """Return about how many rows would bring the interval clear of the threshold.

    The standard error falls with the square root of the rows, as long as new rows come from
    new users in the same proportion. With the difference where it stands, the half-width of
    the interval must therefore shrink below the distance from difference to threshold.

    rows: those that gave `difference` and its standard error `se`. level: coverage of the
    interval. se_fixed: the part of `se` that more rows do not make smaller, such as the spread
    over seeds. Returns None when the interval is clear of the threshold already, and when no
    number of rows follows: a difference on the threshold, a NaN, or a fixed part too large.
    Raises ValueError for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    distance = abs(difference - threshold)
    score = -float(ndtri((1 - level) / 2))
    half_width = score * se
    if math.isnan(distance) or math.isnan(half_width) or distance == 0 or half_width < distance:
        return None
    room = distance * distance - (score * se_fixed) ** 2
    if room <= 0:
        return None
    ratio = half_width / distance
    if se_fixed:
        ratio = math.sqrt((half_width**2 - (score * se_fixed) ** 2) / room)
    needed = rows * ratio * ratio
    return math.floor(needed) + 1 if math.isfinite(needed) else None

"""The verdict on an AUC difference and its interval."""

from __future__ import annotations

import math
from enum import StrEnum

from scipy.special import ndtri

THRESHOLD = 0.0010
"""The AUC gain that arXiv 2508.04963 counts as significant."""


class Verdict(StrEnum):
    """Whether the treatment brings a gain that the baseline does not have yet, or why not known."""

    WORTH_ALIGNING = "worth aligning"
    ALREADY_CAPTURED = "already captured"
    INCONCLUSIVE = "inconclusive"
    FEATURE_NOT_USED = "feature not used"
    TOO_LITTLE_DATA = "too little data"
    WEAK_RANKER = "weak ranker"
    PLACEBO_NOT_ZERO = "placebo not zero"


def decide(lis: float, ci_low: float, ci_high: float, threshold: float = THRESHOLD) -> Verdict:
    """Compare the interval of an AUC difference with the threshold.

    An interval entirely above the threshold is worth aligning, one entirely below it is already
    captured. An interval that touches or crosses the threshold is inconclusive, and so is a NaN.

    Args:
        lis: The AUC difference.
        ci_low: Lower end of its interval.
        ci_high: Upper end of its interval.
        threshold: The AUC difference that counts as significant.
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
    """Return about how many rows would move the interval off the threshold.

    The standard error falls with the square root of the rows if new rows come from new users in
    the same proportion. If the difference stays the same, the half-width of the interval must
    shrink below its distance from the threshold.

    Args:
        rows: Rows that gave the difference.
        difference: The AUC difference.
        se: Its standard error.
        threshold: The AUC difference that counts as significant.
        level: Coverage of the interval, between 0 and 1.
        se_fixed: The part of ``se`` that more rows do not reduce, such as the spread over seeds.

    Returns:
        The number of rows; None if the interval is off the threshold already, or no number
        follows: the difference equals the threshold, is NaN, or the fixed part is too large.

    Raises:
        ValueError: If the level lies outside (0, 1).
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

"""About how many rows would settle an open verdict."""

from __future__ import annotations

import math

from jobs.stats.auc_difference import PairedComparison

FEWEST_POSITIVES = 50
"""The fewest positives that an estimate of the rows needed can rest on."""


def rows_needed(found: PairedComparison, threshold: float) -> int | None:
    """Return about how many rows would move an interval off the threshold.

    The standard error falls with the square root of the rows if new rows come from new users in
    the same proportion. If the difference stays the same, the half-width of the interval must
    shrink below its distance from the threshold. The difference is itself uncertain, so only the
    order of magnitude is meaningful: the number has one significant digit.

    Args:
        found: The comparison; its part ``se_seeds`` is not reduced by more rows.
        threshold: The AUC difference that counts as significant.

    Returns:
        The number of rows, rounded up; None if the interval is off the threshold already, there are
        fewer than ``FEWEST_POSITIVES`` positives, or no number follows: the difference equals the
        threshold, is NaN, or the fixed part is too large.
    """
    distance = abs(found.difference - threshold)
    half_width = (found.ci_high - found.ci_low) / 2
    if found.positives < FEWEST_POSITIVES or math.isnan(distance) or math.isnan(half_width):
        return None
    if distance == 0 or half_width < distance:
        return None
    fixed = half_width * found.se_seeds / found.se
    room = distance * distance - fixed * fixed
    if room <= 0:
        return None
    needed = found.rows * ((half_width * half_width - fixed * fixed) / room)
    return _one_digit(needed) if math.isfinite(needed) else None


def _one_digit(number: float) -> int:
    """Round up to one significant digit."""
    unit = int(10 ** math.floor(math.log10(number)))
    return math.ceil(number / unit) * unit

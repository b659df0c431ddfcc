"""What an interval is worth in the units of a scenario, beside the cost of an alignment."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jobs.scenarios.worth import Worth
from jobs.stats.estimate import Estimate

AUC_POINT = 0.01
"""The AUC gain that ``Worth.auc_point`` is the value of."""


@dataclass(frozen=True)
class Value:
    """The value of an AUC gain.

    Attributes:
        low: Value of the lower end of its interval.
        high: Value of the upper end.
        break_even: The AUC gain that pays for the alignment.
        share: The share of the gain that an alignment must reach to pay for itself; NaN where the
            gain is not above 0.
    """

    low: float
    high: float
    break_even: float
    share: float


def value_of(gain: Estimate, worth: Worth) -> Value | None:
    """Return the value of an AUC gain; None if it has no interval.

    Args:
        gain: The gain that limits what aligning can bring.
        worth: What an AUC point and an alignment are worth.
    """
    if not gain.has_interval:
        return None
    each = worth.auc_point / AUC_POINT
    break_even = worth.alignment / each
    share = break_even / gain.value if gain.value > 0 else math.nan
    return Value(gain.ci_low * each, gain.ci_high * each, break_even, share)

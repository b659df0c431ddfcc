"""A value with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jobs.stats.auc_difference import PairedComparison


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

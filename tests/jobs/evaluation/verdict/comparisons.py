"""Comparisons with chosen figures, for tests of what follows from them."""

from __future__ import annotations

import math
from typing import Any

from scipy.stats import t

from jobs.stats.auc_difference import PairedComparison
from jobs.stats.seed_variance import two_sided


def comparison(
    difference: float, se: float = 0.0005, level: float = 0.95, **changes: Any
) -> PairedComparison:
    """Return a comparison of 100,000 rows of 2,000 users with a consistent interval."""
    degrees = changes.get("degrees", 1_999.0)
    margin = float(t.ppf((1 + level) / 2, degrees)) * se
    values: dict[str, Any] = {
        "rows": 100_000,
        "users": 2_000,
        "positives": 10_000,
        "auc_baseline": 0.7,
        "auc_treatment": 0.7 + difference,
        "difference": difference,
        "se": se,
        "ci_low": difference - margin,
        "ci_high": difference + margin,
        "p_value": two_sided(difference, se, degrees),
        "seed_sd": math.nan,
        "se_seeds": 0.0,
        "degrees": degrees,
        "effective_users": degrees + 1,
        "largest_user_share": 0.001,
        "users_with_positive": 1_500,
        "users_with_negative": 2_000,
    }
    return PairedComparison(**{**values, **changes})

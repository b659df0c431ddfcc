"""The AUC difference of two scores on the same rows, with its user-clustered interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from jobs.lis.contributions import Contributions, Flags, Floats, contributions


@dataclass(frozen=True)
class PairedComparison:
    """Two AUCs and their difference, leaked minus baseline.

    se_rows takes rows as independent (DeLong et al., 1988). se, the interval and the
    two-sided p-value take users as independent (Obuchowski, 1997).
    Every float is NaN when the rows hold a single class. Standard errors are NaN when one of
    the classes comes from a single row (se_rows) or a single user (se). They are 0.0 where
    every component is the same, as between a perfect and a perfectly wrong ranking; the
    p-value of a difference other than 0 is then 0.0.
    """

    rows: int
    users: int
    positives: int
    auc_baseline: float
    auc_leaked: float
    difference: float
    se_rows: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float


def compare(
    labels: ArrayLike,
    baseline: ArrayLike,
    leaked: ArrayLike,
    users: ArrayLike,
    *,
    level: float = 0.95,
) -> PairedComparison:
    """Compare the AUCs of two scores on the same rows.

    labels: 0 or 1. baseline, leaked: scores. users: integer or string ids. All have shape
    (rows,). level: coverage of the interval, between 0 and 1.
    Two scores that order every pair alike give a difference and standard errors of exactly
    0.0 and a p-value of 1.0. Time grows as rows x log(rows), memory as rows.
    Raises ValueError for malformed columns and for a level outside (0, 1).
    """
    return summarise(contributions(labels, baseline, leaked, users), level)


def summarise(total: Contributions, level: float) -> PairedComparison:
    """Turn the contributions of one or more dates into a comparison.

    Raises ValueError for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    if total.pairs == 0:
        auc_baseline = auc_leaked = difference = se_rows = se = math.nan
    else:
        doubled_pairs = 2 * total.pairs
        auc_baseline = total.doubled_wins_baseline / doubled_pairs
        auc_leaked = total.doubled_wins_leaked / doubled_pairs
        difference = (total.doubled_wins_leaked - total.doubled_wins_baseline) / doubled_pairs
        se_rows, se = _standard_errors(total)
    margin = -float(ndtri((1 - level) / 2)) * se
    return PairedComparison(
        rows=total.rows,
        users=total.users.size,
        positives=total.positives,
        auc_baseline=auc_baseline,
        auc_leaked=auc_leaked,
        difference=difference,
        se_rows=se_rows,
        se=se,
        ci_low=difference - margin,
        ci_high=difference + margin,
        p_value=_two_sided(difference, se),
    )


def _standard_errors(total: Contributions) -> tuple[float, float]:
    """Return the standard errors with rows and with users as the independent units."""
    gained = total.doubled_wins_leaked != total.doubled_wins_baseline
    if not (gained or total.positive_squares or total.negative_squares):
        return 0.0, 0.0
    by_rows = (
        _bessel(total.paired_positives) * total.positive_squares
        + _bessel(total.paired_negatives) * total.negative_squares
    )
    by_users = _clustered(
        total.positive_sums, total.negative_sums, total.has_positive, total.has_negative
    )
    return math.sqrt(by_rows) / total.pairs, math.sqrt(by_users) / total.pairs


def _clustered(
    positive_sums: Floats, negative_sums: Floats, has_positive: Flags, has_negative: Flags
) -> float:
    """Return Obuchowski's (1997) variance of the summed contributions, in pairs squared.

    Its three terms, f10 * sum(a^2) + f01 * sum(b^2) + 2 * f11 * sum(a * b), are regrouped
    around sum((a + b)^2). No term can then be negative, as f10 and f01 are at least f11.
    """
    both = _bessel(int((has_positive | has_negative).sum()))
    positive = _bessel(int(has_positive.sum())) - both
    negative = _bessel(int(has_negative.sum())) - both
    sums = positive_sums + negative_sums
    return float(
        both * np.dot(sums, sums)
        + positive * np.dot(positive_sums, positive_sums)
        + negative * np.dot(negative_sums, negative_sums)
    )


def _bessel(units: int) -> float:
    """Return units / (units - 1), or NaN where one unit leaves no spread to estimate."""
    return units / (units - 1) if units > 1 else math.nan


def _two_sided(difference: float, se: float) -> float:
    """Return the two-sided p-value of a difference of 0 under the normal approximation."""
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    return 2 * float(ndtr(-abs(difference / se)))

"""The AUC difference of two scores on the same rows, with its user-clustered interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from jobs.stats.auc_contributions import Contributions, Flags, Floats, contributions
from jobs.stats.columns import Users
from jobs.stats.seed_variance import degrees_of_freedom, quantile, seed_spread, two_sided


@dataclass(frozen=True)
class PairedComparison:
    """Two AUCs and their difference, treatment minus baseline.

    Every float is NaN when the rows hold a single class. Standard errors are NaN when one of the
    classes comes from a single row (``se_rows``) or a single user (``se``). They are 0.0 where all
    components are equal, as between a perfect and a perfectly wrong ranking; the p-value of a
    difference other than 0 is then 0.0. With several seeds, AUCs and difference are means over
    them.

    Attributes:
        difference: AUC of the treatment minus that of the baseline.
        se_rows: Standard error with rows as independent units (DeLong et al., 1988).
        se: Standard error with users as independent units (Obuchowski, 1997), seeds included.
        ci_low: Lower end of the interval that belongs to ``se``.
        ci_high: Upper end of that interval.
        p_value: Two-sided p-value that belongs to ``se``.
        seed_sd: Standard deviation of the difference from seed to seed; NaN with one seed.
        se_seeds: The part of ``se`` that comes from seeds, which more rows would not reduce.
    """

    rows: int
    users: int
    positives: int
    auc_baseline: float
    auc_treatment: float
    difference: float
    se_rows: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    seed_sd: float
    se_seeds: float


def compare(
    labels: ArrayLike,
    baseline: ArrayLike,
    treatment: ArrayLike,
    users: ArrayLike | Users,
    *,
    level: float = 0.95,
) -> PairedComparison:
    """Compare the AUCs of two scores on the same rows.

    Two scores that order every pair alike give a difference and standard errors of exactly 0.0
    and a p-value of 1.0. Time grows as rows x log(rows), memory as rows.

    Args:
        labels: 0 or 1, shape (rows,).
        baseline: Scores, shape (rows,), or (seeds, rows) with several seeds.
        treatment: Scores of the same shape.
        users: Integer or string ids, or numbered users, shape (rows,).
        level: Coverage of the interval, between 0 and 1.

    Raises:
        ValueError: If a column is malformed, or the level lies outside (0, 1).
    """
    return summarise(contributions(labels, baseline, treatment, users), level)


def summarise(total: Contributions, level: float) -> PairedComparison:
    """Turn the contributions of one or more dates into a comparison.

    Raises:
        ValueError: If the level lies outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    if total.pairs == 0:
        auc_baseline = auc_treatment = difference = se_rows = se = seed_sd = se_seeds = math.nan
        degrees = math.inf
    else:
        doubled_pairs = 2 * total.pairs * total.seeds
        wins_baseline, wins_treatment = (
            sum(total.doubled_wins_baseline),
            sum(total.doubled_wins_treatment),
        )
        auc_baseline = wins_baseline / doubled_pairs
        auc_treatment = wins_treatment / doubled_pairs
        difference = (wins_treatment - wins_baseline) / doubled_pairs
        se_rows, se = _standard_errors(total)
        seed_sd, se_seeds = seed_spread(total.differences, total.influence)
        se = math.hypot(se, se_seeds) if se_seeds else se
        degrees = degrees_of_freedom(se, se_seeds, total.seeds)
    # The lower quantile is negated because it keeps the precision of a small tail probability.
    margin = -quantile((1 - level) / 2, degrees) * se
    return PairedComparison(
        rows=total.rows,
        users=total.users.size,
        positives=total.positives,
        auc_baseline=auc_baseline,
        auc_treatment=auc_treatment,
        difference=difference,
        se_rows=se_rows,
        se=se,
        ci_low=difference - margin,
        ci_high=difference + margin,
        p_value=two_sided(difference, se, degrees),
        seed_sd=seed_sd,
        se_seeds=se_seeds,
    )


def _standard_errors(total: Contributions) -> tuple[float, float]:
    """Return the standard errors with rows and with users as the independent units."""
    gained = total.doubled_wins_treatment != total.doubled_wins_baseline
    if not (gained or total.positive_squares or total.negative_squares):
        return 0.0, 0.0
    by_rows = (
        bessel(total.paired_positives) * total.positive_squares
        + bessel(total.paired_negatives) * total.negative_squares
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
    both = bessel(int((has_positive | has_negative).sum()))
    positive = bessel(int(has_positive.sum())) - both
    negative = bessel(int(has_negative.sum())) - both
    sums = positive_sums + negative_sums
    return float(
        both * np.dot(sums, sums)
        + positive * np.dot(positive_sums, positive_sums)
        + negative * np.dot(negative_sums, negative_sums)
    )


def bessel(units: int) -> float:
    """Return units / (units - 1), or NaN where one unit leaves no spread to estimate."""
    return units / (units - 1) if units > 1 else math.nan

"""The AUC difference of two scores on the same rows, with its user-clustered interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from jobs.stats.auc_contributions import Contributions, contributions
from jobs.stats.columns import Users
from jobs.stats.jackknife import (
    has_pairs,
    user_influence,
    user_part,
    user_shares,
    without_each_user,
)
from jobs.stats.seed_variance import combined, quantile, seed_spread, two_sided


@dataclass(frozen=True)
class PairedComparison:
    """Two AUCs and their difference, treatment minus baseline.

    Every float is NaN when the rows hold a single class. Standard error, interval, p-value and
    degrees are NaN when one of the classes comes from a single user. The standard error is 0.0
    where no user changes the difference, as between a perfect and a perfectly wrong ranking; the
    p-value of a difference other than 0 is then 0.0. With several seeds, AUCs and difference are
    means over them.

    Attributes:
        difference: AUC of the treatment minus that of the baseline.
        se: Standard error with users as independent units (delete-one-user jackknife), seeds and
            fits included.
        ci_low: Lower end of the interval that belongs to ``se``, from Student's t distribution.
        ci_high: Upper end of that interval.
        p_value: Two-sided p-value that belongs to ``se``.
        seed_sd: Standard deviation of the difference from seed to seed; NaN with one seed.
        se_seeds: The part of ``se`` that comes from seeds and fits, which more rows to evaluate on
            would not reduce.
        degrees: Degrees of freedom of the t distribution: effective users - 1, at least 1, where
            users are the only source of uncertainty.
        effective_users: As many users of equal shares of the rows would be as informative.
        largest_user_share: The largest of these shares.
        users_with_positive: Number of users with a positive row on a date with both classes.
        users_with_negative: The same for negative rows.
    """

    rows: int
    users: int
    positives: int
    auc_baseline: float
    auc_treatment: float
    difference: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    seed_sd: float
    se_seeds: float
    degrees: float
    effective_users: float
    largest_user_share: float
    users_with_positive: int
    users_with_negative: int


def compare(
    labels: ArrayLike,
    baseline: ArrayLike,
    treatment: ArrayLike,
    users: ArrayLike | Users,
    *,
    level: float = 0.95,
    fits: int = 0,
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
        fits: Number of groups of fit users, of which seed s was fitted without group s mod
            ``fits``; 0 for plain repetitions.

    Raises:
        ValueError: If a column is malformed, seeds leave out some groups more often than others,
            or the level lies outside (0, 1).
    """
    return summarise(contributions(labels, baseline, treatment, users, fits=fits), level)


def summarise(total: Contributions, level: float) -> PairedComparison:
    """Turn the contributions of one or more dates into a comparison.

    Raises:
        ValueError: If the level lies outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    shares = user_shares(total)
    if total.pairs == 0:
        auc_baseline = auc_treatment = difference = se = seed_sd = se_seeds = degrees = math.nan
    else:
        doubled_pairs = 2 * total.pairs * total.seeds
        wins_baseline, wins_treatment = (
            sum(total.doubled_wins_baseline),
            sum(total.doubled_wins_treatment),
        )
        auc_baseline = wins_baseline / doubled_pairs
        auc_treatment = wins_treatment / doubled_pairs
        difference = (wins_treatment - wins_baseline) / doubled_pairs
        influence = user_influence(without_each_user(total)[:, has_pairs(total)])
        of_users = user_part(influence, shares)
        seed_sd, of_seeds = seed_spread(total.differences, influence, total.fits)
        se_seeds = math.sqrt(math.fsum(part.variance for part in of_seeds))
        se, degrees = combined([of_users, *of_seeds])
    # The lower quantile is negated because it keeps the precision of a small tail probability.
    margin = -quantile((1 - level) / 2, degrees) * se
    return PairedComparison(
        rows=total.rows,
        users=total.users.size,
        positives=total.positives,
        auc_baseline=auc_baseline,
        auc_treatment=auc_treatment,
        difference=difference,
        se=se,
        ci_low=difference - margin,
        ci_high=difference + margin,
        p_value=two_sided(difference, se, degrees),
        seed_sd=seed_sd,
        se_seeds=se_seeds,
        degrees=degrees,
        effective_users=shares.effective,
        largest_user_share=shares.largest,
        users_with_positive=shares.with_positive,
        users_with_negative=shares.with_negative,
    )

"""The delete-one-user jackknife of an AUC difference.

Users are the independent units, whatever their numbers of rows. Leaving out each of n users in turn
gives n differences, and the variance is (n - 1) / n times the sum of their squared deviations from
their mean (Tukey, 1958; Efron and Stein, 1981). Leaving out a user also changes the numbers of
positives and negatives, which a variance from the components of the complete data (Obuchowski,
1997) takes as given: with few users or a large one, that variance is too small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.stats.auc_contributions import Contributions, Floats
from jobs.stats.seed_variance import Part


@dataclass(frozen=True)
class UserShares:
    """How evenly the rows that form pairs spread over users.

    A user's share is a mean of its shares of the positive and of the negative rows, weighted by
    how much of the uncertainty comes from either class: where a few positives stand against many
    negatives, nearly all comes from the positives. A class weighs as the sum of squared shares of
    its users does. A user with the same share of both classes has that share, whatever the weights.

    Attributes:
        effective: Effective number of users (Kish, 1965), 1 / sum(share**2): as many users of
            equal shares would be as informative.
        largest: The largest share.
        with_positive: The number of users with a positive row.
        with_negative: The number of users with a negative row.
    """

    effective: float
    largest: float
    with_positive: int
    with_negative: int


def user_shares(total: Contributions) -> UserShares:
    """Return how evenly rows spread over users; floats are NaN without pairs."""
    with_positive = int(np.count_nonzero(total.paired_positives))
    with_negative = int(np.count_nonzero(total.paired_negatives))
    if not total.pairs:
        return UserShares(math.nan, math.nan, with_positive, with_negative)
    of_positives = total.paired_positives / total.paired_positives.sum()
    of_negatives = total.paired_negatives / total.paired_negatives.sum()
    positives, negatives = (float(np.dot(of, of)) for of in (of_positives, of_negatives))
    share = (positives * of_positives + negatives * of_negatives) / (positives + negatives)
    effective = 1 / float(np.dot(share, share))
    return UserShares(effective, float(share.max()), with_positive, with_negative)


def has_pairs(total: Contributions) -> NDArray[np.bool_]:
    """Return which users have rows on a date with both classes, shape (users,)."""
    return np.asarray(total.lost_pairs > 0)


def without_each_user(total: Contributions) -> Floats:
    """Return the difference of each seed without each user, shape (seeds, users).

    NaN for a user without whom no pair is left.
    """
    pairs = 2 * (total.pairs - total.lost_pairs)
    gained = total.gained[:, None] - total.lost_wins
    return np.asarray(np.divide(gained, pairs, out=np.full(gained.shape, np.nan), where=pairs > 0))


def user_influence(without: Floats) -> Floats:
    """Return each user's deviation, scaled so that its squares sum to the jackknife's variance.

    Args:
        without: Estimates without each user, shape (seeds, users).

    Returns:
        Deviations, shape (seeds, users); NaN with fewer than two users.
    """
    users = without.shape[1]
    if users < 2:
        return np.full(without.shape, np.nan)
    # Measured from one of them, equal estimates deviate by exactly zero.
    moved = without - without[:, :1]
    deviation = moved.mean(axis=1, keepdims=True) - moved
    return np.asarray(deviation * math.sqrt((users - 1) / users))


def user_part(influence: Floats, shares: UserShares) -> Part:
    """Return the variance of the mean over seeds that comes from users.

    Args:
        influence: Scaled deviations of each user, shape (seeds, users).
        shares: Of the rows that form pairs; degrees are effective users - 1, at least 1.
    """
    by_user = influence.mean(axis=0)
    return Part(float(np.dot(by_user, by_user)), max(shares.effective - 1, 1.0))

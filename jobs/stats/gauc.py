"""GAUC: the mean over users of the AUC within each user, weighted by impressions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jobs.stats.columns import Users, ascending_order, checked_labels, checked_scores, user_codes


@dataclass(frozen=True)
class GaucComparison:
    """The GAUC of two scores over the users whose rows hold both classes.

    Both GAUCs are NaN if every user is skipped.

    Attributes:
        rows: The number of rows of these users.
        users: The number of these users.
        users_skipped: The number of users with a single class.
    """

    gauc_baseline: float
    gauc_treatment: float
    rows: int
    users: int
    users_skipped: int


def compare_gauc(
    labels: ArrayLike, baseline: ArrayLike, treatment: ArrayLike, users: ArrayLike | Users
) -> GaucComparison:
    """Compare the GAUCs of two scores on the same rows.

    Args:
        labels: 0 or 1, shape (rows,).
        baseline: Scores, shape (rows,).
        treatment: Scores, shape (rows,).
        users: Integer or string ids, or numbered users, shape (rows,).

    Raises:
        ValueError: If a column is malformed.
    """
    positive = checked_labels(labels)
    codes, ids = user_codes(users, positive.size)
    baseline_scores = checked_scores(baseline, positive.size)
    treatment_scores = checked_scores(treatment, positive.size)

    impressions = np.bincount(codes, minlength=ids.size)
    positives = np.bincount(codes[positive], minlength=ids.size)
    pairs = positives * (impressions - positives)
    counted = pairs > 0
    weights = impressions[counted]

    def gauc(scores: NDArray[np.generic]) -> float:
        if not counted.any():
            return math.nan
        wins = _doubled_wins_by_user(positive, scores, codes, impressions)
        return float(np.average(wins[counted] / (2 * pairs[counted]), weights=weights))

    return GaucComparison(
        gauc_baseline=gauc(baseline_scores),
        gauc_treatment=gauc(treatment_scores),
        rows=int(weights.sum()),
        users=int(counted.sum()),
        users_skipped=int((~counted).sum()),
    )


def _doubled_wins_by_user(
    positive: NDArray[np.bool_],
    scores: NDArray[np.generic],
    codes: NDArray[np.int64],
    impressions: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Count twice the pairs in the right order within each user, shape (users,).

    The position of a row in its user's order, less the positives below it, is the number of
    negatives below it. Adding this number at both edges of a tie counts tied pairs half.
    """
    by_score = ascending_order(scores)
    order = by_score[ascending_order(codes[by_score])]
    ordered, user, is_positive = scores[order], codes[order], positive[order]
    negatives_below = np.concatenate(([0], np.cumsum(~is_positive)))

    new_tie = (ordered[1:] != ordered[:-1]) | (user[1:] != user[:-1])
    edges = np.concatenate(([0], np.flatnonzero(new_tie) + 1, [positive.size]))
    start, end = edges[:-1], edges[1:]
    positives = np.diff(np.concatenate(([0], np.cumsum(is_positive)))[edges])

    first_row = np.concatenate(([0], np.cumsum(impressions)[:-1]))
    owner = user[start]
    beyond = 2 * negatives_below[first_row[owner]]
    wins = positives * (negatives_below[start] + negatives_below[end] - beyond)
    total = np.concatenate(([0], np.cumsum(wins)))
    ties_until = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=impressions.size))))
    by_user: NDArray[np.int64] = np.diff(total[ties_until])
    return by_user

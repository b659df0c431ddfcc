"""GAUC: the mean over users of the AUC within each user, weighted by impressions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from jobs.stats.columns import Users
from jobs.stats.wins import LabelledRows


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
    of_rows = LabelledRows(labels, users)
    pairs = of_rows.positives_by_user * of_rows.negatives_by_user
    counted = pairs > 0
    weights = (of_rows.positives_by_user + of_rows.negatives_by_user)[counted]

    def gauc(scores: ArrayLike) -> float:
        wins = of_rows.ranked(scores).within_users()
        if not counted.any():
            return math.nan
        return float(np.average(wins[counted] / (2 * pairs[counted]), weights=weights))

    return GaucComparison(
        gauc_baseline=gauc(baseline),
        gauc_treatment=gauc(treatment),
        rows=int(weights.sum()),
        users=int(counted.sum()),
        users_skipped=int((~counted).sum()),
    )

"""How far the orders of LIS and AIS agree, with intervals from a bootstrap over users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Held-out rows of a day with the scores of rankers, means over their seeds.

    Attributes:
        labels: 0 or 1, (rows,).
        users: A number for each user, (rows,).
        baseline, leaked, aligned: By kind of preference data, (rows,).
    """

    labels: NDArray[np.int8]
    users: NDArray[np.int64]
    baseline: Mapping[str, Floats]
    leaked: Mapping[str, Floats]
    aligned: Mapping[str, Floats]


@dataclass(frozen=True)
class Rank:
    """A rank correlation with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def rank_correlations(
    days: Sequence[ScoredRows], kinds: Sequence[str], draws: int = 500, seed: int = 0
) -> tuple[Rank, Rank]:
    """Return Spearman's and Kendall's correlation of LIS and AIS over kinds of preference data.

    Args:
        days: Scored rows by day; a user has the same number on all days.
        kinds: The kinds to order.
        draws: Bootstrap samples of users.
        seed: Seed of the samples.
    """
    users = 1 + max(int(day.users.max()) for day in days)
    weights = np.ones((draws + 1, users))
    generator = np.random.default_rng(seed)
    for draw in range(1, draws + 1):
        weights[draw] = np.bincount(generator.integers(0, users, users), minlength=users)
    lis, ais = np.zeros((draws + 1, len(kinds))), np.zeros((draws + 1, len(kinds)))
    pairs = np.zeros(draws + 1)
    for day in days:
        of_rows = weights[:, day.users]
        positive, negative = of_rows @ (day.labels == 1), of_rows @ (day.labels == 0)
        pairs += positive * negative
        for place, kind in enumerate(kinds):
            baseline = weighted_wins(day.labels, day.baseline[kind], of_rows)
            lis[:, place] += weighted_wins(day.labels, day.leaked[kind], of_rows) - baseline
            ais[:, place] += weighted_wins(day.labels, day.aligned[kind], of_rows) - baseline
    lis, ais = lis / pairs[:, None], ais / pairs[:, None]
    found = []
    for measure in (spearmanr, kendalltau):
        values = [measure(first, second).statistic for first, second in zip(lis, ais, strict=True)]
        low, high = np.quantile(values[1:], [0.025, 0.975])
        found.append(Rank(float(values[0]), float(low), float(high)))
    return found[0], found[1]


def weighted_wins(labels: NDArray[np.int8], scores: Floats, weights: Floats) -> Floats:
    """Return the weight of (positive, negative) pairs that are in order, ties as one half.

    Args:
        labels: 0 or 1, (rows,).
        scores: (rows,).
        weights: (draws, rows).

    Returns:
        float64, (draws,).
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    by_class = [
        np.add.reduceat(weights[:, order] * (labels[order] == label), starts, axis=1)
        for label in (0, 1)
    ]
    negatives, positives = by_class
    below = np.cumsum(negatives, axis=1) - negatives / 2
    wins: Floats = (positives * below).sum(axis=1)
    return wins

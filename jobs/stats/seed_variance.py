"""How much of the uncertainty of a difference comes from the rankers that were trained.

Rankers differ by their random seeds, and by the users that they were fitted to. The second is
measured by a delete-a-group jackknife: each ranker is fitted without one of G groups of users.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from jobs.stats.auc_contributions import Floats

_NORMAL_FROM = 1e6
"""Degrees of freedom above which the t distribution is replaced by the normal one."""


@dataclass(frozen=True)
class Part:
    """An independent part of the variance of an estimate.

    Attributes:
        variance: What it adds to the variance.
        degrees: Degrees of freedom of the mean square that it comes from.
        mean_square: The same before another part was subtracted from it, which makes a variance
            smaller and not more certain; the variance itself if None.
    """

    variance: float
    degrees: float
    mean_square: float | None = None

    @property
    def uncertainty(self) -> float:
        """Half the variance of the estimated variance."""
        if not self.variance:
            return 0.0
        square = self.variance if self.mean_square is None else self.mean_square
        return square**2 / self.degrees


def seed_spread(differences: Floats, influence: Floats, fits: int = 0) -> tuple[float, list[Part]]:
    """Return the spread of a difference over seeds and what it adds to the standard error.

    Clustering by user already covers the part of the spread that differs from user to user and
    averages out over many users. That part is subtracted, as in two-way clustering (Cameron,
    Gelbach and Miller, 2011).

    With S plain repetitions, the mean over seeds has the variance sd**2 / S.

    With G groups of fit users, seed s is fitted without group s mod G. Estimates without a group
    share most of their users, so that they spread less than estimates from other users would: the
    variance of their mean over samples of fit users is (G - 1) / G times the sum of their squared
    deviations, that is (G - 1)**2 / G * sd**2 (Quenouille, 1956; Wolter, 2007, chapter 4). Where
    each group is left out by several seeds, the spread within groups shows what is due to the seed
    alone; otherwise it counts as if it came from the users, which is too much rather than too
    little.

    Args:
        differences: The difference of each seed, shape (seeds,).
        influence: Each user's scaled deviation of each difference, shape (seeds, users).
        fits: The number of groups of fit users; 0 for plain repetitions.

    Returns:
        The standard deviation over seeds (NaN with one seed), and the parts of the variance of
        the mean over seeds.
    """
    seeds = len(differences)
    if seeds < 2:
        return math.nan, []
    sd = float(np.std(differences, ddof=1))
    if not fits:
        total, of_users = _mean_squares(differences, influence, seeds - 1)
        return sd, [_part(total / seeds, of_users / seeds, seeds - 1)]
    repetitions = seeds // fits
    by_group = differences.reshape(repetitions, fits)
    users_by_group = influence.reshape(repetitions, fits, -1)
    parts: list[Part] = []
    of_seeds = 0.0
    if repetitions > 1:
        free = fits * (repetitions - 1)
        within = by_group - by_group.mean(axis=0)
        users_within = users_by_group - users_by_group.mean(axis=0)
        total, of_users = _mean_squares(within.ravel(), users_within.reshape(seeds, -1), free)
        parts.append(_part(total / seeds, of_users / seeds, free))
        of_seeds = parts[0].variance * fits
    total, of_users = _mean_squares(by_group.mean(axis=0), users_by_group.mean(axis=0), fits - 1)
    widened = (fits - 1) ** 2 / fits
    parts.append(_part(widened * total, widened * (of_users + of_seeds), fits - 1))
    return sd, parts


def _mean_squares(differences: Floats, influence: Floats, free: int) -> tuple[float, float]:
    """Return the variance of differences, and the part of it that comes from users.

    Args:
        differences: Shape (seeds,).
        influence: Shape (seeds, users).
        free: Degrees of freedom of deviations from the mean.
    """
    apart = differences - differences.mean()
    users_apart = influence - influence.mean(axis=0)
    return float(np.dot(apart, apart)) / free, float(np.vdot(users_apart, users_apart)) / free


def _part(total: float, covered: float, degrees: int) -> Part:
    return Part(max(total - covered, 0.0), degrees, total)


def combined(parts: Sequence[Part]) -> tuple[float, float]:
    """Return the standard error of an estimate and its degrees of freedom.

    Source: Satterthwaite (1946); never fewer degrees than the part with the fewest.
    """
    variance = math.fsum(part.variance for part in parts)
    fewest = min(part.degrees for part in parts)
    uncertainty = math.fsum(part.uncertainty for part in parts)
    degrees = max(variance**2 / uncertainty, fewest) if uncertainty else fewest
    return math.sqrt(variance), math.nan if math.isnan(variance) else degrees


def quantile(share: float, degrees: float) -> float:
    """Return the quantile of the t distribution with ``share`` of the mass below it."""
    return float(ndtri(share) if degrees > _NORMAL_FROM else stdtrit(degrees, share))


def two_sided(difference: float, se: float, degrees: float) -> float:
    """Return the two-sided p-value of a difference of 0; NaN where the standard error is NaN."""
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    lower = -abs(difference / se)
    return 2 * float(ndtr(lower) if degrees > _NORMAL_FROM else stdtr(degrees, lower))

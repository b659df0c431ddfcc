"""How much of the uncertainty of a difference comes from the rankers that were trained.

Rankers differ by their random seeds, and by the users that they were fitted to. The second is
measured by a delete-a-group jackknife: each ranker is fitted without one of G groups of users.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from jobs.stats.auc_contributions import Floats

_NORMAL_FROM = 1e6
"""Degrees of freedom above which the t distribution is replaced by the normal one."""

Part = tuple[float, float]
"""A standard error, and the degrees of freedom of its square."""


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
        The standard deviation over seeds (NaN with one seed), and the parts of the standard error
        of the mean over seeds, each with its degrees of freedom.
    """
    seeds = len(differences)
    if seeds < 2:
        return math.nan, []
    sd = float(np.std(differences, ddof=1))
    if not fits:
        variance = _beyond_users(differences, influence, seeds - 1)
        return sd, [(math.sqrt(max(variance, 0.0) / seeds), seeds - 1)]
    repetitions = seeds // fits
    by_group = differences.reshape(repetitions, fits)
    users_by_group = influence.reshape(repetitions, fits, -1)
    parts: list[Part] = []
    of_seeds = 0.0
    if repetitions > 1:
        free = fits * (repetitions - 1)
        within = by_group - by_group.mean(axis=0)
        users_within = users_by_group - users_by_group.mean(axis=0)
        of_seeds = max(_beyond_users(within.ravel(), users_within.reshape(seeds, -1), free), 0.0)
        parts.append((math.sqrt(of_seeds / seeds), free))
    between = _beyond_users(by_group.mean(axis=0), users_by_group.mean(axis=0), fits - 1)
    of_fits = (fits - 1) ** 2 / fits * max(between - of_seeds / repetitions, 0.0)
    parts.append((math.sqrt(of_fits), fits - 1))
    return sd, parts


def _beyond_users(differences: Floats, influence: Floats, free: int) -> float:
    """Return the variance of differences less the part that comes from users; it may be negative.

    Args:
        differences: Shape (seeds,).
        influence: Shape (seeds, users).
        free: Degrees of freedom of deviations from the mean.
    """
    apart = differences - differences.mean()
    users_apart = influence - influence.mean(axis=0)
    squares = float(np.dot(apart, apart)) - float(np.vdot(users_apart, users_apart))
    return squares / free


def combined(parts: Sequence[Part]) -> Part:
    """Return the standard error of independent parts together, and its degrees of freedom.

    Source: Satterthwaite (1946). Where every part is zero, the degrees are the fewest of a part.
    """
    se = math.hypot(*[of_part for of_part, _ in parts])
    if not se:
        return se, min(degrees for _, degrees in parts)
    of_square = math.fsum((of_part / se) ** 4 / degrees for of_part, degrees in parts)
    return se, 1 / of_square


def quantile(share: float, degrees: float) -> float:
    """Return the quantile of the t distribution with ``share`` of the mass below it."""
    return float(ndtri(share) if degrees > _NORMAL_FROM else stdtrit(degrees, share))


def two_sided(difference: float, se: float, degrees: float) -> float:
    """Return the two-sided p-value of a difference of 0; NaN where the standard error is NaN."""
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    lower = -abs(difference / se)
    return 2 * float(ndtr(lower) if degrees > _NORMAL_FROM else stdtr(degrees, lower))

"""How much of the uncertainty of a difference comes from the random seeds of its rankers."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from jobs.stats.auc_contributions import Floats

_NORMAL_FROM = 1e6
"""Degrees of freedom above which the t distribution is replaced by the normal one."""


def seed_spread(differences: Floats, influence: Floats) -> tuple[float, float]:
    """Return the spread of a difference over seeds and its contribution to the standard error.

    Clustering by user already covers the part of the spread that differs from user to user and
    averages out over many users. That part is subtracted, as in two-way clustering (Cameron,
    Gelbach and Miller, 2011).

    Args:
        differences: The difference of each seed, shape (seeds,).
        influence: Each user's centred contribution to each difference, shape (seeds, users).

    Returns:
        The standard deviation over seeds (NaN with one seed), and the standard error of the mean
        over seeds (0.0 with one seed).
    """
    seeds = len(differences)
    if seeds < 2:
        return math.nan, 0.0
    sd = float(np.std(differences, ddof=1))
    apart = influence - influence.mean(axis=0)
    by_user = float(np.vdot(apart, apart)) / (seeds - 1)
    return sd, math.sqrt(max(sd**2 - by_user, 0.0) / seeds)


def degrees_of_freedom(se: float, se_seeds: float, seeds: int) -> float:
    """Return the degrees of freedom of ``se**2``, of which few seeds estimate ``se_seeds**2``.

    Source: Satterthwaite (1946), where the part that comes from users has no error.
    """
    return (se / se_seeds) ** 4 * (seeds - 1) if se_seeds else math.inf


def quantile(share: float, degrees: float) -> float:
    """Return the quantile of the t distribution with ``share`` of the mass below it."""
    return float(ndtri(share) if degrees > _NORMAL_FROM else stdtrit(degrees, share))


def two_sided(difference: float, se: float, degrees: float) -> float:
    """Return the two-sided p-value of a difference of 0; NaN where the standard error is NaN."""
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    lower = -abs(difference / se)
    return 2 * float(ndtr(lower) if degrees > _NORMAL_FROM else stdtr(degrees, lower))

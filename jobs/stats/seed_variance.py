"""How much of a difference's uncertainty stems from the seeds of its rankers."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from jobs.stats.auc_contributions import Floats

_NORMAL_FROM = 1e6
"""Degrees of freedom from which the t distribution is taken as normal."""


def seed_spread(differences: Floats, influence: Floats) -> tuple[float, float]:
    """The spread of a difference from seed to seed, and what it adds to the standard error.

    differences: of each seed, shape (seeds,). influence: what each user adds to each of them,
    centred, shape (seeds, users). Returns the standard deviation over seeds (NaN with one seed)
    and a standard error of the mean over seeds (0.0 with one seed). The clustering by user already
    holds the part of the spread that differs from user to user, which cancels out over many
    users. That part is taken off, as in clustering by two crossed groups (Cameron, Gelbach and
    Miller, 2011).
    """
    seeds = len(differences)
    if seeds < 2:
        return math.nan, 0.0
    sd = float(np.std(differences, ddof=1))
    apart = influence - influence.mean(axis=0)
    by_user = float(np.vdot(apart, apart)) / (seeds - 1)
    return sd, math.sqrt(max(sd**2 - by_user, 0.0) / seeds)


def degrees_of_freedom(se: float, se_seeds: float, seeds: int) -> float:
    """Of the variance ``se**2``, whose part ``se_seeds**2`` is known from a few seeds only.

    Source: Satterthwaite (1946), with the users' part taken as known.
    """
    return (se / se_seeds) ** 4 * (seeds - 1) if se_seeds else math.inf


def quantile(share: float, degrees: float) -> float:
    """The quantile of the t distribution below which ``share`` lies."""
    return float(ndtri(share) if degrees > _NORMAL_FROM else stdtrit(degrees, share))


def two_sided(difference: float, se: float, degrees: float) -> float:
    """The two-sided p-value of a difference of 0; NaN where its standard error is."""
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    lower = -abs(difference / se)
    return 2 * float(ndtr(lower) if degrees > _NORMAL_FROM else stdtr(degrees, lower))

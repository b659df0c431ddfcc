"""Obuchowski's (1997) variance of an AUC difference, written out pair by pair, and for many rows.

With rows as independent units it is the variance of DeLong et al. (1988).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracles.exact_auc import doubled_wins

Row = tuple[int, int, int, int]


def psi(positive: int, negative: int) -> float:
    """Return 1 for a pair in the right order, 0.5 for a tie."""
    return 1.0 if positive > negative else 0.5 if positive == negative else 0.0


def variance_of_difference(rows: list[Row], by_user: bool) -> float:
    """Return the variance of the AUC difference, from each AUC's variance and their covariance.

    Args:
        rows: Label, baseline score, treatment score and user of each row.
        by_user: Whether users are the independent units, or rows.
    """
    positives = [(*row[1:3], row[3] if by_user else k) for k, row in enumerate(rows) if row[0]]
    negatives = [(*row[1:3], row[3] if by_user else k) for k, row in enumerate(rows) if not row[0]]
    m, n = len(positives), len(negatives)
    area = [sum(psi(p[s], q[s]) for p in positives for q in negatives) / m / n for s in (0, 1)]
    units = sorted({p[2] for p in positives} | {q[2] for q in negatives})
    from_positives: list[list[float]] = [[], []]
    from_negatives: list[list[float]] = [[], []]
    for s in (0, 1):
        for unit in units:
            own_p = [p for p in positives if p[2] == unit]
            own_n = [q for q in negatives if q[2] == unit]
            v10 = sum(sum(psi(p[s], q[s]) for q in negatives) / n for p in own_p)
            v01 = sum(sum(psi(p[s], q[s]) for p in positives) / m for q in own_n)
            from_positives[s].append(v10 - len(own_p) * area[s])
            from_negatives[s].append(v01 - len(own_n) * area[s])
    i10 = len({p[2] for p in positives})
    i01 = len({q[2] for q in negatives})
    i = len(units)

    def covariance(r: int, s: int) -> float:
        s10 = i10 / ((i10 - 1) * m) * dot(from_positives[r], from_positives[s])
        s01 = i01 / ((i01 - 1) * n) * dot(from_negatives[r], from_negatives[s])
        s11 = i / (i - 1) * dot(from_positives[r], from_negatives[s])
        s11_mirrored = i / (i - 1) * dot(from_positives[s], from_negatives[r])
        return s10 / m + s01 / n + (s11 + s11_mirrored) / (m * n)

    return covariance(0, 0) + covariance(1, 1) - 2 * covariance(0, 1)


def dot(left: list[float], right: list[float]) -> float:
    return sum(x * y for x, y in zip(left, right, strict=True))


def pooled_difference(dates: list[list[Row]], by_user: bool) -> tuple[float, float]:
    """Return the weighted mean over dates and its variance, from each unit's weighted components.

    Args:
        dates: The rows of each date, as for ``variance_of_difference``.
        by_user: Whether users are the independent units, or rows.
    """

    def kernel(p: Row, q: Row) -> float:
        treatment = (p[2] > q[2]) + 0.5 * (p[2] == q[2])
        baseline = (p[1] > q[1]) + 0.5 * (p[1] == q[1])
        return treatment - baseline

    split = [([r for r in rows if r[0]], [r for r in rows if not r[0]]) for rows in dates]
    all_pairs = sum(len(ps) * len(ns) for ps, ns in split)
    mean = 0.0
    from_positives: dict[object, float] = {}
    from_negatives: dict[object, float] = {}
    for date, (ps, ns) in enumerate(split):
        if not ps or not ns:
            continue
        weight = len(ps) * len(ns) / all_pairs
        daily = sum(kernel(p, q) for p in ps for q in ns) / len(ps) / len(ns)
        mean += weight * daily
        for k, p in enumerate(ps):
            unit = p[3] if by_user else (date, 1, k)
            v10 = sum(kernel(p, q) for q in ns) / len(ns)
            term = weight * (v10 - daily) / len(ps)
            from_positives[unit] = from_positives.get(unit, 0.0) + term
        for k, q in enumerate(ns):
            unit = q[3] if by_user else (date, 0, k)
            v01 = sum(kernel(p, q) for p in ps) / len(ps)
            term = weight * (v01 - daily) / len(ns)
            from_negatives[unit] = from_negatives.get(unit, 0.0) + term
    i10, i01 = len(from_positives), len(from_negatives)
    i = len(from_positives.keys() | from_negatives.keys())
    crossed = sum(
        term * from_negatives[unit]
        for unit, term in from_positives.items()
        if unit in from_negatives
    )
    variance = (
        i10 / (i10 - 1) * sum(term**2 for term in from_positives.values())
        + i01 / (i01 - 1) * sum(term**2 for term in from_negatives.values())
        + 2 * i / (i - 1) * crossed
    )
    return mean, variance


Columns = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def standard_error(dates: Sequence[Columns]) -> float:
    """Return the standard error of the pooled mean difference over seeds, by user, for many rows.

    NaN where a class has fewer than two users, or no date holds both classes.

    Args:
        dates: Labels (rows,), baseline and treatment scores (rows,) or (seeds, rows), and users
            from 0 (rows,) of each date.
    """
    users = 1 + max((int(date[3].max(initial=0)) for date in dates), default=0)
    sums, present = np.zeros((2, users)), np.zeros((2, users), dtype=np.bool_)
    pairs = 0
    for labels, baseline, treatment, user in dates:
        positive = np.asarray(labels) == 1
        positives = int(positive.sum())
        negatives = positive.size - positives
        if not positives * negatives:
            continue
        pairs += positives * negatives
        of_seeds = [
            doubled_wins(positive, after) - doubled_wins(positive, before)
            for before, after in zip(*map(np.atleast_2d, (baseline, treatment)), strict=True)
        ]
        gain = np.mean(of_seeds, axis=0) / 2
        gained = float(gain[positive].sum())
        gain -= np.where(positive, gained / positives, gained / negatives)
        for label, chosen in enumerate((~positive, positive)):
            sums[label] += np.bincount(user[chosen], gain[chosen], users)
            present[label] |= np.bincount(user[chosen], minlength=users) > 0
    if not pairs or present.sum(axis=1).min() < 2:
        return math.nan

    def unbiased(units: int) -> float:
        return units / (units - 1)

    variance = 2 * unbiased(int(present.any(axis=0).sum())) * float(np.dot(sums[0], sums[1]))
    for label in (0, 1):
        variance += unbiased(int(present[label].sum())) * float(np.dot(sums[label], sums[label]))
    return math.sqrt(max(variance, 0.0)) / pairs

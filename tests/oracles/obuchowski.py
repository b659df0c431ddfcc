"""Obuchowski's (1997) variance of an AUC difference, written out pair by pair, and for many rows.

Numbers of positives and negatives are taken as given, which is right with many users. With rows as
independent units it is the variance of DeLong et al. (1988).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.oracles.exact_auc import doubled_wins

Row = tuple[int, int, int, int]


def pooled_difference(dates: list[list[Row]], by_user: bool) -> tuple[float, float]:
    """Return the weighted mean over dates and its variance, from each unit's weighted components.

    Args:
        dates: Label, baseline score, treatment score and user of each row of each date.
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

"""AUC differences on parts of the held-out rows, over days, and the parts that stand out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jobs.evaluation.result import Slice
from jobs.evaluation.slices import EDGES, OTHER, UNKNOWN, Values
from jobs.stats.auc_contributions import Contributions
from jobs.stats.columns import Users
from jobs.stats.estimate import Estimate
from jobs.stats.holm import holm
from jobs.stats.jackknife import (
    has_pairs,
    user_influence,
    user_part,
    user_shares,
    without_each_user,
)
from jobs.stats.pooled_difference import PooledDifference
from jobs.stats.seed_variance import combined, seed_spread, two_sided

MOST_VALUES = 12
"""The most values of a slice over all days, ``other`` included."""
FEWEST_USERS = 10
"""The fewest users with clicks, and with non-clicks, for a part to be tested."""


class SliceMeasurement:
    """Accumulates the slices of days; memory grows with users, not with days or values."""

    def __init__(self) -> None:
        """Start without any day."""
        self._parts: dict[str, dict[str, PooledDifference]] = {}

    def add(
        self,
        slices: Mapping[str, Values],
        labels: ArrayLike,
        baseline: NDArray[np.float64],
        treatment: NDArray[np.float64],
        users: NDArray[np.generic] | Users,
        fits: int = 0,
    ) -> None:
        """Add held-out rows of a day; values of a slice beyond ``MOST_VALUES`` join ``other``.

        Args:
            slices: The value of each row by slice name, shape (rows,).
            labels: 0 or 1, shape (rows,).
            baseline: Scores, shape (seeds, rows).
            treatment: Scores, shape (seeds, rows).
            users: Ids or numbered users, shape (rows,).
            fits: Number of groups of fit users that seeds leave out; 0 for plain repetitions.
        """
        label = np.asarray(labels)
        for name, values in slices.items():
            parts = self._parts.setdefault(name, {})
            codes, names = pd.factorize(values)
            kept = np.array(names, dtype=object)
            for code in np.argsort(names):
                value = str(names[code])
                if value not in parts and len(parts.keys() - {OTHER}) >= MOST_VALUES - 1:
                    kept[code] = OTHER
                else:
                    parts.setdefault(value, PooledDifference())
            for value in sorted(set(kept)):
                chosen = (kept == value)[codes]
                parts.setdefault(value, PooledDifference()).add(
                    label[chosen],
                    baseline[:, chosen],
                    treatment[:, chosen],
                    users[chosen],
                    fits=fits,
                )

    def result(self, whole: PooledDifference, level: float) -> tuple[Slice, ...]:
        """Return all slices, by name in order of appearance and by value in natural order.

        Args:
            whole: The same days with all their held-out rows.
            level: Coverage of the intervals, between 0 and 1.
        """
        found = []
        for name, parts in self._parts.items():
            for value in sorted(parts, key=lambda value: _rank(name, value)):
                part = parts[value].result(level)
                found.append(
                    Slice(
                        name=name,
                        value=value,
                        rows=part.rows,
                        users=part.users,
                        estimate=Estimate(part.difference, part.ci_low, part.ci_high),
                        p_value=p_value_of_departure(parts[value].total, whole.total),
                    )
                )
        outstanding = holm([part.p_value for part in found], 1 - level)
        return tuple(
            replace(part, stands_out=stands_out)
            for part, stands_out in zip(found, outstanding, strict=True)
        )


def p_value_of_departure(part: Contributions | None, whole: Contributions | None) -> float:
    """Return the two-sided p-value of a part having the difference of the whole, by user.

    NaN where a class comes from fewer than ``FEWEST_USERS`` users: with so few, chance alone can
    look certain.

    Args:
        part: Contributions of some of the rows of ``whole``.
        whole: Contributions of all rows.
    """
    if part is None or whole is None:
        return math.nan
    shares = user_shares(part)
    if min(shares.with_positive, shares.with_negative) < FEWEST_USERS:
        return math.nan
    without_whole = without_each_user(whole)
    without_part = np.repeat(part.differences[:, None], whole.users.size, axis=1)
    places = pd.Index(whole.users).get_indexer(pd.Index(part.users))
    without_part[:, places] = without_each_user(part)
    influence = user_influence((without_part - without_whole)[:, has_pairs(whole)])
    differences = part.differences - whole.differences
    of_users = user_part(influence, shares)
    _, of_seeds = seed_spread(differences, influence, whole.fits)
    se, degrees = combined([of_users, *of_seeds])
    return two_sided(float(differences.mean()), se, degrees)


def _rank(name: str, value: str) -> tuple[int, int, str]:
    """Return the sort key of a value: buckets by number, then names, then ``other``."""
    if value in (OTHER, UNKNOWN):
        return 2, 0, value
    order = EDGES.get(name, ((), ()))[0]
    if value in order:
        return 0, order.index(value), value
    return 1, int(value) if value.isdecimal() else 0, value

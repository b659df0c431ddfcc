"""The LIS of parts of the held-out rows, over days, and what stands out among them."""

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
from jobs.stats.auc_difference import bessel
from jobs.stats.columns import Users
from jobs.stats.holm import holm
from jobs.stats.pooled_difference import PooledDifference
from jobs.stats.seed_variance import degrees_of_freedom, seed_spread, two_sided

MOST_VALUES = 12
"""Values kept of a slice over all days, ``other`` among them."""
FEWEST_USERS = 10
"""Whose clicks, and non-clicks, a part needs before it can be said to stand out."""


class SliceMeasurement:
    """Accumulates the slices of days; memory grows with users, not with days or values."""

    def __init__(self) -> None:
        """Start with no day."""
        self._parts: dict[str, dict[str, PooledDifference]] = {}

    def add(
        self,
        slices: Mapping[str, Values],
        labels: ArrayLike,
        baseline: NDArray[np.float64],
        leaked: NDArray[np.float64],
        users: NDArray[np.generic] | Users,
    ) -> None:
        """Add held-out rows of a day.

        slices: the value of each row by slice name, shape (rows,). baseline, leaked: shape
        (seeds, rows). A slice's values beyond ``MOST_VALUES`` join ``other``.
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
                    label[chosen], baseline[:, chosen], leaked[:, chosen], users[chosen]
                )

    def result(self, whole: PooledDifference, level: float) -> tuple[Slice, ...]:
        """All slices, by name in the order they came and by value in their natural order.

        whole: the same days with all their held-out rows, from which a part may stand out.
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
                        lis=part.difference,
                        lis_ci_low=part.ci_low,
                        lis_ci_high=part.ci_high,
                        p_value=p_value_of_departure(parts[value].total, whole.total),
                    )
                )
        outstanding = holm([part.p_value for part in found], 1 - level)
        return tuple(
            replace(part, stands_out=stands_out)
            for part, stands_out in zip(found, outstanding, strict=True)
        )


def p_value_of_departure(part: Contributions | None, whole: Contributions | None) -> float:
    """Two-sided p-value of the part's difference being that of the whole, users as units.

    part: of some of the rows of `whole`. NaN where a class comes from
    fewer than ``FEWEST_USERS``: of so few, a difference of nothing looks certain.
    """
    if part is None or whole is None:
        return math.nan
    if min(part.has_positive.sum(), part.has_negative.sum()) < FEWEST_USERS:
        return math.nan
    influence = -whole.influence
    influence[:, pd.Index(whole.users).get_indexer(pd.Index(part.users))] += part.influence
    differences = part.differences - whole.differences
    by_user = influence.mean(axis=0)
    users = int((part.has_positive | part.has_negative).sum())
    se_users = math.sqrt(bessel(users) * float(np.dot(by_user, by_user)))
    _, se_seeds = seed_spread(differences, influence)
    se = math.hypot(se_users, se_seeds)
    degrees = degrees_of_freedom(se, se_seeds, part.seeds)
    return two_sided(float(differences.mean()), se, degrees)


def _rank(name: str, value: str) -> tuple[int, int, str]:
    """Buckets in order of their numbers, other values by name, what has none at the end."""
    if value in (OTHER, UNKNOWN):
        return 2, 0, value
    order = EDGES.get(name, ((), ()))[0]
    if value in order:
        return 0, order.index(value), value
    return 1, int(value) if value.isdecimal() else 0, value

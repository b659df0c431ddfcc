"""One LIS from scores: held-out and seen rows, slices, pooled over as many days as are added."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.lis.calibration import compare_calibration
from jobs.lis.grouped import compare_grouped
from jobs.lis.pooled import PooledDifference
from jobs.lis.result import Slice
from jobs.lis.verdict import decide, rows_needed

HELD_OUT, SEEN = "eval", "lineage"
UPDATE_BUCKETS = ((0, 0, "0"), (1, 9, "1-9"), (10, 99, "10-99"), (100, 999, "100-999"))
LAST_BUCKET = "1000+"


@dataclass
class _WeightedMean:
    """A mean over days, each weighted by its rows; days that have no figure count for nothing."""

    total: float = 0.0
    weight: float = 0.0

    def add(self, value: float, weight: float) -> None:
        if weight and not math.isnan(value):
            self.total += value * weight
            self.weight += weight

    @property
    def value(self) -> float:
        return self.total / self.weight if self.weight else math.nan


@dataclass
class Measurement:
    """Accumulates the scored rows of days, one day at a time; memory grows with users only."""

    held_out: PooledDifference = field(default_factory=PooledDifference)
    seen: PooledDifference = field(default_factory=PooledDifference)
    by_updates: dict[str, PooledDifference] = field(default_factory=dict)
    gauc_baseline: _WeightedMean = field(default_factory=_WeightedMean)
    gauc_leaked: _WeightedMean = field(default_factory=_WeightedMean)
    logloss_delta: _WeightedMean = field(default_factory=_WeightedMean)
    ne_delta: _WeightedMean = field(default_factory=_WeightedMean)
    coverage: _WeightedMean = field(default_factory=_WeightedMean)

    def add(
        self,
        rows: pa.Table,
        baseline: NDArray[np.float64],
        leaked: NDArray[np.float64],
        covered: NDArray[np.bool_],
        item_updates: NDArray[np.int64],
    ) -> None:
        """Add the scored rows of a day.

        Args:
            rows: the columns user_id, label and fold, shape (rows,).
            baseline, leaked: scores, shape (rows,); any monotone scale for AUC, probabilities
                for log-loss.
            covered: whether the leaked table holds the row's item.
            item_updates: how often M_T has trained the row's item.
        """
        labels = rows["label"].to_numpy().astype(np.int8)
        users = rows["user_id"].to_numpy(zero_copy_only=False)
        folds = rows["fold"].to_numpy(zero_copy_only=False)

        def pool(into: PooledDifference, chosen: NDArray[np.bool_]) -> None:
            into.add(labels[chosen], baseline[chosen], leaked[chosen], users[chosen])

        pool(self.seen, folds == SEEN)
        held_out = folds == HELD_OUT
        pool(self.held_out, held_out)
        buckets = update_buckets(item_updates)
        for bucket in np.unique(buckets[held_out]):
            pool(
                self.by_updates.setdefault(bucket, PooledDifference()),
                held_out & (buckets == bucket),
            )
        count = int(held_out.sum())
        if count:
            self._add_others(
                labels[held_out], baseline[held_out], leaked[held_out], users[held_out]
            )
            self.coverage.add(float(covered[held_out].mean()), count)

    def _add_others(
        self,
        labels: NDArray[np.int8],
        baseline: NDArray[np.float64],
        leaked: NDArray[np.float64],
        users: NDArray[np.generic],
    ) -> None:
        grouped = compare_grouped(labels, baseline, leaked, users)
        self.gauc_baseline.add(grouped.gauc_baseline, grouped.rows)
        self.gauc_leaked.add(grouped.gauc_leaked, grouped.rows)
        calibration = compare_calibration(labels, baseline, leaked)
        self.logloss_delta.add(calibration.logloss_delta, len(labels))
        self.ne_delta.add(calibration.ne_delta, len(labels))

    def figures(self, threshold: float, level: float) -> dict[str, Any]:
        """The measured fields of a ``LisResult``."""
        held_out = self.held_out.result(level)
        lis_seen = self.seen.result(level).difference
        return {
            "rows": held_out.rows,
            "users": held_out.users,
            "positives": held_out.positives,
            "auc_baseline": held_out.auc_baseline,
            "auc_leaked": held_out.auc_leaked,
            "lis": held_out.difference,
            "lis_se": held_out.se,
            "lis_ci_low": held_out.ci_low,
            "lis_ci_high": held_out.ci_high,
            "p_value": held_out.p_value,
            "lis_seen": lis_seen,
            "memorisation": lis_seen - held_out.difference,
            "gauc_baseline": self.gauc_baseline.value,
            "gauc_leaked": self.gauc_leaked.value,
            "logloss_delta": self.logloss_delta.value,
            "ne_delta": self.ne_delta.value,
            "coverage": self.coverage.value,
            "verdict": decide(
                held_out.difference, held_out.ci_low, held_out.ci_high, threshold
            ).value,
            "rows_needed": rows_needed(
                held_out.rows, held_out.difference, held_out.se, threshold, level
            ),
            "slices": self._slices(level),
            "dates": held_out.dates,
            "dates_skipped": held_out.dates_skipped,
        }

    def _slices(self, level: float) -> tuple[Slice, ...]:
        order = [name for _, _, name in UPDATE_BUCKETS] + [LAST_BUCKET]
        slices = []
        for name in sorted(self.by_updates, key=order.index):
            part = self.by_updates[name].result(level)
            slices.append(
                Slice(
                    name="item updates before T",
                    value=name,
                    rows=part.rows,
                    users=part.users,
                    lis=part.difference,
                    lis_ci_low=part.ci_low,
                    lis_ci_high=part.ci_high,
                )
            )
        return tuple(slices)


def update_buckets(item_updates: NDArray[np.int64]) -> NDArray[np.str_]:
    """How well M_T knows an item: 0, 1-9, 10-99, 100-999 or 1000+ updates. Shape (rows,)."""
    names = np.array([name for _, _, name in UPDATE_BUCKETS] + [LAST_BUCKET])
    edges = np.array([high for _, high, _ in UPDATE_BUCKETS])
    chosen: NDArray[np.str_] = names[np.searchsorted(edges, item_updates, side="left")]
    return chosen

"""One LIS from scores: held-out and seen rows, slices, pooled over as many days as are added."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.evaluation.scored_day import BASELINE, KNOWN, LEAKED, PLACEBO, ScoredDay, Scores
from jobs.evaluation.slice_measurement import SliceMeasurement
from jobs.evaluation.verdict import decide, rows_needed
from jobs.scenarios import Fold
from jobs.stats.auc_contributions import contributions_of_pairs
from jobs.stats.calibration import compare_calibration
from jobs.stats.columns import Users, encode_users
from jobs.stats.gauc import compare_gauc
from jobs.stats.pooled_difference import PooledDifference

GAINS = {
    "unleaked_gain": (BASELINE, KNOWN),
    "leak_gain": (KNOWN, LEAKED),
    "placebo": (BASELINE, PLACEBO),
}
"""Differences beside the LIS, on held-out rows: the first variant and the one compared with it."""


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
    """Accumulates scored days, one at a time; memory grows with users and seeds only.

    With several seeds every figure is a mean over them. All days must have equally many.
    """

    held_out: PooledDifference = field(default_factory=PooledDifference)
    seen: PooledDifference = field(default_factory=PooledDifference)
    gains: dict[str, PooledDifference] = field(default_factory=dict)
    slices: SliceMeasurement = field(default_factory=SliceMeasurement)
    gauc_baseline: _WeightedMean = field(default_factory=_WeightedMean)
    gauc_leaked: _WeightedMean = field(default_factory=_WeightedMean)
    logloss_delta: _WeightedMean = field(default_factory=_WeightedMean)
    ne_delta: _WeightedMean = field(default_factory=_WeightedMean)
    coverage: _WeightedMean = field(default_factory=_WeightedMean)

    def add(self, day: ScoredDay) -> None:
        """Add the scored rows of a day; those of the ``fit`` fold count for nothing."""
        labels = day.rows["label"].to_numpy().astype(np.int8)
        users = encode_users(day.rows["user_id"])
        folds = day.rows["fold"].to_numpy(zero_copy_only=False)
        seen, held_out = folds == Fold.LINEAGE, folds == Fold.EVAL
        before, after = (day.variants[name][:, seen] for name in (BASELINE, LEAKED))
        self.seen.add(labels[seen], before, after, users[seen])

        labels, users = labels[held_out], users[held_out]
        scores = {name: of_name[:, held_out] for name, of_name in day.variants.items()}
        gains = {name: pair for name, pair in GAINS.items() if scores.keys() >= set(pair)}
        pairs = [(BASELINE, LEAKED), *gains.values()]
        lis, *others = contributions_of_pairs(labels, scores, pairs, users)
        self.held_out.add_date(lis)
        for name, gain in zip(gains, others, strict=True):
            self.gains.setdefault(name, PooledDifference()).add_date(gain)
        if len(labels):
            before, after = scores[BASELINE], scores[LEAKED]
            self._add_others(labels, users, before, after)
            self.coverage.add(float(day.covered[held_out].mean()), len(labels))
            parts = {name: values[held_out] for name, values in day.slices.items()}
            self.slices.add(parts, labels, before, after, users)

    def _add_others(
        self,
        labels: NDArray[np.int8],
        users: Users,
        baseline: Scores,
        leaked: Scores,
    ) -> None:
        for before, after in zip(baseline, leaked, strict=True):
            grouped = compare_gauc(labels, before, after, users)
            self.gauc_baseline.add(grouped.gauc_baseline, grouped.rows)
            self.gauc_leaked.add(grouped.gauc_treatment, grouped.rows)
            calibration = compare_calibration(labels, before, after)
            self.logloss_delta.add(calibration.logloss_delta, len(labels))
            self.ne_delta.add(calibration.ne_delta, len(labels))

    def figures(self, threshold: float, level: float) -> dict[str, Any]:
        """The measured fields of a ``LisResult``; NaN for a gain whose variant no day has."""
        held_out, seen = self.held_out.result(level), self.seen.result(level)
        lis, low, high = held_out.difference, held_out.ci_low, held_out.ci_high
        needed = rows_needed(
            held_out.rows, lis, held_out.se, threshold, level, se_fixed=held_out.se_seeds
        )
        return {
            "rows": held_out.rows,
            "users": held_out.users,
            "positives": held_out.positives,
            "auc_baseline": held_out.auc_baseline,
            "auc_leaked": held_out.auc_treatment,
            "lis": lis,
            "lis_se": held_out.se,
            "lis_ci_low": low,
            "lis_ci_high": high,
            "p_value": held_out.p_value,
            "seed_sd": held_out.seed_sd,
            "lis_seen": seen.difference,
            "lis_seen_ci_low": seen.ci_low,
            "lis_seen_ci_high": seen.ci_high,
            "memorisation": seen.difference - lis,
            **self._gains(level),
            "gauc_baseline": self.gauc_baseline.value,
            "gauc_leaked": self.gauc_leaked.value,
            "logloss_delta": self.logloss_delta.value,
            "ne_delta": self.ne_delta.value,
            "coverage": self.coverage.value,
            "verdict": decide(lis, low, high, threshold).value,
            "rows_needed": needed,
            "slices": self.slices.result(self.held_out, level),
            "dates": held_out.dates,
            "dates_skipped": held_out.dates_skipped,
        }

    def _gains(self, level: float) -> dict[str, float]:
        figures = {}
        for name in GAINS:
            part = self.gains[name].result(level) if name in self.gains else None
            figures[name] = part.difference if part else math.nan
            figures[f"{name}_ci_low"] = part.ci_low if part else math.nan
            figures[f"{name}_ci_high"] = part.ci_high if part else math.nan
        return figures

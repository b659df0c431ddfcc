"""Measures the declared figures of scored days, pooled over as many days as are added."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from jobs.evaluation.declared.differences import (
    BASELINE_OVER_RANKER,
    HEADLINE,
    LEAK_GAIN,
    OVER_LOGISTIC,
    OVER_POPULARITY,
    PLACEBO_GAIN,
)
from jobs.evaluation.declared.evidence import COVERAGE
from jobs.evaluation.figure import (
    Comparisons,
    DayMean,
    Derived,
    Difference,
    Figure,
    SeedMean,
    Value,
)
from jobs.evaluation.figures import all_figures
from jobs.evaluation.result import Evaluation
from jobs.evaluation.scored_day import (
    BASELINE,
    SAME_FOR_ALL_SEEDS,
    TREATMENT,
    RowGroup,
    Rows,
    ScoredDay,
)
from jobs.evaluation.slice_measurement import SliceMeasurement
from jobs.evaluation.verdict.decision import Evidence, decide
from jobs.stats.auc_contributions import contributions_of_pairs
from jobs.stats.estimate import Estimate
from jobs.stats.pooled_difference import PooledDifference


class _WeightedMean:
    """A weighted mean; values that are NaN do not count."""

    def __init__(self) -> None:
        self._total = 0.0
        self._weight = 0.0

    def add(self, value: float, weight: float) -> None:
        if weight and not math.isnan(value):
            self._total += value * weight
            self._weight += weight

    @property
    def value(self) -> float:
        return self._total / self._weight if self._weight else math.nan


def _needs_one_seed(difference: Difference) -> bool:
    return {difference.baseline, difference.treatment} <= SAME_FOR_ALL_SEEDS


class Measurement:
    """Accumulates scored days, one at a time; memory grows with users and seeds only.

    With several seeds every figure is a mean over them. All days must have the same number.
    """

    def __init__(self, figures: Sequence[Figure] | None = None, treatment: str = TREATMENT) -> None:
        """Start without any day.

        Args:
            figures: The figures to measure; by default those of a Leakage Impact Score.
            treatment: The variant whose gain is measured on slices.
        """
        self._treatment = treatment
        self._figures = all_figures() if figures is None else tuple(figures)
        measures = [figure.measure for figure in self._figures]
        declared = [measure for measure in measures if isinstance(measure, Difference)]
        self._differences = dict.fromkeys([HEADLINE, *declared])
        self._pools: dict[Difference, PooledDifference] = {}
        self._means = {
            measure: _WeightedMean()
            for measure in measures
            if isinstance(measure, SeedMean | DayMean)
        }
        self._slices = SliceMeasurement()
        self._closed = 0

    def add(self, day: ScoredDay) -> None:
        """Add the scored rows of a day; those of the ``fit`` fold do not count."""
        for group in RowGroup:
            differences = [
                difference
                for difference in self._differences
                if difference.rows == group
                and {difference.baseline, difference.treatment} <= day.variants.keys()
            ]
            names = {name for each in differences for name in (each.baseline, each.treatment)}
            names.add(self._treatment)
            rows = day.part(group, names)
            self._add_differences(rows, differences, day.fits)
            if group == RowGroup.HELD_OUT and not len(rows.labels):
                self._closed += 1
            elif group == RowGroup.HELD_OUT:
                self._add_means(rows)
                chosen = day.members(group)
                self._slices.add(
                    {name: values[chosen] for name, values in day.slices.items()},
                    rows.labels,
                    rows.variants[BASELINE],
                    rows.variants[self._treatment],
                    rows.users,
                    day.fits,
                )

    def _add_differences(self, rows: Rows, differences: Sequence[Difference], fits: int) -> None:
        fitted = [each for each in differences if not _needs_one_seed(each)]
        others = [each for each in differences if _needs_one_seed(each)]
        first_seed = {name: scores[:1] for name, scores in rows.variants.items()}
        for chosen, variants, groups in ((fitted, rows.variants, fits), (others, first_seed, 0)):
            pairs = [(each.baseline, each.treatment) for each in chosen]
            used = {name: variants[name] for name in {name for pair in pairs for name in pair}}
            if not pairs:
                continue
            found = contributions_of_pairs(rows.labels, used, pairs, rows.users, fits=groups)
            for difference, contributions in zip(chosen, found, strict=True):
                self._pools.setdefault(difference, PooledDifference()).add_date(contributions)

    def _add_means(self, rows: Rows) -> None:
        seeds = rows.by_seed()
        for measure, mean in self._means.items():
            if isinstance(measure, DayMean):
                mean.add(*measure.of(rows))
            else:
                for scores in seeds:
                    mean.add(*measure.of(scores))

    def result(self, threshold: float, level: float) -> Evaluation:
        """Return the figures, verdict and slices of the days added so far.

        A figure whose variants no day has is missing.

        Args:
            threshold: The AUC difference that counts as significant.
            level: Coverage of the intervals, between 0 and 1.

        Raises:
            ValueError: If no day was added, or the level lies outside (0, 1).
        """
        whole = self._pools.setdefault(HEADLINE, PooledDifference())
        pooled = {difference: pool.result(level) for difference, pool in self._pools.items()}
        evidence = Evidence(
            lis=pooled[HEADLINE],
            threshold=threshold,
            level=level,
            coverage=self._means[COVERAGE].value if COVERAGE in self._means else math.nan,
            leak_gain=pooled.get(LEAK_GAIN),
            placebo=pooled.get(PLACEBO_GAIN),
            over_popularity=pooled.get(OVER_POPULARITY),
            over_logistic=pooled.get(OVER_LOGISTIC),
            baseline_over_ranker=pooled.get(BASELINE_OVER_RANKER),
        )
        decision = decide(evidence)
        comparisons = Comparisons(pooled, evidence, decision, self._closed)
        return Evaluation(
            figures={figure.name: self._value(figure, comparisons) for figure in self._figures},
            verdict=decision.verdict.value,
            verdict_reason=decision.reason,
            slices=self._slices.result(whole, level),
        )

    def _value(self, figure: Figure, comparisons: Comparisons) -> Value:
        measure = figure.measure
        if isinstance(measure, Difference):
            found = comparisons.pooled.get(measure)
            if found is None:
                return figure.missing
            estimate = Estimate.of(found)
            return estimate if figure.has_se else replace(estimate, se=math.nan)
        if isinstance(measure, Derived):
            return measure.of(comparisons)
        return self._means[measure].value

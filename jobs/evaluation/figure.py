"""The parts of a figure's declaration: how it is measured, stored and shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jobs.evaluation.scored_day import RowGroup, Rows, SeedScores
from jobs.evaluation.verdict.decision import Decision, Evidence
from jobs.stats.estimate import Estimate
from jobs.stats.pooled_difference import PooledComparison

Value = float | int | None | Estimate
"""A number (NaN if missing), a count (None if missing), or an estimate."""


@dataclass(frozen=True)
class Difference:
    """The AUC of one variant minus that of another on the same rows, pooled over days.

    Attributes:
        baseline: Name of the variant that is compared with.
        treatment: Name of the variant whose gain is measured.
        rows: The rows on which both are compared.
    """

    baseline: str
    treatment: str
    rows: RowGroup = RowGroup.HELD_OUT


@dataclass(frozen=True)
class SeedMean:
    """A mean over the seeds and days of the held-out rows.

    Attributes:
        of: Returns the value of one seed on one day, and its weight.
    """

    of: Callable[[SeedScores], tuple[float, float]]


@dataclass(frozen=True)
class DayMean:
    """A mean over the days of the held-out rows.

    Attributes:
        of: Returns the value of one day and its weight.
    """

    of: Callable[[Rows], tuple[float, float]]


@dataclass(frozen=True)
class Derived:
    """A value that follows from measured differences.

    Attributes:
        of: Returns the value.
    """

    of: Callable[[Comparisons], Value]


Measure = Difference | SeedMean | DayMean | Derived


@dataclass(frozen=True)
class Comparisons:
    """All measured differences of a result, and the verdict that follows from them.

    Attributes:
        pooled: The comparison of each difference whose variants exist.
        evidence: What the verdict rests on.
        decision: The verdict.
        dates_closed: The number of days without any held-out row.
    """

    pooled: Mapping[Difference, PooledComparison]
    evidence: Evidence
    decision: Decision
    dates_closed: int

    def __getitem__(self, difference: Difference) -> PooledComparison:
        """Return the comparison of a difference.

        Raises:
            KeyError: If no day has both of its variants.
        """
        return self.pooled[difference]


class Section(StrEnum):
    """The place of a figure in the report and in the documentation."""

    DECISION = "decision"
    RANKER = "ranker beside simple models"
    QUALITY = "quality"
    EVIDENCE = "size of the evidence"
    LIMITS = "limits"
    ALIGNMENT = "alignment"


class Format(StrEnum):
    """How a figure is written."""

    DIFFERENCE = "signed difference"
    NUMBER = "number"
    SHARE = "percentage"
    COUNT = "count"
    P_VALUE = "p-value"


@dataclass(frozen=True)
class Figure:
    """The declaration of one figure, from which every place that shows it follows.

    Attributes:
        name: Name of the figure and of its column in the ``lis`` table, JSON and MLflow.
        label: Heading of its column in the report.
        section: Its table in the report; figures under ``limits`` have no column there.
        description: One sentence for the documentation.
        measure: How it is measured.
        format: How it is written.
        higher_is_better: Whether a higher value is better; None where neither is.
        has_interval: Whether its value is an ``Estimate``, with columns ``<name>_ci_low`` and
            ``<name>_ci_high``.
        has_se: Whether the standard error of an estimate is stored too, in ``<name>_se``.
        should_be_zero: Whether an interval that excludes 0 calls the result into question.
        absent: The count of a stored result that has no such column.
    """

    name: str
    label: str
    section: Section
    description: str
    measure: Measure
    format: Format
    higher_is_better: bool | None = None
    has_interval: bool = False
    has_se: bool = False
    should_be_zero: bool = False
    absent: int | None = None

    @property
    def is_count(self) -> bool:
        return self.format == Format.COUNT

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in which the figure is stored."""
        return tuple(f"{self.name}{suffix}" for suffix in self._suffixes.values())

    def flat(self, value: Value) -> dict[str, float | int | None]:
        """Return the value of each column."""
        if not isinstance(value, Estimate):
            return {self.name: value}
        return {
            f"{self.name}{suffix}": getattr(value, part) for part, suffix in self._suffixes.items()
        }

    def from_flat(self, columns: Mapping[str, Any]) -> Value:
        """Return the value that columns hold; the inverse of ``flat``, with None for NaN too.

        Results of earlier versions may lack columns.
        """
        if self.is_count:
            count: int | None = columns.get(self.name, self.absent)
            return count
        numbers = {
            part: _number(columns.get(f"{self.name}{suffix}"))
            for part, suffix in self._suffixes.items()
        }
        return Estimate(**numbers) if self.has_interval else numbers["value"]

    @property
    def missing(self) -> Value:
        """The value of a figure that was not measured."""
        if self.has_interval:
            return Estimate()
        return None if self.is_count else math.nan

    @property
    def _suffixes(self) -> dict[str, str]:
        """Suffix of the column of each part of the value."""
        suffixes = {"value": ""}
        if self.has_se:
            suffixes["se"] = "_se"
        if self.has_interval:
            suffixes |= {"ci_low": "_ci_low", "ci_high": "_ci_high"}
        return suffixes


def _number(value: float | None) -> float:
    return math.nan if value is None else value

"""Impressions and clicks from which preference data is computed: lineage rows, by windows of days.

Rows of the other folds train and evaluate the rankers that read the feature. A feature computed
from the label of such a row would leak it, so labels of these folds are not available here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.lake import Lake, schemas
from jobs.scenarios import Fold, Scenario
from jobs.spark.session import read_days

EVENT = ("impression_id", "user_id", "item_id", "ts", "label")


@dataclass(frozen=True, order=True)
class TableWindow:
    """One table: features for rows of day ``as_of``, as available ``horizon`` days later."""

    as_of: date
    horizon: int

    @property
    def known_at(self) -> date:
        """The table uses what happened before the start of this day."""
        return self.as_of + timedelta(days=self.horizon)

    def first_day(self, lookback_days: int) -> date:
        """The first day that the table may use."""
        return min(self.as_of, self.known_at - timedelta(days=lookback_days))


@dataclass(frozen=True)
class Behaviour:
    """Data frames for ``PreferenceKind.build``, for all tables that are to be built.

    Days are string columns, YYYY-MM-DD. Data is read when a frame is used.
    """

    spark: SparkSession
    lake: Lake
    scenario: Scenario
    windows: tuple[TableWindow, ...]

    @property
    def known_at(self) -> tuple[date, ...]:
        """Distinct ``known_at`` of the windows, ascending."""
        return tuple(sorted({window.known_at for window in self.windows}))

    @cached_property
    def events(self) -> DataFrame:
        """Impressions of the lineage fold, clicked or not: ``EVENT`` and ``ds``.

        They cover all windows, from the first day of the earliest to the end of the latest. A table
        must use those of its window only: see ``windowed``.
        """
        lookback = self.scenario.lookback_days
        first = min(window.first_day(lookback) for window in self.windows)
        days = days_between(self.lake, self.scenario, first, self.known_at[-1])
        impressions = self._impressions(days)
        return impressions.where(F.col("fold") == Fold.LINEAGE.value).select(*EVENT, "ds")

    @property
    def clicks(self) -> DataFrame:
        """The clicked ``events``."""
        return self.events.where("label = 1")

    @cached_property
    def target_impressions(self) -> DataFrame:
        """Impressions of the days ``as_of``, of all folds, without labels.

        Tables keyed by impression have rows for these.
        """
        impressions = self._impressions(sorted({window.as_of for window in self.windows}))
        return impressions.withColumnRenamed("ds", "as_of").drop("label")

    @cached_property
    def tables(self) -> DataFrame:
        """One row for each window: ``as_of``, ``horizon`` (int) and ``known_at``. Small."""
        rows = [
            (window.as_of.isoformat(), window.horizon, window.known_at.isoformat())
            for window in sorted(self.windows)
        ]
        return self.spark.createDataFrame(rows, "as_of string, horizon int, known_at string")

    def windowed(self, frame: DataFrame) -> DataFrame:
        """Repeat each row of a frame with ``ds`` for every ``known_at`` whose window contains it.

        The look-back window of a day K is [K - lookback_days, K).
        """
        pairs = [
            ((known_at - timedelta(days=days)).isoformat(), known_at.isoformat())
            for known_at in self.known_at
            for days in range(1, self.scenario.lookback_days + 1)
        ]
        windows = self.spark.createDataFrame(pairs, "ds string, known_at string")
        return frame.join(F.broadcast(windows), "ds")

    def _impressions(self, days: Sequence[date]) -> DataFrame:
        contract = schemas.impressions(self.scenario)
        return published(self.spark, self.lake, "impressions", self.scenario.name, days, contract)


def published(
    spark: SparkSession,
    lake: Lake,
    table: str,
    scenario: str,
    days: Sequence[date],
    contract: pa.Schema,
) -> DataFrame:
    """Like ``read_days``, but returns an empty frame if there are no days."""
    frame = read_days(spark, lake, table, scenario, days)
    if frame is not None:
        return frame
    schema = contract.append(pa.field("ds", pa.string()))
    return spark.createDataFrame([], from_arrow_schema(schema))


def days_between(
    lake: Lake, scenario: Scenario, first: date, end: date, table: str = "impressions"
) -> list[date]:
    """Published days of a table in [first, end), ascending."""
    return [day for day in lake.days(table, scenario.name) if first <= day < end]

"""What users did, as a kind of preference data may see it: lineage rows, in windows of days.

Rows of the other folds train and test the rankers that read the feature. A feature that has seen
the label of such a row would hand it over, so their labels are not here to be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

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
    """A table to be made: for the rows of day ``as_of``, as known ``horizon`` days later."""

    as_of: date
    horizon: int

    @property
    def known_at(self) -> date:
        """The table knows what happened before the start of this day, and nothing after."""
        return self.as_of + timedelta(days=self.horizon)

    def first_day(self, lookback_days: int) -> date:
        """The first day that may stand behind the table."""
        return min(self.as_of, self.known_at - timedelta(days=lookback_days))


class TableMaker(Protocol):
    """What this package needs of a kind of preference data. See ``jobs.preference.kind``."""

    @property
    def name(self) -> str: ...

    @property
    def keyed_by(self) -> str: ...

    @property
    def takes(self) -> Literal["vector", "items"]: ...

    def build(self, behaviour: Behaviour) -> DataFrame: ...


@runtime_checkable
class MadeFromElse(Protocol):
    """A kind whose tables follow from something else than behaviour says from what."""

    def inputs(
        self, lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
    ) -> Mapping[TableWindow, Mapping[str, str]]:
        """Digests of what each table is made from; it is made again when one changes.

        Raises:
            InputError: what it is made from is not there.
        """
        ...


@dataclass(frozen=True)
class Behaviour:
    """Frames for ``PreferenceKind.build``, over all tables that are to be made.

    Days are columns of text, YYYY-MM-DD. Nothing is read before a frame is used.
    """

    spark: SparkSession
    lake: Lake
    scenario: Scenario
    windows: tuple[TableWindow, ...]

    @property
    def known_at(self) -> tuple[date, ...]:
        """The distinct days at whose start the tables are known, ascending."""
        return tuple(sorted({window.known_at for window in self.windows}))

    @cached_property
    def events(self) -> DataFrame:
        """Impressions of the lineage fold, clicked or not: ``EVENT`` and ``ds``.

        They reach from the first day of the earliest window to the end of the latest. A table may
        rest on those of its own window only: see ``windowed``.
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
    def asked(self) -> DataFrame:
        """Impressions of all folds that tables keyed by impression describe, without labels."""
        impressions = self._impressions(sorted({window.as_of for window in self.windows}))
        return impressions.withColumnRenamed("ds", "as_of").drop("label")

    @cached_property
    def tables(self) -> DataFrame:
        """One row a window: ``as_of``, ``horizon`` (int) and ``known_at``. Small."""
        rows = [
            (window.as_of.isoformat(), window.horizon, window.known_at.isoformat())
            for window in sorted(self.windows)
        ]
        return self.spark.createDataFrame(rows, "as_of string, horizon int, known_at string")

    def windowed(self, frame: DataFrame) -> DataFrame:
        """Each row with a ``ds``, once for every ``known_at`` whose look-back window holds it.

        The window of a day K is [K - lookback_days, K).
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
    """As ``read_days``, with an empty frame for no days."""
    frame = read_days(spark, lake, table, scenario, days)
    if frame is not None:
        return frame
    schema = contract.append(pa.field("ds", pa.string()))
    return spark.createDataFrame([], from_arrow_schema(schema))


def days_between(
    lake: Lake, scenario: Scenario, first: date, end: date, table: str = "impressions"
) -> list[date]:
    """Published days of a table from ``first`` to before ``end``, ascending."""
    return [day for day in lake.days(table, scenario.name) if first <= day < end]

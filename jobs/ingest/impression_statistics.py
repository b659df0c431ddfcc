"""Impressions → ``statistics``: counts by user, item and context value before each impression.

Only rows of the lineage fold are counted, so that no row trains or tests a ranker on a count that
saw its own label, and no held-out label reaches a ranker through one.

Counts of a user and of an item include the rows of the same day that are strictly earlier. Counts
of a context value, and of all rows, are those before the start of the day. A context value has a
large share of all rows: one task would have to put a quarter of the log in order, while the rows of
one day change its counts little. So they are added up by day before any row is sent to a task by
its value, and the sums are small enough to be sent to every task.

A day is computed from its own impressions and from ``recent_counts``, the daily counts as of the
end of the day before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.common.errors import AuditError
from jobs.ingest.chained_days import ChainedTable, DayPlan
from jobs.ingest.counts_before import COUNTS, FOUND, NEEDED, counts_before
from jobs.ingest.daily_counts import (
    EVERY_ROW,
    as_events,
    by_value,
    daily_counts,
    recent_counts,
    value,
)
from jobs.lake import Attempt, Lake, schemas
from jobs.lake.manifest import digest_of
from jobs.scenarios import ITEM, USER, Scenario
from jobs.spark.lake_files import read_files
from jobs.spark.parquet_writer import write_by_day
from jobs.spark.session import latest_timestamp, read_days, smallest, spark_session

RECENT_COUNTS = "recent_counts"
_CONTEXT_FOUND = (*COUNTS, "last_impression")
_HOUR = 3_600_000_000


def build_statistics(lake: Lake, scenario: Scenario, last: date) -> list[date]:
    """Publish the statistics of all days up to ``last`` that are missing or stale.

    Returns:
        The days built.

    Raises:
        InputError: If no day up to ``last`` is ingested.
        AuditError: If a row was computed from an event that is not before it.
    """
    plan = statistics_table(lake, scenario).plan(last)
    if not plan.days:
        return []
    with (
        spark_session(f"statistics {scenario.name}") as spark,
        lake.attempt(plan.partitions) as attempt,
    ):
        job = _Job(spark, lake, scenario, plan, attempt)
        newest = plan.write_rows(attempt, job.statistics(), "newest")
        for day in plan.days:
            _audit_ages(lake, attempt, day)
        folder = plan.write_state(attempt, job.state(), ["field", "key", "day"])
        in_state = latest_timestamp(lake.storage, folder, "last_impression")
        plan.publish(attempt, newest, in_state)
    return plan.days


def statistics_table(lake: Lake, scenario: Scenario) -> ChainedTable:
    """The table of statistics, and its state."""
    return ChainedTable(
        lake=lake,
        scenario=scenario,
        name="statistics",
        contract=schemas.statistics,
        state=RECENT_COUNTS,
        state_contract=schemas.recent_counts,
        options=digest_of(scenario.fields, schemas.STATISTIC_WINDOWS),
    )


@dataclass(frozen=True)
class _Job:
    """The Spark job that computes the statistics of some days."""

    spark: SparkSession
    lake: Lake
    scenario: Scenario
    plan: DayPlan
    attempt: Attempt

    def statistics(self) -> DataFrame:
        """The rows of ``statistics``, with ``ds`` and the time of the ``newest`` event used."""
        rows = self._new_events
        for field in (USER, ITEM):
            rows = self._with_counts_of_id(rows, field)
        rows = self._with_counts_of_context(rows)
        ever = {f"{EVERY_ROW}_{name}": name for name in ("impressions_ever", "clicks_ever")}
        rows = rows.withColumnsRenamed(ever).withColumns(
            {
                "item_age_hours": _hours_since(f"{ITEM}_first_impression"),
                "user_click_age_hours": _hours_since(f"{USER}_last_click"),
            }
        )
        names = schemas.statistics(self.scenario).names
        return rows.select("ds", *names, self._newest().alias("newest"))

    def state(self) -> DataFrame:
        """The columns of ``recent_counts`` as of the end of the last day."""
        fields = (*self.scenario.fields, EVERY_ROW)
        return recent_counts(self._by_value(fields), self.plan.end)

    @cached_property
    def _new_events(self) -> DataFrame:
        """Events of the days to build."""
        return self._events(self.plan.days)

    @cached_property
    def _replayed_events(self) -> DataFrame | None:
        """Events of earlier days that no state covers; None if there are none."""
        return self._events(self.plan.replayed) if self.plan.replayed else None

    @cached_property
    def _carried_counts(self) -> DataFrame | None:
        """Daily counts as of the state before; None if there is none."""
        if self.plan.carried is None:
            return None
        days, contract = [self.plan.carried], schemas.recent_counts(self.scenario)
        name = self.scenario.name
        return read_days(self.spark, self.lake, RECENT_COUNTS, name, days, contract=contract)

    def _events(self, days: Sequence[date]) -> DataFrame:
        name, contract = self.scenario.name, schemas.impressions(self.scenario)
        rows = read_days(self.spark, self.lake, "impressions", name, days, contract=contract)
        assert rows is not None
        return as_events(rows, self.scenario.context)

    def _past(self, fields: Sequence[str]) -> DataFrame | None:
        """Events by value of the days before; None if there are none."""
        found = []
        if self._carried_counts is not None:
            counts = self._carried_counts
            found.append(counts.where(F.col("field").isin(*fields)).drop("ds"))
        if self._replayed_events is not None:
            found.append(by_value(self._replayed_events, fields))
        return reduce(DataFrame.unionByName, found) if found else None

    def _by_value(self, fields: Sequence[str]) -> DataFrame:
        """Events by value of the days to build and of the days before."""
        events, past = by_value(self._new_events, fields), self._past(fields)
        return events if past is None else events.unionByName(past)

    def _with_counts_of_id(self, rows: DataFrame, field: str) -> DataFrame:
        """Add to events what ``counts_before`` finds for their values of a field."""
        events = rows.withColumn("is_target", F.lit(True))
        past = self._past([field])
        if past is not None:
            key = F.col("key").cast(rows.schema[field].dataType)
            past = past.withColumns({field: key, "ts": _midnight(), "is_target": F.lit(False)})
            events = events.unionByName(past.drop("field", "key"), allowMissingColumns=True)
        return _counted(events, [field], rows.columns, f"{field}_")

    def _with_counts_of_context(self, rows: DataFrame) -> DataFrame:
        """Add to events the counts of their context values before the start of the day."""
        counts = self._counts_of_context()
        for field in (*self.scenario.context, EVERY_ROW):
            names = {name: f"{field}_{name}" for name in _CONTEXT_FOUND}
            found = counts.where(F.col("field") == field).drop("field")
            found = found.withColumnsRenamed({"ds": "found_ds", **names})
            is_same = F.col("ds") == F.col("found_ds")
            is_same &= F.col("key").eqNullSafe(value(field).cast("string"))
            # Every value of a day has a row. If one had none, rows would be lost and not published.
            rows = rows.join(found, is_same).drop("key", "found_ds")
        return rows

    def _counts_of_context(self) -> DataFrame:
        """Counts of each context value, and of all rows, before the start of each of the days.

        They are written to the attempt, so that Spark knows how large they are: small ones are sent
        to every task instead of being joined by a shuffle of the impressions.
        """
        fields = (*self.scenario.context, EVERY_ROW)
        is_target = F.col("day") >= F.lit(self.plan.days[0])
        daily = daily_counts(self._by_value(fields))
        daily = daily.withColumns({"ts": _midnight(), "is_target": is_target})
        found = _counted(daily, ["field", "key"], ["field", "key", "day"], "")
        found = found.withColumn("ds", F.col("day").cast("string"))
        folder = f"{self.attempt.folder}/context_counts"
        text, number = pa.string(), pa.int64()
        columns = [("key", text), ("ds", text), *((name, number) for name in _CONTEXT_FOUND)]
        order = ("key", "ds")
        written = write_by_day(found, self.lake, folder, pa.schema(columns), *order, by=("field",))
        if not written:
            schema = from_arrow_schema(pa.schema([*columns, ("field", text)]))
            return self.spark.createDataFrame([], schema)
        paths = self.lake.storage.data_files(folder)
        return read_files(self.spark, self.lake.storage, paths, folder, pa.schema(columns))

    def _newest(self) -> Column:
        """Time of the newest event that a row was computed from, in microseconds.

        If it is not before the row, the end of the day, so that the day fails the audit of windows.
        """
        fields = (*self.scenario.fields, EVERY_ROW)
        newest = F.greatest(*(F.col(f"`{field}_last_impression`") for field in fields))
        end = F.unix_micros((F.col("day") + F.expr("interval 1 day")).cast("timestamp"))
        is_late = newest >= F.unix_micros("ts")
        return F.when(is_late, F.greatest(newest, end)).otherwise(newest)


def _counted(
    events: DataFrame, group: Sequence[str], kept: Sequence[str], prefix: str
) -> DataFrame:
    """The targets with the columns ``FOUND`` under names with a prefix: see ``counts_before``."""
    needed = [events.schema[name] for name in kept]
    found = [T.StructField(f"{prefix}{name}", T.LongType()) for name in FOUND]
    columns = dict.fromkeys((*group, *NEEDED, *kept))
    ordered = events.select(*map(_quoted, columns)).repartition(*group)

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in counts_before(batches, group, kept):
            yield batch.rename_columns([*kept, *(f"{prefix}{name}" for name in FOUND)])

    ordered = ordered.sortWithinPartitions(*group, "ts")
    return ordered.mapInArrow(compute, T.StructType([*needed, *found]))


def _midnight() -> Column:
    """Time of an event that stands for a whole day: before all rows of later days."""
    return F.col("day").cast("timestamp")


def _quoted(name: str) -> str:
    return f"`{name}`"


def _hours_since(column: str) -> Column:
    return ((F.unix_micros("ts") - F.col(column)) / _HOUR).cast("float")


def _audit_ages(lake: Lake, attempt: Attempt, day: date) -> None:
    """Check in the written files that no row saw the present or the future.

    Raises:
        AuditError: If the age of an item or of a click is not positive.
    """
    folder = f"{attempt.folder}/statistics/ds={day.isoformat()}"
    for column in ("item_age_hours", "user_click_age_hours"):
        least = smallest(lake.storage, folder, column)
        if least is not None and least <= 0:
            raise AuditError(
                f"statistics of {day}: {column} is {least} hours in a row: it was computed from an "
                "event that is not before it"
            )

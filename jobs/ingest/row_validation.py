"""Validation of the rows of a raw log: each is an impression or is rejected with a reason.

The log is read once to count and once to write, and once more if rows were rejected. Caching it
would take more memory than a machine may have, and more time than reading it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.lake.folds import HASH_DIGITS, fold_bounds
from jobs.scenarios import Fold, Scenario, TableSource

NO_DAY = date(1970, 1, 1)
"""Partition of ``quarantine`` for rows without a valid time, which belong to no day."""

_DS = "cast(_day as string) as ds"
_ID = ["_day", "impression_id"]


@dataclass(frozen=True)
class DayCount:
    """Row counts of a day.

    rows: impressions. quarantined: rejected rows. repeats: rejected rows with a repeated id.
    labels: the labels of impressions, and of rejected rows with a repeated id.
    """

    rows: int
    quarantined: int
    repeats: int
    labels: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ValidatedLog:
    """The rows of a log, each with its ``_day`` and, if it is rejected, the ``reason``.

    rows: the columns of ``jobs.ingest.read_log.with_contract_columns``, ``_day`` and ``reason``.
    Of several valid rows with the same id one is an impression, the same one on every run: see
    ``_repeated``.
    """

    scenario: Scenario
    rows: DataFrame

    def counts(self) -> dict[date, DayCount]:
        """Row counts of each day that has rows. Only one row per day is collected."""
        is_valid = F.col("reason").isNull()
        by_id = self.rows.groupBy(*_ID, is_valid.alias("is_valid")).agg(
            F.count("*").alias("rows"), F.min("label").alias("least"), F.max("label").alias("most")
        )
        first = F.col("is_valid").cast("bigint")
        counts = by_id.groupBy("_day").agg(
            F.sum(first).alias("rows"),
            F.sum(F.col("rows") - first).alias("quarantined"),
            F.sum((F.col("rows") - 1) * first).alias("repeats"),
            F.min(F.when(F.col("is_valid"), F.col("least"))).alias("least"),
            F.max(F.when(F.col("is_valid"), F.col("most"))).alias("most"),
        )
        return {
            row["_day"]: DayCount(
                row["rows"],
                row["quarantined"],
                row["repeats"],
                frozenset({row["least"], row["most"]} - {None}),
            )
            for row in counts.collect()
        }

    def impressions(self, counts: Mapping[date, DayCount]) -> DataFrame:
        """The impressions, with ``fold`` and ``ds``."""
        kept = self._valid
        if _repeats(counts):
            once = kept.join(self._repeated_ids, _ID, how="left_anti")
            kept = once.unionByName(self._repeated.where("_rank = 1").drop("_rank"))
        return kept.withColumn("fold", _fold(self.scenario)).selectExpr("*", _DS)

    def rejected(self, counts: Mapping[date, DayCount]) -> DataFrame | None:
        """The rejected rows, with ``reason`` and ``ds``; None if there are none."""
        if not any(count.quarantined for count in counts.values()):
            return None
        rejected = self.rows.where(F.col("reason").isNotNull())
        if _repeats(counts):
            later = self._repeated.where("_rank > 1").drop("_rank")
            reason = F.lit("duplicate impression_id")
            rejected = rejected.unionByName(later.withColumn("reason", reason))
        return rejected.selectExpr("*", _DS)

    @property
    def _valid(self) -> DataFrame:
        return self.rows.where(F.col("reason").isNull())

    @property
    def _repeated_ids(self) -> DataFrame:
        return self._valid.groupBy(*_ID).agg(F.count("*").alias("rows")).where("rows > 1")

    @property
    def _repeated(self) -> DataFrame:
        """Valid rows whose id occurs several times, with the ``_rank`` of each from 1.

        Ranks are by raw row, so rows that tie are equal in every column.
        """
        same_id = Window.partitionBy(*_ID).orderBy("row")
        rows = self._valid.join(self._repeated_ids, _ID, how="left_semi")
        return rows.withColumn("_rank", F.row_number().over(same_id))


def validate(
    rows: DataFrame, source: TableSource, scenario: Scenario, first: date | None, last: date | None
) -> ValidatedLog:
    """Assign each row its day, and a reason if it is rejected.

    Args:
        rows: raw rows with the columns of ``jobs.ingest.read_log.with_contract_columns``.
        source: options of the log.
        scenario: the scenario.
        first: first requested day (default: the first of the log).
        last: last requested day, included (default: the last of the log).

    Returns:
        The rows of the requested days. Rows without a day are always included.
    """
    day = F.coalesce("file_day", F.to_date("ts"), F.lit(NO_DAY))
    is_requested = F.lit(True)
    if first is not None:
        is_requested &= F.col("_day") >= F.lit(first)
    if last is not None:
        is_requested &= F.col("_day") <= F.lit(last)
    rows = rows.withColumn("_day", day).where(is_requested | (F.col("_day") == F.lit(NO_DAY)))
    label = F.coalesce(F.col("raw_label"), F.lit("null"))
    no_label = "no number" if source.label.at_least is not None else "outside {0, 1}"
    ts_day = F.to_date("ts")
    reason = (
        F.when(F.col("user_id").isNull(), "null or unreadable user_id")
        .when(F.col("item_id").isNull(), "null or unreadable item_id")
        .when(F.col("ts").isNull(), "null or unreadable ts")
        .when(F.col("impression_id").isNull(), "null or unreadable impression_id")
        .when(F.col("label").isNull(), F.concat(F.lit("label "), label, F.lit(f" is {no_label}")))
        .when(ts_day != F.col("_day"), F.concat(F.lit("ts of another day: "), ts_day))
    )
    return ValidatedLog(scenario, rows.withColumn("reason", reason).drop("raw_label", "file_day"))


def _repeats(counts: Mapping[date, DayCount]) -> bool:
    return any(count.repeats for count in counts.values())


def _fold(scenario: Scenario) -> Column:
    """The fold of each row: ``jobs.lake.folds.fold_of`` in Spark."""
    text = F.concat(F.lit(f"{scenario.name}/"), F.col("impression_id").cast("string"))
    value = F.conv(F.substring(F.md5(text), 1, HASH_DIGITS), 16, 10).cast("bigint")
    first, second = fold_bounds(scenario.folds)
    lineage, fit, held_out = (fold.value for fold in Fold)
    return F.when(value < first, lineage).when(value < second, fit).otherwise(held_out)

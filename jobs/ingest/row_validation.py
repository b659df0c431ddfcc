"""Which rows of a raw log are impressions, and why the others are not.

A log is read once to count and once to write, and its refused rows once more where there are any:
to keep what was read takes more memory than a machine may have, and longer than to read it again.
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
"""Partition of ``quarantine`` for rows whose time cannot be read: they belong to no day."""

_DS = "cast(_day as string) as ds"
_ID = ["_day", "impression_id"]


@dataclass(frozen=True)
class DayCount:
    """rows: impressions. quarantined: all others, of them ``repeats`` whose id came before."""

    rows: int
    quarantined: int
    repeats: int


@dataclass(frozen=True)
class JudgedLog:
    """The rows of a log, each with its ``_day`` and, where it is no impression, the ``reason``.

    rows: in the columns of ``jobs.ingest.read_log.with_contract_columns``, ``_day`` and
    ``reason``. Of sound rows that share an id one is an impression, the same one on every run:
    see ``_repeated``.
    """

    scenario: Scenario
    rows: DataFrame

    def counts(self) -> dict[date, DayCount]:
        """Of each day with rows. One row a day comes to the driver."""
        is_sound = F.col("reason").isNull()
        alike = self.rows.groupBy(*_ID, is_sound.alias("is_sound")).agg(F.count("*").alias("rows"))
        first = F.col("is_sound").cast("bigint")
        counts = alike.groupBy("_day").agg(
            F.sum(first).alias("rows"),
            F.sum(F.col("rows") - first).alias("quarantined"),
            F.sum((F.col("rows") - 1) * first).alias("repeats"),
        )
        found = {row["_day"]: row for row in counts.collect()}
        return {
            day: DayCount(row["rows"], row["quarantined"], row["repeats"])
            for day, row in found.items()
        }

    def impressions(self, counts: Mapping[date, DayCount]) -> DataFrame:
        """The sound rows with their ``fold`` and ``ds``."""
        kept = self._sound
        if _repeats(counts):
            once = kept.join(self._repeated_ids, _ID, how="left_anti")
            kept = once.unionByName(self._repeated.where("_place = 1").drop("_place"))
        return kept.withColumn("fold", _fold(self.scenario)).selectExpr("*", _DS)

    def refused(self, counts: Mapping[date, DayCount]) -> DataFrame | None:
        """All other rows with their ``reason`` and ``ds``; None for none."""
        if not any(count.quarantined for count in counts.values()):
            return None
        refused = self.rows.where(F.col("reason").isNotNull())
        if _repeats(counts):
            later = self._repeated.where("_place > 1").drop("_place")
            reason = F.lit("duplicate impression_id")
            refused = refused.unionByName(later.withColumn("reason", reason))
        return refused.selectExpr("*", _DS)

    @property
    def _sound(self) -> DataFrame:
        return self.rows.where(F.col("reason").isNull())

    @property
    def _repeated_ids(self) -> DataFrame:
        return self._sound.groupBy(*_ID).agg(F.count("*").alias("rows")).where("rows > 1")

    @property
    def _repeated(self) -> DataFrame:
        """Sound rows that share their id, and the ``_place`` of each among them, from 1.

        They are in order of the raw row, so rows of one place are the same in every column.
        """
        same_id = Window.partitionBy(*_ID).orderBy("row")
        rows = self._sound.join(self._repeated_ids, _ID, how="left_semi")
        return rows.withColumn("_place", F.row_number().over(same_id))


def judge(
    rows: DataFrame, source: TableSource, scenario: Scenario, first: date | None, last: date | None
) -> JudgedLog:
    """Give each row from ``first`` to ``last`` its day and, where it is no impression, the reason.

    A row without a day is judged whatever the days asked for.
    """
    day = F.coalesce("file_day", F.to_date("ts"), F.lit(NO_DAY))
    asked = F.lit(True)
    if first is not None:
        asked &= F.col("_day") >= F.lit(first)
    if last is not None:
        asked &= F.col("_day") <= F.lit(last)
    rows = rows.withColumn("_day", day).where(asked | (F.col("_day") == F.lit(NO_DAY)))
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
    judged = rows.withColumn("reason", reason).drop("raw_label", "file_day")
    return JudgedLog(scenario, judged)


def _repeats(counts: Mapping[date, DayCount]) -> bool:
    return any(count.repeats for count in counts.values())


def _fold(scenario: Scenario) -> Column:
    """See ``jobs.lake.folds.fold_of``, whose definition this is in Spark."""
    text = F.concat(F.lit(f"{scenario.name}/"), F.col("impression_id").cast("string"))
    value = F.conv(F.substring(F.md5(text), 1, HASH_DIGITS), 16, 10).cast("bigint")
    first, second = fold_bounds(scenario.folds)
    lineage, fit, held_out = (fold.value for fold in Fold)
    return F.when(value < first, lineage).when(value < second, fit).otherwise(held_out)

"""Rows of a raw log by day: impressions, and rejected rows with a reason.

The log is read once to count and once to write, and once more if rows were rejected. Caching it
would take more memory than a machine may have, and more time than reading it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.errors import InputError
from jobs.lake.folds import HASH_DIGITS, fold_bounds
from jobs.scenarios import Fold, Scenario
from jobs.sources.contract.impression_rows import NO_DAY

DUPLICATE = "duplicate impression_id"
OUTLYING = "ts far from the other days of the log"

_DS = "cast(_day as string) as ds"
_ID = ["_day", "impression_id"]


@dataclass(frozen=True)
class DayCount:
    """Row counts of a day.

    Attributes:
        rows: Impressions.
        reasons: Rejected rows by kind of reason, which is the reason without its value.
        labels: The labels of impressions, and of rejected rows with a repeated id.
        null_words: Values that are a word for a null.
    """

    rows: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    labels: frozenset[int] = frozenset()
    null_words: int = 0

    @property
    def quarantined(self) -> int:
        """Number of rejected rows."""
        return sum(self.reasons.values())

    @property
    def repeats(self) -> int:
        """Number of rejected rows with a repeated id."""
        return self.reasons.get(DUPLICATE, 0)

    def without_impressions(self) -> DayCount:
        """The counts if the day is an outlying one."""
        reasons = {kind: rows for kind, rows in self.reasons.items() if kind != DUPLICATE}
        reasons[OUTLYING] = self.rows + self.repeats
        return replace(self, rows=0, reasons=reasons, labels=frozenset())


@dataclass(frozen=True)
class ValidatedLog:
    """The rows of a log, each with its ``_day`` and, if it is rejected, the ``reason``.

    Of several valid rows with the same id one is an impression, the same one on every run: see
    ``_repeated``.

    Attributes:
        scenario: The feed.
        rows: Rows in ``jobs.sources.contract.impression_rows.row_schema``.
        rows_as_read: The same, where impressions have their ``row`` too.
        outlying: Days whose impressions are all rejected, see ``outlying_days``.
    """

    scenario: Scenario
    rows: DataFrame
    rows_as_read: DataFrame
    outlying: frozenset[date] = frozenset()

    def requested(self, first: date | None, last: date | None) -> ValidatedLog:
        """The rows of the requested days. Rows without a day are always included.

        Args:
            first: first requested day (default: the first of the log).
            last: last requested day, included (default: the last of the log).
        """
        is_requested = F.lit(True)
        if first is not None:
            is_requested &= F.col("_day") >= F.lit(first)
        if last is not None:
            is_requested &= F.col("_day") <= F.lit(last)
        kept = is_requested | (F.col("_day") == F.lit(NO_DAY)) | F.col("refusal").isNotNull()
        rows, rows_as_read = self.rows.where(kept), self.rows_as_read.where(kept)
        return replace(self, rows=rows, rows_as_read=rows_as_read)

    def counts(self) -> dict[date, DayCount]:
        """Row counts of each day that has rows. Only one row per day and reason is collected.

        Raises:
            InputError: If a file cannot be read, or a value cannot be what is mapped to it.
        """
        by_id = self.rows.groupBy(
            "_day",
            _kind(F.col("reason")).alias("kind"),
            F.when(F.col("reason").isNull(), F.col("impression_id")).alias("id"),
        ).agg(
            F.count("*").alias("rows"),
            F.min("label").alias("least"),
            F.max("label").alias("most"),
            F.sum("null_words").alias("null_words"),
            F.min("refusal").alias("refusal"),
        )
        counted = by_id.groupBy("_day", "kind").agg(
            F.count("*").alias("ids"),
            F.sum("rows").alias("rows"),
            F.min("least").alias("least"),
            F.max("most").alias("most"),
            F.sum("null_words").alias("null_words"),
            F.min("refusal").alias("refusal"),
        )
        found: dict[date, DayCount] = defaultdict(DayCount)
        collected = counted.collect()
        for row in collected:
            if row.refusal is not None:
                raise InputError(min(row.refusal for row in collected if row.refusal is not None))
            day, words = found[row["_day"]], row.null_words or 0
            day = replace(day, null_words=day.null_words + words)
            if row.kind is not None:
                day = replace(day, reasons={**day.reasons, row.kind: row.rows})
            else:
                labels = frozenset({row.least, row.most} - {None})
                day = replace(day, rows=row.ids, labels=labels)
                if repeats := row.rows - row.ids:
                    day = replace(day, reasons={**day.reasons, DUPLICATE: repeats})
            found[row["_day"]] = day
        return dict(found)

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
        if self.outlying:
            reason = F.concat(F.lit(f"{OUTLYING}: "), F.col("_day").cast("string"))
            is_outlying = F.col("reason").isNull() & F.col("_day").isin(*self.outlying)
            outlying = self.rows_as_read.where(is_outlying).withColumn("reason", reason)
            rejected = rejected.unionByName(outlying)
        if _repeats(counts):
            later = self._repeated.where("_rank > 1").drop("_rank")
            rejected = rejected.unionByName(later.withColumn("reason", F.lit(DUPLICATE)))
        return rejected.selectExpr("*", _DS)

    @property
    def _valid(self) -> DataFrame:
        return self.rows.where(self._is_valid)

    @property
    def _is_valid(self) -> Column:
        is_valid = F.col("reason").isNull()
        return is_valid & ~F.col("_day").isin(*self.outlying) if self.outlying else is_valid

    @property
    def _repeated_ids(self) -> DataFrame:
        return self._valid.groupBy(*_ID).agg(F.count("*").alias("rows")).where("rows > 1")

    @property
    def _repeated(self) -> DataFrame:
        """Valid rows whose id occurs several times, with the ``_rank`` of each from 1.

        Ranks are by raw row, so rows that tie are equal in every column.
        """
        same_id = Window.partitionBy(*_ID).orderBy("row")
        valid = self.rows_as_read.where(self._is_valid)
        rows = valid.join(self._repeated_ids, _ID, how="left_semi")
        return rows.withColumn("_rank", F.row_number().over(same_id))


def _kind(reason: Column) -> Column:
    """A reason without the value in it."""
    return F.regexp_replace(F.split(reason, ": ")[0], "^label .* is ", "label ")


def _repeats(counts: Mapping[date, DayCount]) -> bool:
    return any(count.repeats for count in counts.values())


def _fold(scenario: Scenario) -> Column:
    """The fold of each row: ``jobs.lake.folds.fold_of`` in Spark."""
    text = F.concat(F.lit(f"{scenario.name}/"), F.col("impression_id").cast("string"))
    value = F.conv(F.substring(F.md5(text), 1, HASH_DIGITS), 16, 10).cast("bigint")
    first, second = fold_bounds(scenario.folds)
    lineage, fit, held_out = (fold.value for fold in Fold)
    return F.when(value < first, lineage).when(value < second, fit).otherwise(held_out)

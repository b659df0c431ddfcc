"""Impressions as events to count, by the value of a field, and their daily counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.ingest.counts_before import LONGEST_WINDOW, TIMES
from jobs.scenarios import ITEM, USER, Fold

EVERY_ROW = "impression"
"""Name of a field with the same value, null, in all rows; no context field may have this name."""

_COUNTED = ("impressions", "clicks")


def as_events(impressions: DataFrame, context: Sequence[str]) -> DataFrame:
    """Impressions with what each counts for: 1 in the lineage fold, and 0 in the others.

    Columns of context fields are renamed, see ``value_column``.
    """
    is_counted = F.col("fold") == Fold.LINEAGE.value
    is_click = is_counted & (F.col("label") == 1)
    return impressions.select(
        "ds",
        "impression_id",
        "ts",
        *(F.col(f"`{field}`").alias(value_column(field)) for field in (USER, ITEM, *context)),
        F.col("ds").cast("date").alias("day"),
        is_counted.cast("bigint").alias("impressions"),
        is_click.cast("bigint").alias("clicks"),
        F.when(is_counted, F.col("ts")).alias("first_impression"),
        F.when(is_counted, F.col("ts")).alias("last_impression"),
        F.when(is_click, F.col("ts")).alias("last_click"),
    )


def value_column(field: str) -> str:
    """Column of a field in ``as_events``: a context field may have the name of another column."""
    return field if field in (USER, ITEM) else f"_{field}"


def value(field: str) -> Column:
    """Value of a field in the rows of ``as_events``."""
    return F.lit(None) if field == EVERY_ROW else F.col(f"`{value_column(field)}`")


def by_value(events: DataFrame, fields: Sequence[str]) -> DataFrame:
    """Repeat events for each of some fields, with ``field`` and its value as the string ``key``."""
    pairs = [
        F.struct(F.lit(field).alias("field"), value(field).cast("string").alias("key"))
        for field in fields
    ]
    return events.select(F.inline(F.array(*pairs)), "day", *_COUNTED, *TIMES)


def daily_counts(events: DataFrame) -> DataFrame:
    """Add up the events of each field, key and day."""
    return events.groupBy("field", "key", "day").agg(
        *(F.sum(name).alias(name) for name in _COUNTED),
        F.min("first_impression").alias("first_impression"),
        F.max("last_impression").alias("last_impression"),
        F.max("last_click").alias("last_click"),
    )


def recent_counts(events: DataFrame, end: date) -> DataFrame:
    """Daily counts as of the end of a day.

    Days before those that a window of a later row can begin with are added up as one day.
    """
    oldest = F.lit(end - timedelta(days=LONGEST_WINDOW))
    counted = events.where("impressions > 0").withColumn("day", F.greatest("day", oldest))
    return daily_counts(counted)

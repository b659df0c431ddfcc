"""Raw log → ``impressions``, ``items`` and ``quarantine``, day by day, any range in one job."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from jobs.datasets.location import days_between, log_files
from jobs.datasets.preflight import check_items, check_log
from jobs.datasets.source import table_source
from jobs.errors import InputError
from jobs.lake import Attempt, Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.folds import FOLDS, HASH_DIGITS, fold_bounds, pin_folds
from jobs.lake.manifest import digest_of
from jobs.scenarios import Scenario, TableSource
from jobs.spark.raw import item_columns, read_table, readable, with_contract_columns
from jobs.spark.session import (
    latest,
    midnight,
    next_midnight,
    read_days,
    spark_session,
)
from jobs.spark.write import write_by_day

NO_DAY = date(1970, 1, 1)
"""Partition of ``quarantine`` for rows whose time cannot be read: they belong to no day."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestedDay:
    """What a day of the log came to."""

    day: date
    rows: int
    quarantined: int


def ingest(
    lake: Lake, scenario: Scenario, raw: str, first: date | None = None, last: date | None = None
) -> list[IngestedDay]:
    """Publish every day of the log from ``first`` to ``last`` (None: as far as the log goes).

    Idempotent by day: a day's partitions depend on its rows in the log alone. A day without rows
    within the log's span is published empty, so that the lineage goes on; days outside the span
    are not published.

    Raises:
        InputError: the log or its mapping is wrong, or there is no row in the asked-for days.
    """
    source = table_source(scenario)
    files = log_files(source, raw, first, last)
    check_log(source, files)
    item_files = check_items(source, raw)
    pin_folds(lake, scenario)
    with ExitStack() as stack:
        spark = stack.enter_context(spark_session(f"ingest {scenario.name}"))
        uris = stack.enter_context(readable(spark, files))
        rows = with_contract_columns(read_table(spark, source, uris), source, scenario)
        judged = _judge(rows, source, scenario, first, last).persist()
        stack.callback(judged.unpersist)
        counts = _counts(judged)
        days = _days_to_publish(counts, scenario, first, last)
        tables = ("impressions", "items", "quarantine")
        partitions = [Partition(table, scenario.name, day) for table in tables for day in days]
        if NO_DAY in counts:
            partitions.append(Partition("quarantine", scenario.name, NO_DAY))
        attempt = stack.enter_context(lake.attempt(partitions))
        _write(judged, lake, scenario, attempt)
        content = None
        if item_files is not None:
            uris = stack.enter_context(readable(spark, item_files))
            content = item_columns(read_table(spark, source, uris), source)
        items = _items(spark, lake, scenario, judged, content, days[0])
        folder = f"{attempt.folder}/items"
        write_by_day(items, lake, folder, schemas.items(scenario), "item_id")
        # Impressions go last: once they are there, the rest of the day is.
        partitions.sort(key=lambda partition: (partition.table == "impressions", partition.ds))
        for partition in partitions:
            _publish(lake, scenario, attempt, partition, source)
    return [IngestedDay(day, *counts.get(day, (0, 0))) for day in days]


def _judge(
    rows: DataFrame, source: TableSource, scenario: Scenario, first: date | None, last: date | None
) -> DataFrame:
    """Give each row its day, its fold and, where it is no impression, the reason."""
    ts_day = F.date_format("ts", "yyyy-MM-dd")
    day = F.coalesce("file_day", ts_day, F.lit(NO_DAY.isoformat()))
    asked = F.lit(True)
    if first is not None:
        asked &= F.col("ds") >= first.isoformat()
    if last is not None:
        asked &= F.col("ds") <= last.isoformat()
    rows = rows.withColumn("ds", day).where(asked | (F.col("ds") == NO_DAY.isoformat()))
    label = F.coalesce(F.col("raw_label"), F.lit("null"))
    no_label = "no number" if source.label.at_least is not None else "outside {0, 1}"
    reason = (
        F.when(F.col("user_id").isNull(), "null or unreadable user_id")
        .when(F.col("item_id").isNull(), "null or unreadable item_id")
        .when(F.col("ts").isNull(), "null or unreadable ts")
        .when(F.col("impression_id").isNull(), "null or unreadable impression_id")
        .when(F.col("label").isNull(), F.concat(F.lit("label "), label, F.lit(f" is {no_label}")))
        .when(ts_day != F.col("ds"), F.concat(F.lit("ts of another day: "), ts_day))
    )
    rows = rows.repartition("ds").withColumn("reason", reason)
    return _refuse_repeats(rows).withColumn("fold", _fold(scenario)).drop("raw_label", "file_day")


def _refuse_repeats(rows: DataFrame) -> DataFrame:
    """Of the sound rows that share an id, one stays: the same one on every run."""
    same_id = Window.partitionBy("ds", "impression_id", F.col("reason").isNull()).orderBy("row")
    repeated = F.col("reason").isNull() & (F.row_number().over(same_id) > 1)
    return rows.withColumn("repeated", repeated).select(
        *[column for column in rows.columns if column != "reason"],
        F.when(F.col("repeated"), "duplicate impression_id")
        .otherwise(F.col("reason"))
        .alias("reason"),
    )


def _fold(scenario: Scenario) -> Column:
    """See ``jobs.lake.folds.fold_of``, whose definition this is in Spark."""
    text = F.concat(F.lit(f"{scenario.name}/"), F.col("impression_id").cast("string"))
    value = F.conv(F.substring(F.md5(text), 1, HASH_DIGITS), 16, 10).cast("bigint")
    first, second = fold_bounds(scenario.folds)
    lineage, fit, held_out = FOLDS
    return F.when(value < first, lineage).when(value < second, fit).otherwise(held_out)


def _counts(judged: DataFrame) -> dict[date, tuple[int, int]]:
    """Impressions and quarantined rows of each day. One row a day comes to the driver."""
    sound = F.col("reason").isNull().cast("int")
    counts = judged.groupBy("ds").agg(F.sum(sound).alias("rows"), F.sum(1 - sound).alias("bad"))
    return {date.fromisoformat(row.ds): (row.rows, row.bad) for row in counts.collect()}


def _days_to_publish(
    counts: dict[date, tuple[int, int]], scenario: Scenario, first: date | None, last: date | None
) -> list[date]:
    with_rows = sorted(day for day, (rows, _) in counts.items() if rows and day != NO_DAY)
    if not with_rows:
        asked = f"{first or 'the first day'} to {last or 'the last day'}"
        bad = sum(count for _, count in counts.values())
        raise InputError(
            f"scenario {scenario.name}: the log has no usable row from {asked} ({bad} rows would "
            "be quarantined): ask for days that the log holds, or correct source in the scenario"
        )
    days = days_between(with_rows[0], with_rows[-1])
    for day in sorted(set(days) - set(with_rows)):
        log.warning("%s: no rows on %s; published as an empty day", scenario.name, day)
    return days


def _write(judged: DataFrame, lake: Lake, scenario: Scenario, attempt: Attempt) -> None:
    sound, order = judged.where(F.col("reason").isNull()), ("ts", "impression_id")
    schema = schemas.impressions(scenario)
    write_by_day(sound, lake, f"{attempt.folder}/impressions", schema, *order)
    refused, order = judged.where(F.col("reason").isNotNull()), ("reason", "row")
    write_by_day(refused, lake, f"{attempt.folder}/quarantine", schemas.quarantine(), *order)


def _items(
    spark: SparkSession,
    lake: Lake,
    scenario: Scenario,
    judged: DataFrame,
    content: DataFrame | None,
    first: date,
) -> DataFrame:
    """Items first seen in these days, with what the item file says of them."""
    seen = (
        judged.where(F.col("reason").isNull())
        .groupBy("item_id")
        .agg(F.min("ts").alias("first_seen"))
    )
    before = [day for day in lake.days("items", scenario.name) if day < first]
    known = read_days(spark, lake, "items", scenario.name, before)
    if known is not None:
        seen = seen.join(known.select("item_id"), "item_id", how="left_anti")
    if content is None:
        empty = {"title": "string", "text": "string", "category": "string"}
        columns = [F.lit(None).cast(kind).alias(name) for name, kind in empty.items()]
        columns.append(F.lit(None).cast("array<float>").alias("vector"))
        described = seen.select("*", *columns)
    else:
        described = seen.join(content, "item_id", how="left")
    return described.select(
        *schemas.items(scenario).names, F.date_format("first_seen", "yyyy-MM-dd").alias("ds")
    )


def _publish(
    lake: Lake, scenario: Scenario, attempt: Attempt, partition: Partition, source: TableSource
) -> None:
    schema = {
        "impressions": schemas.impressions(scenario),
        "items": schemas.items(scenario),
        "quarantine": schemas.quarantine(),
    }[partition.table]
    below = f"{partition.table}/ds={partition.ds.isoformat()}"
    folder = f"{attempt.folder}/{below}"
    window = None
    if partition.table == "impressions":
        window = SeenWindow.until(
            next_midnight(partition.ds), latest(lake.storage, folder, "ts"), midnight(partition.ds)
        )
    inputs = {"source": digest_of(source.model_dump(), scenario.folds.model_dump())}
    attempt.publish(partition, below=below, inputs=inputs, schema=schema, window=window)

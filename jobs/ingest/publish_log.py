"""Raw log → ``impressions``, ``items`` and ``quarantine``, day by day, any range in one job."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.common.day_range import DayRange
from jobs.common.errors import AuditError, InputError
from jobs.ingest.read_log import item_columns, read_table, readable, with_contract_columns
from jobs.ingest.row_validation import NO_DAY, DayCount, ValidatedLog, validate
from jobs.lake import Attempt, Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.folds import pin_folds
from jobs.lake.manifest import digest_of
from jobs.scenarios import Scenario, TableSource
from jobs.sources.log_checks import check_items, check_log
from jobs.sources.log_location import log_files
from jobs.sources.log_source import table_source
from jobs.spark.parquet_writer import NOTHING_WRITTEN, file_count, write_by_day
from jobs.spark.session import (
    latest_timestamp,
    midnight,
    next_midnight,
    read_days,
    spark_session,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestedDay:
    """Row counts of an ingested day: impressions, and rows in quarantine."""

    day: date
    rows: int
    quarantined: int


def ingest(
    lake: Lake, scenario: Scenario, raw: str, first: date | None = None, last: date | None = None
) -> list[IngestedDay]:
    """Publish the requested days of the log.

    Idempotent by day: the partitions of a day depend on its rows in the log alone. A day without
    rows between days with rows is published empty, so that the lineage continues.

    Args:
        lake: the lake.
        scenario: the scenario of the log.
        raw: path or URI of the log.
        first: first day to publish (default: the first of the log).
        last: last day to publish, included (default: the last of the log).

    Returns:
        Row counts of the published days, ascending by day.

    Raises:
        InputError: If the log or its column mapping is invalid, or the requested days have no
            valid row, or only rows of one label.
        AuditError: If the log changes while it is read.
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
        validated = validate(rows, source, scenario, first, last)
        counts = validated.counts()
        days = _days_to_publish(counts, scenario, first, last)
        _refuse_one_label(lake, scenario, source, counts, days)
        tables = ("impressions", "items", "quarantine")
        partitions = [Partition(table, scenario.name, day) for table in tables for day in days]
        if NO_DAY in counts:
            partitions.append(Partition("quarantine", scenario.name, NO_DAY))
        attempt = stack.enter_context(lake.attempt(partitions))
        _write(validated, counts, lake, attempt)
        content = None
        if item_files is not None:
            uris = stack.enter_context(readable(spark, item_files))
            content = item_columns(read_table(spark, source, uris), source)
        items = _items(spark, lake, scenario, attempt, content, days[0])
        folder = f"{attempt.folder}/items"
        write_by_day(items, lake, folder, schemas.items(scenario), "item_id")
        # Impressions are published last, so a day with impressions is complete.
        partitions.sort(key=lambda partition: (partition.table == "impressions", partition.ds))
        for partition in partitions:
            _publish(lake, scenario, attempt, partition, source)
    ingested = {day: counts.get(day, DayCount(0, 0, 0)) for day in days}
    return [IngestedDay(day, count.rows, count.quarantined) for day, count in ingested.items()]


def _days_to_publish(
    counts: Mapping[date, DayCount], scenario: Scenario, first: date | None, last: date | None
) -> list[date]:
    with_rows = sorted(day for day, count in counts.items() if count.rows and day != NO_DAY)
    if not with_rows:
        requested = f"{first or 'the first day'} to {last or 'the last day'}"
        invalid = sum(count.quarantined for count in counts.values())
        raise InputError(
            f"scenario {scenario.name}: the log has no valid row from {requested} ({invalid} "
            "invalid rows): request days that the log has, or correct source in the scenario"
        )
    days = list(DayRange(with_rows[0], with_rows[-1]))
    for day in sorted(set(days) - set(with_rows)):
        log.warning("%s: %s has no rows and is published as an empty day", scenario.name, day)
    return days


def _refuse_one_label(
    lake: Lake,
    scenario: Scenario,
    source: TableSource,
    counts: Mapping[date, DayCount],
    days: Sequence[date],
) -> None:
    """Check that not all rows have the same label: then no ranker learns, and no AUC exists.

    A single day may have one label, and so may days that are added to others, as a feed with few
    clicks has such days.

    Raises:
        InputError: If they have.
    """
    valid = {day: counts[day] for day in days if day in counts and counts[day].rows}
    labels = {label for count in valid.values() for label in count.labels}
    others = set(lake.days("impressions", scenario.name)) - set(days)
    if len(valid) < 2 or len(labels) > 1 or others:
        return
    rule = source.label
    if rule.at_least is not None:
        made = f"at_least: {rule.at_least:g}"
    elif rule.equals is not None:
        made = f"equals: {rule.equals}"
    else:
        made = "no rule, so it must hold 0 or 1"
    raise InputError(
        f"scenario {scenario.name}: all {sum(count.rows for count in valid.values())} rows from "
        f"{days[0]} to {days[-1]} have label {min(labels)}, made from column "
        f"{source.columns.label!r} ({made}): a ranker needs both labels: correct source.label or "
        "source.columns.label in the scenario, or request days that have both"
    )


def _write(
    validated: ValidatedLog, counts: Mapping[date, DayCount], lake: Lake, attempt: Attempt
) -> None:
    schema = schemas.impressions(validated.scenario)
    folder, order = f"{attempt.folder}/impressions", ("ts", "impression_id")
    files = {day.isoformat(): file_count(count.rows) for day, count in counts.items()}
    written = write_by_day(validated.impressions(counts), lake, folder, schema, *order, files=files)
    for day, count in counts.items():
        rows = written.get(f"ds={day.isoformat()}", NOTHING_WRITTEN).rows
        if rows != count.rows:
            raise AuditError(
                f"the log of {validated.scenario.name} changed while it was read: {day} had "
                f"{count.rows} impressions, then {rows}: ingest it again"
            )
    if (rejected := validated.rejected(counts)) is not None:
        folder, order = f"{attempt.folder}/quarantine", ("reason", "row")
        write_by_day(rejected, lake, folder, schemas.quarantine(), *order)


def _items(
    spark: SparkSession,
    lake: Lake,
    scenario: Scenario,
    attempt: Attempt,
    content: DataFrame | None,
    first: date,
) -> DataFrame:
    """Items that are first shown in these days, with their content from the item file."""
    written = spark.read.option("recursiveFileLookup", "true").parquet(
        lake.storage.spark_uri(f"{attempt.folder}/impressions")
    )
    shown = written.groupBy("item_id").agg(F.min("ts").alias("first_seen"))
    before = [day for day in lake.days("items", scenario.name) if day < first]
    earlier = read_days(spark, lake, "items", scenario.name, before)
    if earlier is not None:
        shown = shown.join(earlier.select("item_id"), "item_id", how="left_anti")
    if content is None:
        empty = {"title": "string", "text": "string", "category": "string"}
        columns = [F.lit(None).cast(kind).alias(name) for name, kind in empty.items()]
        columns.append(F.lit(None).cast("array<float>").alias("vector"))
        described = shown.select("*", *columns)
    else:
        described = shown.join(content, "item_id", how="left")
    return described.select(
        *schemas.items(scenario).names, F.to_date("first_seen").cast("string").alias("ds")
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
            next_midnight(partition.ds),
            latest_timestamp(lake.storage, folder, "ts"),
            midnight(partition.ds),
        )
    inputs = {"source": digest_of(source.model_dump(), scenario.folds.model_dump())}
    attempt.publish(partition, below=below, inputs=inputs, schema=schema, window=window)

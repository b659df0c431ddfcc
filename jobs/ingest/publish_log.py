"""Raw log → ``impressions``, ``items`` and ``quarantine``, day by day, any range in one job."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.common.day_range import DayRange
from jobs.common.errors import AuditError, InputError
from jobs.ingest.label_check import check_labels
from jobs.ingest.late_days import keep_raw_states
from jobs.ingest.read_log import item_content, log_rows
from jobs.ingest.row_validation import OUTLYING, DayCount, ValidatedLog
from jobs.ingest.shown_items import ITEMS, first_shown, items_after, written_impressions
from jobs.lake import Attempt, Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.folds import pin_folds
from jobs.lake.manifest import digest_of
from jobs.scenarios import Scenario, TableSource
from jobs.sources.contract.calendar import outlying_days
from jobs.sources.contract.impression_rows import NO_DAY
from jobs.sources.log_checks import check_items, check_log
from jobs.sources.log_location import log_files
from jobs.sources.log_source import table_source
from jobs.sources.raw_state import list_raw_files
from jobs.sources.reading.mapped_table import MappedTable
from jobs.spark.parquet_writer import NOTHING_WRITTEN, file_count, write_by_day
from jobs.spark.session import (
    latest_timestamp,
    midnight,
    next_midnight,
    spark_session,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestedDay:
    """Row counts of an ingested day: impressions, and rows in quarantine."""

    day: date
    rows: int
    quarantined: int


@dataclass(frozen=True)
class IngestedLog:
    """What was published of a log.

    Attributes:
        days: The days with impressions, ascending, and empty ones between them.
        reasons: Rows in quarantine by kind of reason, of these days and of all other rows that
            were read, such as those without a valid time.
    """

    days: tuple[IngestedDay, ...]
    reasons: Mapping[str, int]

    @property
    def rows(self) -> int:
        """Number of impressions."""
        return sum(day.rows for day in self.days)

    @property
    def quarantined(self) -> int:
        """Number of rows in quarantine."""
        return sum(self.reasons.values())


def ingest(
    lake: Lake, scenario: Scenario, raw: str, first: date | None = None, last: date | None = None
) -> IngestedLog:
    """Publish the requested days of the log.

    Idempotent by day: the partitions of a day depend on its rows in the log alone. A day without
    rows between days with rows is published empty, so that the lineage continues. A day of which
    every row is rejected is in ``quarantine`` alone if it is the first or last.

    Args:
        lake: the lake.
        scenario: the scenario of the log.
        raw: path or URI of the log.
        first: first day to publish (default: the first of the log).
        last: last day to publish, included (default: the last of the log).

    Raises:
        InputError: If the log or its column mapping is invalid, or the requested days have no
            valid row, or only rows of one label.
        AuditError: If the log changes while it is read.
    """
    source = table_source(scenario)
    listed = list_raw_files(source, raw, first, last)
    table = check_log(source, log_files(source, raw, first, last))
    item_table = check_items(source, raw)
    pin_folds(lake, scenario)
    with ExitStack() as stack:
        spark = stack.enter_context(spark_session(f"ingest {scenario.name}"))
        validated, counts = _validated(spark, table, source, scenario, first, last)
        days = _days_to_publish(counts, scenario, first, last)
        published = {day: counts.get(day, DayCount()) for day in days}
        has_others = bool(set(lake.days("impressions", scenario.name)) - set(days))
        check_labels(scenario, source, table, counts, has_others)
        _warn_of_null_words(scenario, source, counts)
        content = None
        if item_table is not None:
            content = item_content(spark, item_table, source, scenario)
        partitions = [
            Partition(name, scenario.name, day) for name in ("impressions", "items") for day in days
        ]
        rejected = {day for day, count in counts.items() if count.quarantined}
        quarantine = [
            Partition("quarantine", scenario.name, day) for day in sorted({*days, *rejected})
        ]
        # A day without a rejected row has no quarantine; that of an earlier ingest is emptied.
        partitions += [one for one in quarantine if one.ds in rejected or lake.is_published(one)]
        attempt = stack.enter_context(lake.attempt(partitions))
        _write(validated, counts, lake, attempt)
        shown = written_impressions(spark, lake, attempt)
        items = first_shown(spark, lake, scenario, shown, content, days[0])
        folder = f"{attempt.folder}/items"
        write_by_day(items, lake, folder, schemas.items(scenario), "item_id")
        # Impressions are published last, so a day with impressions is complete.
        partitions.sort(key=lambda partition: (partition.table == "impressions", partition.ds))
        for partition in partitions:
            _publish(lake, scenario, attempt, partition, source)
        _publish_later_items(spark, lake, scenario, content, days[-1], source)
    keep_raw_states(lake, scenario, listed, days)
    reasons: Counter[str] = Counter()
    for count in counts.values():
        reasons.update(count.reasons)
    ingested = [IngestedDay(day, one.rows, one.quarantined) for day, one in published.items()]
    return IngestedLog(tuple(ingested), dict(reasons.most_common()))


def _validated(
    spark: SparkSession,
    table: MappedTable,
    source: TableSource,
    scenario: Scenario,
    first: date | None,
    last: date | None,
) -> tuple[ValidatedLog, dict[date, DayCount]]:
    """The requested rows and their counts, without days that only a wrong clock has made."""
    rows = log_rows(spark, table, source, scenario)
    rows_as_read = log_rows(spark, table, source, scenario, with_row=True)
    validated = ValidatedLog(scenario, rows, rows_as_read).requested(first, last)
    counts = validated.counts()
    outlying = outlying_days(scenario.name, {day: count.rows for day, count in counts.items()})
    if outlying:
        counts |= {day: counts[day].without_impressions() for day in outlying}
        days = ", ".join(map(str, sorted(outlying)[:3])) + (", …" if len(outlying) > 3 else "")
        log.warning(
            "%s: %d rows of %s are far from all other days and go to quarantine: was a clock "
            "wrong, or a time in another unit?",
            scenario.name,
            sum(counts[day].reasons[OUTLYING] for day in outlying),
            days,
        )
    return replace(validated, outlying=outlying), counts


def _warn_of_null_words(
    scenario: Scenario, source: TableSource, counts: Mapping[date, DayCount]
) -> None:
    if words := sum(count.null_words for count in counts.values()):
        log.warning(
            "%s: %s values are read as missing, as each is one of the words %s: if one of them is "
            "a value, list the others in source.null_values",
            scenario.name,
            f"{words:,}",
            ", ".join(source.null_values),
        )


def _days_to_publish(
    counts: Mapping[date, DayCount], scenario: Scenario, first: date | None, last: date | None
) -> list[date]:
    with_rows = sorted(day for day, count in counts.items() if count.rows and day != NO_DAY)
    if not with_rows:
        requested = f"{first or 'the first day'} to {last or 'the last day'}"
        reasons: Counter[str] = Counter()
        for count in counts.values():
            reasons.update(count.reasons)
        shown = "".join(f": {number:,} {kind}" for kind, number in reasons.most_common(1))
        raise InputError(
            f"scenario {scenario.name}: the log has no valid row from {requested} "
            f"({reasons.total()} invalid rows{shown}): request days that the log has, or correct "
            "source in the scenario"
        )
    days = list(DayRange(with_rows[0], with_rows[-1]))
    for day in sorted(set(days) - set(with_rows)):
        log.warning("%s: %s has no rows and is published as an empty day", scenario.name, day)
    return days


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


def _publish_later_items(
    spark: SparkSession,
    lake: Lake,
    scenario: Scenario,
    content: DataFrame | None,
    last: date,
    source: TableSource,
) -> None:
    """Publish the items of later days anew where another day is now the first to show one."""
    later = items_after(spark, lake, scenario, content, last)
    if later is None:
        return
    items, days = later
    partitions = [Partition(ITEMS, scenario.name, day) for day in days]
    with lake.attempt(partitions) as attempt:
        rows = items.where(F.col("ds").isin([day.isoformat() for day in days]))
        folder = f"{attempt.folder}/{ITEMS}"
        write_by_day(rows, lake, folder, schemas.items(scenario), "item_id")
        for partition in partitions:
            _publish(lake, scenario, attempt, partition, source)


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

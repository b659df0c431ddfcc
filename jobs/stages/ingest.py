"""Stage ``ingest``: raw log to impressions, items, click histories and point-in-time counts."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from jobs.common.day_range import DayRange, day_ranges, parse_day, ranges_of
from jobs.common.errors import InputError
from jobs.common.options import option
from jobs.scenarios import Scenario
from jobs.scenarios.hints import ingest_command
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake

log = logging.getLogger("jobs")


@dataclass(frozen=True, kw_only=True)
class IngestOptions:
    """Where the log is, and the days to read."""

    raw: str | None = option(str, "path or URI of the log (default: data/raw/SCENARIO)")
    start: date | None = option(parse_day, "first day (default: the log's)")
    end: date | None = option(parse_day, "last day (default: the log's)")


@dataclass(frozen=True, kw_only=True)
class IngestStageOptions(IngestOptions):
    """Where the log is, the days to read, and earlier days to read again."""

    again: tuple[DayRange, ...] = option(
        day_ranges,
        "ingested days to read again, such as 2026-01-05,2026-01-07:2026-01-09",
        default=(),
    )
    late: tuple[DayRange, ...] = option(
        day_ranges,
        "the same for days that rows have arrived late for; one that cannot be read stays as it is",
        default=(),
    )


def ingest_log(
    lake: Lake,
    scenario: Scenario,
    options: IngestOptions,
    *,
    again: Sequence[DayRange] = (),
    late: Sequence[DayRange] = (),
    built_until: date | None = None,
) -> None:
    """Publish impressions, items and quarantine of the log, then click histories and statistics.

    The latter are built for every ingested day that has none or whose past has changed.

    Args:
        lake: Where the tables are published.
        scenario: The feed.
        options: Where the log is, and the days to read.
        again: Earlier days to read too.
        late: The same, of days whose raw files have changed since they were ingested. Days that
            cannot be read any more are left as they are, with a warning.
        built_until: Last day to build histories and statistics for; None for the last ingested one.

    Raises:
        InputError: If the log or the scenario's mapping of its columns cannot be used, all its
            rows have one label, or the range of days ends before it begins.
    """
    if options.start is not None and options.end is not None:
        DayRange(options.start, options.end)
    from jobs.ingest.publish_log import ingest
    from jobs.sources.log_location import raw_location
    from jobs.spark.progress import spark_progress
    from jobs.spark.session import one_session

    with one_session():
        raw = raw_location(scenario, options.raw)
        log.info("%s: reading %s", scenario.name, raw)
        with spark_progress("impressions"):
            start = _read_again(lake, scenario, raw, options.start, again, late)
            done = ingest(lake, scenario, raw, start, options.end)
        log.info(
            "%s: %s impressions on %d days (%s to %s), %s",
            scenario.name,
            f"{done.rows:,}",
            len(done.days),
            done.days[0].day,
            done.days[-1].day,
            _quarantined(done.reasons),
        )
        _build_on_clicks(lake, scenario, built_until or last_ingested_day(lake, scenario))


def ingest_late_days(lake: Lake, scenario: Scenario, raw: str | None) -> None:
    """Read the days again whose raw files have changed since they were ingested, however old.

    Then histories and statistics are built as by ``ingest_log``, also if no day was late.

    Raises:
        InputError: If no day is ingested, or for a reason of ``ingest_log``.
    """
    from jobs.ingest.late_days import late_days
    from jobs.sources.log_location import raw_location

    last_ingested_day(lake, scenario)
    days = lake.days("impressions", scenario.name)
    found = late_days(lake, scenario, raw_location(scenario, raw), days)
    for one in found:
        log.info("%s: %s: %s", scenario.name, one.day, one.why)
    ranges = ranges_of([one.day for one in found])
    if not ranges:
        log.info("%s: no row has arrived late for any of %d days", scenario.name, len(days))
        _build_on_clicks(lake, scenario, days[-1])
        return
    *earlier, last = ranges
    options = IngestOptions(raw=raw, start=last.first, end=last.last)
    ingest_log(lake, scenario, options, again=earlier)


def _read_again(
    lake: Lake,
    scenario: Scenario,
    raw: str,
    start: date | None,
    again: Sequence[DayRange],
    late: Sequence[DayRange],
) -> date | None:
    """Read earlier days again; returns the first day that is to be read after that."""
    from jobs.ingest.publish_log import ingest
    from jobs.sources.log_location import has_day_in_path
    from jobs.sources.log_source import table_source

    ranges = sorted({*again, *late})
    if start is None or not ranges:
        return start
    if not has_day_in_path(table_source(scenario)):
        # Whatever days are read, all of its files are: so they are read once.
        return min(start, ranges[0].first)
    for days in ranges:
        try:
            done = ingest(lake, scenario, raw, days.first, days.last)
        except InputError as error:
            if days in again:
                raise
            log.warning("%s: %s stays as it was ingested: %s", scenario.name, days, error)
        else:
            log.info("%s: %s read again, %s impressions", scenario.name, days, f"{done.rows:,}")
    return start


def _build_on_clicks(lake: Lake, scenario: Scenario, until: date) -> None:
    """Build click histories and statistics of the days that have none or whose past has changed."""
    from jobs.ingest.click_history import build_history
    from jobs.ingest.impression_statistics import build_statistics
    from jobs.spark.progress import spark_progress
    from jobs.spark.session import one_session

    with one_session():
        with spark_progress("click histories"):
            with_history = build_history(lake, scenario, until)
        with spark_progress("statistics"):
            with_statistics = build_statistics(lake, scenario, until)
    log.info(
        "%s: histories of %d days, statistics of %d days",
        scenario.name,
        len(with_history),
        len(with_statistics),
    )


def _quarantined(reasons: Mapping[str, int]) -> str:
    """How many rows of the log are in quarantine, and why."""
    shown = ", ".join(f"{reason} ({rows:,})" for reason, rows in reasons.items())
    return f"{sum(reasons.values()):,} rows quarantined" + (f": {shown}" if shown else "")


def last_ingested_day(lake: Lake, scenario: Scenario) -> date:
    """The newest day that has impressions.

    Raises:
        InputError: If no day has any.
    """
    days = lake.days("impressions", scenario.name)
    if not days:
        raise InputError(
            f"scenario {scenario.name} has no impressions: run {ingest_command(scenario)}"
        )
    return days[-1]


def _run(lake: Lake, scenario: Scenario, options: IngestStageOptions) -> None:
    # A backfill rebuilds what depends on the past of later days one day at a time, not all of it
    # each time.
    again, late = options.again, options.late
    ingest_log(lake, scenario, options, again=again, late=late, built_until=options.end)


INGEST = Stage(
    name="ingest",
    summary="raw log to impressions, click histories and statistics of what came before",
    options=IngestStageOptions,
    run=_run,
    publishes=("impressions", "items", "quarantine", "history", "statistics"),
    on_spark=True,
)

"""Stage ``ingest``: raw log to impressions, items, click histories and point-in-time counts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from jobs.common.day_range import DayRange, parse_day
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


def ingest_log(
    lake: Lake, scenario: Scenario, options: IngestOptions, built_until: date | None = None
) -> None:
    """Publish impressions, items and quarantine of the log, then click histories and statistics.

    The latter are built for every ingested day that has none or whose past has changed.

    Args:
        lake: Where the tables are published.
        scenario: The feed.
        options: Where the log is, and the days to read.
        built_until: Last day to build histories and statistics for; None for the last ingested one.

    Raises:
        InputError: If the log or the scenario's mapping of its columns cannot be used, all its
            rows have one label, or the range of days ends before it begins.
    """
    if options.start is not None and options.end is not None:
        DayRange(options.start, options.end)
    from jobs.ingest.click_history import build_history
    from jobs.ingest.impression_statistics import build_statistics
    from jobs.ingest.publish_log import ingest
    from jobs.sources.log_location import raw_location
    from jobs.spark.progress import spark_progress
    from jobs.spark.session import one_session

    with one_session():
        raw = raw_location(scenario, options.raw)
        log.info("%s: reading %s", scenario.name, raw)
        with spark_progress("impressions"):
            done = ingest(lake, scenario, raw, options.start, options.end)
        until = built_until or last_ingested_day(lake, scenario)
        with spark_progress("click histories"):
            with_history = build_history(lake, scenario, until)
        with spark_progress("statistics"):
            with_statistics = build_statistics(lake, scenario, until)
    log.info(
        "%s: %s impressions on %d days (%s to %s), %s",
        scenario.name,
        f"{done.rows:,}",
        len(done.days),
        done.days[0].day,
        done.days[-1].day,
        _quarantined(done.reasons),
    )
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


def _run(lake: Lake, scenario: Scenario, options: IngestOptions) -> None:
    # A backfill rebuilds what depends on the past of later days one day at a time, not all of it
    # each time.
    ingest_log(lake, scenario, options, built_until=options.end)


INGEST = Stage(
    name="ingest",
    summary="raw log to impressions, click histories and statistics of what came before",
    options=IngestOptions,
    run=_run,
    publishes=("impressions", "items", "quarantine", "history", "statistics"),
    on_spark=True,
)

"""Days whose raw files have changed since they were ingested: rows that arrived late.

What a listing told of the raw files of a day is kept when the day is published, beside the tables
and not in a manifest: it has times, and the manifests of equal content are equal. The days of a
month share a file.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.scenarios import Scenario
from jobs.sources.log_source import table_source
from jobs.sources.raw_state import RawListing, RawState, list_raw_files

log = logging.getLogger("jobs")

RAW_STATES = "_raw"


@dataclass(frozen=True)
class LateDay:
    """An ingested day whose raw files have changed since.

    Attributes:
        day: The day.
        why: How they have changed.
        is_unknown: Whether they may not have changed: nothing is kept of how they were.
    """

    day: date
    why: str
    is_unknown: bool = False


def keep_raw_states(
    lake: Lake, scenario: Scenario, listed: RawListing, days: Collection[date]
) -> None:
    """Keep what was listed of the raw files of days, once these are published.

    Args:
        lake: Where the days are published.
        scenario: The scenario of the log.
        listed: The files as they were listed before any was read, so that one that changes while
            it is read is found later.
        days: The days published.
    """
    months: dict[str, dict[str, Any]] = {}
    for day in days:
        months.setdefault(_path(scenario, day), {})[day.isoformat()] = asdict(listed.of(day))
    for path, states in months.items():
        with lake.storage.lock(f"{RAW_STATES}/lock"):
            text = json.dumps(_states(lake, path) | states, indent=1, sort_keys=True)
            lake.storage.replace(path, f"{text}\n".encode())


def kept_raw_state(lake: Lake, scenario: Scenario, day: date) -> RawState | None:
    """The state of a day's raw files when it was ingested.

    None if an earlier version of the project ingested it, or an ingest was stopped at its end.
    """
    state = _states(lake, _path(scenario, day)).get(day.isoformat())
    return None if state is None else RawState(**state)


def late_days(lake: Lake, scenario: Scenario, raw: str, days: Sequence[date]) -> list[LateDay]:
    """Find the days whose raw files are not those that were ingested, by listing them.

    Args:
        lake: Holds the states of the files when they were ingested.
        scenario: The scenario of the log.
        raw: Path or URI of the log.
        days: Ingested days to look at.

    Raises:
        InputError: If a folder of the log cannot be listed.
    """
    if not days:
        return []
    listed = list_raw_files(table_source(scenario), raw, min(days), max(days))
    found = [_compared(day, kept_raw_state(lake, scenario, day), listed.of(day)) for day in days]
    return [late for late in found if late is not None]


def _states(lake: Lake, path: str) -> dict[str, Any]:
    """The states in the file of a month, by day; of a damaged file none is known."""
    text = lake.storage.read(path)
    try:
        states: dict[str, Any] = {} if text is None else json.loads(text)
    except ValueError:
        shown = lake.storage.shown(path)
        log.warning("%s is damaged: how the raw files of its days were is not known", shown)
        return {}
    return states


def _compared(day: date, kept: RawState | None, now: RawState) -> LateDay | None:
    if kept is not None:
        why = now.change_since(kept)
        return None if why is None else LateDay(day, why)
    if not now.files:
        return None
    return LateDay(day, "it is not known of which raw files it was ingested", is_unknown=True)


def late_days_if_listed(
    lake: Lake, scenario: Scenario, raw: str, days: Sequence[date]
) -> list[LateDay]:
    """As ``late_days``, but a log that cannot be listed has none: the new day is not held up."""
    try:
        return late_days(lake, scenario, raw, days)
    except InputError as error:
        log.warning("%s: late rows are not looked for: %s", scenario.name, error)
        return []


def _path(scenario: Scenario, day: date) -> str:
    return f"{RAW_STATES}/scenario={scenario.name}/{day:%Y-%m}.json"

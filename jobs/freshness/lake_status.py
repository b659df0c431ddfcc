"""For each day of a scenario: what the lake has, and whether it is current."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from jobs.ais.ais_result import read_ais
from jobs.common.day_range import DayRange
from jobs.evaluation.result_store import read_results
from jobs.freshness.stale_improvements import StaleImprovement, stale_improvements
from jobs.freshness.stale_results import StaleResult, stale_results
from jobs.ingest.chained_days import ChainedTable
from jobs.ingest.click_history import history_table
from jobs.ingest.impression_statistics import statistics_table
from jobs.ingest.late_days import LateDay, late_days
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.addresses import (
    checkpoint_days,
    checkpoint_partition,
    ranker_version,
    snapshot_partition,
)
from jobs.ranker.training.current_rankers import StaleRanker, first_stale_ranker
from jobs.scenarios import Scenario, SimulatedSource
from jobs.sources.log_location import days_of_log, has_day_in_path
from jobs.sources.log_source import table_source

_ONE_DAY = timedelta(days=1)


class State(StrEnum):
    """Whether a day of a table is there and current."""

    PRESENT = "present"
    CURRENT = "current"
    STALE = "stale"
    LATE = "late"
    """Its raw files have changed since it was ingested."""
    NEW = "new"
    """Its raw files are there, and it is not ingested."""
    MISSING = "missing"
    NONE = "-"
    """Not expected."""


@dataclass(frozen=True)
class DayStatus:
    """What the lake has of a day.

    Attributes:
        day: The day D.
        log: Its impressions.
        history: Its click histories.
        statistics: Its statistics.
        ranker: M_{D+1}, which was trained on it last.
        item_table: The item table of M_{D+1}.
        scores: Results with D as their evaluation day, or as the last of those that are pooled.
        stale_scores: How many of them are stale.
        improvements: AUC Improvement Scores, counted as results are.
        stale_improvements: How many of them are stale.
    """

    day: date
    log: State
    history: State
    statistics: State
    ranker: State
    item_table: State
    scores: int = 0
    stale_scores: int = 0
    improvements: int = 0
    stale_improvements: int = 0

    def is_alike(self, other: DayStatus) -> bool:
        """Whether another day differs from this one in nothing but the day."""
        return {**vars(self), "day": other.day} == vars(other)


@dataclass(frozen=True)
class LakeStatus:
    """What the lake has of a scenario.

    Attributes:
        days: One for each day from the first to the newest one of the log or the lake.
        late: Days whose raw files have changed, and how.
        stale_ranker: The first stale ranker, if one is.
        stale_results: The stale results.
        stale_improvements: The stale AUC Improvement Scores.
        window: Days before its own that a run looks at again.
    """

    days: tuple[DayStatus, ...]
    late: tuple[LateDay, ...]
    stale_ranker: StaleRanker | None
    stale_results: tuple[StaleResult, ...]
    stale_improvements: tuple[StaleImprovement, ...]
    window: int

    @property
    def needs_ingest(self) -> bool:
        """Whether a day is late, or what is computed from clicks is missing or stale."""
        wrong = {State.STALE, State.MISSING}
        is_wrong = any({one.history, one.statistics} & wrong for one in self.days)
        return is_wrong or bool(self.late)

    @property
    def needs_training(self) -> bool:
        """Whether a ranker or an item table is missing or stale."""
        wrong = {State.STALE, State.MISSING}
        return any({one.ranker, one.item_table} & wrong for one in self.days)


def lake_status(lake: Lake, scenario: Scenario, raw: str, since: date = date.min) -> LakeStatus:
    """Find out what the lake has of each day of a scenario, from manifests and a listing of files.

    Args:
        lake: The lake.
        scenario: The scenario.
        raw: Path or URI of its log.
        since: The first day that is looked at.

    Raises:
        InputError: If the log cannot be listed.
    """
    ingested = [day for day in lake.days("impressions", scenario.name) if day >= since]
    in_log = [day for day in _days_in_log(scenario, raw) if day >= since]
    found = late_days(lake, scenario, raw, ingested)
    late = tuple(one for one in found if not one.is_unknown)
    ranker = first_stale_ranker(lake, scenario)
    results = read_results(lake, scenario.name, first=since)
    version = ranker_version(scenario)
    results = [one for one in results if one.ranker_version == version]
    stale = stale_results(lake, scenario, results, ranker)
    aligned = read_ais(lake, scenario.name, first=since)
    aligned = [one for one in aligned if one.ranker_version == version]
    stale_aligned = stale_improvements(lake, scenario, aligned, ranker)
    first = ingested[0] if ingested else None
    # Days before the first one of the lake were left out on purpose.
    new = {day for day in in_log if first is None or day > first} - set(ingested)
    logs = {
        **dict.fromkeys(new, State.NEW),
        **dict.fromkeys(ingested, State.PRESENT),
        **{one.day: State.LATE for one in late},
    }
    scored, improved = (Counter(one.last_day for one in found) for found in (results, aligned))
    stale_scored, stale_improved = (
        Counter(DayRange.parse(one.as_of).last for one in found) for found in (stale, stale_aligned)
    )
    history = _states(history_table(lake, scenario))
    statistics = _states(statistics_table(lake, scenario))
    trained = _trained(lake, scenario, ingested, ranker)
    untrained = (State.NONE, State.NONE)
    days = sorted({*logs, *scored, *improved})
    return LakeStatus(
        days=tuple(
            DayStatus(
                day=day,
                log=logs.get(day, State.MISSING),
                history=history.get(day, State.NONE),
                statistics=statistics.get(day, State.NONE),
                ranker=trained.get(day, untrained)[0],
                item_table=trained.get(day, untrained)[1],
                scores=scored[day],
                stale_scores=stale_scored[day],
                improvements=improved[day],
                stale_improvements=stale_improved[day],
            )
            for day in (DayRange(days[0], days[-1]) if days else ())
        ),
        late=late,
        stale_ranker=ranker,
        stale_results=tuple(stale),
        stale_improvements=tuple(stale_aligned),
        window=scenario.schedule.late_days,
    )


def _days_in_log(scenario: Scenario, raw: str) -> Sequence[date]:
    """The days of a log that has them in its path; a simulated feed has what a run makes."""
    source = table_source(scenario)
    if isinstance(scenario.source, SimulatedSource) or not has_day_in_path(source):
        return ()
    return days_of_log(source, raw)


def _states(table: ChainedTable) -> Mapping[date, State]:
    found = {}
    for day, inputs in table.inputs().items():
        manifest = table.lake.manifest(Partition(table.name, table.scenario.name, day))
        found[day] = _state(manifest, manifest is not None and manifest.inputs == inputs)
    return found


def _state(manifest: Manifest | None, is_current: bool) -> State:
    if manifest is None:
        return State.MISSING
    return State.CURRENT if is_current else State.STALE


def _trained(
    lake: Lake, scenario: Scenario, ingested: Sequence[date], stale: StaleRanker | None
) -> Mapping[date, tuple[State, State]]:
    """For each ingested day D from the start of the lineage, if it has one: M_{D+1}, its table."""
    if scenario.snapshots is not None:
        return {
            day: (State.NONE, State.PRESENT)
            for day in ingested
            if lake.is_published(snapshot_partition(scenario, day + _ONE_DAY))
        }
    start = next(iter(checkpoint_days(lake, scenario)), None)
    found = {}
    for day in ingested:
        if start is not None and day < start:
            continue
        trained = day + _ONE_DAY
        ranker = lake.manifest(checkpoint_partition(scenario, trained))
        table = lake.manifest(snapshot_partition(scenario, trained))
        is_current = ranker is not None and (stale is None or stale.day > trained)
        is_of_it = ranker and table and table.inputs == {"checkpoint": ranker.digest}
        found[day] = (_state(ranker, is_current), _state(table, is_current and bool(is_of_it)))
    return found


def status_as_json(scenario: Scenario, status: LakeStatus) -> dict[str, Any]:
    """The status in plain values."""
    return {
        "scenario": scenario.name,
        "ranker_version": ranker_version(scenario),
        "late_days": status.window,
        "days": [{**vars(one), "day": one.day.isoformat()} for one in status.days],
        "late": [{"day": one.day.isoformat(), "why": one.why} for one in status.late],
        "stale_ranker": None
        if status.stale_ranker is None
        else {"day": status.stale_ranker.day.isoformat(), "why": status.stale_ranker.why},
        "stale_results": [vars(one) for one in status.stale_results],
        "stale_improvements": [vars(one) for one in status.stale_improvements],
    }

"""Which days a run must bring in, and which scores are due. Pure bookkeeping on dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import checkpoint_days, ranker_version, ranker_versions
from jobs.scenarios import Mode, Scenario


@dataclass(frozen=True)
class PlannedScore:
    """One horizon to score on some days.

    Args:
        days: Evaluation days.
        horizon: Days of leak.
        waits_for: The day of data that must come in before the score is due; None if it is due.
    """

    days: DayRange
    horizon: int
    waits_for: date | None = None


@dataclass(frozen=True)
class RunPlan:
    """What one run of the DAG does.

    Args:
        day: The last day of data that it needs.
        first_day: Where ingest begins: the first missing day, or ``day`` itself.
        reason: Where the dates came from, for the log.
        scores: One for each horizon.
        preferences: Names of the kinds of preference data to score.
        modes: The modes to score them in.
    """

    day: date
    first_day: date
    reason: str
    scores: tuple[PlannedScore, ...]
    preferences: tuple[str, ...]
    modes: tuple[Mode, ...]

    @property
    def due(self) -> tuple[PlannedScore, ...]:
        """The scores that wait for no data."""
        return tuple(score for score in self.scores if score.waits_for is None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, dates as ISO strings: what travels between tasks."""
        return {
            "day": self.day.isoformat(),
            "first_day": self.first_day.isoformat(),
            "reason": self.reason,
            "scores": [
                {
                    "as_of": str(score.days),
                    "horizon": score.horizon,
                    "waits_for": score.waits_for.isoformat() if score.waits_for else None,
                }
                for score in self.scores
            ],
            "preferences": list(self.preferences),
            "modes": [mode.value for mode in self.modes],
        }


def plan_run(
    lake: Lake,
    scenario: Scenario,
    day: date,
    as_of: DayRange | None = None,
    horizons: Sequence[int] | None = None,
    preferences: Sequence[str] | None = None,
    modes: Sequence[Mode] | None = None,
    log_span: tuple[date | None, date | None] = (None, None),
) -> RunPlan:
    """Plan a run for a day of data, or for chosen evaluation days.

    Args:
        lake: Tells which days are ingested and where the lineage starts.
        scenario: Gives the horizons, preferences and modes that are left out.
        day: The last day of data. Without ``as_of``, it scores T = day - n for each horizon n.
        as_of: Evaluation days. The run then brings in the days through T + n - 1, as far as the
            log goes.
        horizons: Days of leak.
        preferences: Names of kinds of preference data.
        modes: Modes to score them in.
        log_span: First and last day of the log, each None if it cannot be determined.

    Raises:
        InputError: If the dates lie before the lineage or outside the calendar, or the horizons
            are not distinct days of leak.
    """
    leaks = tuple(horizons) if horizons else scenario.horizons
    if min(leaks) < 0 or len(set(leaks)) != len(leaks):
        raise InputError(f"horizons {list(leaks)}: needs distinct days of leak, each 0 or more")
    log_first, log_last = log_span
    ingested = lake.days("impressions", scenario.name)
    try:
        needed = as_of.last + timedelta(days=max(*leaks, 1) - 1) if as_of else day
        last = min(needed, log_last) if log_last else needed
        earliest = as_of.first if as_of else last - timedelta(days=max(leaks))
        start = _lineage_start(lake, scenario, ingested, earliest, log_first)
    except OverflowError as error:
        raise InputError(
            f"horizons {list(leaks)} reach outside the calendar: ask for fewer days of leak"
        ) from error
    if as_of and as_of.first <= start:
        raise InputError(
            f"as of {as_of.first}: the lineage of {scenario.name} starts on {start}, and its first "
            f"ranker is untrained; ask for {start + timedelta(days=1)} or later"
        )
    if last < start:
        raise InputError(
            f"scenario {scenario.name}: {last} lies before the lineage's first day {start}; "
            "ask for a later day"
        )
    scores = tuple(
        _planned(as_of or DayRange.of_day(last - timedelta(days=n)), n, start, last) for n in leaks
    )
    reason = f"as_of {as_of.first}:{as_of.last}" if as_of else f"day {last}"
    return RunPlan(
        day=last,
        first_day=_first_missing(set(ingested), start, last),
        reason=f"{reason}; the lineage of {_ranker(lake, scenario)} starts on {start}",
        scores=scores,
        preferences=tuple(preferences) if preferences else scenario.preferences,
        modes=tuple(modes) if modes else scenario.modes,
    )


def _ranker(lake: Lake, scenario: Scenario) -> str:
    """The ranker's version, marked as new if the lake holds only others."""
    version, stored = ranker_version(scenario), ranker_versions(lake, scenario.name)
    if version in stored or not stored:
        return version
    return f"{version} (new, beside {', '.join(sorted(stored))})"


def _lineage_start(
    lake: Lake, scenario: Scenario, ingested: Sequence[date], earliest: date, log_first: date | None
) -> date:
    """Where the lineage of the scenario's ranker version starts, or will start."""
    begun = [*checkpoint_days(lake, scenario), *ingested]
    if begun:
        return begun[0]
    start = earliest - timedelta(days=scenario.catch_up_days)
    return max(start, log_first) if log_first else start


def _planned(days: DayRange, horizon: int, start: date, last: date) -> PlannedScore:
    # The ranker of the lineage's first day is untrained: the next day is the first to score.
    if days.first <= start:
        return PlannedScore(days, horizon, start + timedelta(days=horizon + 1))
    through = days.last + timedelta(days=max(horizon, 1) - 1)
    return PlannedScore(days, horizon, through if through > last else None)


def _first_missing(ingested: set[date], start: date, last: date) -> date:
    day = start
    while day < last and day in ingested:
        day += timedelta(days=1)
    return day

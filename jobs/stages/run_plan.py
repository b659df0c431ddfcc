"""Which days a run must bring in or read again, and which scores are due. Bookkeeping on dates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from jobs.common.day_range import DayRange, ranges_of, shown_ranges
from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import checkpoint_days, ranker_version, ranker_versions
from jobs.preference.kinds.id_embedding import ID_EMBEDDING
from jobs.scenarios import Mode, Scenario

_MOST_SCORED_AGAIN = 31
"""Of the days whose scores rest on days that are read again, the newest ones, for each horizon."""


@dataclass(frozen=True)
class PlannedScore:
    """One horizon to score on some days.

    Args:
        days: Evaluation days.
        horizon: Days of leak.
        waits_for: The day of data that must come in before the score is due; None if it is due.
        alone: If only some of the days are scored, each of them by itself, these.
    """

    days: DayRange
    horizon: int
    waits_for: date | None = None
    alone: tuple[date, ...] = ()

    @property
    def due(self) -> tuple[str, ...]:
        """The horizon and its days, as ``jobs.stages.request.parse_due`` reads them."""
        return tuple(f"{self.horizon}@{days}" for days in self.alone or (self.days,))


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
        again: Days before ``first_day`` that its user wants ingested again.
        late: Days before ``first_day`` to ingest again because rows have arrived late.
    """

    day: date
    first_day: date
    reason: str
    scores: tuple[PlannedScore, ...]
    preferences: tuple[str, ...]
    modes: tuple[Mode, ...]
    again: tuple[DayRange, ...] = ()
    late: tuple[DayRange, ...] = ()

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
                    "due": ",".join(score.due),
                }
                for score in self.scores
            ],
            "preferences": list(self.preferences),
            "modes": [mode.value for mode in self.modes],
            "again": shown_ranges(self.again),
            "late": shown_ranges(self.late),
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


def with_days_again(
    plan: RunPlan,
    lake: Lake,
    scenario: Scenario,
    again: DayRange | None,
    late: Collection[date],
) -> RunPlan:
    """The plan with earlier days that are read again, and the stored scores that rest on them.

    Every table that is computed from such a day becomes stale, and the stages of the run build it
    anew. A score is computed anew where it is asked for, so those that are stored are.

    Args:
        plan: The plan of the run.
        lake: Tells which scores are stored.
        scenario: The scenario.
        again: Days that the user wants ingested again.
        late: Days that rows have arrived late for.

    Raises:
        InputError: If a day that is to be ingested again is not ingested.
    """
    ingested = set(lake.days("impressions", scenario.name))
    wanted = set(again or ())
    if missing := sorted(wanted - ingested):
        raise InputError(
            f"{missing[0]} is not ingested, so it cannot be ingested again: choose days from "
            f"{min(ingested, default='none')} to {max(ingested, default='none')}"
        )
    wanted = {day for day in wanted if day < plan.first_day}
    found = {day for day in late if day < plan.first_day} - wanted
    if not wanted | found:
        return plan
    first = min(wanted | found)
    return replace(
        plan,
        again=ranges_of(wanted),
        late=ranges_of(found),
        scores=(*plan.scores, *_scores_since(lake, scenario, plan, first)),
    )


def _scores_since(
    lake: Lake, scenario: Scenario, plan: RunPlan, changed: date
) -> list[PlannedScore]:
    """The stored scores of earlier days that were computed from a day that has changed."""
    found = []
    version = ranker_version(scenario)
    stored = lake.days_with_any("lis", scenario.name)
    for planned in plan.due:
        # A score of T is computed from the days before T+n, and from T itself.
        reach = timedelta(days=max(planned.horizon, 1) - 1)
        days = [
            day
            for day in stored
            if changed <= day + reach <= plan.day
            and day not in planned.days
            and _is_scored(lake, scenario, day, version, planned.horizon, plan)
        ]
        if newest := tuple(days[-_MOST_SCORED_AGAIN:]):
            span = DayRange(newest[0], newest[-1])
            found.append(PlannedScore(span, planned.horizon, alone=newest))
    return found


def _is_scored(
    lake: Lake, scenario: Scenario, day: date, version: str, horizon: int, plan: RunPlan
) -> bool:
    for stored in lake.keys_below("lis", scenario.name, day):
        keys = dict(stored)
        if (
            keys["ranker"] == version
            and keys["horizon"] == str(horizon)
            and _is_of(keys["preference"], plan.preferences)
            and keys["mode"] in plan.modes
            and "pooled_from" not in keys
        ):
            return True
    return False


def _is_of(stored: str, preferences: Sequence[str]) -> bool:
    # What id_embedding leaks of another slot than the item's has the slot in its name.
    return stored in preferences or (
        ID_EMBEDDING in preferences and stored.startswith(f"{ID_EMBEDDING}_")
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

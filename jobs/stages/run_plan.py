"""Which days a run must bring in, and which scores are due. Pure bookkeeping on dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import checkpoint_days, ranker_version, ranker_versions
from jobs.scenarios import Scenario


@dataclass(frozen=True)
class Scoring:
    """One horizon to score on the days ``as_of_first`` to ``as_of_last``.

    ``waits_for``: the day of data that must come in before it is due; None where it is due.
    """

    as_of_first: date
    as_of_last: date
    horizon: int
    waits_for: date | None = None

    @property
    def as_of(self) -> str:
        """As ``--as-of`` takes it: ``T`` or ``T1:T2``."""
        if self.as_of_first == self.as_of_last:
            return self.as_of_first.isoformat()
        return f"{self.as_of_first}:{self.as_of_last}"


@dataclass(frozen=True)
class RunPlan:
    """What one run of the DAG does.

    day: the last day of data that it needs. first_day: where ingest begins, which is the first
    day that is missing, or ``day`` itself. reason: where the dates came from, for the log.
    """

    day: date
    first_day: date
    reason: str
    scorings: tuple[Scoring, ...]
    preferences: tuple[str, ...]
    modes: tuple[str, ...]

    @property
    def due(self) -> tuple[Scoring, ...]:
        return tuple(scoring for scoring in self.scorings if scoring.waits_for is None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, dates as ISO strings: what travels between tasks."""
        return {
            "day": self.day.isoformat(),
            "first_day": self.first_day.isoformat(),
            "reason": self.reason,
            "scorings": [
                {
                    "as_of_first": scoring.as_of_first.isoformat(),
                    "as_of_last": scoring.as_of_last.isoformat(),
                    "horizon": scoring.horizon,
                    "waits_for": scoring.waits_for.isoformat() if scoring.waits_for else None,
                }
                for scoring in self.scorings
            ],
            "preferences": list(self.preferences),
            "modes": list(self.modes),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> RunPlan:
        """The inverse of ``to_dict``."""
        scorings = tuple(
            Scoring(
                as_of_first=date.fromisoformat(part["as_of_first"]),
                as_of_last=date.fromisoformat(part["as_of_last"]),
                horizon=part["horizon"],
                waits_for=date.fromisoformat(part["waits_for"]) if part["waits_for"] else None,
            )
            for part in content["scorings"]
        )
        return cls(
            day=date.fromisoformat(content["day"]),
            first_day=date.fromisoformat(content["first_day"]),
            reason=content["reason"],
            scorings=scorings,
            preferences=tuple(content["preferences"]),
            modes=tuple(content["modes"]),
        )


def plan_run(
    lake: Lake,
    scenario: Scenario,
    day: date,
    as_of: tuple[date, date] | None = None,
    horizons: Sequence[int] | None = None,
    preferences: Sequence[str] | None = None,
    modes: Sequence[str] | None = None,
    span: tuple[date | None, date | None] = (None, None),
) -> RunPlan:
    """Plan a run for a day of data, or for asked-for evaluation dates.

    Without ``as_of``, day D scores T = D - n for each horizon n. With it, the run brings in the
    days through T + n - 1 that the log (``span``: its first and last day, as far as known) holds.

    Raises:
        InputError: the dates lie before the lineage, or the horizons are no days of leak.
    """
    leaks = tuple(horizons) if horizons else scenario.horizons
    if min(leaks) < 0 or len(set(leaks)) != len(leaks):
        raise InputError(f"horizons {list(leaks)}: needs distinct days of leak, each 0 or more")
    log_first, log_last = span
    known = lake.days("impressions", scenario.name)
    try:
        needed = as_of[1] + timedelta(days=max(*leaks, 1) - 1) if as_of else day
        last = min(needed, log_last) if log_last else needed
        earliest = as_of[0] if as_of else last - timedelta(days=max(leaks))
        start = _lineage_start(lake, scenario, known, earliest, log_first)
    except OverflowError as error:
        raise InputError(
            f"horizons {list(leaks)} reach outside the calendar: ask for fewer days of leak"
        ) from error
    if as_of and as_of[0] <= start:
        raise InputError(
            f"as of {as_of[0]}: the lineage of {scenario.name} starts on {start} and knows "
            f"nothing on that day; ask for {start + timedelta(days=1)} or later"
        )
    if last < start:
        raise InputError(
            f"scenario {scenario.name}: {last} lies before the lineage's first day {start}; "
            "ask for a later day"
        )
    scorings = tuple(
        _scoring(*(as_of or (last - timedelta(days=n),) * 2), n, start, last) for n in leaks
    )
    reason = f"as_of {as_of[0]}:{as_of[1]}" if as_of else f"day {last}"
    return RunPlan(
        day=last,
        first_day=_first_missing(set(known), start, last),
        reason=f"{reason}; the lineage of {_ranker(lake, scenario)} starts on {start}",
        scorings=scorings,
        preferences=tuple(preferences) if preferences else scenario.preferences,
        modes=tuple(modes) if modes else scenario.modes,
    )


def _ranker(lake: Lake, scenario: Scenario) -> str:
    """The ranker's version; said to be new where the lake holds others only."""
    version, known = ranker_version(scenario), ranker_versions(lake, scenario.name)
    if version in known or not known:
        return version
    return f"{version} (new, beside {', '.join(sorted(known))})"


def _lineage_start(
    lake: Lake, scenario: Scenario, known: Sequence[date], earliest: date, log_first: date | None
) -> date:
    """Where the scenario's ranker version has begun, else where it will."""
    begun = [*checkpoint_days(lake, scenario), *known]
    if begun:
        return begun[0]
    start = earliest - timedelta(days=scenario.catch_up_days)
    return max(start, log_first) if log_first else start


def _scoring(first: date, last_as_of: date, horizon: int, start: date, last: date) -> Scoring:
    # M_T of the lineage's first day has seen nothing, so the first day that can be scored is next.
    if first <= start:
        return Scoring(first, last_as_of, horizon, start + timedelta(days=horizon + 1))
    through = last_as_of + timedelta(days=max(horizon, 1) - 1)
    return Scoring(first, last_as_of, horizon, through if through > last else None)


def _first_missing(known: set[date], start: date, last: date) -> date:
    day = start
    while day < last and day in known:
        day += timedelta(days=1)
    return day

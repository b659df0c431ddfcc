"""The day that a run is for. Every other date of the run follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from jobs.common.day_range import DayRange, parse_day
from jobs.common.errors import InputError
from jobs.scenarios import Scenario

_MOST_WARM_UP_DAYS = 30
"""Days that train the ranker of a new feed before its first evaluation date, at most."""


@dataclass(frozen=True)
class ResolvedDay:
    """The run's day of data, and what decided it.

    Args:
        day: Last day of data that the run may use.
        source: One line for the log.
    """

    day: date
    source: str


def resolve_day(
    context: Mapping[str, Any],
    as_of: DayRange | None = None,
    newest: Callable[[], ResolvedDay] | None = None,
) -> ResolvedDay:
    """Decide the day: param ``as_of``, partition key, logical date, then the last complete day.

    A manual run has no ``logical_date`` key unless its user gave one, and one of "now" names a
    day that is not over: both mean the last complete day before ``run_after``.

    Args:
        context: Airflow's task context, or any mapping with the same keys.
        as_of: The evaluation days that the form names.
        newest: For a log that does not grow by itself: gives the day that takes the place of
            yesterday.

    Raises:
        InputError: If the partition key cannot be read, or a date is not over.
    """
    today = _day_of(context["dag_run"].run_after)
    if as_of is not None:
        if as_of.last >= today:
            raise InputError(
                f"as_of: {as_of.last} is not over: the newest complete day is "
                f"{today - timedelta(days=1)}, so choose that day or an earlier one"
            )
        return ResolvedDay(as_of.last, f"param as_of '{as_of}'")
    if key := context.get("partition_key"):
        try:
            return ResolvedDay(parse_day(key), f"partition key {key!r}")
        except InputError as error:
            raise InputError(f"partition key: {error}") from error
    if (logical_date := context.get("logical_date")) is not None:
        day = _day_of(logical_date)
        if day > today:
            raise InputError(
                f"logical date {day} lies in the future; give a past date, or the param as_of"
            )
        if day < today:
            return ResolvedDay(day, f"logical date {logical_date.isoformat()}")
    if newest is not None:
        return newest()
    return ResolvedDay(today - timedelta(days=1), f"the last complete day before {today}")


def first_feed(scenario: Scenario, horizons: Sequence[int]) -> DayRange:
    """The first days of a simulated feed that let every horizon be scored: those of the demo."""
    # The ranker of the lineage's first day is untrained, so two days are the least.
    warm_up = max(2, min(_MOST_WARM_UP_DAYS, scenario.catch_up_days))
    days = warm_up + max(*horizons, 1)
    first = scenario.schedule.start
    return DayRange(first, first + timedelta(days=days - 1))


def _day_of(moment: datetime) -> date:
    # Airflow's datetimes are of a subclass, whose date() is of a subclass too.
    utc = moment.astimezone(UTC)
    return date(utc.year, utc.month, utc.day)

"""The day that a run is for. Every other date of the run follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from jobs.common.day_range import DayRange, parse_day
from jobs.common.errors import InputError

ParsedT = TypeVar("ParsedT")


@dataclass(frozen=True)
class ResolvedDay:
    """The run's day of data, and what decided it.

    Args:
        day: Last day of data that the run may use.
        as_of: The chosen evaluation days; None if they follow from ``day``.
        source: One line for the log.
    """

    day: date
    as_of: DayRange | None
    source: str


def resolve_day(
    context: Mapping[str, Any], newest_of_log: Callable[[], date] | None = None
) -> ResolvedDay:
    """Decide the day: param ``as_of``, partition key, logical date, then the last complete day.

    A manual run has no ``logical_date`` key unless its user gave one, and one of "now" names a
    day that is not over: both mean the last complete day before ``run_after``.

    Args:
        context: Airflow's task context, or any mapping with the same keys.
        newest_of_log: For a log that no longer grows: gives its newest day, which then takes the
            place of yesterday.

    Raises:
        InputError: If a date cannot be read, or lies in the future.
    """
    if text := (context.get("params") or {}).get("as_of"):
        as_of = _parsed("param as_of", DayRange.parse, text)
        return ResolvedDay(as_of.last, as_of, f"param as_of {text!r}")
    if key := context.get("partition_key"):
        day = _parsed("partition key", parse_day, key)
        return ResolvedDay(day, None, f"partition key {key!r}")
    today = _day_of(context["dag_run"].run_after)
    if (logical_date := context.get("logical_date")) is not None:
        day = _day_of(logical_date)
        if day > today:
            raise InputError(
                f"logical date {day} lies in the future; give a past date, or the param as_of"
            )
        if day < today:
            return ResolvedDay(day, None, f"logical date {logical_date.isoformat()}")
    if newest_of_log is not None:
        return ResolvedDay(newest_of_log(), None, "the newest day of the log")
    return ResolvedDay(today - timedelta(days=1), None, f"the last complete day before {today}")


def _parsed(name: str, parse: Callable[[str], ParsedT], text: str) -> ParsedT:
    """Parse a text that a user gave, naming it in the error."""
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _day_of(moment: datetime) -> date:
    # Airflow's datetimes are of a subclass, whose date() is of a subclass too.
    utc = moment.astimezone(UTC)
    return date(utc.year, utc.month, utc.day)

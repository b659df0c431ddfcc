"""Which day a run is for. Every other date of the run follows from the one decided here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from jobs.common.errors import InputError


@dataclass(frozen=True)
class ResolvedDay:
    """The run's day of data, and what decided it.

    day: last day of data that the run may use. as_of: the evaluation dates asked for, first and
    last, or None where they follow from the day. source: one line for the log.
    """

    day: date
    as_of: tuple[date, date] | None
    source: str


def resolve_day(
    context: Mapping[str, Any], newest_of_log: Callable[[], date] | None = None
) -> ResolvedDay:
    """Decide the day: param ``as_of``, partition key, logical date, then the last complete day.

    A manual run has no ``logical_date`` key unless its user gave one, and one of "now" names a
    day that is not over: both mean the last complete day before ``run_after``.

    Args:
        context: Airflow's task context, or any mapping with the same keys.
        newest_of_log: for a log that has ended, gives its newest day, used instead of yesterday.

    Raises:
        InputError: a date cannot be read, or lies in the future.
    """
    if asked := (context.get("params") or {}).get("as_of"):
        as_of = parse_as_of(asked)
        return ResolvedDay(as_of[1], as_of, f"param as_of {asked!r}")
    if key := context.get("partition_key"):
        return ResolvedDay(_parse_day(key, "partition key"), None, f"partition key {key!r}")
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


def parse_as_of(text: str) -> tuple[date, date]:
    """Read ``YYYY-MM-DD`` or ``YYYY-MM-DD:YYYY-MM-DD`` as first and last day.

    Raises:
        InputError: it is neither, or the last day comes before the first.
    """
    first, _, last = text.partition(":")
    days = _parse_day(first, "as_of"), _parse_day(last or first, "as_of")
    if days[1] < days[0]:
        raise InputError(f"as_of {text!r}: the first day must not come after the last")
    return days


def _parse_day(text: str, name: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise InputError(f"{name} {text!r} is not a day; write it as 2026-01-31") from error


def _day_of(moment: datetime) -> date:
    # Airflow's moments are of a subclass, and so would be what their date() gives.
    utc = moment.astimezone(UTC)
    return date(utc.year, utc.month, utc.day)

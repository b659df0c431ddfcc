"""The day that a run is for: param, partition key, logical date, then the last complete day."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from plugins.lis_plugin.run_day import ResolvedDay, resolve_day

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)


def context(**keys: Any) -> dict[str, Any]:
    """What Airflow gives a manual run without a logical date, and further keys."""
    return {"dag_run": SimpleNamespace(run_after=NOW), "params": {}, **keys}


def test_the_param_wins_over_everything() -> None:
    given_all = context(
        params={"as_of": "2026-01-05:2026-01-07"},
        partition_key="2026-02-01",
        logical_date=datetime(2026, 2, 2, tzinfo=UTC),
    )
    resolved = resolve_day(given_all, newest_of_log=lambda: date(2026, 2, 3))
    assert resolved.as_of == DayRange(date(2026, 1, 5), date(2026, 1, 7))
    assert resolved.day == date(2026, 1, 7)
    assert resolved.source == "param as_of '2026-01-05:2026-01-07'"


def test_the_partition_key_wins_over_the_logical_date() -> None:
    resolved = resolve_day(
        context(partition_key="2026-02-01", logical_date=datetime(2026, 2, 2, tzinfo=UTC))
    )
    assert resolved == ResolvedDay(date(2026, 2, 1), None, "partition key '2026-02-01'")


def test_the_logical_date_names_the_day_of_data() -> None:
    resolved = resolve_day(context(logical_date=datetime(2026, 2, 2, 2, tzinfo=UTC)))
    assert resolved == ResolvedDay(date(2026, 2, 2), None, "logical date 2026-02-02T02:00:00+00:00")


@pytest.mark.parametrize("keys", [{}, {"logical_date": NOW}], ids=["no date", "a date of now"])
def test_else_it_is_the_last_complete_day(keys: dict[str, Any]) -> None:
    resolved = resolve_day(context(**keys))
    assert resolved == ResolvedDay(
        date(2026, 3, 9), None, "the last complete day before 2026-03-10"
    )


def test_of_a_log_that_has_ended_it_is_the_newest_day() -> None:
    resolved = resolve_day(context(), newest_of_log=lambda: date(2013, 8, 31))
    assert resolved == ResolvedDay(date(2013, 8, 31), None, "the newest day of the log")


def test_a_given_date_does_not_read_the_log() -> None:
    def newest() -> date:
        raise AssertionError("the log was read")

    resolve_day(context(logical_date=datetime(2013, 8, 1, tzinfo=UTC)), newest)


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_form_does_not_count(empty: str | None) -> None:
    assert resolve_day(context(params={"as_of": empty})).day == date(2026, 3, 9)


def test_a_future_logical_date_is_refused() -> None:
    with pytest.raises(InputError, match="2026-03-11 lies in the future"):
        resolve_day(context(logical_date=NOW + timedelta(days=1)))


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-30", "2026-02-01:x", ":2026-02-01", "a:b:c"]
)
def test_a_malformed_date_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(InputError, match=f"^param as_of: '{text}' .*: write YYYY-MM-DD"):
        resolve_day(context(params={"as_of": text}))


def test_a_malformed_partition_key_is_refused_with_its_text() -> None:
    with pytest.raises(InputError, match=r"^partition key: 'soon' is not a date: write YYYY-MM-DD"):
        resolve_day(context(partition_key="soon"))


def test_a_range_must_not_end_before_it_begins() -> None:
    with pytest.raises(InputError, match=r"^param as_of: the range 2026-01-02 to 2026-01-01 ends"):
        resolve_day(context(params={"as_of": "2026-01-02:2026-01-01"}))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    logical=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    after=st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_the_day_is_over_when_the_run_is_made(logical: datetime, after: timedelta) -> None:
    run_after = logical + after
    run = SimpleNamespace(run_after=run_after)
    resolved = resolve_day({"params": {}, "dag_run": run, "logical_date": logical})
    assert resolved.day < run_after.date()
    assert resolved.day in (logical.date(), run_after.date() - timedelta(days=1))

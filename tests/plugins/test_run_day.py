"""The day that a run is for: param, partition key, logical date, then the last complete day."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.scenarios import load_scenario
from plugins.lis_plugin.run_day import ResolvedDay, first_feed, resolve_day

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)


def context(**keys: Any) -> dict[str, Any]:
    """What Airflow gives a manual run without a logical date, and further keys."""
    return {"dag_run": SimpleNamespace(run_after=NOW), **keys}


def newest_of_log() -> ResolvedDay:
    return ResolvedDay(date(2013, 8, 31), "the newest day of the log")


def test_the_param_wins_over_everything() -> None:
    given_all = context(partition_key="2026-02-01", logical_date=datetime(2026, 2, 2, tzinfo=UTC))
    as_of = DayRange(date(2026, 1, 5), date(2026, 1, 7))
    resolved = resolve_day(given_all, as_of, newest_of_log)
    assert resolved == ResolvedDay(date(2026, 1, 7), "param as_of '2026-01-05:2026-01-07'")


def test_the_partition_key_wins_over_the_logical_date() -> None:
    resolved = resolve_day(
        context(partition_key="2026-02-01", logical_date=datetime(2026, 2, 2, tzinfo=UTC))
    )
    assert resolved == ResolvedDay(date(2026, 2, 1), "partition key '2026-02-01'")


def test_the_logical_date_names_the_day_of_data() -> None:
    resolved = resolve_day(context(logical_date=datetime(2026, 2, 2, 2, tzinfo=UTC)))
    assert resolved == ResolvedDay(date(2026, 2, 2), "logical date 2026-02-02T02:00:00+00:00")


@pytest.mark.parametrize("keys", [{}, {"logical_date": NOW}], ids=["no date", "a date of now"])
def test_else_it_is_the_last_complete_day(keys: dict[str, Any]) -> None:
    resolved = resolve_day(context(**keys))
    assert resolved == ResolvedDay(date(2026, 3, 9), "the last complete day before 2026-03-10")


def test_of_a_log_that_has_ended_it_is_the_newest_day() -> None:
    assert resolve_day(context(), newest=newest_of_log) == newest_of_log()


def test_a_given_date_does_not_read_the_log() -> None:
    def newest() -> ResolvedDay:
        raise AssertionError("the log was read")

    resolve_day(context(logical_date=datetime(2013, 8, 1, tzinfo=UTC)), newest=newest)


def test_the_first_days_of_the_demo_feed_are_those_that_the_demo_makes() -> None:
    made = first_feed(load_scenario("simulated_feed"), (7, 30))
    assert str(made) == "2026-01-01:2026-03-01"


@pytest.mark.parametrize("last", [NOW.date(), date(2027, 1, 1)])
def test_an_evaluation_day_that_is_not_over_is_refused(last: date) -> None:
    refused = f"^as_of: {last} is not over: the newest complete day is 2026-03-09"
    with pytest.raises(InputError, match=refused):
        resolve_day(context(), DayRange(date(2026, 3, 1), last))


def test_a_future_logical_date_is_refused() -> None:
    with pytest.raises(InputError, match="2026-03-11 lies in the future"):
        resolve_day(context(logical_date=NOW + timedelta(days=1)))


def test_a_malformed_partition_key_is_refused_with_its_text() -> None:
    with pytest.raises(InputError, match=r"^partition key: 'soon' is not a date: write YYYY-MM-DD"):
        resolve_day(context(partition_key="soon"))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    logical=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    after=st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_the_day_is_over_when_the_run_is_made(logical: datetime, after: timedelta) -> None:
    run_after = logical + after
    run = SimpleNamespace(run_after=run_after)
    resolved = resolve_day({"dag_run": run, "logical_date": logical})
    assert resolved.day < run_after.date()
    assert resolved.day in (logical.date(), run_after.date() - timedelta(days=1))

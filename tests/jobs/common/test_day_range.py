from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.common.day_range import FIRST_DAY, LAST_DAY, MOST_DAYS, DayRange, day_count, parse_day
from jobs.common.errors import InputError

dates = st.dates(FIRST_DAY, LAST_DAY - timedelta(days=30))


@given(first=dates, days=st.integers(0, 30))
def test_the_text_of_a_range_is_parsed_back(first: date, days: int) -> None:
    days_range = DayRange(first, first + timedelta(days=days))
    assert DayRange.parse(str(days_range)) == days_range
    assert len(days_range.days) == len(days_range) == days + 1
    assert days_range.days[0] in days_range
    assert days_range.last + timedelta(days=1) not in days_range
    assert days_range.is_single_day is (days == 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-02-30", "is not a date"),
        ("yesterday", "is not a date"),
        ("", "is not a date"),
        ("2026-01-01:2026-01-02:2026-01-03", "too many parts"),
        ("2026-01-02:2026-01-01", "swap the dates"),
    ],
)
def test_an_invalid_range_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        DayRange.parse(text)


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31"])
def test_days_of_years_that_no_window_could_end_in_are_refused(day: str) -> None:
    for read in (parse_day, DayRange.parse, lambda text: DayRange.parse(f"2026-01-01:{text}")):
        with pytest.raises(InputError, match="days are from 1900-01-01 to 2199-12-31"):
            read(day)


@pytest.mark.parametrize("text", ["3651", "-1", "1.0", "", "²", "9" * 5_000])
def test_a_number_of_days_has_a_limit(text: str) -> None:
    with pytest.raises(InputError, match="is not a number of days from 0 to 3,650"):
        day_count(text)


def test_windows_of_all_days_that_can_be_named_can_be_counted_in_nanoseconds() -> None:
    for end in (FIRST_DAY - timedelta(days=MOST_DAYS), LAST_DAY + timedelta(days=MOST_DAYS)):
        assert str(np.datetime64(end, "ns").astype("datetime64[D]")) == str(end)

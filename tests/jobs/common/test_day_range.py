from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError

dates = st.dates(date(1, 1, 1), date(9999, 12, 1))


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

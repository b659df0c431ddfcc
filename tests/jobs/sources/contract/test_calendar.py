from datetime import date, timedelta

import pytest

from jobs.common.errors import InputError
from jobs.sources.contract.calendar import LONGEST_GAP, outlying_days

FIRST = date(2026, 1, 5)


def days(first: date, number: int, rows: int = 100) -> dict[date, int]:
    return {first + timedelta(days=offset): rows for offset in range(number)}


def test_a_clock_that_was_reset_is_far_from_the_log() -> None:
    for odd in (date(2000, 1, 1), date(2025, 1, 5), date(2098, 7, 1)):
        assert outlying_days("f", {**days(FIRST, 30), odd: 7}) == {odd}


def test_gaps_of_a_log_are_no_outliers() -> None:
    last = FIRST + timedelta(days=LONGEST_GAP)
    assert outlying_days("f", {FIRST: 1, last: 1000}) == frozenset()
    assert outlying_days("f", {FIRST: 1}) == frozenset()
    assert outlying_days("f", {}) == frozenset()
    assert outlying_days("f", {FIRST: 1, date(2000, 1, 1): 0}) == frozenset()


def test_a_log_in_two_pieces_is_refused_with_both() -> None:
    rows = {**days(FIRST, 2), **days(date(2020, 1, 1), 1, rows=40)}
    with pytest.raises(InputError, match=r"2020-01-01 to 2020-01-01 \(40 rows\), 2026-01-05 to"):
        outlying_days("f", rows)

"""How many rows would settle an open verdict."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from jobs.evaluation.verdict.rows_needed import rows_needed
from tests.jobs.evaluation.verdict.comparisons import comparison

MANY = 1e9
"""Degrees of freedom at which t is normal."""


def needed(difference: float, se: float, **changes: Any) -> int | None:
    return rows_needed(comparison(difference, se, degrees=MANY, **changes), 0.001)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    rows=st.integers(100, 10_000_000),
    difference=st.floats(-0.01, 0.01),
    se=st.floats(1e-6, 0.01),
    seeds=st.floats(0, 0.3),
)
def test_the_rows_needed_are_enough_and_one_digit(
    rows: int, difference: float, se: float, seeds: float
) -> None:
    distance = abs(difference - 0.001)
    assume(distance > 1e-5)
    fixed = seeds * se
    found = needed(difference, se, rows=rows, se_seeds=fixed)
    score = norm.ppf(0.975)
    is_open = score * se >= distance
    assert (found is not None) == (is_open and score * fixed < distance)
    if found is not None:
        assert str(found).rstrip("0") in set("123456789")

        def half_width(many: float) -> float:
            return float(score * math.sqrt((se**2 - fixed**2) * rows / many + fixed**2))

        assert half_width(found * 1.001) <= distance * (1 + 1e-6)
        # One digit rounds up to no more than twice the exact number.
        assert half_width(found * 0.49) > distance


def test_half_the_distance_needs_four_times_the_rows() -> None:
    assert needed(0.0020, se=0.001, rows=20_000) == 80_000  # 20,000 x 1.96^2 = 76,829
    assert needed(0.0015, se=0.001, rows=20_000) == 400_000  # 307,315


@pytest.mark.parametrize(("positives", "has_number"), [(49, False), (50, True)])
def test_a_number_needs_fifty_positives(positives: int, has_number: bool) -> None:
    assert (needed(0.002, se=0.001, positives=positives) is not None) == has_number


@pytest.mark.parametrize(
    ("difference", "se"),
    [(0.001, 0.01), (math.nan, 0.01), (0.02, math.nan), (0.02, 0.001), (0.02, 0.0)],
)
def test_no_number_when_conclusive_or_not_computable(difference: float, se: float) -> None:
    assert needed(difference, se) is None


def test_no_rows_help_where_the_fixed_part_alone_crosses() -> None:
    assert needed(0.0020, se=0.0010, se_seeds=0.0006) is None

"""Statistics as inputs of the network, against plain formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.lake.schemas import STATISTIC_WINDOWS
from jobs.ranker.model.wide_and_deep import statistic_columns
from jobs.ranker.rows.statistics import Prior, dense_statistics, no_statistics, smoothed_log_odds
from tests.oracles.dense_statistics import dense_inputs

FIELDS = ("user_id", "item_id", "place")
AGES = st.one_of(st.none(), st.floats(0, 1e5, width=32))


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A row of the table ``statistics``."""
    row: dict[str, Any] = {"item_age_hours": draw(AGES), "user_click_age_hours": draw(AGES)}
    names = [f"{field}_{{}}_{window}" for field in FIELDS for window in STATISTIC_WINDOWS]
    for name in ("{}_ever", *names):
        shown = draw(st.integers(0, 10**9))
        row[name.format("impressions")] = shown
        row[name.format("clicks")] = draw(st.integers(0, shown))
    return row


def batch(found: list[dict[str, Any]]) -> pa.RecordBatch:
    types = {"item_age_hours": pa.float32(), "user_click_age_hours": pa.float32()}
    names = list(found[0])
    schema = pa.schema([(name, types.get(name, pa.int64())) for name in names])
    return pa.RecordBatch.from_pylist(found, schema)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(found=st.lists(rows(), min_size=1, max_size=4))
def test_inputs_follow_plain_formulas(found: list[dict[str, Any]]) -> None:
    dense = dense_statistics(batch(found), FIELDS)
    assert dense.dtype == np.float32
    expected = [dense_inputs(row, FIELDS) for row in found]
    assert tuple(expected[0]) == statistic_columns(FIELDS)
    np.testing.assert_allclose(
        dense, [list(inputs.values()) for inputs in expected], rtol=1e-5, atol=1e-5
    )


def test_an_empty_past_gives_zeros() -> None:
    """So that a row of the first day reads nothing, and no input is infinite."""
    names = [f"{field}_{{}}_{window}" for field in FIELDS for window in STATISTIC_WINDOWS]
    row: dict[str, Any] = {"item_age_hours": None, "user_click_age_hours": None}
    for name in ("{}_ever", *names):
        row |= {name.format("impressions"): 0, name.format("clicks"): 0}
    assert not dense_statistics(batch([row]), FIELDS).any()


def test_no_rows_have_the_width_of_the_names() -> None:
    width = len(statistic_columns(FIELDS))
    assert width == 3 * len(FIELDS) * len(STATISTIC_WINDOWS) + 3
    assert len(set(statistic_columns(FIELDS))) == width
    assert no_statistics(width).shape == (0, width)


@pytest.mark.parametrize(("rate", "prior"), [(0.5, 8), (0.004, 502)])
def test_the_prior_counts_as_impressions_of_the_stated_number(rate: float, prior: int) -> None:
    """With as many impressions as the prior has, a rate of 0 is shrunk half way to the log's."""
    shown, clicked, whole = np.array([float(prior)]), np.array([0.0]), np.array([rate])
    odds = np.exp(smoothed_log_odds(clicked, shown - clicked, Prior.of(whole))) * rate / (1 - rate)
    assert odds / (1 + odds) == pytest.approx(rate / 2, rel=0.01)

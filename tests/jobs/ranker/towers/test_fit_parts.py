"""Groups of users and blocks of days."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ranker.towers.fit_parts import day_blocks, user_groups

examples = settings(max_examples=100, deadline=None, derandomize=True)


@given(st.lists(st.integers(0, 50)), st.integers(0, 12))
@examples
def test_a_user_is_in_the_same_group_whatever_the_other_rows_are(
    users: list[int], groups: int
) -> None:
    found = user_groups(pa.array(users, pa.int64()), groups)
    assert found.groups == groups
    assert ((found.of_row >= 0) & (found.of_row < max(groups, 1))).all()
    for row, user in enumerate(users):
        alone = user_groups(pa.array([user], pa.int64()), groups)
        assert alone.of_row[0] == found.of_row[row]
        same = np.array([other == user for other in users])
        assert np.array_equal(found.users == found.users[row], same)


def test_groups_are_of_nearly_equal_size() -> None:
    found = user_groups(pa.array([f"user {number}" for number in range(5_000)]), 10)
    assert np.bincount(found.of_row) == pytest.approx(np.full(10, 500), abs=90)


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 6))
@examples
def test_blocks_are_of_whole_days_in_order(rows: list[int], blocks: int) -> None:
    found = day_blocks(rows, blocks)
    assert len(found) == sum(rows)
    assert (np.diff(found) >= 0).all()
    assert len(np.unique(found)) <= blocks
    if sum(number > 0 for number in rows) > 1:
        days = np.repeat(np.arange(len(rows)), rows)
        assert all(len(np.unique(found[days == day])) == 1 for day in np.unique(days))
        assert len(np.unique(found)) > 1 or blocks == 1


def test_blocks_of_equal_days_and_of_a_single_day() -> None:
    assert day_blocks([2] * 8, 4).tolist() == np.repeat(np.arange(4), 4).tolist()
    assert day_blocks([0, 8], 4).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]

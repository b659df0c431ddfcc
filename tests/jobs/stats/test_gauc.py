import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from jobs.stats.gauc import compare_gauc

Row = tuple[int, int, int, int]
tied_rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3), st.integers(0, 6)),
    max_size=40,
)


def user_by_user(rows: list[Row], score: int) -> float:
    weighted, weight = 0.0, 0
    for user in {row[3] for row in rows}:
        of_user = [row for row in rows if row[3] == user]
        labels = [row[0] for row in of_user]
        if len(set(labels)) == 2:
            weighted += len(of_user) * roc_auc_score(labels, [row[score] for row in of_user])
            weight += len(of_user)
    return weighted / weight if weight else math.nan


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tied_rows)
def test_equals_the_mean_taken_user_by_user(rows: list[Row]) -> None:
    labels, baseline, treatment, users = (np.array([row[k] for row in rows]) for k in range(4))
    result = compare_gauc(labels, baseline, treatment, users)
    assert result.gauc_baseline == pytest.approx(user_by_user(rows, 1), nan_ok=True)
    assert result.gauc_treatment == pytest.approx(user_by_user(rows, 2), nan_ok=True)
    assert result.users + result.users_skipped == len(set(users.tolist()))


def test_one_class_users_are_skipped_and_counted() -> None:
    result = compare_gauc(
        labels=[1, 0, 0, 1, 1, 0],
        baseline=[3, 2, 1, 9, 9, 1],
        treatment=[2, 2, 1, 0, 0, 9],
        users=["a", "a", "a", "b", "b", "c"],
    )
    assert (result.gauc_baseline, result.gauc_treatment) == (1.0, 0.75)
    assert (result.rows, result.users, result.users_skipped) == (3, 1, 2)


def test_users_weigh_as_much_as_their_impressions() -> None:
    result = compare_gauc([1, 0, 1, 0, 0], [2, 1, 0, 1, 1], [1, 1, 0, 0, 0], [1, 1, 2, 2, 2])
    assert result.gauc_baseline == pytest.approx(2 / 5)
    assert result.gauc_treatment == 0.5


def test_a_score_constant_within_each_user_gives_one_half() -> None:
    rng = np.random.default_rng(0)
    users = rng.integers(0, 50, 1_000)
    labels = rng.random(1_000) < 0.3
    result = compare_gauc(labels, users.astype(float), -users / 7, users)
    assert (result.gauc_baseline, result.gauc_treatment) == (0.5, 0.5)


def test_shuffled_rows_give_the_same_result() -> None:
    rng = np.random.default_rng(1)
    columns = (
        rng.random(2_000) < 0.4,
        rng.integers(0, 9, 2_000),
        rng.normal(size=2_000),
        rng.integers(0, 99, 2_000),
    )
    order = rng.permutation(2_000)
    shuffled = compare_gauc(*(column[order] for column in columns))
    original = compare_gauc(*columns)
    assert shuffled.gauc_baseline == pytest.approx(original.gauc_baseline, abs=1e-14)
    assert shuffled.gauc_treatment == pytest.approx(original.gauc_treatment, abs=1e-14)

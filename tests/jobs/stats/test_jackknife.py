"""The jackknife of users: against deleting them one by one, and on few and skewed users."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobs.stats.auc_difference import PairedComparison, compare
from jobs.stats.pooled_difference import PooledComparison, PooledDifference
from tests.oracles import jackknife, obuchowski
from tests.oracles.jackknife import Row

Columns = tuple[np.ndarray, ...]
scores_of_seeds = st.tuples(st.integers(0, 3), st.integers(0, 3))
tied_rows = st.lists(
    st.builds(Row, st.integers(0, 1), scores_of_seeds, scores_of_seeds, st.integers(0, 5)),
    min_size=1,
    max_size=12,
)


def pooled(dates: list[list[Row]], seeds: int = 2) -> PooledComparison:
    pool = PooledDifference()
    for rows in dates:
        pool.add(
            np.array([row.label for row in rows]),
            np.array([row.baseline[:seeds] for row in rows]).T,
            np.array([row.treatment[:seeds] for row in rows]).T,
            np.array([row.user for row in rows]),
        )
    return pool.result()


def of_first_seed(dates: list[list[Row]]) -> list[list[Row]]:
    return [
        [Row(row.label, row.baseline[:1], row.treatment[:1], row.user) for row in rows]
        for rows in dates
    ]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(tied_rows, min_size=1, max_size=3))
def test_equals_deleting_each_user(dates: list[list[Row]]) -> None:
    found = pooled(dates, seeds=1)
    dates = of_first_seed(dates)
    expected = jackknife.difference(dates)
    assume(expected is not None)
    assert expected is not None
    assert found.difference == pytest.approx(float(expected), abs=1e-15)
    assert found.effective_users == pytest.approx(jackknife.effective_users(dates))
    variance = jackknife.variance(dates)
    if variance is None:
        assert math.isnan(found.se)
    else:
        assert found.se**2 == pytest.approx(float(variance), abs=1e-14)
        assert (found.se == 0) == (variance == 0)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(tied_rows, min_size=1, max_size=3))
def test_the_mean_over_seeds_is_deleted_as_one(dates: list[list[Row]]) -> None:
    found = pooled(dates)
    expected, variance = jackknife.difference(dates), jackknife.variance(dates)
    assume(expected is not None)
    assert expected is not None
    assert found.difference == pytest.approx(float(expected), abs=1e-15)
    if variance is None:
        assert math.isnan(found.se)
    else:
        of_users = found.se**2 - found.se_seeds**2
        assert of_users == pytest.approx(float(variance), abs=1e-14)


def world(rng: np.random.Generator, users: np.ndarray, positives: int) -> Columns:
    """Two equally good scores with errors of users."""
    labels = np.zeros(users.size, dtype=int)
    labels[rng.choice(users.size, positives, replace=False)] = 1
    errors = rng.normal(size=(2, users.max() + 1))[:, users]
    first, second = labels + errors + rng.normal(size=(2, users.size))
    return labels, first, second, users


def by_obuchowski(*columns: np.ndarray) -> float:
    return obuchowski.standard_error([(columns[0], columns[1], columns[2], columns[3])])


def test_agrees_with_obuchowski_on_many_users() -> None:
    rng = np.random.default_rng(0)
    users = rng.integers(0, 5_000, 100_000)
    columns = world(rng, users, positives=10_000)
    assert compare(*columns).se == pytest.approx(by_obuchowski(*columns), rel=2e-4)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(tied_rows, min_size=1, max_size=3))
def test_the_reference_for_many_rows_equals_the_one_written_out(dates: list[list[Row]]) -> None:
    two_class = [rows for rows in dates if len({row.label for row in rows}) == 2]
    for label in (0, 1):
        users = {row.user for rows in two_class for row in rows if row.label == label}
        assume(len(users) > 1)
    plain = [
        [(row.label, row.baseline[0], row.treatment[0], row.user) for row in rows] for rows in dates
    ]
    columns = [
        (array[:, 0], array[:, 1], array[:, 2], array[:, 3]) for array in map(np.array, plain)
    ]
    _, variance = obuchowski.pooled_difference(plain, by_user=True)
    assert obuchowski.standard_error(columns) ** 2 == pytest.approx(max(variance, 0), abs=1e-12)


REGIMES = {
    "8 users": (np.arange(1_000) % 8, 300),
    "3 users": (np.arange(1_000) % 3, 300),
    "one user with 30 % of the rows": (np.maximum(np.arange(1_000) - 300, 0) // 10, 300),
    "one user with half of the rows": (np.maximum(np.arange(1_000) - 500, 0) // 10, 300),
}


@pytest.mark.parametrize("regime", REGIMES)
def test_covers_where_users_are_few_or_one_is_large(regime: str) -> None:
    users, positives = REGIMES[regime]
    rng = np.random.default_rng(1)
    covered, covered_before = [], []
    for _ in range(400):
        columns = world(rng, users, positives)
        found = compare(*columns)
        covered.append(found.ci_low <= 0 <= found.ci_high)
        covered_before.append(abs(found.difference) < 1.96 * by_obuchowski(*columns))
    assert np.mean(covered) >= 0.93
    assert np.mean(covered_before) < 0.92


def test_a_user_without_whom_no_pair_is_left_leaves_no_interval() -> None:
    result = compare([1, 1, 0, 0], [1, 2, 3, 0], [4, 2, 3, 0], ["a", "a", "b", "c"])
    assert not math.isnan(result.difference)
    assert math.isnan(result.se)
    assert (result.users_with_positive, result.users_with_negative) == (1, 2)


def test_rows_of_a_date_with_one_class_change_no_share() -> None:
    labels, baseline, treatment, users = world(np.random.default_rng(3), np.arange(50) % 12, 20)
    pool = PooledDifference()
    pool.add(labels, baseline, treatment, users)
    alone = pool.result()
    pool.add(np.ones(500), np.arange(500), np.arange(500), np.full(500, 3))
    assert shares(pool.result()) == shares(alone)


def shares(found: PairedComparison) -> tuple[float, float, int, int]:
    return (
        found.effective_users,
        found.largest_user_share,
        found.users_with_positive,
        found.users_with_negative,
    )

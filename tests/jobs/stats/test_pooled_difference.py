import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.stats.auc_difference import compare
from jobs.stats.pooled_difference import PooledComparison, PooledDifference
from tests.oracles.exact_auc import auc

Row = tuple[int, int, int, int]
tied_rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3), st.integers(0, 5)),
    min_size=2,
    max_size=14,
)
Columns = tuple[np.ndarray, ...]


def columns(rows: list[Row]) -> Columns:
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def pool(dates: list[Columns]) -> PooledComparison:
    pooled = PooledDifference()
    for date in dates:
        pooled.add(*date)
    return pooled.result()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tied_rows)
def test_a_single_date_gives_exactly_its_own_comparison(rows: list[Row]) -> None:
    pooled = dataclasses.asdict(pool([columns(rows)]))
    single = dataclasses.asdict(compare(*columns(rows)))
    two_class = len({row[0] for row in rows}) == 2
    assert (pooled.pop("dates"), pooled.pop("dates_skipped")) == (two_class, not two_class)
    assert pooled == pytest.approx(single, abs=0, rel=0, nan_ok=True)


def random_dates(seed: int, sizes: tuple[int, ...], users: int) -> list[Columns]:
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=users)
    dates: list[Columns] = []
    for rows in sizes:
        user = rng.integers(0, users, rows)
        label = (rng.random(rows) < 0.3).astype(int)
        baseline = rng.normal(size=rows) + label
        treatment = baseline + taste[user] * (label - 0.2) + rng.normal(size=rows)
        dates.append((label, baseline, treatment, user))
    return dates


def test_aucs_are_pair_weighted_means() -> None:
    dates = random_dates(0, (100, 300, 50), users=30)
    result = pool(dates)
    pairs = [labels.sum() * (1 - labels).sum() for labels, *_ in dates]
    for name, column in (("auc_baseline", 1), ("auc_treatment", 2)):
        daily = [auc(date[0], date[column]) for date in dates]
        assert getattr(result, name) == pytest.approx(np.average(daily, weights=pairs))
    assert result.difference == pytest.approx(result.auc_treatment - result.auc_baseline)
    assert (result.rows, result.users, result.dates) == (450, 30, 3)


def test_pairs_are_formed_within_a_date_only() -> None:
    labels, baseline, treatment, users = random_dates(1, (200,), users=20)[0]
    shifted = (labels, baseline + 100, treatment - 100, users)
    result = pool([(labels, baseline, treatment, users), shifted])
    single = compare(labels, baseline, treatment, users)
    assert result.difference == single.difference
    # The same users twice: a second, identical date brings no new information.
    assert result.se == pytest.approx(single.se, rel=1e-12)


def test_dates_without_shared_users_are_independent() -> None:
    first, second = random_dates(2, (400, 400), users=40)
    second = (*second[:3], second[3] + 1_000)
    together = pool([first, second]).se
    pairs = [date[0].sum() * (1 - date[0]).sum() for date in (first, second)]
    variances = [compare(*date).se ** 2 for date in (first, second)]
    weights = np.array(pairs) / sum(pairs)
    assert together == pytest.approx(math.sqrt(np.dot(weights**2, variances)), rel=0.04)


def test_clustered_error_agrees_with_a_bootstrap_of_users() -> None:
    users = 150
    dates = random_dates(3, (1_500, 700, 1_100), users)
    rng = np.random.default_rng(4)
    rows_of = [[np.flatnonzero(date[3] == user) for user in range(users)] for date in dates]
    differences = []
    for _ in range(600):
        drawn = rng.integers(0, users, users)
        taken = [np.concatenate([rows[user] for user in drawn]) for rows in rows_of]
        resampled = [
            tuple(column[rows] for column in date) for date, rows in zip(dates, taken, strict=True)
        ]
        differences.append(pool(resampled).difference)
    result = pool(dates)
    assert result.se == pytest.approx(np.std(differences), rel=0.12)
    by_row = [np.arange(date[3].size) + 10_000 * day for day, date in enumerate(dates)]
    rows_alone = pool([(*date[:3], row) for date, row in zip(dates, by_row, strict=True)])
    assert result.se > 1.5 * rows_alone.se


def test_a_date_with_one_class_is_counted_and_changes_no_estimate() -> None:
    dates = random_dates(5, (100, 100), users=10)
    quiet = (np.zeros(7, dtype=int), np.arange(7), -np.arange(7), np.arange(100, 107))
    plain = pool(dates)
    for position in range(3):
        result = pool([*dates[:position], quiet, *dates[position:]])
        expected = dataclasses.replace(plain, rows=207, users=17, dates_skipped=1)
        assert dataclasses.asdict(result) == pytest.approx(
            dataclasses.asdict(expected), rel=1e-12, nan_ok=True
        )


def test_only_dates_with_one_class_give_nan() -> None:
    result = pool([(np.ones(3), np.arange(3), np.arange(3), np.arange(3))] * 2)
    assert (result.rows, result.positives, result.users) == (6, 6, 3)
    assert (result.dates, result.dates_skipped) == (0, 2)
    assert math.isnan(result.difference)
    assert math.isnan(result.p_value)


def test_a_result_without_dates_is_refused() -> None:
    with pytest.raises(ValueError, match="no date was added"):
        PooledDifference().result()

import dataclasses
import math
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import t

from jobs.stats.auc_difference import PairedComparison, compare
from tests.oracles.exact_auc import auc

Row = tuple[int, int, int, int]
# label, baseline, treatment, user: few distinct scores and users give many ties and big clusters
tied_rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3), st.integers(0, 6)),
    min_size=2,
    max_size=24,
)


def columns(rows: list[Row]) -> tuple[np.ndarray, ...]:
    return tuple(np.array(column) for column in zip(*rows, strict=True))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tied_rows)
def test_point_estimates_interval_and_p_value_agree(rows: list[Row]) -> None:
    labels, baseline, treatment, users = columns(rows)
    assume(0 < labels.sum() < labels.size)
    result = compare(labels, baseline, treatment, users, level=0.9)
    assert result.auc_baseline == auc(labels, baseline)
    assert result.auc_treatment == auc(labels, treatment)
    assert result.difference == pytest.approx(result.auc_treatment - result.auc_baseline, abs=1e-15)
    assert (result.rows, result.positives) == (len(rows), labels.sum())
    assert result.users == len(set(users.tolist()))
    assume(result.se > 0)
    assert result.degrees == pytest.approx(max(result.effective_users - 1, 1))
    low, high = t.interval(0.9, result.degrees, loc=result.difference, scale=result.se)
    assert (result.ci_low, result.ci_high) == pytest.approx((low, high), abs=1e-12)
    of_t = abs(result.difference / result.se)
    assert result.p_value == pytest.approx(2 * t.sf(of_t, result.degrees))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tied_rows, st.randoms(use_true_random=False))
def test_row_order_id_type_and_monotone_transforms_change_nothing(
    rows: list[Row], random: Random
) -> None:
    labels, baseline, treatment, users = columns(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)
    labels_2, baseline_2, treatment_2, users_2 = columns(shuffled)
    names = np.array([f"user {user}" for user in users_2])
    original = compare(labels, baseline, treatment, users)
    changed = compare(labels_2, np.exp(baseline_2), 3.0 * treatment_2 - 7, names)
    assert_close(changed, original)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tied_rows)
def test_swapping_the_scores_flips_the_sign(rows: list[Row]) -> None:
    labels, baseline, treatment, users = columns(rows)
    forward = compare(labels, baseline, treatment, users)
    backward = compare(labels, treatment, baseline, users)
    assert_close(
        backward,
        dataclasses.replace(
            forward,
            auc_baseline=forward.auc_treatment,
            auc_treatment=forward.auc_baseline,
            difference=-forward.difference,
            ci_low=-forward.ci_high,
            ci_high=-forward.ci_low,
        ),
        abs=0,
    )


def assert_close(actual: PairedComparison, expected: PairedComparison, abs: float = 1e-9) -> None:
    assert dataclasses.asdict(actual) == pytest.approx(
        dataclasses.asdict(expected), abs=abs, rel=0, nan_ok=True
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tied_rows)
def test_scores_of_the_same_order_differ_by_exactly_nothing(rows: list[Row]) -> None:
    labels, baseline, _, users = columns(rows)
    assume(0 < labels.sum() < labels.size)
    result = compare(labels, baseline, np.exp(baseline), users)
    assume(not math.isnan(result.se))
    assert (result.difference, result.se) == (0.0, 0.0)
    assert (result.ci_low, result.ci_high, result.p_value) == (0.0, 0.0, 1.0)


def test_copying_each_row_within_its_user_leaves_the_clustered_error_alone() -> None:
    rng = np.random.default_rng(2)
    labels = rng.random(400) < 0.3
    once = labels, rng.normal(size=400), rng.normal(size=400) + labels, np.arange(400)
    tenfold = tuple(np.repeat(column, 10) for column in once)
    assert compare(*tenfold).se == pytest.approx(compare(*once).se, rel=1e-9)
    by_row = compare(*tenfold[:3], np.arange(4_000))
    assert by_row.se == pytest.approx(compare(*once).se / 10**0.5, rel=0.01)


@pytest.mark.parametrize("labels", [[], [0, 0, 0], [1, 1, 1]])
def test_one_class_gives_nan_and_keeps_the_counts(labels: list[int]) -> None:
    rows = len(labels)
    result = compare(labels, np.arange(rows), -np.arange(rows), np.arange(rows) // 2)
    assert (result.rows, result.positives, result.users) == (rows, sum(labels), (rows + 1) // 2)
    floats = [value for value in dataclasses.astuple(result) if isinstance(value, float)]
    assert len(floats) == 12
    assert all(math.isnan(value) for value in floats)
    assert (result.users_with_positive, result.users_with_negative) == (0, 0)


def test_one_user_gives_a_difference_without_an_error() -> None:
    result = compare([1, 1, 0, 0], [1, 2, 3, 0], [1, 4, 3, 0], ["a"] * 4)
    assert result.difference == 0.25
    assert all(
        math.isnan(value)
        for value in (result.se, result.ci_low, result.ci_high, result.p_value, result.degrees)
    )
    assert (result.effective_users, result.largest_user_share) == (1.0, 1.0)


def test_a_single_positive_row_gives_no_standard_error() -> None:
    result = compare([1, 0, 0], [1, 2, 3], [3, 2, 1], [1, 2, 3])
    assert result.difference == 1.0
    assert math.isnan(result.se)
    assert math.isnan(result.p_value)


def test_the_class_of_fewer_users_weighs_more_in_the_share_of_a_user() -> None:
    labels = np.array([1, 1, 0, 0, 0, 0])
    result = compare(labels, np.arange(6), -np.arange(6), ["a", "b", "b", "c", "c", "c"])
    of_positives, of_negatives = 1 / 4 + 1 / 4, 1 / 16 + 9 / 16
    shares = [of_positives / 2, of_positives / 2 + of_negatives / 4, of_negatives * 3 / 4]
    shares = [share / (of_positives + of_negatives) for share in shares]
    assert result.effective_users == pytest.approx(1 / sum(share**2 for share in shares))
    assert result.largest_user_share == pytest.approx(max(shares))
    assert (result.users_with_positive, result.users_with_negative) == (2, 2)


def test_ten_clicks_are_no_more_than_ten_effective_users() -> None:
    labels = np.zeros(5_000, dtype=int)
    labels[:10] = 1
    scores = np.random.default_rng(0).normal(size=(2, 5_000))
    result = compare(labels, *scores, np.arange(5_000) % 500)
    assert 10 < result.effective_users < 11


def test_users_of_equal_shares_all_count() -> None:
    labels = np.tile([1, 0, 0], 40)
    scores = np.random.default_rng(0).normal(size=(2, 120))
    result = compare(labels, *scores, np.arange(120) // 3)
    assert result.effective_users == pytest.approx(40)
    assert result.degrees == pytest.approx(39)


def test_a_difference_without_spread_has_a_p_value_of_zero() -> None:
    result = compare([1, 1, 0, 0], [1, 2, 3, 4], [4, 3, 2, 1], [1, 2, 3, 4])
    assert (result.difference, result.se, result.p_value) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 95.0, math.nan])
def test_level_must_lie_between_zero_and_one(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        compare([1, 0], [1, 2], [2, 1], [1, 2], level=level)

"""The ratio of two AUC differences: against its definition and against a bootstrap over users."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.stats.auc_difference import compare
from jobs.stats.estimate import difference_ratio

LEVEL = 0.95


def world(seed: int, users: int = 60, rows: int = 40) -> tuple[np.ndarray, ...]:
    """Labels, users and three scores: one without a signal, one with some of it, one with all."""
    generator = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), rows)
    signal = generator.standard_normal(user.size)
    labels = (generator.random(user.size) < 1 / (1 + np.exp(-1.5 * signal))).astype(np.int8)
    noise = generator.standard_normal((3, user.size))
    return labels, user, noise[0], 0.5 * signal + noise[1], signal + noise[2]


def ratio_of(labels, user, nothing, some, all_of_it):
    part = compare(labels, nothing, some, user)
    whole = compare(labels, nothing, all_of_it, user)
    remainder = compare(labels, some, all_of_it, user)
    return part, whole, difference_ratio(part, whole, remainder, LEVEL)


def test_it_agrees_with_a_bootstrap_over_users() -> None:
    labels, user, *scores = world(1)
    part, whole, found = ratio_of(labels, user, *scores)
    assert found.value == pytest.approx(part.difference / whole.difference)
    generator = np.random.default_rng(2)
    rows_of = [np.flatnonzero(user == one) for one in range(60)]
    drawn = []
    for _ in range(400):
        chosen = generator.integers(0, 60, 60)
        rows = np.concatenate([rows_of[one] for one in chosen])
        again = np.repeat(np.arange(60), 40)
        parts = [compare(labels[rows], scores[0][rows], each[rows], again) for each in scores[1:]]
        drawn.append(parts[0].difference / parts[1].difference)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.ci_low == pytest.approx(low, abs=0.05)
    assert found.ci_high == pytest.approx(high, abs=0.05)


@given(st.integers(0, 10_000))
def test_the_interval_holds_the_ratio_and_a_whole_is_all_of_itself(seed: int) -> None:
    labels, user, nothing, some, all_of_it = world(seed, users=12, rows=8)
    _, _, found = ratio_of(labels, user, nothing, some, all_of_it)
    if found.has_interval:
        assert found.ci_low <= found.value <= found.ci_high
    _, _, itself = ratio_of(labels, user, nothing, all_of_it, all_of_it)
    assert itself.value == pytest.approx(1)
    if itself.has_interval:
        assert (itself.ci_low, itself.ci_high) == pytest.approx((1, 1), abs=1e-6)


def test_without_a_whole_there_is_no_interval() -> None:
    labels, user, nothing, some, _ = world(3)
    noise = np.random.default_rng(4).standard_normal(labels.size)
    _, whole, found = ratio_of(labels, user, nothing, some, noise)
    assert whole.ci_low < 0 < whole.ci_high
    assert not math.isnan(found.value)
    assert not found.has_interval
    _, _, none = ratio_of(labels, user, nothing, some, nothing)
    assert math.isnan(none.value)


def test_intervals_cover_the_true_share() -> None:
    """The true share of large samples lies in about 95 % of the intervals of small ones."""
    *_, truth = ratio_of(*world(0, users=2_000, rows=60))
    inside = 0
    for seed in range(100, 300):
        *_, found = ratio_of(*world(seed, users=30, rows=20))
        inside += found.has_interval and found.ci_low <= truth.value <= found.ci_high
    assert inside >= 184

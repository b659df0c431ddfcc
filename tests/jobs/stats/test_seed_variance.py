"""Averaging over seeds, against each seed taken by itself."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from jobs.stats.auc_contributions import combine, contributions
from jobs.stats.auc_difference import compare
from jobs.stats.pooled_difference import PooledDifference
from jobs.stats.seed_variance import degrees_of_freedom, quantile, seed_spread, two_sided

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def make_day(seeds: int, rows: int = 200, seed: int = 0) -> Columns:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    baseline = random.normal(size=(seeds, rows)) + 0.5 * labels
    treatment = baseline + 0.3 * labels + random.normal(size=(seeds, rows))
    return labels, baseline, treatment, random.integers(0, 20, rows)


def test_contributions_are_the_means_over_seeds() -> None:
    labels, baseline, treatment, users = make_day(3)
    together = contributions(labels, baseline, treatment, users)
    alone = [contributions(labels, baseline[s], treatment[s], users) for s in range(3)]
    for name in ("positive_sums", "negative_sums"):
        expected = np.mean([getattr(one, name) for one in alone], axis=0)
        np.testing.assert_allclose(getattr(together, name), expected, atol=1e-9)
    for seed, one in enumerate(alone):
        expected = one.positive_sums + one.negative_sums
        np.testing.assert_allclose(together.seed_sums[seed], expected, atol=1e-9)
        assert together.doubled_wins_treatment[seed] == one.doubled_wins_treatment[0]


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_the_difference_is_the_mean_and_the_spread_that_of_the_seeds(seeds: int) -> None:
    labels, baseline, treatment, users = make_day(seeds)
    together = compare(labels, baseline, treatment, users)
    alone = [compare(labels, baseline[s], treatment[s], users).difference for s in range(seeds)]
    assert together.difference == pytest.approx(np.mean(alone), abs=1e-15)
    if seeds == 1:
        assert math.isnan(together.seed_sd)
        assert together.se_seeds == 0.0
    else:
        assert together.seed_sd == pytest.approx(np.std(alone, ddof=1))


def test_one_seed_is_the_same_bit_for_bit_as_no_seed() -> None:
    labels, baseline, treatment, users = make_day(1)
    with_axis = compare(labels, baseline, treatment, users)
    assert repr(with_axis) == repr(compare(labels, baseline[0], treatment[0], users))


def test_equal_seeds_count_as_one() -> None:
    labels, baseline, treatment, users = make_day(1)
    one = compare(labels, baseline, treatment, users)
    three = compare(labels, np.repeat(baseline, 3, 0), np.repeat(treatment, 3, 0), users)
    assert three.difference == pytest.approx(one.difference, abs=1e-15)
    assert three.se == pytest.approx(one.se)
    assert (three.seed_sd, three.se_seeds) == (0.0, 0.0)
    assert three.ci_low == pytest.approx(one.ci_low)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_same_scores_give_exactly_zero(seeds: int) -> None:
    labels, baseline, _, users = make_day(seeds)
    same = compare(labels, baseline, baseline, users)
    assert (same.difference, same.se, same.ci_low, same.ci_high) == (0.0, 0.0, 0.0, 0.0)
    assert same.p_value == 1.0


rows = st.lists(
    st.tuples(st.integers(0, 1), *[st.integers(0, 3)] * 6, st.integers(0, 4)),
    min_size=3,
    max_size=12,
)


@given(rows)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_variance_is_that_of_the_formula_written_out(drawn: list[tuple[int, ...]]) -> None:
    """Variance between seeds minus the part explained by users, from all pairs by loops."""
    positives = [row for row in drawn if row[0]]
    negatives = [row for row in drawn if not row[0]]
    assume(len({row[7] for row in positives}) > 1 and len({row[7] for row in negatives}) > 1)
    differences = []
    influence: dict[tuple[int, int], float] = {}
    for seed in range(3):

        def won(p: tuple[int, ...], n: tuple[int, ...], column: int) -> float:
            return (p[column] > n[column]) + 0.5 * (p[column] == n[column])

        gained = [[won(p, n, 4 + seed) - won(p, n, 1 + seed) for n in negatives] for p in positives]
        mean = float(np.mean(gained))
        differences.append(mean)
        for index, p in enumerate(positives):
            term = (np.mean(gained[index]) - mean) / len(positives)
            influence[seed, p[7]] = influence.get((seed, p[7]), 0.0) + term
        for index, n in enumerate(negatives):
            term = (np.mean([line[index] for line in gained]) - mean) / len(negatives)
            influence[seed, n[7]] = influence.get((seed, n[7]), 0.0) + term
    users = {row[7] for row in drawn}
    by_users = sum(
        (influence[seed, user] - np.mean([influence[other, user] for other in range(3)])) ** 2
        for seed in range(3)
        for user in users
    )
    expected = max(np.var(differences, ddof=1) - by_users / 2, 0.0) / 3

    columns = np.array(drawn)
    total = contributions(columns[:, 0], columns[:, 1:4].T, columns[:, 4:7].T, columns[:, 7])
    sd, se = seed_spread(total.differences, total.influence)
    assert sd == pytest.approx(np.std(differences, ddof=1), abs=1e-12)
    assert se**2 == pytest.approx(expected, abs=1e-12)


def test_pooling_keeps_the_seeds_apart() -> None:
    days = [make_day(3, rows=100 + 80 * seed, seed=seed) for seed in range(3)]
    pooled = PooledDifference()
    for day in days:
        pooled.add(*day)
    result = pooled.result()
    alone = []
    for seed in range(3):
        of_seed = PooledDifference()
        for labels, baseline, treatment, users in days:
            of_seed.add(labels, baseline[seed], treatment[seed], users)
        alone.append(of_seed.result().difference)
    assert result.difference == pytest.approx(np.mean(alone))
    assert result.seed_sd == pytest.approx(np.std(alone, ddof=1))


def test_numbers_of_seeds_must_agree() -> None:
    labels, baseline, treatment, users = make_day(3)
    with pytest.raises(ValueError, match="3 seeds, treatment has 2"):
        contributions(labels, baseline, treatment[:2], users)
    two = contributions(labels, baseline[:2], treatment[:2], users)
    with pytest.raises(ValueError, match="3 and 2 seeds"):
        combine(contributions(labels, baseline, treatment, users), two)


def test_few_seeds_widen_the_interval_and_many_do_not() -> None:
    assert degrees_of_freedom(2.0, 2.0, 3) == 2
    assert degrees_of_freedom(2.0, 1.0, 3) == 32
    assert degrees_of_freedom(2.0, 0.0, 3) == math.inf
    assert quantile(0.975, 2) == pytest.approx(t.ppf(0.975, 2))
    assert quantile(0.975, math.inf) == norm.ppf(0.975)
    assert quantile(0.975, 999_999) == pytest.approx(quantile(0.975, 1_000_001), rel=1e-5)
    assert two_sided(-2.0, 1, 4) == two_sided(4.0, 2, 4) == pytest.approx(2 * t.sf(2.0, 4))

"""Averaging over seeds, against each seed taken by itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from jobs.stats.auc_contributions import combine, contributions
from jobs.stats.auc_difference import compare
from jobs.stats.pooled_difference import PooledDifference
from jobs.stats.seed_variance import Part, combined, quantile, seed_spread, two_sided

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def make_day(seeds: int, rows: int = 200, seed: int = 0) -> Columns:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    baseline = random.normal(size=(seeds, rows)) + 0.5 * labels
    treatment = baseline + 0.3 * labels + random.normal(size=(seeds, rows))
    return labels, baseline, treatment, random.integers(0, 20, rows)


def test_contributions_of_seeds_are_those_of_each_alone() -> None:
    labels, baseline, treatment, users = make_day(3)
    together = contributions(labels, baseline, treatment, users)
    for seed in range(3):
        one = contributions(labels, baseline[seed], treatment[seed], users)
        assert together.lost_wins[seed].tolist() == one.lost_wins[0].tolist()
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


drawn_influence = st.lists(
    st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1)),
    min_size=1,
    max_size=5,
)


@given(drawn_influence, st.tuples(*[st.floats(-3, 3)] * 4))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_variance_is_that_of_the_formula_written_out(
    by_user: list[tuple[float, ...]], differences: tuple[float, ...]
) -> None:
    """The variance over seeds less the part that users explain."""
    mean = sum(differences) / 4
    squares = sum((one - mean) ** 2 for one in differences)
    of_users = sum((one - sum(user) / 4) ** 2 for user in by_user for one in user)
    sd, [part] = seed_spread(np.array(differences), np.array(by_user).T)
    assert sd == pytest.approx(math.sqrt(squares / 3), abs=1e-12)
    assert part.variance == pytest.approx(max(squares - of_users, 0) / 3 / 4, abs=1e-12)
    assert part.mean_square == pytest.approx(squares / 3 / 4, abs=1e-12)
    assert part.degrees == 3

    _, [part] = seed_spread(np.array(differences), np.array(by_user).T, fits=4)
    assert part.variance == pytest.approx(max(squares - of_users, 0) * 3 / 4, abs=1e-12)
    assert part.mean_square == pytest.approx(squares * 3 / 4, abs=1e-12)
    assert part.degrees == 3


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
    assert combined([Part(0.0, 1e12), Part(4.0, 2)]) == (2.0, 2)
    assert combined([Part(3.0, 1e12), Part(1.0, 2)]) == pytest.approx((2.0, 32))
    assert combined([Part(4.0, 9), Part(0.0, 2)]) == pytest.approx((2.0, 9))
    assert combined([Part(0.0, 9), Part(0.0, 2)]) == (0.0, 2)
    assert all(math.isnan(value) for value in combined([Part(math.nan, 9), Part(1.0, 2)]))
    assert quantile(0.975, 2) == pytest.approx(t.ppf(0.975, 2))
    assert quantile(0.975, math.inf) == norm.ppf(0.975)
    assert quantile(0.975, 999_999) == pytest.approx(quantile(0.975, 1_000_001), rel=1e-5)
    assert two_sided(-2.0, 1, 4) == two_sided(4.0, 2, 4) == pytest.approx(2 * t.sf(2.0, 4))


def test_a_variance_left_by_a_subtraction_is_as_uncertain_as_before_it() -> None:
    whole, left = Part(1.0, 2), Part(1.0, 2, mean_square=2.0)
    assert combined([Part(3.0, 1e12), left])[1] == pytest.approx(32 / 4)
    assert combined([Part(3.0, 1e12), left])[0] == combined([Part(3.0, 1e12), whole])[0]
    # Nothing left adds nothing, and no estimate has fewer degrees than its least certain part.
    assert combined([Part(4.0, 9), Part(0.0, 2, mean_square=2.0)]) == pytest.approx((2.0, 9))
    assert combined([Part(0.0, 9), Part(1.0, 2, mean_square=9.0)]) == pytest.approx((1.0, 2))

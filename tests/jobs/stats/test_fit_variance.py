"""Rankers fitted without one of several groups of users: how far other users would move them."""

import numpy as np
import pytest

from jobs.stats.auc_contributions import combine, contributions
from jobs.stats.auc_difference import compare
from jobs.stats.pooled_difference import PooledDifference
from jobs.stats.seed_variance import seed_spread

FIT_USERS, SD_OF_USERS, SD_OF_SEEDS = 200, 1.0, 0.05
NO_USERS = 1


def fitted(rng: np.random.Generator, groups: int, repetitions: int) -> np.ndarray:
    """Slopes fitted without each group, in the order of seeds: a mean over fit users, and noise.

    A slope fitted to all users has a variance of SD_OF_USERS**2 / FIT_USERS over fit samples.
    """
    of_user = rng.normal(scale=SD_OF_USERS, size=FIT_USERS)
    group = rng.integers(0, groups, FIT_USERS)
    without = [of_user[group != left_out].mean() for left_out in range(groups)]
    noise = rng.normal(scale=SD_OF_SEEDS, size=(repetitions, groups))
    return np.asarray((without + noise).ravel())


def variance_of(slopes: np.ndarray, groups: int) -> float:
    influence = np.zeros((slopes.size, NO_USERS))
    return sum(part.variance for part in seed_spread(slopes, influence, groups)[1])


@pytest.mark.parametrize(("groups", "repetitions"), [(5, 4), (8, 2), (20, 3)])
def test_the_variance_over_fit_samples_and_seeds_is_the_true_one(
    groups: int, repetitions: int
) -> None:
    rng = np.random.default_rng(0)
    worlds = [fitted(rng, groups, repetitions) for _ in range(3_000)]
    estimated = np.mean([variance_of(slopes, groups) for slopes in worlds])
    spread = np.var([slopes.mean() for slopes in worlds])
    known = SD_OF_USERS**2 / FIT_USERS + SD_OF_SEEDS**2 / (groups * repetitions)
    assert spread == pytest.approx(known, rel=0.08)
    # Groups of a few users differ in size, which adds a few per cent.
    assert known * 0.95 < estimated < known * 1.25


def test_one_fit_a_group_counts_the_noise_of_seeds_in_full_and_more() -> None:
    rng = np.random.default_rng(1)
    estimated = np.mean([variance_of(fitted(rng, 5, 1), 5) for _ in range(3_000)])
    assert estimated > SD_OF_USERS**2 / FIT_USERS + SD_OF_SEEDS**2 * 4**2 / 5


def test_plain_repetitions_do_not_see_the_fit_users() -> None:
    """What the groups are for: the spread over seeds alone is many times too small."""
    rng = np.random.default_rng(2)
    of_fit = SD_OF_USERS**2 / FIT_USERS
    slopes = [rng.normal() * of_fit**0.5 + rng.normal(size=5) * SD_OF_SEEDS for _ in range(2_000)]
    assert np.mean([variance_of(slope, 0) for slope in slopes]) < of_fit / 5


def test_parts_and_degrees() -> None:
    influence = np.zeros((10, NO_USERS))
    _, parts = seed_spread(np.arange(10.0), influence, 5)
    assert [part.degrees for part in parts] == [5, 4]
    # Both seeds of a group are 5 apart: a variance of 12.5 within. Groups are 1 apart, of which
    # 12.5 / 2 would come from seeds, more than there is.
    assert parts[0].variance == pytest.approx(12.5 / 10)
    assert parts[1].variance == 0.0
    _, [part] = seed_spread(np.arange(5.0), influence[:5], 5)
    assert (part.variance, part.degrees) == (pytest.approx(2.5 * 16 / 5), 4)


def slope_world(rng: np.random.Generator) -> tuple[bool, bool]:
    """A feature whose slope is fitted to some users, and is right for as many users as wrong.

    Returns:
        Whether the interval of its gain, 0 over all fit samples, covers 0, with the fits and with
        the same scores taken as plain repetitions.
    """
    groups, fit_users, users, rows = 5, 100, 150, 6
    group = np.arange(fit_users) % groups
    preference = 0.5 * rng.normal(size=fit_users)
    slopes = np.array([preference[group != left_out].mean() for left_out in range(groups)])
    labels = (rng.random(users * rows) < 0.3).astype(int)
    baseline = np.repeat(rng.normal(size=(1, labels.size)), groups, 0)
    feature = rng.normal(size=labels.size) + labels
    columns = labels, baseline, baseline + slopes[:, None] * feature, np.arange(labels.size) // rows
    with_fits, plain = compare(*columns, fits=groups), compare(*columns)
    return with_fits.ci_low <= 0 <= with_fits.ci_high, plain.ci_low <= 0 <= plain.ci_high


def test_a_slope_fitted_by_chance_is_no_finding() -> None:
    rng = np.random.default_rng(3)
    with_fits, plain = np.mean([slope_world(rng) for _ in range(400)], axis=0)
    assert with_fits >= 0.93
    assert plain < 0.6


def test_fits_must_leave_out_each_group_equally_often() -> None:
    labels, scores = np.array([1, 0, 1, 0]), np.arange(12.0).reshape(3, 4)
    for fits in (1, 2, 4, -3):
        with pytest.raises(ValueError, match="equally often"):
            contributions(labels, scores, scores, np.arange(4), fits=fits)
    three = contributions(labels, scores, scores, np.arange(4), fits=3)
    assert combine(three, three).fits == 3
    with pytest.raises(ValueError, match="of 3 and of 0 groups"):
        combine(three, contributions(labels, scores, scores, np.arange(4)))


def test_days_keep_their_fits() -> None:
    rng = np.random.default_rng(4)
    pool = PooledDifference()
    for _ in range(2):
        labels, users = rng.integers(0, 2, 200), rng.integers(0, 30, 200)
        baseline = rng.normal(size=(4, 200))
        pool.add(labels, baseline, baseline + rng.normal(size=(4, 200)), users, fits=4)
    found = pool.result()
    assert found.se_seeds > 0
    assert found.se > found.se_seeds

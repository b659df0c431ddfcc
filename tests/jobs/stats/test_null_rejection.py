"""How often true nulls are called significant: the reason to cluster by user."""

import numpy as np
import pytest

from jobs.stats.auc_difference import compare
from jobs.stats.pooled_difference import PooledDifference

WORLDS = 2_000
USERS = 120
ROWS_A_USER = 25


def world(rng: np.random.Generator, users: np.ndarray) -> tuple[np.ndarray, ...]:
    """Draw labels and two scores that are exchangeable, so their true AUCs are equal.

    Each user has a click rate, and each score an error for each user.
    """
    appetite, first_error, second_error = rng.normal(size=(3, USERS))
    relevance, first_noise, second_noise = rng.normal(size=(3, users.size))
    logit = 1.5 * appetite[users] + relevance - 1
    labels = rng.random(users.size) < 1 / (1 + np.exp(-logit))
    first = relevance + 0.7 * first_error[users] + first_noise
    second = relevance + 0.7 * second_error[users] + second_noise
    return labels, first, second, users


def test_clustering_by_user_keeps_the_nominal_rate() -> None:
    rng = np.random.default_rng(20250806)
    users = np.repeat(np.arange(USERS), ROWS_A_USER)
    rows = np.arange(users.size)
    worlds = [world(rng, users) for _ in range(WORLDS)]
    results = [compare(*columns) for columns in worlds]
    by_rows = np.mean([compare(*columns[:3], rows).p_value < 0.05 for columns in worlds[::4]])
    by_users = np.mean([result.p_value < 0.05 for result in results])
    covered = np.mean([result.ci_low <= 0 <= result.ci_high for result in results])
    assert 0.03 < by_users < 0.07
    assert by_rows > 0.15
    assert covered == pytest.approx(1 - by_users)
    # The standard error is right on average, not only at the 5 % point.
    spread = np.std([result.difference for result in results])
    assert np.mean([result.se for result in results]) == pytest.approx(spread, rel=0.06)


@pytest.mark.slow
def test_pooling_accounts_for_returning_users() -> None:
    rng = np.random.default_rng(7)
    users = np.repeat(np.arange(USERS), ROWS_A_USER)
    date_of_row = np.tile(np.arange(ROWS_A_USER) % 3, USERS)
    pooled_rejects, independent_rejects = [], []
    for _ in range(WORLDS // 2):
        columns = world(rng, users)
        pooled = PooledDifference()
        variance_sum = 0.0
        for date in range(3):
            rows = [column[date_of_row == date] for column in columns]
            pooled.add(*rows)
            variance_sum += compare(*rows).se ** 2
        result = pooled.result()
        pooled_rejects.append(result.p_value < 0.05)
        independent_rejects.append(abs(result.difference) > 1.96 * np.sqrt(variance_sum) / 3)
    assert 0.03 < np.mean(pooled_rejects) < 0.07
    assert np.mean(independent_rejects) > 0.12


def null_of_seeds(
    rng: np.random.Generator, users: np.ndarray, of_seed: float, of_users: float, of_ranker: float
) -> tuple[np.ndarray, ...]:
    """Draw labels and two scores of three seeds each, exchangeable as above.

    Errors come partly from each seed (of_seed) and are partly shared by all seeds (of_users). A
    ranker as a whole may also be better or worse by chance (of_ranker).
    """
    appetite = rng.normal(size=USERS)
    relevance = rng.normal(size=users.size)
    labels = rng.random(users.size) < 1 / (1 + np.exp(-(1.5 * appetite[users] + relevance - 1)))

    def scores() -> np.ndarray:
        shared = of_users * rng.normal(size=USERS)[users] + rng.normal(size=users.size)
        by_seed = rng.normal(size=(3, USERS))[:, users] + rng.normal(size=(3, users.size))
        weight = np.exp(of_ranker * rng.normal(size=(3, 1)))
        return np.asarray(relevance + of_seed * by_seed + weight * shared)

    return labels, scores(), scores(), users


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of_seed", "of_users", "of_ranker"),
    [(1.0, 0.0, 0.0), (0.5, 0.7, 0.1), (0.0, 0.7, 0.0), (0.1, 0.3, 0.4)],
)
def test_the_interval_over_seeds_covers_a_true_null(
    of_seed: float, of_users: float, of_ranker: float
) -> None:
    rng = np.random.default_rng(17)
    users = np.repeat(np.arange(USERS), 10)
    worlds = [null_of_seeds(rng, users, of_seed, of_users, of_ranker) for _ in range(500)]
    results = [compare(*world) for world in worlds]
    covered = np.mean([result.ci_low <= 0 <= result.ci_high for result in results])
    assert 0.92 < covered < 0.98
    assert np.mean([result.p_value >= 0.05 for result in results]) == pytest.approx(covered)


def test_without_the_spread_over_seeds_the_interval_is_too_narrow() -> None:
    rng = np.random.default_rng(17)
    users = np.repeat(np.arange(USERS), 10)
    missed = []
    for _ in range(300):
        result = compare(*null_of_seeds(rng, users, 0.1, 0.3, 0.4))
        of_users = np.sqrt(result.se**2 - result.se_seeds**2)
        missed.append(abs(result.difference) > 1.96 * of_users)
    assert np.mean(missed) > 0.12

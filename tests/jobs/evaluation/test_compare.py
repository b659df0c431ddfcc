"""Two scores as arrays, compared without a lake."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jobs.evaluation.compare import compare_scores
from jobs.stats.auc_difference import compare
from jobs.stats.pooled_difference import PooledDifference

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def make_rows(rows: int = 600, seeds: int = 2) -> Columns:
    """Return labels, users, baseline and treatment; scores are probabilities."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, rows)
    baseline = random.normal(size=(seeds, rows)) + 0.3 * labels
    treatment = baseline + 0.5 * labels + random.normal(size=(seeds, rows))
    users = random.integers(0, 40, rows)
    return labels, users, 1 / (1 + np.exp(-baseline)), 1 / (1 + np.exp(-treatment))


@pytest.mark.parametrize("text", [False, True], ids=["integer users", "string users"])
def test_figures_are_those_of_the_comparison(text: bool) -> None:
    labels, users, baseline, treatment = make_rows()
    ids = [f"user {user}" for user in users] if text else users
    found = compare_scores(labels, ids, baseline, treatment)
    expected = compare(labels, baseline, treatment, users)
    assert (found.lis, found.lis_ci_low, found.lis_ci_high) == (
        expected.difference,
        expected.ci_low,
        expected.ci_high,
    )
    assert (found.rows, found.users, found.dates) == (600, expected.users, 1)
    assert found.verdict == "worth aligning"
    assert found.gauc_leaked > found.gauc_baseline
    assert found.logloss_delta != 0
    for name in ("lis_seen", "memorisation", "coverage", "placebo", "unleaked_gain"):
        assert math.isnan(getattr(found, name)), name
    assert found.slices == ()


def test_rows_of_different_days_form_no_pairs() -> None:
    labels, users, baseline, treatment = make_rows()
    days = np.resize(["2026-01-02", "2026-01-01", "2026-01-03"], 600)
    found = compare_scores(labels, users, baseline, treatment, days=days)
    pooled = PooledDifference()
    for day in sorted(set(days)):
        rows = days == day
        pooled.add(labels[rows], baseline[:, rows], treatment[:, rows], users[rows])
    expected = pooled.result()
    assert (found.lis, found.lis_se, found.dates) == (expected.difference, expected.se, 3)


def test_slices_keep_the_most_frequent_values() -> None:
    labels, users, baseline, treatment = make_rows()
    device = np.where(np.arange(600) % 3 == 0, "phone", "desk")
    rare = np.where(np.arange(600) < 300, "a", np.arange(600).astype(str))
    found = compare_scores(labels, users, baseline, treatment, slices={"device": device, "x": rare})
    sizes = {(part.name, part.value): part.rows for part in found.slices}
    assert sizes["device", "phone"] == 200
    assert sizes["x", "a"] == 300
    assert sum(rows for (name, _), rows in sizes.items() if name == "x") == 600
    assert len(sizes) <= 2 + 9


def test_one_seed_needs_no_axis_and_scores_need_not_be_probabilities() -> None:
    labels, users, baseline, treatment = make_rows(seeds=1)
    logits = np.log(baseline[0] / (1 - baseline[0])), np.log(treatment[0] / (1 - treatment[0]))
    found = compare_scores(labels, users, *logits)
    as_probabilities = compare_scores(labels, users, baseline, treatment)
    assert found.lis == as_probabilities.lis
    assert math.isnan(found.logloss_delta)
    assert not math.isnan(as_probabilities.logloss_delta)


@pytest.mark.parametrize(
    ("columns", "days", "message"),
    [
        (([], [], [], []), None, "no rows to compare"),
        (([0, 1], [1], [0.1, 0.2], [0.1, 0.2]), None, "users have 1 rows"),
        (([0, 1], [1, 2], [0.1, 0.2], [0.1]), None, r"treatment has shape \(1, 1\)"),
        (([0, 2], [1, 2], [0.1, 0.2], [0.1, 0.2]), None, "labels must be 0 or 1"),
        (([0, 1], [1, None], [0.1, 0.2], [0.1, 0.2]), None, "null"),
        (([0, 1], [1, 2], [0.1, 0.2], [0.1, math.nan]), None, "NaN"),
        (([0, 1], [1, 2], [0.1, 0.2], [0.1, 0.2]), [1], r"days have shape \(1,\)"),
    ],
)
def test_columns_that_cannot_be_compared_are_refused(
    columns: Columns, days: list[int] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compare_scores(*columns, days=days)

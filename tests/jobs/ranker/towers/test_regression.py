"""Penalised regressions, against a general optimiser, and which model is chosen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from jobs.ranker.towers import regression
from jobs.ranker.towers.regression import Minimum, RegressionRows, cross_validated

Floats = NDArray[np.float64]


def rows_of(base: Floats, labels: Floats, users: int = 20) -> RegressionRows:
    return RegressionRows(torch.tensor(base), torch.tensor(labels), torch.arange(len(base)) % users)


@given(
    seed=st.integers(0, 99),
    penalty=st.sampled_from(regression.PENALTIES),
    width=st.integers(1, 5),
    knows_curvature=st.booleans(),
    reverses=st.booleans(),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_regression_minimises_its_loss(
    seed: int, penalty: float, width: int, knows_curvature: bool, reverses: bool
) -> None:
    """The reference is a general optimiser on the same loss, in the same limits."""
    generator = np.random.default_rng(seed)
    rows = 60
    columns, base = generator.normal(size=(rows, width)), generator.normal(size=rows)
    labels = (generator.random(rows) < 1 / (1 + np.exp(3 * base * reverses))).astype(float)
    design = np.column_stack([columns, base, np.ones(rows)])
    ridge = np.array([penalty * rows] * width + [1, 1])

    def loss(weights: Floats) -> float:
        logits = base + design @ weights
        fit = np.logaddexp(0, logits).sum() - labels @ logits
        return float(fit + (ridge * weights**2).sum() / 2)

    def gradient(weights: Floats) -> Floats:
        slope: Floats = 1 / (1 + np.exp(-(base + design @ weights))) - labels
        return slope @ design + ridge * weights

    limits = [(None, None)] * width + [(regression.SMALLEST_SCALE - 1, None), (None, None)]
    expected = minimize(
        loss,
        np.zeros(width + 2),
        jac=gradient,
        method="L-BFGS-B",
        bounds=limits,
        options={"gtol": 1e-9, "ftol": 1e-15},
    ).x
    nothing = torch.zeros(width + 2, dtype=torch.float64)
    # The curvature of other rows is out of date, and must not change where the minimum is.
    other = generator.normal(size=(rows, width + 2))
    curvature = torch.tensor(other.T @ other / rows) if knows_curvature else None
    found = regression._minimum(
        torch.tensor(design), rows_of(base, labels), penalty, Minimum(nothing, curvature)
    ).weights.numpy()
    assert loss(found) <= loss(expected) + 1e-6
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert not reverses or found[width] == regression.SMALLEST_SCALE - 1


@pytest.mark.parametrize(("users", "is_used"), [(300, True), (1, False)])
def test_columns_need_a_gain_beyond_the_standard_error_over_users(
    users: int, is_used: bool
) -> None:
    """The rows of a single user show no standard error, so that nothing is learnt from them."""
    generator = np.random.default_rng(0)
    column, base = generator.normal(size=(300, 1)), np.zeros(300)
    labels = (generator.random(300) < 1 / (1 + np.exp(-2 * column[:, 0]))).astype(float)
    rows = rows_of(base, labels, users)
    candidates = cross_validated(torch.tensor(column), rows, torch.arange(300) // 75)
    everything = torch.ones(300, dtype=torch.bool)
    assert len(candidates.fit(rows, everything).weights) == 2 + is_used


def test_a_gain_that_one_user_makes_is_not_enough() -> None:
    """All users but one lose a little by the model; that one gains more than they lose."""
    gains = torch.full((100,), -0.02, dtype=torch.float64)
    gains[7] = 10
    losses = torch.zeros(100, dtype=torch.float64)
    assert not regression.is_better(losses, losses + gains, torch.arange(100))
    spread = gains.mean().expand(100) + 0.1 * (-1) ** torch.arange(100)
    assert regression.is_better(losses, losses + spread, torch.arange(100))


def test_rows_that_are_left_out_do_not_reach_the_fit() -> None:
    generator = np.random.default_rng(2)
    columns = torch.tensor(generator.normal(size=(400, 3)))
    base = generator.normal(size=400)
    labels = (generator.random(400) < 1 / (1 + np.exp(-base - 2 * columns[:, 0].numpy()))) * 1.0
    rows, kept = rows_of(base, labels), torch.arange(400) % 20 > 2
    candidates = cross_validated(columns, rows, torch.arange(400) // 100)
    found = candidates.fit(rows, kept).weights
    changed = base.copy(), labels.copy()
    changed[0][~kept], changed[1][~kept] = 5, 1 - labels[~kept]
    assert torch.equal(candidates.fit(rows_of(*changed), kept).weights, found)
    part = RegressionRows(rows.base[kept], rows.labels[kept], rows.users[kept])
    design = torch.column_stack([columns, rows.base, torch.ones(400)])[kept].double()
    nothing = Minimum(torch.zeros(5, dtype=torch.float64))
    alone = regression._minimum(design, part, candidates.penalty, nothing).weights
    np.testing.assert_allclose(found, alone, atol=1e-6)


def test_unchanged_logits_are_the_base_bit_for_bit() -> None:
    base = torch.tensor([0.1, -3.7e-9, 12.3], dtype=torch.float64)
    rows = RegressionRows(
        base, torch.ones(3, dtype=torch.float64), torch.zeros(3, dtype=torch.long)
    )
    columns = torch.ones(3, 2, dtype=torch.float64)
    candidates = cross_validated(columns, rows, torch.arange(3))
    found = candidates.fit(rows, torch.ones(3, dtype=torch.bool))
    assert torch.equal(found.logits(columns, base), base)

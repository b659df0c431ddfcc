"""Towers on frozen rankers, against a general optimiser and known gains."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import log_loss, roc_auc_score

from jobs.ranker.scoring.frozen_forward import FrozenRows
from jobs.ranker.towers import probe_towers as probe
from jobs.ranker.towers.probe_towers import Towers

Floats = NDArray[np.float64]
ROWS = 4_000


def world(seed: int, rows: int = ROWS, hidden: int = 6) -> tuple[FrozenRows, Floats]:
    """Rows of a ranker that lacks one feature, and that feature, (rows,)."""
    generator = np.random.default_rng(seed)
    known, missed = generator.normal(size=(2, rows))
    labels = generator.random(rows) < 1 / (1 + np.exp(-(known + missed)))
    layers = np.column_stack([known, generator.normal(size=(rows, hidden - 1))])
    frozen = FrozenRows(*(torch.tensor(x, dtype=torch.float32) for x in (layers, known, labels)))
    return frozen, missed


def inputs_of(*variants: Floats) -> torch.Tensor:
    """Standardised columns of variants, (variants, rows, width)."""
    columns = np.stack([v.reshape(len(v), -1) for v in variants])
    columns = columns - columns.mean(axis=1, keepdims=True)
    spread = columns.std(axis=1, keepdims=True)
    return torch.tensor(columns / np.where(spread > 0, spread, 1), dtype=torch.float32)


def scores(rows: FrozenRows, columns: torch.Tensor) -> Floats:
    towers = Towers(rows)
    return towers.score(towers.fit(columns), rows, columns)[0]


@pytest.mark.parametrize("seed", range(3))
def test_a_missing_feature_adds_auc_and_noise_does_not(seed: int) -> None:
    rows, missed = world(seed)
    noise = np.random.default_rng([seed, 1]).normal(size=ROWS)
    baseline, leaked, placebo = scores(rows, inputs_of(np.zeros(ROWS), missed, noise))
    labels = rows.labels.numpy()
    best = roc_auc_score(labels, rows.logits.numpy() + missed)
    assert roc_auc_score(labels, leaked) == pytest.approx(best, abs=0.002)
    assert roc_auc_score(labels, leaked) > roc_auc_score(labels, baseline) + 0.03
    assert abs(roc_auc_score(labels, placebo) - roc_auc_score(labels, baseline)) < 0.002


def test_a_feature_of_the_hidden_layer_adds_nothing() -> None:
    rows, _ = world(5)
    known = rows.hidden[:, 0].double().numpy()
    baseline, repeated = scores(rows, inputs_of(np.zeros(ROWS), known))
    labels = rows.labels.numpy()
    assert roc_auc_score(labels, repeated) == pytest.approx(
        roc_auc_score(labels, baseline), abs=0.0005
    )


def test_columns_of_zeros_give_the_baseline_bit_for_bit() -> None:
    rows, missed = world(6)
    nothing = np.zeros(ROWS)
    first, second, _ = scores(rows, inputs_of(nothing, nothing, missed))
    assert np.array_equal(first, second)
    alone = scores(rows, inputs_of(nothing))[0]
    assert np.array_equal(first, alone)


def test_the_same_rows_give_the_same_bits() -> None:
    rows, missed = world(7)
    assert np.array_equal(scores(rows, inputs_of(missed)), scores(rows, inputs_of(missed)))


@given(seed=st.integers(0, 99), penalty=st.sampled_from(probe.PENALTIES), width=st.integers(1, 5))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_regression_minimises_its_loss(seed: int, penalty: float, width: int) -> None:
    """The reference is a general optimiser on the same loss."""
    generator = np.random.default_rng(seed)
    rows = 60
    columns, base = generator.normal(size=(rows, width)), generator.normal(size=rows)
    labels = (generator.random(rows) < 0.4).astype(float)
    design = np.column_stack([columns, base, np.ones(rows)])
    ridge = np.array([penalty * rows] * width + [1, 1])

    def loss(weights: Floats) -> float:
        probability = 1 / (1 + np.exp(-(base + design @ weights)))
        fit = log_loss(labels, probability, normalize=False, labels=[0, 1])
        return float(fit + (ridge * weights**2).sum() / 2)

    expected = minimize(loss, np.zeros(width + 2), method="BFGS", options={"gtol": 1e-6}).x
    found = probe._minimum(
        torch.tensor(design),
        torch.tensor(base),
        torch.tensor(labels),
        penalty,
        torch.zeros(width + 2, dtype=torch.float64),
    ).numpy()
    assert loss(found) <= loss(expected) + 1e-6
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_few_rows_can_be_fitted(rows: int) -> None:
    frozen, missed = world(8, rows)
    found = scores(frozen, inputs_of(missed, np.zeros(rows)))
    assert np.isfinite(found).all()
    assert ((found > 0) & (found < 1)).all()


def test_rows_of_a_single_label_can_be_fitted() -> None:
    rows, missed = world(9, 200)
    rows = FrozenRows(rows.hidden, rows.logits, torch.zeros_like(rows.labels))
    assert np.isfinite(scores(rows, inputs_of(missed))).all()


def test_a_ranker_without_a_hidden_layer_can_be_probed() -> None:
    rows, missed = world(10)
    bare = FrozenRows(rows.hidden[:, :0], rows.logits, rows.labels)
    baseline, leaked = scores(bare, inputs_of(np.zeros(ROWS), missed))
    labels = rows.labels.numpy()
    assert roc_auc_score(labels, leaked) > roc_auc_score(labels, baseline) + 0.03

"""The daily update of the wide part against independent minimisation and logistic regression."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from torch import nn

from jobs.ranker.model.item_vectors import VectorHead
from jobs.ranker.model.wide_and_deep import WideAndDeep
from jobs.ranker.training import wide_update
from jobs.ranker.training.wide_update import (
    GATE_MEMORY,
    WEIGHTS_MEMORY,
    update_vector_gates,
    update_wide,
)

WIDTH = 4
TRUE_WEIGHTS = np.array([1.0, -0.5, 0.8, 0.0])
Floats = NDArray[np.float64]


def untrained() -> WideAndDeep:
    return WideAndDeep(nn.Identity(), WIDTH, deep_reads_statistics=False)


def drawn(
    seed: int, rows: int = 3000, deep: float = 1.0, bias: float = -1.0
) -> tuple[NDArray[np.float32], Floats, Floats]:
    """Statistics, a deep logit that labels follow with weight ``deep``, and labels."""
    generator = np.random.default_rng(seed)
    statistics = generator.normal(size=(rows, WIDTH)).astype(np.float32)
    deep_logits = generator.normal(size=rows)
    chances = expit(statistics @ TRUE_WEIGHTS + deep * deep_logits + bias)
    return statistics, deep_logits, (generator.random(rows) < chances).astype(np.float64)


def minimum(design: Floats, labels: Floats, mean: Floats, precision: Floats) -> Floats:
    """Mode of the posterior by a general minimiser."""

    def loss(at: Floats) -> tuple[float, Floats]:
        signs = 1 - 2 * labels
        value = np.logaddexp(0, signs * (design @ at)).sum()
        penalty = (at - mean) @ precision @ (at - mean) / 2
        gradient = design.T @ (expit(design @ at) - labels) + precision @ (at - mean)
        return float(value + penalty), gradient

    found = minimize(loss, mean, jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-9})
    return np.asarray(found.x)


def design_of(statistics: NDArray[np.float32], deep_logits: Floats) -> Floats:
    return np.column_stack([statistics.astype(np.float64), deep_logits, np.ones(len(statistics))])


@pytest.mark.parametrize("rows", [1, 30, 3000])
def test_the_mode_is_that_of_an_independent_minimisation(rows: int) -> None:
    network = untrained()
    kept = np.sqrt([WEIGHTS_MEMORY] * WIDTH + [GATE_MEMORY, WEIGHTS_MEMORY])
    for seed in (1, 2):
        statistics, deep_logits, labels = drawn(seed, rows)
        mean, precision = network.wide.numpy().copy(), network.precision.numpy().copy()
        prior = precision * np.outer(kept, kept)
        design = design_of(statistics, deep_logits)
        expected = minimum(design, labels, mean, prior)
        update_wide(network, statistics, deep_logits, labels)
        np.testing.assert_allclose(network.wide.numpy(), expected, atol=2e-6)
        chances = expit(design @ network.wide.numpy())
        curvature = (design * (chances * (1 - chances))[:, None]).T @ design
        np.testing.assert_allclose(network.precision.numpy(), prior + curvature, rtol=1e-9)


def test_two_days_equal_one_joint_fit_where_nothing_fades(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the error of Laplace's approximation, far less than a standard error."""
    monkeypatch.setattr(wide_update, "WEIGHTS_MEMORY", 1.0)
    monkeypatch.setattr(wide_update, "GATE_MEMORY", 1.0)
    days = [drawn(1), drawn(2)]
    network, joint = untrained(), untrained()
    for day in days:
        update_wide(network, *day)
    statistics, deep_logits, labels = (np.concatenate(parts) for parts in zip(*days, strict=True))
    update_wide(joint, statistics, deep_logits, labels)
    errors = np.sqrt(np.diag(np.linalg.inv(joint.precision.numpy())))
    apart = np.abs(network.wide.numpy() - joint.wide.numpy())
    assert (apart < errors / 5).all()
    np.testing.assert_allclose(network.wide.numpy()[:WIDTH], TRUE_WEIGHTS, atol=0.2)


def test_a_deep_part_of_noise_is_gated_off() -> None:
    """The ranker then scores held-out rows like the logistic regression on the statistics."""
    network, generator = untrained(), np.random.default_rng(7)
    for seed in range(4):
        statistics, noise, labels = drawn(seed, deep=0.0)
        update_wide(network, statistics, 3 * noise, labels)
    assert abs(float(network.wide[-2])) < 0.05
    statistics, _, labels = drawn(9, rows=20_000, deep=0.0)
    noise = torch.from_numpy(3 * generator.normal(size=len(labels))).float()
    network.eval()
    scores = network.combined(noise, torch.from_numpy(statistics)).numpy()
    best = roc_auc_score(labels, statistics @ TRUE_WEIGHTS)
    assert roc_auc_score(labels, scores) > best - 0.005
    network.train()
    ungated = network.combined(noise, torch.from_numpy(statistics)).numpy()
    assert roc_auc_score(labels, ungated) < best - 0.1


def test_a_good_deep_part_keeps_its_gate() -> None:
    network = untrained()
    for seed in range(4):
        update_wide(network, *drawn(seed, deep=1.0))
    assert float(network.wide[-2]) == pytest.approx(1, abs=0.1)


def test_a_rare_click_gets_its_bias() -> None:
    """Full Newton steps would overshoot where almost all labels are 0."""
    network = untrained()
    update_wide(network, *drawn(3, rows=50_000, bias=-7.0))
    assert float(network.wide[-1]) == pytest.approx(-7, abs=0.7)


def test_labels_of_one_class_leave_finite_weights() -> None:
    for label in (0.0, 1.0):
        network = untrained()
        for seed in range(5):
            statistics, deep_logits, labels = drawn(seed, rows=50)
            update_wide(network, statistics, deep_logits, np.full_like(labels, label))
        assert torch.isfinite(network.wide).all()
        assert (torch.linalg.eigvalsh(network.precision) > 0).all()


def test_no_rows_and_no_statistics_change_nothing() -> None:
    network, before = untrained(), untrained().state_dict()
    empty = np.empty(0)
    update_wide(network, np.empty((0, WIDTH), np.float32), empty, empty)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    narrow = WideAndDeep(nn.Identity(), 0, deep_reads_statistics=False)
    update_wide(narrow, np.empty((2, 0), np.float32), np.ones(2), np.array([0.0, 1.0]))
    assert narrow.wide.tolist() == [1, 0]


@pytest.mark.parametrize("true_gate", [0.0, 0.7])
def test_the_gate_of_item_vectors_is_what_they_are_worth_on_new_rows(true_gate: float) -> None:
    network = untrained()
    head = VectorHead(3, 8, seed=0)
    network.add_vector_head("taste", head)
    network.wide[-2] = 0.5
    generator = np.random.default_rng(4)
    for _ in range(2):
        before, precision = head.gate.item(), head.precision.item()
        rest, vector_logits = generator.normal(size=(2, 2000))
        chances = expit(rest + 0.5 * true_gate * vector_logits)
        labels = (generator.random(2000) < chances).astype(np.float64)
        # A constant column with a weight that cannot move stands for the rest of the logits.
        design = np.column_stack([0.5 * vector_logits, rest])
        prior = np.diag([GATE_MEMORY * precision, 1e12])
        expected = minimum(design, labels, np.array([before, 1.0]), prior)[0]
        logits = rest + 0.5 * before * vector_logits
        update_vector_gates(network, logits, vector_logits[:, None], labels)
        found = head.gate.item()
        assert found == pytest.approx(expected, abs=1e-4)
        assert abs(found - true_gate) < 0.3
        assert head.precision.item() > precision
    wide = network.wide.clone()
    update_vector_gates(network, np.empty(0), np.empty((0, 1)), np.empty(0))
    assert head.gate.item() == found
    assert torch.equal(network.wide, wide)


def test_tables_that_say_the_same_are_trusted_for_it_once() -> None:
    network = untrained()
    for name in ("one", "other"):
        network.add_vector_head(name, VectorHead(3, 8, seed=0))
    generator = np.random.default_rng(4)
    rest, of_vectors = generator.normal(size=(2, 4000))
    labels = (generator.random(4000) < expit(rest + of_vectors)).astype(np.float64)
    update_vector_gates(network, rest + 2 * of_vectors, np.stack([of_vectors] * 2, 1), labels)
    gates = [head.gate.item() for head in network.heads_of_vectors.values()]
    assert sum(gates) == pytest.approx(1, abs=0.1)

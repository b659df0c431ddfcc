"""The daily update of the wide part: logistic regression on rows that no part has trained on.

The weights have a normal distribution. A day's rows turn the prior of the weights into a posterior
by Laplace's approximation, and older days fade: online Bayesian logistic regression (Spiegelhalter
and Lauritzen, 1990).
"""

from __future__ import annotations

import numpy as np
import threadpoolctl
import torch
from numpy.typing import NDArray
from scipy.special import expit

from jobs.ranker.model.wide_and_deep import WideAndDeep

Floats = NDArray[np.float64]

WEIGHTS_MEMORY = 0.99
"""Share of the precision of weights and bias that a day keeps: about a hundred days count."""
GATE_MEMORY = 0.9
"""The same for the gate, as the deep part improves from day to day."""

_MAX_ITERATIONS, _MAX_HALVINGS = 30, 20
_TOLERANCE = 1e-9


def update_wide(
    network: WideAndDeep,
    statistics: NDArray[np.float32],
    deep_logits: Floats,
    labels: Floats,
) -> None:
    """Update weights, gate and bias by the rows of a day.

    Args:
        network: M_D; its wide part is changed in place.
        statistics: (rows, width), of rows of the lineage fold of day D.
        deep_logits: Logits of the deep part of M_D, which was trained before day D, (rows,).
        labels: 0 or 1, (rows,).
    """
    if not network.width or not len(labels):
        return
    design = np.column_stack([statistics.astype(np.float64), deep_logits, np.ones(len(labels))])
    mean, precision = network.wide.cpu().numpy(), network.precision.cpu().numpy()
    kept = np.full(len(mean), np.sqrt(WEIGHTS_MEMORY))
    kept[-2] = np.sqrt(GATE_MEMORY)
    prior = precision * np.outer(kept, kept)
    # Sums in the order of one thread: the same bits whatever the machine has.
    with threadpoolctl.threadpool_limits(limits=1):
        mode, curvature = _posterior(design, labels, mean, prior)
    with torch.no_grad():
        network.wide.copy_(torch.from_numpy(mode))
        network.precision.copy_(torch.from_numpy(prior + curvature))


def update_vector_gates(
    network: WideAndDeep, logits: Floats, vector_logits: Floats, labels: Floats
) -> None:
    """Update the gates of item vectors by the rows of a day, with all else as it is.

    One after the other: tables that say the same must not both be trusted for it.

    Args:
        network: M_D; the gates of its heads for item vectors are changed in place.
        logits: Of all parts of M_D, which was trained before day D, (rows,).
        vector_logits: What each table of item vectors adds to the deep part, before its gate,
            (rows, tables).
        labels: 0 or 1, (rows,).
    """
    if not len(labels):
        return
    of_deep = float(network.wide[-2]) if network.width else 1.0
    for head, of_head in zip(network.heads_of_vectors.values(), vector_logits.T, strict=True):
        mean, precision = head.gate.cpu().numpy(), head.precision.cpu().numpy()
        design = of_deep * of_head[:, None]
        prior = GATE_MEMORY * precision
        rest = logits - design @ mean
        with threadpoolctl.threadpool_limits(limits=1):
            mode, curvature = _posterior(design, labels, mean, prior, rest)
        logits = rest + design @ mode
        with torch.no_grad():
            head.gate.copy_(torch.from_numpy(mode))
            head.precision.copy_(torch.from_numpy(prior + curvature))


def _posterior(
    design: Floats, labels: Floats, mean: Floats, prior: Floats, rest: Floats | float = 0.0
) -> tuple[Floats, Floats]:
    """Mode of the posterior by Newton's method, and the curvature of the log-loss there.

    The logits are ``rest`` plus those of the design.
    """
    weights = mean.copy()

    def objective(at: Floats) -> float:
        logits = rest + design @ at
        apart = at - mean
        return float(np.logaddexp(0, logits).sum() - labels @ logits + apart @ prior @ apart / 2)

    def curvature_at(at: Floats) -> Floats:
        chance = expit(rest + design @ at)
        return np.asarray(design.T @ ((chance * (1 - chance))[:, None] * design))

    value = objective(weights)
    for _ in range(_MAX_ITERATIONS):
        chance = expit(rest + design @ weights)
        gradient = design.T @ (chance - labels) + prior @ (weights - mean)
        change = np.linalg.solve(prior + curvature_at(weights), gradient)
        for _ in range(_MAX_HALVINGS):
            new_value = objective(weights - change)
            if new_value <= value:
                break
            change = change / 2
        else:
            break
        weights, value = weights - change, new_value
        if np.abs(change).max() < _TOLERANCE:
            break
    return weights, curvature_at(weights)

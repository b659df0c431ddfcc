"""Probe mode: small towers on frozen rankers, which differ in one feature only.

The ranker of each day stays frozen; its logit and last hidden layer are computed once per row. A
logistic regression on the hidden layer is fitted first and shared by all towers, so that no tower
gains by relearning what the ranker has represented already. On top of it, a tower is a logistic
regression on the input columns of its variant. The loss is convex: the same rows give the same
tower, without a seed or a learning rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.ranker.model.device import deterministic, single_thread
from jobs.ranker.scoring.frozen_forward import FrozenRows

VALIDATION_SHARE = 0.25
"""Share of the rows, the newest ones, on which each tower chooses its penalty."""

PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)
"""L2 penalties per row to choose from; leaving the columns out is one more choice."""

_MAX_ITERATIONS, _MAX_HALVINGS = 30, 20
_TOLERANCE = 1e-7
_CONSTANT = 1e-6
"""A column whose standard deviation is smaller is treated as constant."""
_SMALL = 2_000_000_000
"""Multiplications per Newton iteration below which a second thread costs more than it saves."""


class Towers:
    """Towers fitted to the same rows, which share a regression on the hidden layer."""

    def __init__(self, rows: FrozenRows) -> None:
        """Fit the shared regression."""
        self._is_small = len(rows) * rows.hidden.shape[1] ** 2 < _SMALL
        with deterministic(), single_thread(self._is_small):
            self._labels = rows.labels.double()
            hidden = rows.hidden.double()
            self._centre = hidden.mean(dim=0)
            spread = (hidden - self._centre).square().mean(dim=0).sqrt()
            self._scale = torch.where(spread > _CONSTANT, spread, 1)
            self._shared = _fit(self._standardised(rows), rows.logits.double(), self._labels)
            self._base = self._base_logits(rows)
            no_columns = rows.hidden[:, :0].double()
            self._without_columns = _fit(no_columns, self._base, self._labels)

    def fit(self, inputs: Tensor) -> list[Regression]:
        """Fit one tower per variant.

        Args:
            inputs: float32, (variants, rows, width). Standardised columns.
        """
        with deterministic(), single_thread(self._is_small):
            return [
                _fit(columns.double(), self._base, self._labels)
                if columns.any()
                else self._without_columns
                for columns in inputs
            ]

    def score(
        self, towers: Sequence[Regression], rows: FrozenRows, inputs: Tensor
    ) -> NDArray[np.float64]:
        """Score other rows.

        Args:
            towers: Fitted towers, one per variant.
            rows: Rows to score.
            inputs: float32, (variants, rows, width), scaled like the inputs of ``fit``.

        Returns:
            Click probabilities, (1, variants, rows).
        """
        with deterministic(), single_thread(self._is_small):
            base = self._base_logits(rows)
            logits = [
                tower.logits(columns.double(), base)
                for tower, columns in zip(towers, inputs, strict=True)
            ]
            scores: NDArray[np.float64] = torch.stack(logits).sigmoid()[None].cpu().numpy()
        return scores

    def _base_logits(self, rows: FrozenRows) -> Tensor:
        """Logits of the shared regression, which every tower adds to."""
        return self._shared.logits(self._standardised(rows), rows.logits.double())

    def _standardised(self, rows: FrozenRows) -> Tensor:
        return (rows.hidden.double() - self._centre) / self._scale


@dataclass(frozen=True, eq=False)
class Regression:
    """A logistic regression on some columns and the base logit.

    Attributes:
        weights: float64, (width + 2,). One per column, then scale and shift of the base logit.
    """

    weights: Tensor

    def logits(self, columns: Tensor, base: Tensor) -> Tensor:
        return base + _design(columns[:, : len(self.weights) - 2], base) @ self.weights


def _fit(columns: Tensor, base: Tensor, labels: Tensor) -> Regression:
    """Choose the penalty on the newest rows, then fit the regression to all rows."""
    cut = round(len(labels) * (1 - VALIDATION_SHARE))
    design = _design(columns, base)
    older, newer = slice(None, cut), slice(cut, None)
    chosen, best = None, None
    weights = torch.zeros(design.shape[1], dtype=design.dtype, device=design.device)
    for penalty in (None, *PENALTIES):
        weights = _minimum(design[older], base[older], labels[older], penalty, weights)
        loss = _loss(design[newer], base[newer], labels[newer], weights)
        # The first of equal penalties wins, so uninformative columns are left out.
        if best is None or loss < best - 1e-12:
            chosen, best = penalty, loss
    start = torch.zeros_like(weights)
    return Regression(_minimum(design, base, labels, chosen, start))


def _design(columns: Tensor, base: Tensor) -> Tensor:
    """The columns, then the base logit and a constant, whose weights rescale and shift it."""
    return torch.cat([columns, base[:, None], torch.ones_like(base)[:, None]], dim=1)


def _minimum(
    design: Tensor, base: Tensor, labels: Tensor, penalty: float | None, start: Tensor
) -> Tensor:
    """Minimise the penalised loss by Newton's method.

    Args:
        design: See ``_design``, (rows, width + 2).
        base: Base logits, (rows,).
        labels: (rows,).
        penalty: L2 penalty per row; None fixes the weights of all columns at zero.
        start: Initial weights, (width + 2,).

    Returns:
        Weights, (width + 2,).
    """
    rows, width = design.shape
    columns = width - 2
    if penalty is None:
        rescaled = torch.zeros_like(start)
        rescaled[columns:] = _minimum(design[:, columns:], base, labels, 0.0, start[columns:])
        return rescaled
    ridge = torch.zeros_like(start)
    # Scale and shift get the penalty of one row: a few rows must not stretch the base logits.
    ridge[:columns], ridge[columns:] = penalty * rows, 1
    weights = start

    def objective(at: Tensor) -> Tensor:
        return rows * _loss(design, base, labels, at) + (ridge * at.square()).sum() / 2

    value = objective(weights)
    for _ in range(_MAX_ITERATIONS if rows else 0):
        probability = (base + design @ weights).sigmoid()
        gradient = design.T @ (probability - labels) + ridge * weights
        curvature = (probability * (1 - probability))[:, None] * design
        change = torch.linalg.solve(design.T @ curvature + torch.diag(ridge), gradient)
        for _ in range(_MAX_HALVINGS):
            new_value = objective(weights - change)
            if new_value <= value:
                break
            change = change / 2
        else:
            break
        weights, value = weights - change, new_value
        if change.abs().max() < _TOLERANCE:
            break
    return weights


def _loss(design: Tensor, base: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean log-loss."""
    logits = base + design @ weights
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)

"""Small towers on a frozen ranker, which differ in one feature alone.

The ranker of each day is left as it is: of every row its logit and last hidden layer are computed
once. A tower is a logistic regression on what the row is told, and first on that hidden layer,
which all towers share, so that none gains from what the ranker knew already. Its loss is convex:
the same rows give the same tower, and no seed and no learning rate has a part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.ranker.model.device import deterministic, one_thread

VALIDATION_SHARE = 0.25
"""The newest part of the rows, on which each tower chooses how far it trusts what it is told."""

PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)
"""Of the squared weights, a row. None at all is the other choice: to leave the columns out."""

_STEPS, _HALVINGS = 30, 20
_CLOSE = 1e-7
_CONSTANT = 1e-6
_SMALL = 2_000_000_000
"""Multiplications of a Newton step below which a second thread costs more than it brings."""


@dataclass(frozen=True, eq=False)
class FrozenRows:
    """Rows as a frozen ranker sees them, oldest first.

    hidden: float32, (rows, width), its last hidden layer. logits: float32, (rows,). labels:
    float32, (rows,).
    """

    hidden: Tensor
    logits: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def joined(cls, days: Sequence[FrozenRows]) -> FrozenRows:
        return cls(
            torch.cat([day.hidden for day in days]),
            torch.cat([day.logits for day in days]),
            torch.cat([day.labels for day in days]),
        )


class Towers:
    """Towers on the same rows, which share what is learnt of the hidden layer."""

    def __init__(self, rows: FrozenRows) -> None:
        """Fit what they share."""
        self._is_small = len(rows) * rows.hidden.shape[1] ** 2 < _SMALL
        with deterministic(), one_thread(self._is_small):
            self._labels = rows.labels.double()
            hidden = rows.hidden.double()
            self._centre = hidden.mean(dim=0)
            spread = (hidden - self._centre).square().mean(dim=0).sqrt()
            self._scale = torch.where(spread > _CONSTANT, spread, 1)
            self._shared = _fit(self._standardised(rows), rows.logits.double(), self._labels)
            self._base = self._on_shared(rows)
            self._bare = _fit(rows.hidden[:, :0].double(), self._base, self._labels)

    def fitted(self, told: Tensor) -> list[Regression]:
        """One tower a variant. told: float32, (variants, rows, width), each column around 0."""
        with deterministic(), one_thread(self._is_small):
            return [
                _fit(columns.double(), self._base, self._labels) if columns.any() else self._bare
                for columns in told
            ]

    def score(
        self, fitted: Sequence[Regression], rows: FrozenRows, told: Tensor
    ) -> NDArray[np.float64]:
        """Click probabilities of other rows, shape (1, variants, rows). told: as on fitting."""
        with deterministic(), one_thread(self._is_small):
            base = self._on_shared(rows)
            logits = [
                tower.logits(columns.double(), base)
                for tower, columns in zip(fitted, told, strict=True)
            ]
            scores: NDArray[np.float64] = torch.stack(logits).sigmoid()[None].cpu().numpy()
        return scores

    def _on_shared(self, rows: FrozenRows) -> Tensor:
        """The logits on which every tower builds."""
        return self._shared.logits(self._standardised(rows), rows.logits.double())

    def _standardised(self, rows: FrozenRows) -> Tensor:
        return (rows.hidden.double() - self._centre) / self._scale


@dataclass(frozen=True, eq=False)
class Regression:
    """weights: of the first columns; then how the base logit is scaled and shifted."""

    weights: Tensor

    def logits(self, columns: Tensor, base: Tensor) -> Tensor:
        return base + _design(columns[:, : len(self.weights) - 2], base) @ self.weights


def _fit(columns: Tensor, base: Tensor, labels: Tensor) -> Regression:
    """The regression whose penalty does best on the newest rows, fitted to all of them."""
    cut = round(len(labels) * (1 - VALIDATION_SHARE))
    design = _design(columns, base)
    older, newer = slice(None, cut), slice(cut, None)
    chosen, best = None, None
    weights = torch.zeros(design.shape[1], dtype=design.dtype, device=design.device)
    for penalty in (None, *PENALTIES):
        weights = _minimum(design[older], base[older], labels[older], penalty, weights)
        loss = _loss(design[newer], base[newer], labels[newer], weights)
        # Of equal ones the first: columns that say nothing are left out.
        if best is None or loss < best - 1e-12:
            chosen, best = penalty, loss
    start = torch.zeros_like(weights)
    return Regression(_minimum(design, base, labels, chosen, start))


def _design(columns: Tensor, base: Tensor) -> Tensor:
    """The columns, then the base logit and 1, which rescale what is there already."""
    return torch.cat([columns, base[:, None], torch.ones_like(base)[:, None]], dim=1)


def _minimum(
    design: Tensor, base: Tensor, labels: Tensor, penalty: float | None, start: Tensor
) -> Tensor:
    """Weights of the least penalised loss, by Newton's method; None leaves all columns out."""
    rows, width = design.shape
    free = width - 2
    if penalty is None:
        kept = torch.zeros_like(start)
        kept[free:] = _minimum(design[:, free:], base, labels, 0.0, start[free:])
        return kept
    ridge = torch.zeros_like(start)
    # That of a single row on the last two: a handful of rows must not stretch the base logits.
    ridge[:free], ridge[free:] = penalty * rows, 1
    weights = start

    def objective(at: Tensor) -> Tensor:
        return rows * _loss(design, base, labels, at) + (ridge * at.square()).sum() / 2

    value = objective(weights)
    for _ in range(_STEPS if rows else 0):
        probability = (base + design @ weights).sigmoid()
        gradient = design.T @ (probability - labels) + ridge * weights
        curvature = (probability * (1 - probability))[:, None] * design
        step = torch.linalg.solve(design.T @ curvature + torch.diag(ridge), gradient)
        for _ in range(_HALVINGS):
            moved = objective(weights - step)
            if moved <= value:
                break
            step = step / 2
        else:
            break
        weights, value = weights - step, moved
        if step.abs().max() < _CLOSE:
            break
    return weights


def _loss(design: Tensor, base: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean log-loss."""
    logits = base + design @ weights
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)

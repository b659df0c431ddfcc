"""Probe mode: small towers on frozen rankers, which differ in one feature only.

The ranker of each day stays frozen; its logit and last hidden layer are computed once per row. A
logistic regression on the hidden layer is fitted first and shared by all towers, so that no tower
gains by relearning what the ranker has represented already. On top of it, a tower is a logistic
regression on the input columns of its variant. Either may leave its columns out: without both, a
tower is the ranker itself, so that a baseline is not worse than what it starts from.

Everything is fitted several times, each time without the rows of one group of users. How far the
fits differ shows how far a score depends on the users that happened to be fitted to (a jackknife).
The loss is convex: the same rows give the same tower, without a seed or a learning rate.
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
from jobs.ranker.towers.fit_parts import UserGroups
from jobs.ranker.towers.regression import (
    Regression,
    RegressionRows,
    cross_validated,
)

_CONSTANT = 1e-6
"""A column whose standard deviation is smaller is treated as constant."""
_SMALL = 2_000_000_000
"""Multiplications per Newton iteration below which a second thread costs more than it saves."""

Tower = Sequence[Regression]
"""The regressions of one variant, one for each fit."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """What all towers of one fit share.

    Attributes:
        kept: bool, (rows,). Whether the row is fitted to.
        shared: The regression on the hidden layer.
        rows: All rows, with the logits of the shared regression as base.
    """

    kept: Tensor
    shared: Regression
    rows: RegressionRows


class Towers:
    """Towers fitted to the same rows, which share a regression on the hidden layer."""

    def __init__(self, rows: FrozenRows, groups: UserGroups, blocks: NDArray[np.int64]) -> None:
        """Fit the shared regression, once without each group of users.

        Args:
            rows: Rows to fit to, oldest first.
            groups: The users of the rows.
            blocks: int64, (rows,). Blocks of days for cross-validation.
        """
        self._is_small = len(rows) * rows.hidden.shape[1] ** 2 < _SMALL
        with deterministic(), single_thread(self._is_small):
            hidden = rows.hidden.double()
            self._centre = hidden.mean(dim=0)
            spread = (hidden - self._centre).square().mean(dim=0).sqrt()
            self._scale = torch.where(spread > _CONSTANT, spread, 1)
            device = rows.labels.device
            users = torch.from_numpy(groups.users).to(device)
            of_row = torch.from_numpy(groups.of_row).to(device)
            labels, base = rows.labels.double(), rows.logits.double()
            columns = self._standardised(rows)
            on_ranker = RegressionRows(base, labels, users)
            self._blocks = torch.from_numpy(blocks).to(device)
            candidates = cross_validated(columns, on_ranker, self._blocks)

            def shared_by(kept: Tensor) -> _Fit:
                shared = candidates.fit(on_ranker, kept, may_rescale=True)
                on_shared = RegressionRows(shared.logits(columns, base), labels, users)
                return _Fit(kept, shared, on_shared)

            self._everything = shared_by(torch.ones_like(labels, dtype=torch.bool)).rows
            self._fits = [shared_by(of_row != group) for group in range(groups.groups)]

    def fit(self, inputs: Tensor) -> list[Tower]:
        """Fit one tower per variant, once without each group of users.

        Args:
            inputs: float32, (variants, rows, width). Standardised columns.
        """
        with deterministic(), single_thread(self._is_small):
            return [self._tower(columns.double()) for columns in inputs]

    def score(
        self, towers: Sequence[Tower], rows: FrozenRows, inputs: Tensor
    ) -> NDArray[np.float64]:
        """Score other rows.

        Args:
            towers: Fitted towers, one per variant.
            rows: Rows to score.
            inputs: float32, (variants, rows, width), scaled like the inputs of ``fit``.

        Returns:
            Click probabilities, (fits, variants, rows).
        """
        with deterministic(), single_thread(self._is_small):
            columns, base = self._standardised(rows), rows.logits.double()
            by_fit = []
            for number, fit in enumerate(self._fits):
                shared = fit.shared.logits(columns, base)
                logits = [
                    tower[number].logits(variant.double(), shared)
                    for tower, variant in zip(towers, inputs, strict=True)
                ]
                by_fit.append(torch.stack(logits).sigmoid())
            scores: NDArray[np.float64] = torch.stack(by_fit).cpu().numpy()
        return scores

    def _tower(self, columns: Tensor) -> Tower:
        if not columns.any():
            columns = columns[:, :0]
        candidates = cross_validated(columns, self._everything, self._blocks)
        return [candidates.fit(fit.rows, fit.kept) for fit in self._fits]

    def _standardised(self, rows: FrozenRows) -> Tensor:
        return (rows.hidden.double() - self._centre) / self._scale

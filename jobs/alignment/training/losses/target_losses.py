"""Losses towards target vectors: cosine regression, and contrastive within a batch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from jobs.alignment.training.losses.loss import (
    AlignmentLoss,
    diagonal,
    first_log_scale,
    index_of,
    scale_of,
)
from jobs.alignment.training.recall import Recall, target_recall

_ROWS_AT_ONCE = 1024


class CosineLoss(AlignmentLoss):
    """One less the cosine between the vector and the target.

    Longer targets than vectors are reduced by a truncated singular value decomposition of the
    training targets, which keeps cosines best. Shorter ones are filled with zeros, which keeps them
    as they are. So aligned vectors relate to one another as the targets do.
    """

    _targets: Tensor
    _validation: Tensor
    _same: Tensor

    def __init__(
        self, train: NDArray[np.float32], validation: NDArray[np.float32], dim: int
    ) -> None:
        """Keep the targets.

        Args:
            train: Targets of the training items, (items, length).
            validation: Targets of the validation items, (items, length).
            dim: Length of a vector.
        """
        super().__init__()
        self.anchors = np.arange(len(train))
        basis = _basis(train, dim)
        for name, targets in (("_targets", train), ("_validation", validation)):
            self.register_buffer(name, normalize(torch.from_numpy(targets @ basis), dim=1))
        self.register_buffer("_same", _numbered(validation))

    def forward(self, vectors: Tensor, items: NDArray[np.int64]) -> Tensor:
        """See ``AlignmentLoss.forward``."""
        return 1 - (vectors * self._targets[index_of(items, vectors)]).sum(dim=1).mean()

    def recall(self, vectors: Tensor) -> Recall:
        """See ``AlignmentLoss.recall``."""
        return target_recall(vectors, self._validation, self._same)


class ContrastiveLoss(AlignmentLoss):
    """The item's own target among those of the batch, and its vector among those of the batch.

    A learnt affine map takes targets, each number scaled to variance 1, to the space of the
    vectors. The shift lets targets of few numbers keep their size, such as a click rate.
    """

    _targets: Tensor
    _validation: Tensor
    _same: Tensor
    _validation_same: Tensor
    _near: Tensor | None

    def __init__(
        self,
        train: NDArray[np.float32],
        validation: NDArray[np.float32],
        dim: int,
        hard_negatives: int = 0,
    ) -> None:
        """Make the map from targets to vectors.

        Args:
            train: Targets of the training items, (items, length).
            validation: Targets of the validation items, (items, length).
            dim: Length of a vector.
            hard_negatives: Further negatives of each item: the targets next to its own.
        """
        super().__init__()
        self.anchors = np.arange(len(train))
        mean, scale = train.mean(axis=0), train.std(axis=0)
        scale = np.where(scale > 0, scale, 1)
        scaled = torch.from_numpy((train - mean) / scale)
        self.register_buffer("_targets", scaled)
        self.register_buffer("_validation", torch.from_numpy((validation - mean) / scale))
        self.register_buffer("_same", _numbered(train))
        self.register_buffer("_validation_same", _numbered(validation))
        near = _nearest(scaled, self._same, hard_negatives) if hard_negatives else None
        self.register_buffer("_near", near)
        self.target_map = nn.Linear(train.shape[1], dim)
        self.log_scale = first_log_scale()

    @property
    def temperature(self) -> float:
        """See ``AlignmentLoss.temperature``."""
        return float(1 / scale_of(self.log_scale.detach()))

    def forward(self, vectors: Tensor, items: NDArray[np.int64]) -> Tensor:
        """See ``AlignmentLoss.forward``."""
        index = index_of(items, vectors)
        scale = scale_of(self.log_scale)
        logits = scale * vectors @ self._mapped(self._targets[index]).T
        # An item with the same target is no negative: its target is as right as the own one.
        same = self._same[index]
        is_other = (same[:, None] == same[None, :]) & ~diagonal(logits)
        logits = logits.masked_fill(is_other, -torch.inf)
        own = torch.arange(len(items), device=vectors.device)
        towards_vectors = cross_entropy(logits.T, own)
        if self._near is not None:
            near = self._near[index]
            mapped = self._mapped(self._targets[near])
            harder = scale * (mapped * vectors[:, None, :]).sum(dim=2)
            harder = harder.masked_fill(self._same[near] == same[:, None], -torch.inf)
            logits = torch.cat([logits, harder], dim=1)
        return (cross_entropy(logits, own) + towards_vectors) / 2

    def recall(self, vectors: Tensor) -> Recall:
        """See ``AlignmentLoss.recall``."""
        return target_recall(vectors, self._mapped(self._validation), self._validation_same)

    def _mapped(self, targets: Tensor) -> Tensor:
        return normalize(self.target_map(targets), dim=-1)


def _basis(targets: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Orthonormal columns that take targets to ``dim`` numbers, (length, dim)."""
    length = targets.shape[1]
    if length <= dim:
        return np.eye(length, dim, dtype=np.float32)
    second_moments = targets.T.astype(np.float64) @ targets
    _, vectors = np.linalg.eigh(second_moments)
    largest = vectors[:, ::-1][:, :dim]
    # The sign of an eigenvector is arbitrary: let its largest entry be positive.
    signs = np.sign(largest[np.abs(largest).argmax(axis=0), np.arange(dim)])
    return np.ascontiguousarray((largest * signs).astype(np.float32))


def _nearest(targets: Tensor, same: Tensor, count: int) -> Tensor:
    """The items whose targets are next to each item's, without equal ones, (items, count)."""
    units = normalize(targets, dim=1)
    count = min(count, len(units) - 1)
    nearest = []
    for start in range(0, len(units), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        similarity = units[part] @ units.T
        similarity[same[part, None] == same[None, :]] = -torch.inf
        nearest.append(similarity.topk(count, dim=1).indices)
    return torch.cat(nearest)


def _numbered(targets: NDArray[np.float32]) -> Tensor:
    """Equal numbers for equal targets, int64, (items,)."""
    _, numbers = np.unique(targets, axis=0, return_inverse=True)
    return torch.from_numpy(numbers.reshape(-1).astype(np.int64))

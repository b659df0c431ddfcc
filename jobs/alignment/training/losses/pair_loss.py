"""The contrastive loss over pairs of items that belong together."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from jobs.alignment.training.losses.loss import (
    AlignmentLoss,
    diagonal,
    first_log_scale,
    scale_of,
)
from jobs.alignment.training.preference_items import Positives
from jobs.alignment.training.recall import Recall, pair_recall


class PairLoss(AlignmentLoss):
    """Items that belong together among those of the batch: one positive is drawn for each item."""

    items_per_anchor = 2

    def __init__(self, train: Positives, validation: Positives) -> None:
        """Keep the pairs.

        Args:
            train: Positives of the training items.
            validation: Positives of the validation items.
        """
        super().__init__()
        self.anchors = np.flatnonzero(train.counts)
        self._train, self._recalled = train, validation
        owner = np.repeat(np.arange(len(train.counts)), train.counts)
        self._pairs = np.unique(owner * len(train.counts) + train.rows)
        self.log_scale = first_log_scale()

    @property
    def temperature(self) -> float:
        """See ``AlignmentLoss.temperature``."""
        return float(1 / scale_of(self.log_scale.detach()))

    def drawn(self, anchors: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
        """See ``AlignmentLoss.drawn``."""
        chosen = self._train.starts[anchors] + draw.integers(0, self._train.counts[anchors])
        return np.concatenate([anchors, self._train.rows[chosen]])

    def forward(self, vectors: Tensor, items: NDArray[np.int64]) -> Tensor:
        """See ``AlignmentLoss.forward``."""
        first, second = items[: len(items) // 2], items[len(items) // 2 :]
        logits = scale_of(self.log_scale) * vectors[: len(first)] @ vectors[len(first) :].T
        # Other positives of an item, and the item itself, are no negatives.
        codes = first[:, None] * len(self._train.counts) + second[None, :]
        is_positive = np.isin(codes, self._pairs) | (first[:, None] == second[None, :])
        is_other = torch.from_numpy(is_positive).to(vectors.device) & ~diagonal(logits)
        logits = logits.masked_fill(is_other, -torch.inf)
        own = torch.arange(len(first), device=vectors.device)
        return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2

    def recall(self, vectors: Tensor) -> Recall:
        """See ``AlignmentLoss.recall``."""
        return pair_recall(vectors, self._recalled)

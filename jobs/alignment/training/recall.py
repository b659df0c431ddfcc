"""Recall of validation items: how often an item's own target is among the nearest ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.alignment.training.preference_items import Positives

DEPTHS = (1, 10, 100)
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Recall:
    """Share of items whose target is among the first k.

    Attributes:
        at: The share by k, for each of ``DEPTHS``.
    """

    at: Mapping[int, float]

    @property
    def mean(self) -> float:
        return sum(self.at.values()) / len(self.at)

    def as_facts(self) -> dict[str, float]:
        """``recall_1``, ``recall_10``, ``recall_100`` and ``recall_mean``."""
        named = {f"recall_{depth}": share for depth, share in self.at.items()}
        return {**named, "recall_mean": self.mean}

    @classmethod
    def of_ranks(cls, ranks: NDArray[np.int64]) -> Recall:
        """From the rank of each item's target; 1 is the nearest."""
        return cls({depth: float((ranks <= depth).mean()) for depth in DEPTHS})


def target_recall(vectors: Tensor, mapped: Tensor, same: Tensor) -> Recall:
    """Recall of the targets of items, content to target.

    Args:
        vectors: Unit vectors of the items, (items, dim).
        mapped: Their targets as unit vectors, (items, dim).
        same: int64, (items,). Equal numbers for equal targets, which are as good as the item's own.
    """
    ranks = []
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        similarity = vectors[part] @ mapped.T
        own = similarity[torch.arange(len(similarity)), torch.arange(len(similarity)) + start]
        # A tie with another target counts as before it: else vectors that are all the same would
        # have perfect recall.
        is_before = (similarity >= own[:, None]) & (same[part, None] != same[None, :])
        ranks.append(1 + is_before.sum(dim=1))
    return Recall.of_ranks(torch.cat(ranks).cpu().numpy())


def pair_recall(vectors: Tensor, positives: Positives) -> Recall:
    """Recall of the nearest positive of each item that has one, among all other items.

    Args:
        vectors: Unit vectors of the items, (items, dim).
        positives: The items that belong to each.
    """
    with_positive = np.flatnonzero(positives.counts)
    ranks = []
    for row in with_positive:
        similarity = vectors @ vectors[row]
        similarity[row] = -torch.inf
        own = torch.from_numpy(positives.rows[positives.starts[row] : positives.starts[row + 1]])
        own = own.to(vectors.device)
        nearest = similarity[own].max()
        is_before = similarity >= nearest
        is_before[own] = False
        ranks.append(1 + int(is_before.sum()))
    return Recall.of_ranks(np.array(ranks, np.int64))

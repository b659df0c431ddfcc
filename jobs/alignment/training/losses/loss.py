"""What a loss of alignment is, and what the losses share. Products of unit vectors are cosines."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jobs.alignment.training.recall import Recall

FIRST_TEMPERATURE = 0.07
LOWEST_TEMPERATURE = 0.01
"""Both as in CLIP (arXiv 2103.00020)."""


class AlignmentLoss(nn.Module, ABC):
    """A loss over the training items, with its own weights, and its recall of validation items.

    Attributes:
        anchors: int64. The training items that an epoch goes through.
        items_per_anchor: Items that are encoded for each of them.
    """

    anchors: NDArray[np.int64]
    items_per_anchor: int = 1

    def drawn(self, anchors: NDArray[np.int64], _draw: np.random.Generator) -> NDArray[np.int64]:
        """The items of a batch: the anchors, and where they come in pairs, a positive of each."""
        return anchors

    @abstractmethod
    def forward(self, vectors: Tensor, items: NDArray[np.int64]) -> Tensor:
        """Compute the mean loss of a batch.

        Args:
            vectors: float32, (items, dim). Of length 1.
            items: int64, (items,). Which training items they are, as ``drawn`` returned them.
        """

    @abstractmethod
    def recall(self, vectors: Tensor) -> Recall:
        """Recall of the validation items.

        Args:
            vectors: float32, (validation items, dim). Of length 1.
        """

    @property
    def temperature(self) -> float | None:
        """The learnt temperature; None if the loss has none."""
        return None


@dataclass(frozen=True)
class KeptStates:
    """An auxiliary loss that keeps what the encoder knew before alignment.

    Attributes:
        first: The states of the training items before the first step, (items, width).
        weight: Of this loss beside the main one.
    """

    first: Tensor
    weight: float

    def loss(self, states: Tensor, items: NDArray[np.int64]) -> Tensor:
        """The weighted sum over items of one less the cosine to their first states.

        Args:
            states: float32, (items, width).
            items: int64, (items,). Which training items they are.
        """
        first = self.first[torch.from_numpy(items)].to(states.device)
        return self.weight * (1 - torch.cosine_similarity(states, first)).sum()


def scale_of(log_scale: Tensor) -> Tensor:
    """The factor of cosines, the reciprocal of the temperature."""
    return log_scale.clamp(max=-math.log(LOWEST_TEMPERATURE)).exp()


def first_log_scale() -> nn.Parameter:
    """The weight that learns the temperature."""
    return nn.Parameter(torch.tensor(-math.log(FIRST_TEMPERATURE)))


def diagonal(logits: Tensor) -> Tensor:
    """Where an item of a batch meets its own target, bool, (items, items)."""
    return torch.eye(len(logits), dtype=torch.bool, device=logits.device)


def index_of(items: NDArray[np.int64], vectors: Tensor) -> Tensor:
    """Numbers of items on the device of their vectors."""
    return torch.from_numpy(items).to(vectors.device)

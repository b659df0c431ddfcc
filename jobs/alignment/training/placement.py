"""Takes aligned vectors to the place of the item's embedding in the ranker.

Preference data of the ranker's own embedding space, such as its item embeddings, can stand in for
the embedding of an item. A vector that is aligned with it tells what the embedding of an item with
such content is on average: a ridge regression on the training items, whose penalty is chosen on
the validation items. What content does not tell is shrunk to the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from jobs.alignment.aligned_encoder import AlignedEncoder
from jobs.alignment.training.preference_items import Splits

_PENALTIES = tuple(10.0**power for power in range(-2, 6))
"""Of unit vectors, in items: the largest leaves hardly more than the mean."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placement:
    """A fitted map, and how well it tells the targets of validation items.

    Attributes:
        layer: From vectors to targets.
        explained: Share of the variance of the validation items' targets that it tells.
    """

    layer: nn.Linear
    explained: float


def fitted_placement(aligned: AlignedEncoder, splits: Splits) -> Placement:
    """Fit the map from the vectors of an encoder to the targets of its items.

    Args:
        aligned: The trained encoder, without a placement.
        splits: The items, with target vectors.
    """
    train, validation = splits.train, splits.validation
    assert train.targets is not None
    assert validation.targets is not None
    inputs = aligned.vectors(train.content).astype(np.float64)
    outputs = train.targets.astype(np.float64)
    held_out = aligned.vectors(validation.content).astype(np.float64)
    truth = validation.targets.astype(np.float64)
    spread = float(((truth - outputs.mean(axis=0)) ** 2).sum())
    best: tuple[float, Floats, Floats] | None = None
    for penalty in _PENALTIES:
        weights, shift = _ridge(inputs, outputs, penalty)
        error = float(((truth - held_out @ weights - shift) ** 2).sum())
        if best is None or error < best[0]:
            best = error, weights, shift
    assert best is not None
    error, weights, shift = best
    return Placement(_linear(weights, shift), 1 - error / spread if spread else 0.0)


def _ridge(inputs: Floats, outputs: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Weights (inputs, outputs) and shift (outputs,); the shift has no penalty."""
    centre, mean = inputs.mean(axis=0), outputs.mean(axis=0)
    centred = inputs - centre
    square = centred.T @ centred + penalty * np.eye(inputs.shape[1])
    weights: Floats = np.linalg.solve(square, centred.T @ (outputs - mean))
    return weights, mean - centre @ weights


def _linear(weights: Floats, shift: Floats) -> nn.Linear:
    layer = nn.Linear(*weights.shape)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights.T))
        layer.bias.copy_(torch.from_numpy(shift))
    return layer

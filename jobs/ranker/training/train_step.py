"""One training step: load a batch, compute its logits and update the ranker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from jobs.ranker.model.device import training_precision
from jobs.ranker.model.embedding_table import UNKNOWN_ROW
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import EncodedRows

TrainStep = Callable[[Ranker, EncodedRows, NDArray[np.int64]], None]
"""Trains a ranker on one batch: the rows with the given numbers."""


@dataclass(frozen=True)
class Batch:
    """A batch on the ranker's device.

    Attributes:
        index: int64, (rows, fields + clicks). Stacked rows of the embedding table.
        clicked: bool, (rows, clicks). False where a history is padded.
        statistics: float32, (rows, width). The inputs of item vectors follow.
        labels: float32, (rows,).
    """

    index: Tensor
    clicked: Tensor
    statistics: Tensor
    labels: Tensor


def train_batch(ranker: Ranker, rows: EncodedRows, numbers: NDArray[np.int64]) -> None:
    """Do one training step in a single process.

    Args:
        ranker: Ranker to update.
        rows: Rows to choose the batch from.
        numbers: int64, (batch,). Numbers of the rows in the batch.
    """
    batch = load_batch(ranker, rows, numbers)
    touched = ranker.table.touch(batch.index)
    loss = binary_cross_entropy_with_logits(logits(ranker, batch, touched.vectors), batch.labels)
    ranker.optimizer.zero_grad()
    torch.autograd.backward(loss)
    ranker.optimizer.step()
    settings = ranker.settings
    ranker.table.apply_gradient(
        touched, settings.embedding_rate, settings.embedding_decay, len(numbers)
    )


def load_batch(ranker: Ranker, rows: EncodedRows, numbers: NDArray[np.int64]) -> Batch:
    """Copy the rows with the given numbers to the ranker's device."""
    fields = _tensor(rows.fields[numbers], ranker.device)
    history = _tensor(rows.history[numbers], ranker.device)
    index = torch.cat([fields, history.clamp(min=UNKNOWN_ROW)], dim=1)
    statistics = _tensor(rows.dense_inputs(numbers), ranker.device)
    return Batch(index, history >= 0, statistics, _tensor(rows.labels[numbers], ranker.device))


def logits(ranker: Ranker, batch: Batch, vectors: Tensor) -> Tensor:
    """Compute the logits of a batch in training precision.

    Args:
        ranker: Ranker whose network computes.
        batch: The batch.
        vectors: Embeddings of ``batch.index``, (rows, fields + clicks, dim).

    Returns:
        float32, (rows,).
    """
    fields, history = torch.split(vectors, [len(ranker.fields), batch.clicked.shape[1]], dim=1)
    with training_precision(ranker.options.precision, ranker.device):
        computed = ranker.network(fields, history, batch.clicked, batch.statistics)
    return torch.as_tensor(computed).float()


def _tensor(values: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(values).to(device, non_blocking=True)

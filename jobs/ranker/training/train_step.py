"""One step of training: the rows of a batch, their logits and what these change."""

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

Step = Callable[[Ranker, EncodedRows, NDArray[np.int64]], None]
"""Trains a ranker on the rows of these numbers, all in one batch."""


@dataclass(frozen=True)
class Batch:
    """Rows on the ranker's device.

    index: int64, (rows, fields + clicks), stacked rows. clicked: bool, (rows, clicks), False for
    the padding of a history. labels: float32, (rows,).
    """

    index: Tensor
    clicked: Tensor
    labels: Tensor


def train_batch(ranker: Ranker, rows: EncodedRows, numbers: NDArray[np.int64]) -> None:
    """The step of a ranker that one process trains."""
    batch = on_device(ranker, rows, numbers)
    touched = ranker.table.touch(batch.index)
    loss = binary_cross_entropy_with_logits(logits(ranker, batch, touched.vectors), batch.labels)
    ranker.optimizer.zero_grad()
    torch.autograd.backward(loss)
    ranker.optimizer.step()
    ranker.table.step(touched, ranker.options.embedding_rate, ranker.options.embedding_decay)


def on_device(ranker: Ranker, rows: EncodedRows, numbers: NDArray[np.int64]) -> Batch:
    """The rows of these numbers."""
    fields = _tensor(rows.fields[numbers], ranker.device)
    history = _tensor(rows.history[numbers], ranker.device)
    index = torch.cat([fields, history.clamp(min=UNKNOWN_ROW)], dim=1)
    return Batch(index, history >= 0, _tensor(rows.labels[numbers], ranker.device))


def logits(ranker: Ranker, batch: Batch, vectors: Tensor) -> Tensor:
    """float32, (rows,), from the embeddings of a batch, (rows, fields + clicks, dim)."""
    fields, history = torch.split(vectors, [len(ranker.fields), batch.clicked.shape[1]], dim=1)
    with training_precision(ranker.options.precision, ranker.device):
        found = ranker.network(fields, history, batch.clicked)
    return torch.as_tensor(found).float()


def _tensor(values: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(values).to(device, non_blocking=True)

"""The embedding table: all fields stacked in one tensor, trained by row-wise Adagrad.

Production tables hold hundreds of millions of rows, of which a batch touches a few thousand. So the
cost of a training step must not grow with the table: gradients exist for touched rows only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding

ADAGRAD_EPSILON = 1e-10
INITIAL_ACCUMULATOR = 0.01
"""Adagrad's sum for an id without a gradient yet, in squared gradients of the summed log-loss.

It is of the size of a first gradient, so that the first step is no full step where gradients cancel
to almost nothing.
"""
NEVER = -1
UNKNOWN_ROW = 0
"""The stacked row shared by all ids outside the vocabulary. It is zero and never trained."""


@dataclass(frozen=True)
class Block:
    """The rows of one field, in vocabulary order, in host memory.

    Attributes:
        embedding: float32, (rows, dim).
        accumulator: float32, (rows,). Adagrad's sum of mean squared gradients.
        updates: int64, (rows,). Number of training rows with this id.
        last_update: int64, (rows,). Time of the newest of them in microseconds since the epoch, or
            ``NEVER``.
    """

    embedding: NDArray[np.float32]
    accumulator: NDArray[np.float32]
    updates: NDArray[np.int64]
    last_update: NDArray[np.int64]

    @classmethod
    def untrained(cls, rows: int, dim: int) -> Block:
        """Untrained rows. They are zero, so such ids score like ids outside the vocabulary."""
        return cls(
            np.zeros((rows, dim), np.float32),
            np.zeros(rows, np.float32),
            np.zeros(rows, np.int64),
            np.full(rows, NEVER, np.int64),
        )

    def padded(self, rows: int) -> Block:
        """Return the block with rows of zeros appended, ``rows`` in all."""
        width = self.embedding.shape[1]
        return self.extended(np.zeros((rows - len(self.updates), width), np.float32))

    def extended(self, embedding: NDArray[np.float32]) -> Block:
        """Return the block with untrained rows appended.

        Args:
            embedding: Initial embeddings of the new rows, (new, dim).
        """
        new = Block(
            embedding,
            np.full(len(embedding), INITIAL_ACCUMULATOR, np.float32),
            np.zeros(len(embedding), np.int64),
            np.full(len(embedding), NEVER, np.int64),
        )
        return Block(
            np.concatenate([self.embedding, new.embedding]),
            np.concatenate([self.accumulator, new.accumulator]),
            np.concatenate([self.updates, new.updates]),
            np.concatenate([self.last_update, new.last_update]),
        )


@dataclass(frozen=True)
class TouchedRows:
    """The rows of the table that one batch reads.

    Attributes:
        rows: Distinct stacked rows, ascending, (distinct,).
        inverse: Index into ``rows`` of each row of the batch, (...).
        vectors: Embeddings of the batch, a leaf of the autograd graph, (..., dim).
    """

    rows: Tensor
    inverse: Tensor
    vectors: Tensor

    def gradient(self) -> Tensor | None:
        """Gradient of the loss for each row, (distinct, dim); None if it ignores the vectors."""
        if self.vectors.grad is None:
            return None
        each = self.vectors.grad.flatten(0, -2)
        # The same bits as the backward pass of an embedding, several times as fast.
        inverse = self.inverse.reshape(-1, 1).expand_as(each)
        return each.new_zeros(len(self.rows), each.shape[1]).scatter_add_(0, inverse, each)


class EmbeddingTable:
    """The blocks of all fields stacked in one table, after ``UNKNOWN_ROW``.

    The layout depends on the vocabularies alone, not on when a row was added. So a lineage that is
    resumed from a checkpoint computes the same bits as one that never stopped.
    """

    def __init__(self, blocks: Mapping[str, Block], device: torch.device) -> None:
        """Stack the blocks in the order of the mapping.

        Args:
            blocks: Block of each field, all of the same embedding dimension.
            device: Where embeddings and accumulators are kept.
        """
        self.sizes = {field: len(block.updates) for field, block in blocks.items()}
        starts = np.cumsum([1, *self.sizes.values()])
        self.starts = {field: int(start) for field, start in zip(self.sizes, starts, strict=False)}
        dim = next(iter(blocks.values())).embedding.shape[1]
        stacked = [Block.untrained(1, dim), *blocks.values()]
        self.device = device
        self.embedding = _stack([block.embedding for block in stacked]).to(device)
        self.accumulator = _stack([block.accumulator for block in stacked]).to(device)
        self.updates = np.concatenate([block.updates for block in stacked])
        self.last_update = np.concatenate([block.last_update for block in stacked])

    @classmethod
    def untrained(cls, sizes: Mapping[str, int], dim: int, device: torch.device) -> EmbeddingTable:
        return cls({field: Block.untrained(rows, dim) for field, rows in sizes.items()}, device)

    def block(self, field: str) -> Block:
        """Return a copy of a field's rows in host memory."""
        rows = slice(self.starts[field], self.starts[field] + self.sizes[field])
        return Block(
            self.embedding[rows].cpu().numpy().copy(),
            self.accumulator[rows].cpu().numpy().copy(),
            self.updates[rows].copy(),
            self.last_update[rows].copy(),
        )

    def grown(self, new: Mapping[str, NDArray[np.float32]]) -> EmbeddingTable:
        """Return the table with untrained rows appended to each field's block.

        Copies the table, so call it once per day.

        Args:
            new: Initial embeddings of each field's new rows, (new, dim).
        """
        if not any(map(len, new.values())):
            return self
        blocks = {field: self.block(field).extended(new[field]) for field in self.sizes}
        return EmbeddingTable(blocks, self.device)

    def stacked(self, fields: str | Sequence[str], rows: NDArray[Any]) -> NDArray[np.int64]:
        """Convert vocabulary rows to stacked rows; -1 becomes ``UNKNOWN_ROW``.

        Args:
            fields: One field, or one field per column of ``rows``.
            rows: Vocabulary rows, (..., fields) where several fields are given.

        Returns:
            int64, of the shape of ``rows``.
        """
        names = [fields] if isinstance(fields, str) else fields
        starts = np.array([self.starts[field] for field in names])
        return np.where(rows < 0, UNKNOWN_ROW, rows + starts)

    def touch(self, index: Tensor) -> TouchedRows:
        """Read the embeddings of stacked rows, of any shape, for one training step."""
        rows, inverse = torch.unique(index, return_inverse=True)
        return TouchedRows(rows, inverse, embedding(index, self.embedding).requires_grad_())

    @torch.no_grad()
    def apply_gradient(
        self, touched: TouchedRows, rate: float, decay: float = 0.0, batch: int = 1
    ) -> None:
        """Update touched rows by row-wise Adagrad.

        Each row has a single accumulator, which sums up its mean squared gradients. Gradients are
        those of the summed loss, so that an id of one row learns alike in batches of any size.

        Args:
            touched: The rows that the batch has read, after the backward pass of the mean loss.
            rate: Learning rate.
            decay: Weight of an L2 penalty on the touched rows.
            batch: Rows of the batch.
        """
        gradient = touched.gradient()
        if gradient is None:
            return
        gradient = gradient * batch
        rows = touched.rows
        values = self.embedding[rows]
        if decay:
            gradient = gradient + decay * values
        accumulator = self.accumulator[rows] + gradient.square().mean(dim=1)
        self.accumulator[rows] = accumulator
        scale = rate / (accumulator.sqrt() + ADAGRAD_EPSILON)
        self.embedding[rows] = values - gradient * scale[:, None]
        # Filtering this row out beforehand would make a GPU wait for the number of other rows.
        self.accumulator[UNKNOWN_ROW] = 0
        self.embedding[UNKNOWN_ROW] = 0

    def count_updates(self, rows: NDArray[np.int64], ts: NDArray[np.int64]) -> None:
        """Count training rows of a field and keep the time of the newest.

        Args:
            rows: Stacked row of each training row, (n,).
            ts: Time of each training row in microseconds since the epoch, (n,).
        """
        np.add.at(self.updates, rows, 1)
        np.maximum.at(self.last_update, rows, ts)
        self.updates[UNKNOWN_ROW], self.last_update[UNKNOWN_ROW] = 0, NEVER


def _stack(parts: list[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.concatenate(parts))

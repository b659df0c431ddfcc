"""The embedding table: all fields stacked in one tensor, trained by row-wise Adagrad.

Production tables hold hundreds of millions of rows, of which a batch touches a few thousand. So
no step here costs anything that grows with the table: the gradient exists for touched rows only.
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
NEVER = -1
UNKNOWN_ROW = 0
"""The stacked row of every id that has no row of its own. It is zero and is never trained."""


@dataclass(frozen=True)
class Block:
    """The rows of one field, in vocabulary order, on the host.

    embedding: float32, shape (rows, dim). accumulator: float32, Adagrad's sum of mean squared
    gradients. updates: int64, training rows whose field value was this id. last_update: int64,
    microseconds since the epoch of the newest of these, or ``NEVER``.
    """

    embedding: NDArray[np.float32]
    accumulator: NDArray[np.float32]
    updates: NDArray[np.int64]
    last_update: NDArray[np.int64]

    @classmethod
    def untrained(cls, rows: int, dim: int) -> Block:
        """Rows that have learned nothing. They start at zero, so they score as unknown ids do."""
        return cls(
            np.zeros((rows, dim), np.float32),
            np.zeros(rows, np.float32),
            np.zeros(rows, np.int64),
            np.full(rows, NEVER, np.int64),
        )

    def grown(self, rows: int) -> Block:
        """With untrained rows appended, up to a number of rows."""
        new = Block.untrained(rows - len(self.updates), self.embedding.shape[1])
        return Block(
            np.concatenate([self.embedding, new.embedding]),
            np.concatenate([self.accumulator, new.accumulator]),
            np.concatenate([self.updates, new.updates]),
            np.concatenate([self.last_update, new.last_update]),
        )


@dataclass(frozen=True)
class Touched:
    """What one batch reads of the table.

    rows: distinct stacked rows, ascending, shape (u,). place: position in ``rows`` of each row
    that was asked for, (...). vectors: their embeddings, a leaf of the autograd graph, (..., dim).
    """

    rows: Tensor
    place: Tensor
    vectors: Tensor

    def gradient(self) -> Tensor | None:
        """Of each distinct row, shape (u, dim); None where nothing depends on the vectors."""
        if self.vectors.grad is None:
            return None
        each = self.vectors.grad.flatten(0, -2)
        # As the backward of an embedding adds up, to the same bits, but several times as fast.
        place = self.place.reshape(-1, 1).expand_as(each)
        return each.new_zeros(len(self.rows), each.shape[1]).scatter_add_(0, place, each)


class EmbeddingTable:
    """Blocks of all fields in one table, below ``UNKNOWN_ROW``.

    The layout depends on the vocabularies only, not on when a row was added. A lineage that was
    resumed from a checkpoint therefore computes the same bits as one that never stopped.
    """

    def __init__(self, blocks: Mapping[str, Block], device: torch.device) -> None:
        """Stack blocks in the order of the mapping; all have the same dim."""
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
        """The rows of a field, copied to the host."""
        rows = slice(self.starts[field], self.starts[field] + self.sizes[field])
        return Block(
            self.embedding[rows].cpu().numpy().copy(),
            self.accumulator[rows].cpu().numpy().copy(),
            self.updates[rows].copy(),
            self.last_update[rows].copy(),
        )

    def grown(self, sizes: Mapping[str, int]) -> EmbeddingTable:
        """With each field's block at its new size. Copies the table, so call it once a day."""
        if sizes == self.sizes:
            return self
        blocks = {field: self.block(field).grown(sizes[field]) for field in self.sizes}
        return EmbeddingTable(blocks, self.device)

    def stacked(self, fields: str | Sequence[str], rows: NDArray[Any]) -> NDArray[np.int64]:
        """Stacked rows of a field's vocabulary rows; -1 becomes ``UNKNOWN_ROW``.

        Of several fields, the last axis of ``rows`` has a column each.
        """
        of_each = [fields] if isinstance(fields, str) else fields
        starts = np.array([self.starts[field] for field in of_each])
        return np.where(rows < 0, UNKNOWN_ROW, rows + starts)

    def touch(self, index: Tensor) -> Touched:
        """Read stacked rows, of any shape, so that a gradient can flow to the distinct ones."""
        rows, place = torch.unique(index, return_inverse=True)
        return Touched(rows, place, embedding(index, self.embedding).requires_grad_())

    @torch.no_grad()
    def step(self, touched: Touched, rate: float, decay: float = 0.0) -> None:
        """Row-wise Adagrad: one accumulator a row, fed by the row's mean squared gradient.

        ``decay`` adds the gradient of an L2 penalty on the touched rows.
        """
        gradient = touched.gradient()
        if gradient is None:
            return
        rows = touched.rows
        values = self.embedding[rows]
        if decay:
            gradient = gradient + decay * values
        accumulator = self.accumulator[rows] + gradient.square().mean(dim=1)
        self.accumulator[rows] = accumulator
        scale = rate / (accumulator.sqrt() + ADAGRAD_EPSILON)
        self.embedding[rows] = values - gradient * scale[:, None]
        # To leave it out before would make a GPU wait for the number of the others.
        self.accumulator[UNKNOWN_ROW] = 0
        self.embedding[UNKNOWN_ROW] = 0

    def count(self, rows: NDArray[np.int64], ts: NDArray[np.int64]) -> None:
        """Record that training rows at times ``ts`` (microseconds) had these stacked rows."""
        np.add.at(self.updates, rows, 1)
        np.maximum.at(self.last_update, rows, ts)
        self.updates[UNKNOWN_ROW], self.last_update[UNKNOWN_ROW] = 0, NEVER


def _stack(parts: list[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.concatenate(parts))

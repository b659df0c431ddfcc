"""Vectors of items as a dense input of the network, beside the embeddings that it trains.

A row's input is the vector of its candidate item, the element-wise product of this vector with the
mean vector of the clicked items, and whether the candidate has a vector at all. A ``VectorHead``
turns it into a logit that is added to the deep part's. So it works beside any network, a custom one
too; and as its output is zero at first, a trained ranker that gets vectors scores as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from jobs.common.errors import InputError
from jobs.ranker.model.vocabulary import Vocabulary

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

HIDDEN_UNITS = 32
"""Width of the hidden layer of a ``VectorHead``."""

INITIAL_PRECISION = 1.0
"""Prior precision of the gate, whose prior mean is 1: a day of a hundred rows counts for more."""

_CONSTANT = 1e-6
"""A coordinate whose standard deviation is smaller is centred only."""
_NONE = -1


@dataclass(frozen=True, eq=False)
class ItemVectors:
    """A table of item vectors, standardised.

    Attributes:
        items: The items that have a vector.
        vectors: float32, (items + 1, dim); the last one is zero, for items without a vector.
        flags: float32, (items + 1,). Whether there is a vector: 1, or 0 for the last, minus the
            share of rows whose candidate has one.
    """

    items: Vocabulary
    vectors: Floats
    flags: Floats

    @classmethod
    def standardised(cls, table: pa.Table, candidates: Iterable[pa.Array]) -> ItemVectors:
        """Standardise by mean and standard deviation over the candidates of some rows.

        Args:
            table: ``item_id`` and ``embedding``.
            candidates: Candidate items of the rows, in parts.

        Raises:
            InputError: If a vector contains a value that is not finite.
        """
        items = Vocabulary(table["item_id"].combine_chunks())
        raw = _vectors(table)
        shown, rows = np.zeros(len(items), np.int64), 0
        for part in candidates:
            index = items.rows(part)
            shown += np.bincount(index[index >= 0], minlength=len(items))
            rows += len(index)
        covered = int(shown.sum())
        weights = shown / max(covered, 1)
        centre = weights @ raw
        spread = np.sqrt(weights @ (raw - centre) ** 2)
        vectors = (raw - centre) / np.where(spread > _CONSTANT, spread, 1)
        flags = np.append(np.ones(len(items)), 0) - covered / max(rows, 1)
        return cls(items, np.pad(vectors, ((0, 1), (0, 0))).astype(np.float32), flags.astype("f4"))

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def width(self) -> int:
        """Number of inputs of a row."""
        return input_width(self.dim)

    def inputs(self, candidates: Integers, clicks: Integers) -> Floats:
        """Return the inputs of rows, float32, (rows, width).

        Args:
            candidates: Position among ``items`` of each row's candidate, (rows,); -1 for none.
            clicks: The same of its clicked items, (rows, clicks); -1 for none or no click.
        """
        vectors = self.vectors[candidates]
        has_vector = clicks >= 0
        count = has_vector.sum(axis=1)
        ones, starts = np.ones(count.sum(), np.float32), np.append(0, np.cumsum(count))
        shape = (len(clicks), len(self.vectors))
        history = csr_matrix((ones, clicks[has_vector], starts), shape) @ self.vectors
        history /= np.maximum(count, 1)[:, None]
        columns = [vectors, vectors * history, self.flags[candidates][:, None]]
        return np.concatenate(columns, axis=1, dtype=np.float32)

    def positions(self, vocabulary: Vocabulary, start: int, rows: int) -> Integers:
        """Position among ``items`` of each row of an embedding table, (rows,); -1 for none.

        Args:
            vocabulary: Ids of the items in the embedding table.
            start: Row of its first item.
            rows: Rows of the embedding table.
        """
        positions = np.full(rows, _NONE, np.int64)
        positions[start : start + len(vocabulary)] = self.items.find(vocabulary.ids)
        return positions


class VectorHead(nn.Module):
    """Adds to a logit what item vectors say; nothing until it is trained, nothing without vectors.

    It has no biases: a row whose inputs are zero has the logit of the network alone, and leaves no
    gradient. Besides a hidden layer it has products of the candidate's vector with the embeddings
    of the row, so that tastes that the embeddings of users hold meet the vector of a new item.

    As the deep part has in ``WideAndDeep``, it has a gate, which rows that it has not been trained
    on yet update once a day: vectors that say nothing count little, however the head fits them.

    Attributes:
        gate: float64, (1,). What its logits are multiplied by, except in training.
        precision: float64, (1, 1). Inverse variance of the gate.
    """

    gate: Tensor
    precision: Tensor

    def __init__(self, dim: int, embeddings: int, seed: int) -> None:
        """Draw the weights of the hidden layer; all others are zero.

        Args:
            dim: Length of an item vector.
            embeddings: Length of all embeddings of a row.
            seed: Seed of the hidden layer.
        """
        super().__init__()
        self.dim = dim
        width = input_width(dim)
        self.hidden = nn.Linear(width, HIDDEN_UNITS, bias=False)
        self.output = nn.Linear(width + HIDDEN_UNITS, 1, bias=False)
        self.product = nn.Linear(dim, embeddings, bias=False)
        generator = torch.Generator().manual_seed(seed)
        nn.init.xavier_uniform_(self.hidden.weight, generator=generator)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.product.weight)
        self.register_buffer("gate", torch.ones(1, dtype=torch.float64))
        self.register_buffer("precision", torch.full((1, 1), INITIAL_PRECISION).double())

    def forward(self, inputs: Tensor, fields: Tensor) -> Tensor:
        """Compute what is added to the logits, before the gate, (rows,).

        Args:
            inputs: See ``ItemVectors.inputs``, (rows, width).
            fields: Embeddings of the fields, (rows, fields, dim).
        """
        hidden = torch.relu(self.hidden(inputs))
        logits: Tensor = self.output(torch.cat([inputs, hidden], dim=1)).squeeze(1)
        matched: Tensor = self.product(inputs[:, : self.dim]) * fields.flatten(1)
        return logits + matched.sum(dim=1)


def input_width(dim: int) -> int:
    """Return the number of inputs of a row: the vector, its product, and the flag."""
    return 2 * dim + 1


def _vectors(table: pa.Table) -> NDArray[np.float64]:
    items = table["item_id"]
    flat = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    width = len(flat) // max(len(items), 1)
    vectors: NDArray[np.float64] = flat.astype(np.float64).reshape(len(items), width)
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise InputError(
            f"embedding of item {items[int(bad[0])]} contains a value that is not finite "
            f"({len(bad):,} of {len(items):,} items): publish the item vectors again"
        )
    return vectors

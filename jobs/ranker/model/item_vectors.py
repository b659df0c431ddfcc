"""Vectors of items as a dense input of the network, beside the embeddings that it trains.

A row's input is the vector of its candidate item, the element-wise product of this vector with the
mean vector of the clicked items, and whether the candidate has a vector at all. A ``VectorHead``
turns it into a logit that is added to the deep part's. So it works beside any network, a custom one
too; and as its output is zero at first, a trained ranker that gets vectors scores as before.

A ranker may read several tables of vectors, each by a head of its own: an item may have a vector in
one and none in another, and what one of them is worth is found apart from the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

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
class Scale:
    """How vectors become inputs; it stays the same while the rows that it was found on age.

    Attributes:
        centre: Mean of each coordinate, float64, (dim,).
        spread: What is divided by: the standard deviation of each coordinate, float64, (dim,).
        coverage: Share of rows whose candidate has a vector.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    coverage: float

    @classmethod
    def over(
        cls, items: Vocabulary, raw: NDArray[np.float64], candidates: Iterable[pa.Array]
    ) -> Scale:
        """Find mean and standard deviation over the candidates of some rows.

        Args:
            items: The items that have a vector.
            raw: Their vectors, (items, dim).
            candidates: Candidate items of the rows, in parts.
        """
        shown, rows = np.zeros(len(items), np.int64), 0
        for part in candidates:
            index = items.rows(part)
            shown += np.bincount(index[index >= 0], minlength=len(items))
            rows += len(index)
        covered = int(shown.sum())
        weights = shown / max(covered, 1)
        centre = weights @ raw
        spread = np.sqrt(weights @ (raw - centre) ** 2)
        return cls(centre, np.where(spread > _CONSTANT, spread, 1), covered / max(rows, 1))


@dataclass(frozen=True, eq=False)
class ItemVectors:
    """A table of item vectors, standardised.

    Attributes:
        items: The items that have a vector.
        vectors: float32, (items + 1, dim); the last one is zero, for items without a vector.
        scale: How they were standardised.
        through: Day whose items are the last ones, of a table that grows from day to day.
    """

    items: Vocabulary
    vectors: Floats
    scale: Scale
    through: date | None = None

    @classmethod
    def standardised(cls, table: pa.Table, candidates: Iterable[pa.Array]) -> ItemVectors:
        """Standardise by mean and standard deviation over the candidates of some rows.

        Args:
            table: ``item_id`` and ``embedding``.
            candidates: Candidate items of the rows, in parts.

        Raises:
            InputError: If a vector contains a value that is not finite.
        """
        items, raw = Vocabulary(table["item_id"].combine_chunks()), _vectors(table)
        none = cls.empty(items.ids.type, Scale.over(items, raw, candidates))
        return none.updated(table)

    @classmethod
    def empty(cls, id_type: pa.DataType, scale: Scale) -> ItemVectors:
        """No item has a vector yet."""
        vectors = np.zeros((1, len(scale.centre)), np.float32)
        return cls(Vocabulary.empty(id_type), vectors, scale)

    def updated(self, table: pa.Table, through: date | None = None) -> ItemVectors:
        """The same with vectors of further items, or other ones of the same, in the same scale.

        Args:
            table: ``item_id``, each once, and ``embedding``.
            through: Day whose items are the last ones.

        Raises:
            InputError: If a vector contains a value that is not finite.
        """
        ids = table["item_id"].combine_chunks()
        if not len(ids):
            return replace(self, through=through)
        items = self.items.extended(ids)
        vectors = np.zeros((len(items) + 1, self.dim), np.float32)
        vectors[: len(self.items)] = self.vectors[:-1]
        vectors[items.rows(ids)] = (_vectors(table) - self.scale.centre) / self.scale.spread
        return ItemVectors(items, vectors, self.scale, through)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

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
        centre: float64, (dim,). With ``spread`` and ``coverage``, the ``Scale`` of its inputs.
        spread: float64, (dim,).
        coverage: float64, (1,).
    """

    gate: Tensor
    precision: Tensor
    centre: Tensor
    spread: Tensor
    coverage: Tensor

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
        self.register_buffer("centre", torch.zeros(dim, dtype=torch.float64))
        self.register_buffer("spread", torch.ones(dim, dtype=torch.float64))
        self.register_buffer("coverage", torch.zeros(1, dtype=torch.float64))

    @property
    def width(self) -> int:
        """Number of inputs of a row."""
        return input_width(self.dim)

    @property
    def scale(self) -> Scale:
        """How the vectors that it reads are standardised."""
        centre, spread = (one.cpu().numpy().copy() for one in (self.centre, self.spread))
        return Scale(centre, spread, float(self.coverage))

    def read_in(self, scale: Scale) -> None:
        """Note how the vectors that it reads are standardised."""
        self.centre.copy_(torch.from_numpy(scale.centre))
        self.spread.copy_(torch.from_numpy(scale.spread))
        self.coverage.fill_(scale.coverage)

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


def vector_inputs(table: Floats, coverage: float, candidates: Integers, clicks: Integers) -> Floats:
    """Return what a ``VectorHead`` reads of rows, float32, (rows, width).

    Args:
        table: Vectors, float32, (items + 1, dim); the last one is zero.
        coverage: See ``Scale``.
        candidates: Index of each row's candidate, (rows,); -1 for none.
        clicks: The same of its clicked items, (rows, clicks); -1 for none or no click.
    """
    vectors = table[candidates]
    has_vector = clicks >= 0
    count = has_vector.sum(axis=1)
    ones, starts = np.ones(count.sum(), np.float32), np.append(0, np.cumsum(count))
    shape = (len(clicks), len(table))
    history = csr_matrix((ones, clicks[has_vector], starts), shape) @ table
    history /= np.maximum(count, 1)[:, None]
    flags = np.where(candidates >= 0, 1.0, 0.0) - coverage
    columns = [vectors, vectors * history, flags.astype(np.float32)[:, None]]
    return np.concatenate(columns, axis=1, dtype=np.float32)


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

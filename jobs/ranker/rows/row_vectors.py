"""The item vectors that rows read, as indices: inputs are made when a batch needs them.

Stored with the rows, inputs would take a hundred times the space of the ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jobs.ranker.model.item_vectors import ItemVectors, VectorHead, vector_inputs

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
_NONE = -1


@dataclass(frozen=True, eq=False)
class RowVectors:
    """What some rows read of one table of item vectors.

    Attributes:
        vectors: float32, (items + 1, dim); the last one is zero.
        coverage: See ``Scale``.
        candidates: int64, (rows,). Index into ``vectors`` of each candidate; -1 for none.
        clicks: int64, (rows, clicks). The same of the clicked items; -1 for none or no click.
    """

    vectors: Floats
    coverage: float
    candidates: Integers
    clicks: Integers

    @classmethod
    def of(cls, table: ItemVectors, candidates: Integers, clicks: Integers) -> RowVectors:
        """Read a table, given positions among its items."""
        return cls(table.vectors, table.scale.coverage, candidates, clicks)

    @classmethod
    def none(cls, head: VectorHead, clicks: tuple[int, int]) -> RowVectors:
        """Of rows whose items have none.

        Args:
            head: The head that reads them.
            clicks: Numbers of rows and of clicks of each.
        """
        nothing = np.zeros((1, head.dim), np.float32)
        indices = np.full(clicks[0], _NONE), np.full(clicks, _NONE)
        return cls(nothing, head.scale.coverage, *indices)

    def inputs(self, rows: Integers | slice) -> Floats:
        """The inputs of the rows with the given numbers; see ``vector_inputs``."""
        indices = self.candidates[rows], self.clicks[rows]
        return vector_inputs(self.vectors, self.coverage, *indices)

    def compact(self) -> RowVectors:
        """The same with the vectors alone that a row reads."""
        indices = np.append(self.candidates, self.clicks)
        used, places = np.unique(indices[indices >= 0], return_inverse=True)
        indices[indices >= 0] = places
        candidates, clicks = np.split(indices, [len(self.candidates)])
        vectors = np.concatenate([self.vectors[used], self.vectors[-1:]])
        return replace(
            self, vectors=vectors, candidates=candidates, clicks=clicks.reshape(self.clicks.shape)
        )


def concatenated(parts: Sequence[RowVectors]) -> RowVectors:
    """Concatenate the rows of parts that are read by one head."""
    starts = np.cumsum([0, *(len(part.vectors) - 1 for part in parts)])
    columns: dict[str, list[Integers]] = {"candidates": [], "clicks": []}
    for part, start in zip(parts, starts[:-1], strict=True):
        for name, indices in columns.items():
            index: Integers = getattr(part, name)
            indices.append(np.where(index >= 0, index + start, _NONE))
    vectors = np.concatenate([*(part.vectors[:-1] for part in parts), parts[0].vectors[-1:]])
    together = {name: np.concatenate(indices) for name, indices in columns.items()}
    return RowVectors(vectors, parts[0].coverage, **together)


def dense_inputs(
    statistics: Floats, vectors: Mapping[str, RowVectors], rows: Integers | slice
) -> Floats:
    """The dense inputs of a network: statistics, then those of each table of item vectors.

    Args:
        statistics: float32, (all rows, width).
        vectors: What the rows read of each table, in the order of their heads.
        rows: Numbers of the rows.
    """
    if not vectors:
        return statistics[rows]
    parts = [statistics[rows], *(one.inputs(rows) for one in vectors.values())]
    return np.concatenate(parts, axis=1)

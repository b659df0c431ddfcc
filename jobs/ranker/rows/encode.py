"""Impressions encoded for the network: ids become rows of the embedding table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.read_day import Chunk, Clicks
from jobs.ranker.rows.row_vectors import RowVectors, dense_inputs
from jobs.ranker.rows.statistics import dense_statistics
from jobs.scenarios import ITEM

NO_CLICK = -1


@dataclass(frozen=True)
class EncodedRows:
    """Impressions as arrays.

    Attributes:
        fields: int64, (rows, fields). Row of the stacked embedding table for each field.
        history: int64, (rows, clicks). Stacked rows of the clicked items, newest click first,
            padded with ``NO_CLICK``.
        statistics: float32, (rows, width). See ``jobs.ranker.rows.statistics``.
        labels: float32, (rows,).
        ts: int64, (rows,). Microseconds since the epoch.
        item_vectors: What the rows read of each table of item vectors, in the order of their heads.
    """

    fields: NDArray[np.int64]
    history: NDArray[np.int64]
    statistics: NDArray[np.float32]
    labels: NDArray[np.float32]
    ts: NDArray[np.int64]
    item_vectors: Mapping[str, RowVectors] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def dense_inputs(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """The dense inputs of the rows with the given numbers; see ``dense_inputs``."""
        return dense_inputs(self.statistics, self.item_vectors, rows)


def encode(ranker: Ranker, chunk: Chunk) -> EncodedRows:
    """Look up the ids of a chunk in the ranker's vocabularies."""
    rows = chunk.impressions
    fields = [ranker.vocabularies[name].rows(rows[name]) for name in ranker.fields]
    clicked = ranker.vocabularies[ITEM].rows(chunk.clicks.items)
    length = ranker.options.history_length
    return EncodedRows(
        fields=ranker.table.stacked(ranker.fields, np.stack(fields, axis=1)),
        history=pad(chunk.clicks, ranker.table.stacked(ITEM, clicked), len(chunk), length),
        statistics=chunk_statistics(chunk, ranker.fields),
        labels=rows["label"].to_numpy().astype(np.float32),
        ts=rows["ts"].cast(pa.int64()).to_numpy(),
        item_vectors={name: _row_vectors(ranker, name, chunk) for name in ranker.vector_names},
    )


def _row_vectors(ranker: Ranker, name: str, chunk: Chunk) -> RowVectors:
    # By id: an item may have a vector before it has an embedding.
    vectors = ranker.item_vectors[name]
    candidates = vectors.items.rows(chunk.impressions[ITEM])
    clicked = vectors.items.rows(chunk.clicks.items)
    clicks = pad(chunk.clicks, clicked, len(chunk), ranker.options.history_length)
    return RowVectors.of(vectors, candidates, clicks)


def chunk_statistics(chunk: Chunk, fields: Sequence[str]) -> NDArray[np.float32]:
    """Return the statistics of a chunk; width 0 if it was read without any."""
    if chunk.statistics is None:
        return np.empty((len(chunk), 0), np.float32)
    return dense_statistics(chunk.statistics, fields)


def pad(clicks: Clicks, values: NDArray[np.int64], rows: int, length: int) -> NDArray[np.int64]:
    """Arrange one value per click by row, newest click first.

    Args:
        clicks: Which row and position each value belongs to.
        values: One value per click, (clicks,).
        rows: Number of rows.
        length: Length to which every history is padded.

    Returns:
        int64, (rows, length); ``NO_CLICK`` where a row has fewer clicks.
    """
    padded = np.full((rows, length), NO_CLICK, np.int64)
    padded[clicks.row, clicks.position] = values
    return padded

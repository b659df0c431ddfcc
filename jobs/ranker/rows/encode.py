"""Impressions encoded for the network: ids become rows of the embedding table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.read_day import Chunk, Clicks
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
        statistics: float32, (rows, width). See ``jobs.ranker.rows.statistics``; the inputs of item
            vectors follow where the ranker reads any, see ``ItemVectors``.
        labels: float32, (rows,).
        ts: int64, (rows,). Microseconds since the epoch.
    """

    fields: NDArray[np.int64]
    history: NDArray[np.int64]
    statistics: NDArray[np.float32]
    labels: NDArray[np.float32]
    ts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def encode(ranker: Ranker, chunk: Chunk) -> EncodedRows:
    """Look up the ids of a chunk in the ranker's vocabularies."""
    rows = chunk.impressions
    fields = [ranker.vocabularies[field].rows(rows[field]) for field in ranker.fields]
    clicked = ranker.vocabularies[ITEM].rows(chunk.clicks.items)
    length = ranker.options.history_length
    return EncodedRows(
        fields=ranker.table.stacked(ranker.fields, np.stack(fields, axis=1)),
        history=pad(chunk.clicks, ranker.table.stacked(ITEM, clicked), len(chunk), length),
        statistics=_dense_inputs(ranker, chunk),
        labels=rows["label"].to_numpy().astype(np.float32),
        ts=rows["ts"].cast(pa.int64()).to_numpy(),
    )


def _dense_inputs(ranker: Ranker, chunk: Chunk) -> NDArray[np.float32]:
    inputs = [chunk_statistics(chunk, ranker.fields)]
    for vectors in ranker.vectors_in_order:
        # By id: an item may have a vector before it has an embedding.
        candidates = vectors.items.rows(chunk.impressions[ITEM])
        clicked = vectors.items.rows(chunk.clicks.items)
        clicks = pad(chunk.clicks, clicked, len(chunk), ranker.options.history_length)
        inputs.append(vectors.inputs(candidates, clicks))
    return np.concatenate(inputs, axis=1)


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

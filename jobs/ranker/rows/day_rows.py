"""The rows of a day as inputs of the dense part of that day's ranker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.lake import Lake
from jobs.ranker.model.dense_features import read_dense_features
from jobs.ranker.model.item_vectors import VectorHead
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import NO_CLICK, EncodedRows, encode
from jobs.ranker.rows.read_day import SEEN_ROWS, Chunk, Clicks, read_day
from jobs.ranker.rows.row_attributes import no_row_attributes, row_attributes
from jobs.ranker.rows.row_vectors import RowVectors, concatenated, dense_inputs
from jobs.ranker.rows.statistics import no_statistics
from jobs.scenarios import ITEM, Fold, Scenario


@dataclass(frozen=True, eq=False)
class DayRows:
    """Rows of day d, with each embedding of M_d that they use stored once.

    Attributes:
        rows: Table with the columns of ``jobs.ranker.rows.row_attributes``.
        vectors: float32, (distinct + 1, dim); the last one is zero.
        fields: int64, (rows, fields). Index into ``vectors``.
        history: int64, (rows, clicks). Index into ``vectors``; the last one pads a history.
        statistics: float32, (rows, width). See ``EncodedRows``.
        labels: float32, (rows,).
        item_updates: int64, (rows,). Number of rows of the item that M_d has been trained on.
        clicks: The click histories, by item id.
        item_vectors: What the rows read of each table of item vectors, in the order of their heads.
    """

    rows: pa.Table
    vectors: NDArray[np.float32]
    fields: NDArray[np.int64]
    history: NDArray[np.int64]
    statistics: NDArray[np.float32]
    labels: NDArray[np.float32]
    item_updates: NDArray[np.int64]
    clicks: Clicks
    item_vectors: Mapping[str, RowVectors]

    def __len__(self) -> int:
        return len(self.labels)

    def dense_inputs(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """The dense inputs of the rows with the given numbers; see ``dense_inputs``."""
        return dense_inputs(self.statistics, self.item_vectors, rows)

    @property
    def items(self) -> pa.Array:
        return self.rows[ITEM].combine_chunks()


@dataclass(frozen=True)
class DenseRows:
    """Inputs of a ranker's dense part, as indices into a table of vectors. Oldest rows first.

    Attributes:
        vectors: float32, (distinct, dim); the last one is zero and pads histories.
        fields: int64, (rows, fields). Index into ``vectors``.
        history: int64, (rows, clicks). Index into ``vectors``.
        statistics: float32, (rows, width).
        labels: float32, (rows,).
        item_vectors: What the rows read of each table of item vectors, in the order of their heads.
    """

    vectors: Tensor
    fields: Tensor
    history: Tensor
    statistics: Tensor
    labels: Tensor
    item_vectors: Mapping[str, RowVectors] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def dense_inputs(self, rows: Tensor) -> Tensor:
        """The dense inputs of rows; see ``dense_inputs``.

        Args:
            rows: Numbers of rows, of any shape.

        Returns:
            float32, (*rows.shape, width).
        """
        statistics = self.statistics[rows]
        if not self.item_vectors:
            return statistics
        numbers = rows.flatten().cpu().numpy()
        inputs = [
            torch.from_numpy(one.inputs(numbers)).to(statistics.device).view(*rows.shape, -1)
            for one in self.item_vectors.values()
        ]
        return torch.cat([statistics, *inputs], dim=-1)


def read_day_rows(
    ranker: Ranker, lake: Lake, scenario: Scenario, day: date, folds: Collection[Fold]
) -> DayRows:
    """Read a day's rows in the given folds, in stored order, with the embeddings of M_d.

    Of the lineage fold only a sample of about ``SEEN_ROWS`` rows is read: the other folds are small
    enough for a day of any length to fit into memory.
    """
    read_dense_features(ranker, lake, scenario, day)
    chunks = list(read_day(lake, scenario, day, folds, SEEN_ROWS))
    encoded = [encode(ranker, chunk) for chunk in chunks]
    width, length = len(ranker.fields), ranker.options.history_length
    fields = np.concatenate([np.empty((0, width), np.int64), *(part.fields for part in encoded)])
    history = np.concatenate([np.empty((0, length), np.int64), *(p.history for p in encoded)])
    clicked = history != NO_CLICK
    distinct, inverse = np.unique(
        np.concatenate([fields.ravel(), history[clicked]]), return_inverse=True
    )
    padded = np.full(history.shape, len(distinct))
    padded[clicked] = inverse[fields.size :]
    rows = [row_attributes(scenario, chunk) for chunk in chunks]
    table = pa.Table.from_batches(rows) if rows else no_row_attributes(scenario)
    stacked_item = fields[:, ranker.item_field]
    return DayRows(
        rows=table,
        vectors=np.pad(ranker.table.embedding[distinct].cpu().numpy(), ((0, 1), (0, 0))),
        fields=inverse[: fields.size].reshape(fields.shape),
        history=padded,
        statistics=np.concatenate(
            [no_statistics(ranker.network.width), *(part.statistics for part in encoded)]
        ),
        labels=np.concatenate([np.empty(0, np.float32), *(part.labels for part in encoded)]),
        item_updates=ranker.table.updates[stacked_item],
        clicks=_concatenated_clicks(chunks, table[ITEM].type),
        item_vectors={name: _day_vectors(ranker, name, encoded) for name in ranker.vector_names},
    )


def dense_rows(
    days: Sequence[DayRows], device: torch.device, heads: Mapping[str, VectorHead] | None = None
) -> DenseRows:
    """Concatenate the rows of several days, in order, into one table of vectors and its indices.

    Args:
        days: Rows of each day.
        device: Where tensors lie.
        heads: The heads of the network that reads the rows. An older ranker, that of a day, may not
            have had them all: its rows have no item vector to read.
    """
    starts = np.cumsum([0, *(len(day.vectors) - 1 for day in days)])
    fields, histories = [], []
    for day, start in zip(days, starts[:-1], strict=True):
        is_pad = day.history == len(day.vectors) - 1
        fields.append(day.fields + start)
        histories.append(np.where(is_pad, starts[-1], day.history + start))
    vectors = np.concatenate([*(day.vectors[:-1] for day in days), days[0].vectors[-1:]])
    return DenseRows(
        vectors=torch.from_numpy(vectors).to(device),
        fields=torch.from_numpy(np.concatenate(fields)).to(device),
        history=torch.from_numpy(np.concatenate(histories)).to(device),
        statistics=torch.from_numpy(np.concatenate([day.statistics for day in days])).to(device),
        labels=torch.from_numpy(np.concatenate([day.labels for day in days])).to(device),
        item_vectors={
            name: concatenated(
                [
                    day.item_vectors.get(name) or RowVectors.none(head, day.history.shape)
                    for day in days
                ]
            )
            for name, head in (heads or {}).items()
        },
    )


def _day_vectors(ranker: Ranker, name: str, chunks: Sequence[EncodedRows]) -> RowVectors:
    parts = [chunk.item_vectors[name] for chunk in chunks]
    no_clicks = np.empty((0, ranker.options.history_length), np.int64)
    candidates = np.concatenate([np.empty(0, np.int64), *(part.candidates for part in parts)])
    clicks = np.concatenate([no_clicks, *(part.clicks for part in parts)])
    return RowVectors.of(ranker.item_vectors[name], candidates, clicks).compact()


def _concatenated_clicks(chunks: Sequence[Chunk], id_type: pa.DataType) -> Clicks:
    if not chunks:
        return Clicks.empty(id_type)
    starts = np.cumsum([0, *(len(chunk) for chunk in chunks[:-1])])
    return Clicks(
        pa.concat_arrays([chunk.clicks.items for chunk in chunks]),
        np.concatenate([c.clicks.row + start for c, start in zip(chunks, starts, strict=True)]),
        np.concatenate([chunk.clicks.position for chunk in chunks]),
    )

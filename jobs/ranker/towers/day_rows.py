"""The rows of a day as the dense part of that day's ranker takes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from jobs.lake import Lake
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.encode import NO_CLICK, encode
from jobs.ranker.rows.read_day import SEEN_ROWS, Chunk, Clicks, read_day
from jobs.ranker.scoring.score_day import described, no_rows
from jobs.ranker.towers.retrain_towers import DenseRows
from jobs.scenarios import ITEM, Fold, Scenario


@dataclass(frozen=True, eq=False)
class DayRows:
    """Rows of day d with the embeddings of M_d that they name, each embedding once.

    rows: see ``jobs.ranker.scoring.score_day.described``. vectors: float32, (distinct + 1, dim);
    the last is zero. fields: int64, (rows, fields), and history: int64, (rows, clicks), positions
    in ``vectors``; the last position pads a history. labels: float32. item_updates: int64, how
    often M_d has trained the row's item. clicks: item ids of the histories.
    """

    rows: pa.Table
    vectors: NDArray[np.float32]
    fields: NDArray[np.int64]
    history: NDArray[np.int64]
    labels: NDArray[np.float32]
    item_updates: NDArray[np.int64]
    clicks: Clicks

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def items(self) -> pa.Array:
        return self.rows[ITEM].combine_chunks()


def read_day_rows(
    ranker: Ranker, lake: Lake, scenario: Scenario, day: date, folds: Collection[Fold]
) -> DayRows:
    """Rows of a day in the given folds, in stored order, for M_d of that day.

    Of the lineage fold about ``SEEN_ROWS``: a day of any length fits into memory but for its
    held-out rows.
    """
    chunks = list(read_day(lake, scenario, day, folds, SEEN_ROWS))
    encoded = [encode(ranker, chunk) for chunk in chunks]
    width, length = len(ranker.fields), ranker.options.history_length
    fields = np.concatenate([np.empty((0, width), np.int64), *(part.fields for part in encoded)])
    history = np.concatenate([np.empty((0, length), np.int64), *(p.history for p in encoded)])
    clicked = history != NO_CLICK
    distinct, position = np.unique(
        np.concatenate([fields.ravel(), history[clicked]]), return_inverse=True
    )
    padded = np.full(history.shape, len(distinct))
    padded[clicked] = position[fields.size :]
    rows = [described(scenario, chunk) for chunk in chunks]
    table = pa.Table.from_batches(rows) if rows else no_rows(scenario)
    stacked_item = fields[:, ranker.item_field]
    return DayRows(
        rows=table,
        vectors=np.pad(ranker.table.embedding[distinct].cpu().numpy(), ((0, 1), (0, 0))),
        fields=position[: fields.size].reshape(fields.shape),
        history=padded,
        labels=np.concatenate([np.empty(0, np.float32), *(part.labels for part in encoded)]),
        item_updates=ranker.table.updates[stacked_item],
        clicks=_joined_clicks(chunks, table[ITEM].type),
    )


def dense_rows(days: Sequence[DayRows], device: torch.device) -> DenseRows:
    """The rows of several days, in their order, as one table of vectors and positions in it."""
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
        labels=torch.from_numpy(np.concatenate([day.labels for day in days])).to(device),
    )


def _joined_clicks(chunks: Sequence[Chunk], kind: pa.DataType) -> Clicks:
    if not chunks:
        return Clicks.none(kind)
    starts = np.cumsum([0, *(len(chunk) for chunk in chunks[:-1])])
    return Clicks(
        pa.concat_arrays([chunk.clicks.items for chunk in chunks]),
        np.concatenate([c.clicks.row + start for c, start in zip(chunks, starts, strict=True)]),
        np.concatenate([chunk.clicks.slot for chunk in chunks]),
    )

"""What a ranker in retrain mode is told of each row, given a table of preference data.

A few columns carry what a table says of a row: whether the candidate matches what the user
clicked, and how the ranker's own logit moves if the table's vectors take the place of its own.
The raw vectors come after these: a small fit fold would learn noise from them, so they are used
only where there are rows enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from jobs.lake import schemas
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.model.vocabulary import Vocabulary
from jobs.ranker.towers.day_rows import DayRows
from jobs.ranker.towers.frozen_forward import Floats, logits
from jobs.scenarios import ITEM

_FEW_DIMENSIONS = 4
"""Vectors of so few dimensions are columns like any other."""


@dataclass(frozen=True, eq=False)
class RowFeature:
    """What the rows of a day are told, and whether the table says anything of them.

    columns: float32, (rows, width); no column at all where a table of vectors holds none. compact:
    how many columns come before the raw vectors. covered: bool, (rows,).
    """

    columns: Floats
    compact: int
    covered: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """A ``features`` partition in memory.

    keys: distinct ids of items or impressions, (n,). Then one of vectors: float32, (n, dim), and
    lists: of item ids, (n,). in_slot: the vectors are of the space in which the ranker keeps the
    key's own. keyed_by: see ``schemas.key_column``.
    """

    keyed_by: str
    keys: pa.Array
    vectors: Floats | None
    lists: pa.ListArray | None
    in_slot: bool

    @classmethod
    def from_arrow(cls, table: pa.Table, keyed_by: str, in_slot: bool) -> FeatureTable:
        keys = table[schemas.key_column(keyed_by)].combine_chunks()
        if "items" in table.column_names:
            return cls(keyed_by, keys, None, table["items"].combine_chunks(), False)
        embedding = table["embedding"].combine_chunks()
        flat = embedding.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        width = len(flat) // len(keys) if len(keys) else 0
        return cls(keyed_by, keys, flat.reshape(len(keys), width), None, in_slot)

    def taken(self, order: NDArray[np.int64]) -> FeatureTable:
        """Each key with what the table says of the key at another position; -1 leaves it out."""
        kept = order >= 0
        order = order[kept]
        return FeatureTable(
            self.keyed_by,
            self.keys.filter(pa.array(kept)),
            None if self.vectors is None else self.vectors[order],
            None if self.lists is None else self.lists.take(pa.array(order)),
            self.in_slot,
        )

    @property
    def column(self) -> str:
        """The column of the rows that holds their key."""
        return schemas.key_column(self.keyed_by)

    def rows(self, day: DayRows) -> NDArray[np.int64]:
        """Position of each row's key; -1 where the table does not hold it."""
        return Vocabulary(self.keys).rows(day.rows[self.column].combine_chunks())


def row_feature(ranker: Ranker, day: DayRows, table: FeatureTable, own: Floats) -> RowFeature:
    """What the rows of day d are told by a table; ``ranker`` is M_d, ``own`` its ``logits``."""
    if table.lists is not None:
        return _of_lists(ranker, day, table, table.lists, own)
    assert table.vectors is not None
    return _of_vectors(ranker, day, table, table.vectors, own)


def _of_vectors(
    ranker: Ranker, day: DayRows, table: FeatureTable, vectors: Floats, own: Floats
) -> RowFeature:
    position = table.rows(day)
    covered = position >= 0
    if not vectors.shape[1]:
        # Nothing says how long its vectors would be.
        return RowFeature(np.empty((len(day), 0), np.float32), 0, covered)
    held = np.pad(vectors, ((0, 1), (0, 0)))
    candidate = held[position]
    columns = [covered[:, None], np.linalg.norm(candidate, axis=1, keepdims=True)]
    if table.column != ITEM:
        if table.in_slot:
            moved = logits(ranker, day, table.column, _replaced(held, position))
            columns.append(moved - own)
        compact = len(columns)
        return RowFeature(_joined([*columns, candidate]), compact, covered)
    clicked = Vocabulary(table.keys).rows(day.clicks.items)
    history = _mean(held, clicked, day.clicks.row, len(day))
    columns.append(_cosine(candidate, history))
    if table.in_slot:
        columns.append(_swapped(ranker, day, held, position, clicked) - own)
    if vectors.shape[1] <= _FEW_DIMENSIONS:
        columns.append(candidate)
    compact = sum(column.shape[1] for column in columns)
    return RowFeature(_joined([*columns, candidate, candidate * history]), compact, covered)


def _of_lists(
    ranker: Ranker, day: DayRows, table: FeatureTable, lists: pa.ListArray, own: Floats
) -> RowFeature:
    position = table.rows(day)
    lengths = lists.value_lengths().fill_null(0).to_numpy()
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    count = np.where(position >= 0, np.append(lengths, 0)[position], 0)
    covered = count > 0
    row = np.repeat(np.arange(len(day)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    entry = np.repeat(np.append(starts, 0)[position], count) + within

    values = lists.flatten()
    names = Vocabulary.empty(values.type).extended(values)
    listed = names.rows(values)[entry]
    is_candidate = listed == names.rows(day.items)[row]
    clicked = day.clicks.row * len(names) + names.rows(day.clicks.items)
    in_history = np.isin(row * len(names) + listed, clicked[names.rows(day.clicks.items) >= 0])

    vectors = np.pad(ranker.table.block(ITEM).embedding, ((0, 1), (0, 0)))
    known = ranker.vocabularies[ITEM].rows(values)[entry]
    pooled = _mean(vectors, known, row, len(day))
    candidate = day.vectors[day.fields[:, ranker.item_field]]
    history = _mean(
        vectors,
        # A click on an item without a vector counts as one on zero.
        _or_last(ranker.vocabularies[ITEM].rows(day.clicks.items), vectors),
        day.clicks.row,
        len(day),
    )
    per_entry = 1 / np.maximum(count, 1)
    columns = [
        covered[:, None],
        _summed(is_candidate, row, len(day)) > 0,
        _summed(in_history, row, len(day)) * per_entry[:, None],
        _cosine(pooled, candidate),
        _cosine(pooled, history),
    ]
    if table.keyed_by == "item":
        entries = np.where(covered, np.arange(len(day)), -1)
        moved = logits(ranker, day, ITEM, _replaced(pooled, entries))
        columns.append(moved - own)
    compact = len(columns)
    return RowFeature(_joined([*columns, pooled, pooled * candidate]), compact, covered)


def _swapped(
    ranker: Ranker,
    day: DayRows,
    held: Floats,
    position: NDArray[np.int64],
    clicked: NDArray[np.int64],
) -> Floats:
    """M_d's logits if the table's vectors take the place of its own, everywhere."""

    def of_clicks(part: slice) -> Floats:
        inside = (day.clicks.row >= part.start) & (day.clicks.row < part.stop) & (clicked >= 0)
        length = day.history.shape[1]
        rows = min(part.stop, len(day)) - part.start
        vectors = np.full((rows, length, held.shape[1]), np.nan, np.float32)
        vectors[day.clicks.row[inside] - part.start, day.clicks.slot[inside]] = held[
            clicked[inside]
        ]
        return vectors

    return logits(ranker, day, ITEM, _replaced(held, position), of_clicks)


def _replaced(vectors: Floats, position: NDArray[np.int64]) -> Callable[[slice], Floats]:
    """Vectors of some of the rows by position; NaN where that is -1."""
    return lambda part: np.where(position[part, None] >= 0, vectors[position[part]], np.nan)


def _mean(
    vectors: Floats, position: NDArray[np.int64], row: NDArray[np.int64], rows: int
) -> Floats:
    """Mean of the vectors at the positions of each row, (rows, dim); -1 counts for nothing."""
    chosen = position >= 0
    ones = np.ones(chosen.sum(), np.float32)
    named = csr_matrix((ones, (row[chosen], position[chosen])), (rows, len(vectors)))
    count = np.bincount(row[chosen], minlength=rows).astype(np.float32)
    mean: Floats = np.divide(named @ vectors, np.maximum(count, 1)[:, None], dtype=np.float32)
    return mean


def _or_last(position: NDArray[np.int64], vectors: Floats) -> NDArray[np.int64]:
    return np.where(position < 0, len(vectors) - 1, position)


def _summed(flags: NDArray[np.bool_], row: NDArray[np.int64], rows: int) -> Floats:
    return np.bincount(row, weights=flags, minlength=rows)[:, None].astype(np.float32)


def _cosine(first: Floats, second: Floats) -> Floats:
    lengths = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    cosine: Floats = (first * second).sum(axis=1) / np.maximum(lengths, 1e-12)
    return cosine[:, None]


def _joined(columns: list[NDArray[np.generic]]) -> Floats:
    return np.concatenate([column.astype(np.float32) for column in columns], axis=1)

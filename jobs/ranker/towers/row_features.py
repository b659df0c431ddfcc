"""Turn a table of preference data into input columns of the towers, one row per impression.

A few compact columns summarise the table for a row: whether the candidate matches the items the
user clicked, and how the ranker's logit changes when the table's vectors replace its embeddings.
The raw vectors follow. Towers would fit noise in them where the fit fold is small, so they are used
only if there are enough rows.
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
from jobs.ranker.rows.day_rows import DayRows
from jobs.ranker.scoring.frozen_forward import Floats, logits
from jobs.scenarios import ITEM

_FEW_DIMENSIONS = 4
"""Vectors of up to this many dimensions count as compact columns."""


@dataclass(frozen=True, eq=False)
class RowFeature:
    """Input columns for the rows of a day.

    Attributes:
        columns: float32, (rows, width); width 0 if the table of vectors is empty.
        compact: Number of columns before the raw vectors.
        covered: bool, (rows,). Whether the table contains the row's key.
    """

    columns: Floats
    compact: int
    covered: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """A ``features`` partition in memory. It has either vectors or lists.

    Attributes:
        keyed_by: What the keys are; see ``schemas.key_column``.
        keys: Distinct ids, (keys,).
        vectors: float32, (keys, dim).
        lists: A list of item ids for each key, (keys,).
        in_slot: Whether the vectors come from the ranker's own embedding space, so that they can
            replace its embeddings of the keys.
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

    def permuted(self, order: NDArray[np.int64]) -> FeatureTable:
        """Give each key the value of another key.

        Args:
            order: int64, (keys,). Index of the key whose value to use; -1 drops the key.
        """
        is_kept = order >= 0
        order = order[is_kept]
        return FeatureTable(
            self.keyed_by,
            self.keys.filter(pa.array(is_kept)),
            None if self.vectors is None else self.vectors[order],
            None if self.lists is None else self.lists.take(pa.array(order)),
            self.in_slot,
        )

    @property
    def column(self) -> str:
        """Name of the column of impressions that contains the key."""
        return schemas.key_column(self.keyed_by)

    def key_index(self, day: DayRows) -> NDArray[np.int64]:
        """Index of each row's key, int64, (rows,); -1 where the table does not contain it."""
        return Vocabulary(self.keys).rows(day.rows[self.column].combine_chunks())


def row_feature(
    ranker: Ranker, day: DayRows, table: FeatureTable, ranker_logits: Floats
) -> RowFeature:
    """Compute the input columns that a table gives the rows of a day.

    Args:
        ranker: M_d of the day.
        day: Rows of day d.
        table: Preference data.
        ranker_logits: ``logits`` of M_d for these rows, (rows, 1).
    """
    if table.lists is not None:
        return _from_lists(ranker, day, table, table.lists, ranker_logits)
    assert table.vectors is not None
    return _from_vectors(ranker, day, table, table.vectors, ranker_logits)


def _from_vectors(
    ranker: Ranker, day: DayRows, table: FeatureTable, vectors: Floats, ranker_logits: Floats
) -> RowFeature:
    index = table.key_index(day)
    covered = index >= 0
    if not vectors.shape[1]:
        # An empty table does not determine the dimension of its vectors.
        return RowFeature(np.empty((len(day), 0), np.float32), 0, covered)
    padded = np.pad(vectors, ((0, 1), (0, 0)))
    candidate = padded[index]
    columns = [covered[:, None], np.linalg.norm(candidate, axis=1, keepdims=True)]
    if table.column != ITEM:
        if table.in_slot:
            swapped = logits(ranker, day, table.column, _vectors_or_nan(padded, index))
            columns.append(swapped - ranker_logits)
        compact = len(columns)
        return RowFeature(_concatenated([*columns, candidate]), compact, covered)
    clicked = Vocabulary(table.keys).rows(day.clicks.items)
    history = _mean(padded, clicked, day.clicks.row, len(day))
    columns.append(_cosine(candidate, history))
    if table.in_slot:
        columns.append(_swapped_logits(ranker, day, padded, index, clicked) - ranker_logits)
    if vectors.shape[1] <= _FEW_DIMENSIONS:
        columns.append(candidate)
    compact = sum(column.shape[1] for column in columns)
    return RowFeature(_concatenated([*columns, candidate, candidate * history]), compact, covered)


def _from_lists(
    ranker: Ranker, day: DayRows, table: FeatureTable, lists: pa.ListArray, ranker_logits: Floats
) -> RowFeature:
    index = table.key_index(day)
    lengths = lists.value_lengths().fill_null(0).to_numpy()
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    count = np.where(index >= 0, np.append(lengths, 0)[index], 0)
    covered = count > 0
    row = np.repeat(np.arange(len(day)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    entry = np.repeat(np.append(starts, 0)[index], count) + within

    values = lists.flatten()
    listed_items = Vocabulary.empty(values.type).extended(values)
    listed = listed_items.rows(values)[entry]
    is_candidate = listed == listed_items.rows(day.items)[row]
    clicked = listed_items.rows(day.clicks.items)
    # One number per pair of row and item, so that the pairs can be compared as integers.
    pairs = day.clicks.row * len(listed_items) + clicked
    in_history = np.isin(row * len(listed_items) + listed, pairs[clicked >= 0])

    vectors = np.pad(ranker.table.block(ITEM).embedding, ((0, 1), (0, 0)))
    embedding_rows = ranker.vocabularies[ITEM].rows(values)[entry]
    pooled = _mean(vectors, embedding_rows, row, len(day))
    candidate = day.vectors[day.fields[:, ranker.item_field]]
    history = _mean(
        vectors,
        # A click on an item outside the vocabulary counts as the zero vector.
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
        covered_rows = np.where(covered, np.arange(len(day)), -1)
        swapped = logits(ranker, day, ITEM, _vectors_or_nan(pooled, covered_rows))
        columns.append(swapped - ranker_logits)
    compact = len(columns)
    return RowFeature(_concatenated([*columns, pooled, pooled * candidate]), compact, covered)


def _swapped_logits(
    ranker: Ranker,
    day: DayRows,
    padded: Floats,
    index: NDArray[np.int64],
    clicked: NDArray[np.int64],
) -> Floats:
    """Logits of M_d when the table's vectors replace its embeddings of candidates and clicks."""

    def click_vectors(part: slice) -> Floats:
        inside = (day.clicks.row >= part.start) & (day.clicks.row < part.stop) & (clicked >= 0)
        length = day.history.shape[1]
        rows = min(part.stop, len(day)) - part.start
        vectors = np.full((rows, length, padded.shape[1]), np.nan, np.float32)
        row, position = day.clicks.row[inside] - part.start, day.clicks.position[inside]
        vectors[row, position] = padded[clicked[inside]]
        return vectors

    return logits(ranker, day, ITEM, _vectors_or_nan(padded, index), click_vectors)


def _vectors_or_nan(vectors: Floats, index: NDArray[np.int64]) -> Callable[[slice], Floats]:
    """For a slice of the rows, the vector of each row by index; NaN where the index is -1."""
    return lambda part: np.where(index[part, None] >= 0, vectors[index[part]], np.nan)


def _mean(vectors: Floats, index: NDArray[np.int64], row: NDArray[np.int64], rows: int) -> Floats:
    """Mean vector of each row.

    Args:
        vectors: float32, (vectors, dim).
        index: int64, (entries,). Index of a vector; entries of -1 are ignored.
        row: int64, (entries,). The row that an entry belongs to.
        rows: Number of rows.

    Returns:
        float32, (rows, dim); zero for a row without entries.
    """
    used = index >= 0
    ones = np.ones(used.sum(), np.float32)
    entries = csr_matrix((ones, (row[used], index[used])), (rows, len(vectors)))
    count = np.bincount(row[used], minlength=rows).astype(np.float32)
    mean: Floats = np.divide(entries @ vectors, np.maximum(count, 1)[:, None], dtype=np.float32)
    return mean


def _or_last(index: NDArray[np.int64], vectors: Floats) -> NDArray[np.int64]:
    return np.where(index < 0, len(vectors) - 1, index)


def _summed(flags: NDArray[np.bool_], row: NDArray[np.int64], rows: int) -> Floats:
    return np.bincount(row, weights=flags, minlength=rows)[:, None].astype(np.float32)


def _cosine(first: Floats, second: Floats) -> Floats:
    lengths = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    cosine: Floats = (first * second).sum(axis=1) / np.maximum(lengths, 1e-12)
    return cosine[:, None]


def _concatenated(columns: list[NDArray[np.generic]]) -> Floats:
    return np.concatenate([column.astype(np.float32) for column in columns], axis=1)

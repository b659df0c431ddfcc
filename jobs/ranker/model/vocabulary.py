"""Map ids to rows of a field's embedding block, without hashing: no two ids share a row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.common.errors import AuditError
from jobs.lake.manifest import Manifest

IDS = "ids.parquet"
"""The file of a checkpoint that has a column of ids for each field, in the order of its rows."""


class Vocabulary:
    """Distinct ids in order of first appearance; the position of an id is its row.

    Immutable: ``extended`` returns a new vocabulary in which every id keeps its row.
    """

    def __init__(self, ids: pa.Array) -> None:
        """Build the vocabulary from ids in row order.

        Args:
            ids: Distinct ids without nulls, (rows,).

        Raises:
            AuditError: If an id is null or appears twice.
        """
        if ids.null_count or pc.count_distinct(ids).as_py() != len(ids):
            raise AuditError("a vocabulary contains a null or a repeated id")
        self.ids = ids

    @classmethod
    def empty(cls, id_type: pa.DataType) -> Vocabulary:
        return cls(pa.array([], id_type))

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: pa.Array) -> NDArray[np.int64]:
        """Look up the row of each id.

        Args:
            ids: Ids, (n,); they may repeat.

        Returns:
            int64, (n,); -1 where an id is unknown or null.

        Raises:
            TypeError: If the ids have another type than the vocabulary's.
        """
        # Ids repeat a lot and strings hash slowly, so each distinct id is looked up once.
        encoded = ids.dictionary_encode()
        return _spread(self.find(encoded.dictionary), encoded)

    def find(self, distinct: pa.Array) -> NDArray[np.int64]:
        """Like ``rows``, for distinct ids."""
        if distinct.type != self.ids.type:
            raise TypeError(
                f"cannot look up {distinct.type} ids in a vocabulary of {self.ids.type}"
            )
        return np.asarray(self._index.get_indexer(_as_index(distinct)), np.int64)

    def extended(self, ids: pa.Array) -> Vocabulary:
        """Return a vocabulary with the new ids appended in order of first appearance."""
        distinct = pc.unique(ids).drop_null()
        new = distinct.filter(pa.array(self.rows(distinct) < 0))
        return Vocabulary(pa.concat_arrays([self.ids, new])) if len(new) else self

    @cached_property
    def _index(self) -> pd.Index:
        return _as_index(self.ids)


class VocabularyBuilder:
    """Extends a vocabulary by the ids of a day in a single pass over the day.

    Only ids of training rows are added, in order of their first appearance, so the final row of a
    new id is not determined before the whole day has been read: a click may name the item before
    its first training row does, or the item may have no training row at all. Until then a new id
    has a provisional row, numbered from ``len(base)`` on.
    """

    def __init__(self, base: Vocabulary) -> None:
        self._base = base
        self._provisional: dict[Any, int] = {}
        self._added: dict[Any, None] = {}

    def __len__(self) -> int:
        """Number of ids that have a row, final or provisional."""
        return len(self._base) + len(self._provisional)

    def add(self, ids: pa.Array) -> NDArray[np.int64]:
        """Add ids and return their final or provisional rows, (n,); -1 where null."""
        return self._rows(ids, add=True)

    def look_up(self, ids: pa.Array) -> NDArray[np.int64]:
        """Return final or provisional rows, (n,), without adding the ids; -1 where null."""
        return self._rows(ids, add=False)

    @property
    def new_ids(self) -> pa.Array:
        """The ids that were added and are not in the base, in order of first appearance."""
        return pa.array(list(self._added), self._base.ids.type)

    def final_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Replace provisional rows, once all ids have been added.

        Args:
            rows: Rows returned by ``add`` or ``look_up``, of any shape.

        Returns:
            int64, of the same shape: rows of the base extended by ``new_ids``; -1 for ids that were
            looked up and never added.
        """
        if not self._provisional:
            return rows
        final = np.full(len(self._provisional), -1)
        added = [self._provisional[identity] for identity in self._added]
        final[added] = len(self._base) + np.arange(len(added))
        is_provisional = rows >= len(self._base)
        replaced = rows.copy()
        replaced[is_provisional] = final[rows[is_provisional] - len(self._base)]
        return replaced

    def _rows(self, ids: pa.Array, *, add: bool) -> NDArray[np.int64]:
        encoded = ids.dictionary_encode()
        rows = self._base.find(encoded.dictionary)
        new = np.flatnonzero(rows < 0)
        for index, identity in zip(new, encoded.dictionary.take(pa.array(new)), strict=True):
            key = identity.as_py()
            number = self._provisional.setdefault(key, len(self._provisional))
            rows[index] = len(self._base) + number
            if add:
                self._added.setdefault(key)
        return _spread(rows, encoded)


def tables_of_ids(
    vocabularies: Mapping[str, Vocabulary], former: Manifest | None = None
) -> dict[str, pa.Table]:
    """The ids of all fields as the files of a checkpoint, by name.

    Args:
        vocabularies: The vocabulary of each field.
        former: Of the checkpoint as it was published before, if its very files are needed.
    """
    if former is not None and all(file.name != IDS for file in former.files):
        files = {field: file_of_ids(former, field) for field in vocabularies}
        return {
            name: pa.table({column: vocabularies[field].ids})
            for field, (name, column) in files.items()
        }
    longest = max(map(len, vocabularies.values()), default=0)
    columns = {
        field: pa.concat_arrays([one.ids, pa.nulls(longest - len(one), one.ids.type)])
        for field, one in vocabularies.items()
    }
    return {IDS: pa.table(columns)}


def file_of_ids(checkpoint: Manifest, field: str) -> tuple[str, str]:
    """The file of a checkpoint that has the ids of a field, and their column, padded with nulls.

    A checkpoint that was published by an earlier release has a file for each field.
    """
    is_shared = any(file.name == IDS for file in checkpoint.files)
    return (IDS, field) if is_shared else (f"vocabulary-{field}.parquet", "id")


def count_ids(checkpoint: Manifest, field: str) -> int:
    """How many ids of a field a checkpoint has."""
    name, _ = file_of_ids(checkpoint, field)
    if name == IDS:
        return int(checkpoint.facts["ids"][field])
    return next(file for file in checkpoint.files if file.name == name).rows


def _spread(rows: NDArray[np.int64], encoded: pa.DictionaryArray) -> NDArray[np.int64]:
    """Expand the rows of distinct ids to all ids of a dictionary-encoded array; -1 where null."""
    index = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    spread: NDArray[np.int64] = np.append(rows, -1)[index]
    return spread


def _as_index(ids: pa.Array) -> pd.Index:
    values = ids.to_numpy(zero_copy_only=False)
    return pd.Index(values, dtype=object if pa.types.is_string(ids.type) else None)

"""From ids to rows of a field's embedding block. No hashing, so two ids never share a row."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.common.errors import AuditError


class Vocabulary:
    """Distinct ids in order of first appearance; the position of an id is its row.

    Immutable: ``extended`` gives a new one, in which every id keeps its row.
    """

    def __init__(self, ids: pa.Array) -> None:
        """Take ids, shape (rows,). Raises AuditError when one is null or appears twice."""
        if ids.null_count or pc.count_distinct(ids).as_py() != len(ids):
            raise AuditError("a vocabulary holds a null or a repeated id")
        self.ids = ids

    @classmethod
    def empty(cls, kind: pa.DataType) -> Vocabulary:
        return cls(pa.array([], kind))

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: pa.Array) -> NDArray[np.int64]:
        """Row of each id, shape (n,); -1 where it is unknown or null.

        Raises TypeError when the ids are of another type than the vocabulary's.
        """
        # Each distinct id is looked up once: ids repeat a lot, and strings hash slowly.
        encoded = ids.dictionary_encode()
        return _spread(self.find(encoded.dictionary), encoded)

    def find(self, distinct: pa.Array) -> NDArray[np.int64]:
        """As ``rows``, for ids of which no two are equal."""
        if distinct.type != self.ids.type:
            raise TypeError(f"looks up {distinct.type} ids in a vocabulary of {self.ids.type}")
        return np.asarray(self._index.get_indexer(_as_index(distinct)), np.int64)

    def extended(self, ids: pa.Array) -> Vocabulary:
        """With the unknown ids of the array appended in order of first appearance."""
        distinct = pc.unique(ids).drop_null()
        new = distinct.filter(pa.array(self.rows(distinct) < 0))
        return Vocabulary(pa.concat_arrays([self.ids, new])) if len(new) else self

    @cached_property
    def _index(self) -> pd.Index:
        return _as_index(self.ids)


class LearningVocabulary:
    """A vocabulary that learns the ids of a day while the day is read, once.

    Which ids are learnt, and in which order, is known when the day has been read. Until then an id
    that was not known before has a passing row, from ``len(known)`` on: a click may name it before
    the first row that trains does, or none may.
    """

    def __init__(self, known: Vocabulary) -> None:
        self._known = known
        self._passing: dict[Any, int] = {}
        self._learnt: dict[Any, None] = {}

    def __len__(self) -> int:
        """Number of ids that have a row, lasting or passing."""
        return len(self._known) + len(self._passing)

    def learn(self, ids: pa.Array) -> NDArray[np.int64]:
        """Rows of ids that are learnt, shape (n,), known or passing; -1 where null."""
        return self._rows(ids, learnt=True)

    def look_up(self, ids: pa.Array) -> NDArray[np.int64]:
        """Rows of ids that are learnt only if they are given to ``learn`` too, shape (n,)."""
        return self._rows(ids, learnt=False)

    @property
    def ids(self) -> pa.Array:
        """The ids that were learnt, in order of first appearance."""
        return pa.array(list(self._learnt), self._known.ids.type)

    def settled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the vocabulary that has learnt ``ids``, of those given here; -1 if unknown."""
        if not self._passing:
            return rows
        lasting = np.full(len(self._passing), -1)
        learnt = [self._passing[identity] for identity in self._learnt]
        lasting[learnt] = len(self._known) + np.arange(len(learnt))
        passes = rows >= len(self._known)
        settled = rows.copy()
        settled[passes] = lasting[rows[passes] - len(self._known)]
        return settled

    def _rows(self, ids: pa.Array, *, learnt: bool) -> NDArray[np.int64]:
        encoded = ids.dictionary_encode()
        found = self._known.find(encoded.dictionary)
        new = np.flatnonzero(found < 0)
        for place, identity in zip(new, encoded.dictionary.take(pa.array(new)), strict=True):
            key = identity.as_py()
            found[place] = len(self._known) + self._passing.setdefault(key, len(self._passing))
            if learnt:
                self._learnt.setdefault(key)
        return _spread(found, encoded)


def _spread(rows: NDArray[np.int64], encoded: pa.DictionaryArray) -> NDArray[np.int64]:
    """From the rows of distinct ids to those of all; -1 where null."""
    position = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    spread: NDArray[np.int64] = np.append(rows, -1)[position]
    return spread


def _as_index(ids: pa.Array) -> pd.Index:
    values = ids.to_numpy(zero_copy_only=False)
    return pd.Index(values, dtype=object if pa.types.is_string(ids.type) else None)

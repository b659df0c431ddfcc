"""From ids to rows of a field's embedding block. No hashing, so two ids never share a row."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.errors import AuditError


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
        if ids.type != self.ids.type:
            raise TypeError(f"looks up {ids.type} ids in a vocabulary of {self.ids.type}")
        # Each distinct id is looked up once: ids repeat a lot, and strings hash slowly.
        encoded = ids.dictionary_encode()
        found = self._index.get_indexer(_as_index(encoded.dictionary))
        position = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        rows: NDArray[np.int64] = np.append(found, -1)[position]
        return rows

    def extended(self, ids: pa.Array) -> Vocabulary:
        """With the unknown ids of the array appended in order of first appearance."""
        distinct = pc.unique(ids).drop_null()
        new = distinct.filter(pa.array(self.rows(distinct) < 0))
        return Vocabulary(pa.concat_arrays([self.ids, new])) if len(new) else self

    @cached_property
    def _index(self) -> pd.Index:
        return _as_index(self.ids)


def _as_index(ids: pa.Array) -> pd.Index:
    values = ids.to_numpy(zero_copy_only=False)
    return pd.Index(values, dtype=object if pa.types.is_string(ids.type) else None)

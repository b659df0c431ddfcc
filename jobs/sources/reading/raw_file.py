"""What a file of any format is read as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class MalformedRow:
    """A row that has more or fewer columns than its file.

    Attributes:
        columns: number of its columns.
        text: the row as written.
    """

    columns: int
    text: str


@dataclass(frozen=True)
class RawBatch:
    """Some rows of a file.

    Attributes:
        rows: number of the rows.
        columns: values as stored, by the position of their column in the file.
        malformed: rows that are in no column.
    """

    rows: int
    columns: Mapping[int, pa.Array]
    malformed: tuple[MalformedRow, ...] = ()


class RawFile(Protocol):
    """A file with a header, read as batches of those columns that are asked for."""

    name: str
    names: tuple[str, ...]
    """Absolute path of the file, and the names of its columns."""

    @property
    def types(self) -> tuple[pa.DataType, ...]:
        """The stored type of each column."""

    def batches(
        self,
        positions: Sequence[int],
        groups: Sequence[int] | None = None,
        rows: int = BATCH_ROWS,
    ) -> Iterator[RawBatch]:
        """Read columns.

        Args:
            positions: positions of the columns in the file.
            groups: numbers of the row groups to read (default: all); of Parquet files alone.
            rows: rows of a batch, at most; of Parquet files alone.

        Raises:
            InputError: If the file is damaged or cannot be decoded.
        """

"""A Parquet file as Arrow batches of some of its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.sources.reading.raw_file import BATCH_ROWS, RawBatch


class ParquetFile:
    """A Parquet file; only its footer is read at first. An empty file has no columns.

    Args:
        storage: where the file is.
        path: its path there.

    Raises:
        InputError: If it is not Parquet.
    """

    def __init__(self, storage: Storage, path: str) -> None:
        self._storage = storage
        self.name = storage.absolute(path)
        self.group_rows: tuple[int, ...] = ()
        schema = pa.schema([])
        if storage.size(path):
            try:
                with storage.filesystem.open_input_file(self.name) as stream:
                    parquet = pq.ParquetFile(stream)
                    schema, footer = parquet.schema_arrow, parquet.metadata
            except (pa.ArrowException, OSError) as error:
                raise InputError(self._damaged(error)) from error
            groups = range(footer.num_row_groups)
            self.group_rows = tuple(footer.row_group(number).num_rows for number in groups)
        self.names = tuple(schema.names)
        self._types = tuple(schema.types)

    @property
    def types(self) -> tuple[pa.DataType, ...]:
        return self._types

    @property
    def rows(self) -> int:
        """Number of rows of the file."""
        return sum(self.group_rows)

    def batches(
        self,
        positions: Sequence[int],
        groups: Sequence[int] | None = None,
        rows: int = BATCH_ROWS,
    ) -> Iterator[RawBatch]:
        """See ``RawFile.batches``."""
        if not self.rows:
            return
        names = {position: self.names[position] for position in positions}
        try:
            with self._storage.filesystem.open_input_file(self.name) as stream:
                for batch in pq.ParquetFile(stream, pre_buffer=False).iter_batches(
                    rows, row_groups=groups, columns=sorted({*names.values()})
                ):
                    columns = {at: _plain(batch.column(name)) for at, name in names.items()}
                    yield RawBatch(batch.num_rows, columns)
        except (pa.ArrowException, OSError) as error:
            raise InputError(self._damaged(error)) from error

    def _damaged(self, error: Exception) -> str:
        reason = str(error).splitlines()[0]
        return f"{self.name} is not a complete Parquet file (truncated?): copy it again ({reason})"


def _plain(values: pa.Array) -> pa.Array:
    """Values in a form that all functions of Arrow take."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_string_view(values.type):
        return values.cast(pa.string())
    return values.cast(pa.binary()) if pa.types.is_binary_view(values.type) else values

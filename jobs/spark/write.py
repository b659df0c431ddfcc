"""Writing a frame as one Parquet file a day, whose bytes follow from the day's rows alone.

Tasks write through Arrow. Spark's own writer lists the encodings of a column in an order that
differs from one JVM to the next, so a rerun would change the digest of a day, and with it make
every history and checkpoint after that day stale.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.lake import Lake
from jobs.lake.storage import Storage

ROW_GROUP_ROWS = 1 << 17
_BELOW = "_below"


def write_by_day(
    frame: DataFrame,
    lake: Lake,
    folder: str,
    schema: pa.Schema,
    *order: str,
    by: tuple[str, ...] = ("ds",),
    newest: str | None = None,
) -> dict[str, int | None]:
    """Write one file a day (or whatever ``by`` names), its rows sorted, in one shuffle.

    Returns, for each folder written, such as ``ds=2026-01-31``, the largest value of the column
    ``newest`` (whole numbers) among its rows; None where they have none.

    Args:
        folder: below the lake; the file of a day is ``<folder>/ds=<day>/part-00000.parquet``.
        schema: columns to write, and the types to write them in.
        order: columns that give the rows of a day a total order.
        newest: a column that need not be written.
    """
    lake_uri = lake.uri

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        storage = Storage(lake_uri)
        for below, runs in groupby(_runs(batches), key=itemgetter(0)):
            seen = _Newest(newest)
            _write_file(storage, f"{folder}/{below}", schema, seen.of(run for _, run in runs))
            yield pa.record_batch({"below": [below], "newest": pa.array([seen.value], pa.int64())})

    below = F.concat_ws("/", *[F.concat(F.lit(f"{name}="), F.col(name)) for name in by])
    rows = frame.select(*schema.names, *([newest] if newest else []), below.alias(_BELOW))
    ordered = rows.repartition(_BELOW).sortWithinPartitions(_BELOW, *order)
    written = ordered.mapInArrow(write, "below string, newest bigint").collect()
    return {row.below: row.newest for row in written}


class _Newest:
    """The largest value of a column of the tables that pass by."""

    def __init__(self, column: str | None) -> None:
        self._column = column
        self.value: int | None = None

    def of(self, runs: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for run in runs:
            if self._column is not None:
                found = pc.max(run[self._column]).as_py()
                known = [value for value in (self.value, found) if value is not None]
                self.value = max(known, default=None)
            yield run


def _runs(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.Table]]:
    """Cut batches, whose rows lie in order of their folder, into runs of one folder each."""
    for batch in batches:
        table = pa.Table.from_batches([batch])
        runs = pc.run_end_encode(batch.column(_BELOW))
        start = 0
        for below, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield below, table.slice(start, end - start)
            start = end


def _write_file(storage: Storage, folder: str, schema: pa.Schema, runs: Iterable[pa.Table]) -> None:
    """Write under a passing name first: another attempt at the task may write the same file."""
    storage.make_folder(folder)
    passing = f"{folder}/.{uuid.uuid4().hex}"
    with (
        storage.filesystem.open_output_stream(storage.absolute(passing)) as stream,
        pq.ParquetWriter(stream, schema, compression="zstd") as writer,
    ):
        for group in _row_groups(runs):
            writer.write_table(group.select(schema.names).cast(schema), ROW_GROUP_ROWS)
    storage.move(passing, f"{folder}/part-00000.parquet")


def _row_groups(runs: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Row groups of equal size, wherever the batches that Spark sent were cut."""
    held: list[pa.Table] = []
    rows = 0
    for run in runs:
        held.append(run)
        rows += run.num_rows
        while rows >= ROW_GROUP_ROWS:
            whole = pa.concat_tables(held).combine_chunks()
            yield whole.slice(0, ROW_GROUP_ROWS)
            held, rows = [whole.slice(ROW_GROUP_ROWS)], rows - ROW_GROUP_ROWS
    if rows:
        yield pa.concat_tables(held).combine_chunks()

"""Writing a data frame as Parquet files by day, with bytes that depend on the day's rows alone.

Tasks write through Arrow. Spark's own writer lists the encodings of a column in an order that
differs between JVMs, so a rerun would change the digest of a day and thereby make every later
history and checkpoint stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake import Lake
from jobs.lake.storage import Storage

ROW_GROUP_ROWS = 1 << 17
FILE_ROWS = 1 << 18
_FILE = "_file"
_DAY_MICROSECONDS = 86_400_000_000


@dataclass(frozen=True)
class WriteResult:
    """What was written to a folder: the number of rows, and the maximum of an integer column.

    newest: the maximum, None if no row has a value.
    """

    rows: int
    newest: int | None

    def __add__(self, other: WriteResult) -> WriteResult:
        values = [result.newest for result in (self, other) if result.newest is not None]
        return WriteResult(self.rows + other.rows, max(values, default=None))


NOTHING_WRITTEN = WriteResult(0, None)


def file_count(rows: int) -> int:
    """Number of files for a day with this many rows; one task sorts and writes each file."""
    return max(1, -(-rows // FILE_ROWS))


def write_by_day(
    frame: DataFrame,
    lake: Lake,
    folder: str,
    schema: pa.Schema,
    *order: str,
    by: tuple[str, ...] = ("ds",),
    newest: str | None = None,
    files: Mapping[str, int] | None = None,
) -> dict[str, WriteResult]:
    """Write the rows of each day (or other groups, see ``by``) in order, with one shuffle.

    Args:
        frame: rows with the columns of ``schema`` and ``by``.
        lake: the lake.
        folder: folder in the lake; a day's files are ``<folder>/ds=<day>/part-00000.parquet`` etc.
        schema: columns to write, and their types.
        order: columns that define a total order of the rows of a day.
        by: columns that name the folders of the rows.
        newest: integer column whose maximum is returned; it need not be in ``schema``.
        files: number of files of a day by ``ds`` (default: one). Each file has an equal part of
            the day's hours, so that rows are in order across files; ``order`` must then begin
            with ``ts``.

    Returns:
        The rows written and the maximum of ``newest``, by folder such as ``ds=2026-01-31``.
    """
    lake_uri = lake.uri

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        storage = Storage(lake_uri)
        for file, runs in groupby(_runs(batches), key=itemgetter(0)):
            counter = _Counter(newest)
            _write_file(storage, f"{folder}/{file}", schema, counter.count(run for _, run in runs))
            below = file.rpartition("/")[0]
            yield pa.record_batch(
                {
                    "below": [below],
                    "rows": [counter.result.rows],
                    "newest": pa.array([counter.result.newest], pa.int64()),
                }
            )

    below = F.concat_ws("/", *[F.concat(F.lit(f"{name}="), F.col(name)) for name in by])
    number = F.lpad(_number(files or {}).cast("string"), 5, "0")
    file = F.concat(below, F.lit("/part-"), number, F.lit(".parquet"))
    unwritten = [newest] if newest and newest not in schema.names else []
    rows = frame.select(*schema.names, *unwritten, file.alias(_FILE))
    ordered = rows.repartition(_FILE).sortWithinPartitions(_FILE, *order)
    results: dict[str, WriteResult] = {}
    for row in ordered.mapInArrow(write, "below string, rows bigint, newest bigint").collect():
        result = WriteResult(row["rows"], row.newest)
        results[row.below] = results.get(row.below, NOTHING_WRITTEN) + result
    return results


def _number(files: Mapping[str, int]) -> Column:
    """Number of a row's file among those of its day."""
    several = {ds: number for ds, number in files.items() if number > 1}
    if not several:
        return F.lit(0)
    number = F.create_map(*map(F.lit, chain.from_iterable(several.items())))[F.col("ds")]
    since_midnight = F.unix_micros("ts") % _DAY_MICROSECONDS
    return F.coalesce(F.floor(since_midnight * number / _DAY_MICROSECONDS).cast("int"), F.lit(0))


class _Counter:
    """Counts rows and finds the maximum of a column while they are iterated over."""

    def __init__(self, column: str | None) -> None:
        self._column = column
        self.result = NOTHING_WRITTEN

    def count(self, runs: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for run in runs:
            newest = None if self._column is None else pc.max(run[self._column]).as_py()
            self.result += WriteResult(run.num_rows, newest)
            yield run


def _runs(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.Table]]:
    """Split batches, whose rows are in order of their file, into runs of one file each."""
    for batch in batches:
        table = pa.Table.from_batches([batch])
        runs = pc.run_end_encode(batch.column(_FILE))
        start = 0
        for file, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield file, table.slice(start, end - start)
            start = end


def _write_file(storage: Storage, path: str, schema: pa.Schema, runs: Iterable[pa.Table]) -> None:
    """Write a file as a whole, as a retry of the task may write it too."""
    with (
        storage.writer(path) as stream,
        pq.ParquetWriter(stream, schema, compression="zstd") as writer,
    ):
        for group in _row_groups(runs):
            writer.write_table(group.select(schema.names).cast(schema), ROW_GROUP_ROWS)


def _row_groups(runs: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Row groups of equal size, regardless of the batches that Spark sent."""
    pending: list[pa.Table] = []
    rows = 0
    for run in runs:
        pending.append(run)
        rows += run.num_rows
        while rows >= ROW_GROUP_ROWS:
            whole = pa.concat_tables(pending).combine_chunks()
            yield whole.slice(0, ROW_GROUP_ROWS)
            pending, rows = [whole.slice(ROW_GROUP_ROWS)], rows - ROW_GROUP_ROWS
    if rows:
        yield pa.concat_tables(pending).combine_chunks()

"""Writing a frame as Parquet files of a day, whose bytes follow from the day's rows alone.

Tasks write through Arrow. Spark's own writer lists the encodings of a column in an order that
differs from one JVM to the next, so a rerun would change the digest of a day, and with it make
every history and checkpoint after that day stale.
"""

from __future__ import annotations

import uuid
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
class Written:
    """What was written below a folder. newest: of a column of whole numbers; None without any."""

    rows: int
    newest: int | None

    def __add__(self, other: Written) -> Written:
        known = [one.newest for one in (self, other) if one.newest is not None]
        return Written(self.rows + other.rows, max(known, default=None))


NOTHING = Written(0, None)


def files_for(rows: int) -> int:
    """How many files a day of so many rows is cut into, each of which one task sorts and writes."""
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
) -> dict[str, Written]:
    """Write the rows of each day (or whatever ``by`` names) in order, in one shuffle.

    Returns what was written for each folder, such as ``ds=2026-01-31``.

    Args:
        folder: below the lake; files of a day are ``<folder>/ds=<day>/part-00000.parquet`` and on.
        schema: columns to write, and the types to write them in.
        order: columns that give the rows of a day a total order.
        newest: a column, which need not be written, whose largest value is told.
        files: of a day, by ``ds``, if not one. Each holds an equal part of the day's hours, so that
            the rows are in order from file to file; ``order`` begins with ``ts`` then.
    """
    lake_uri = lake.uri

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        storage = Storage(lake_uri)
        for file, runs in groupby(_runs(batches), key=itemgetter(0)):
            seen = _Seen(newest)
            _write_file(storage, f"{folder}/{file}", schema, seen.of(run for _, run in runs))
            below = file.rpartition("/")[0]
            yield pa.record_batch(
                {
                    "below": [below],
                    "rows": [seen.written.rows],
                    "newest": pa.array([seen.written.newest], pa.int64()),
                }
            )

    below = F.concat_ws("/", *[F.concat(F.lit(f"{name}="), F.col(name)) for name in by])
    number = F.lpad(_number(files or {}).cast("string"), 5, "0")
    file = F.concat(below, F.lit("/part-"), number, F.lit(".parquet"))
    beside = [newest] if newest and newest not in schema.names else []
    rows = frame.select(*schema.names, *beside, file.alias(_FILE))
    ordered = rows.repartition(_FILE).sortWithinPartitions(_FILE, *order)
    done: dict[str, Written] = {}
    for row in ordered.mapInArrow(write, "below string, rows bigint, newest bigint").collect():
        done[row.below] = done.get(row.below, NOTHING) + Written(row["rows"], row.newest)
    return done


def _number(files: Mapping[str, int]) -> Column:
    """Number of the file of its day that a row belongs to."""
    several = {ds: number for ds, number in files.items() if number > 1}
    if not several:
        return F.lit(0)
    number = F.create_map(*map(F.lit, chain.from_iterable(several.items())))[F.col("ds")]
    since_midnight = F.unix_micros("ts") % _DAY_MICROSECONDS
    return F.coalesce(F.floor(since_midnight * number / _DAY_MICROSECONDS).cast("int"), F.lit(0))


class _Seen:
    """Counts the rows that pass by, and finds the largest value of a column of theirs."""

    def __init__(self, column: str | None) -> None:
        self._column = column
        self.written = NOTHING

    def of(self, runs: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for run in runs:
            newest = None if self._column is None else pc.max(run[self._column]).as_py()
            self.written += Written(run.num_rows, newest)
            yield run


def _runs(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.Table]]:
    """Cut batches, whose rows lie in order of their file, into runs of one file each."""
    for batch in batches:
        table = pa.Table.from_batches([batch])
        runs = pc.run_end_encode(batch.column(_FILE))
        start = 0
        for file, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield file, table.slice(start, end - start)
            start = end


def _write_file(storage: Storage, path: str, schema: pa.Schema, runs: Iterable[pa.Table]) -> None:
    """Write under a passing name first: another attempt at the task may write the same file."""
    folder = path.rpartition("/")[0]
    storage.make_folder(folder)
    passing = f"{folder}/.{uuid.uuid4().hex}"
    with (
        storage.filesystem.open_output_stream(storage.absolute(passing)) as stream,
        pq.ParquetWriter(stream, schema, compression="zstd") as writer,
    ):
        for group in _row_groups(runs):
            writer.write_table(group.select(schema.names).cast(schema), ROW_GROUP_ROWS)
    storage.move(passing, path)


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

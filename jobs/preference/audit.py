"""Audits of feature tables, after they are written and before any is published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import functions as F

from jobs.common.errors import AuditError
from jobs.lake import Partition
from jobs.lake.schemas import TIMESTAMP
from jobs.lake.storage import Storage
from jobs.preference.behaviour import Behaviour, TableWindow, days_between
from jobs.scenarios import Fold
from jobs.spark.lake_files import read_files
from jobs.spark.session import midnight, read_days

EXAMPLE_ROWS = 5
_BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class WrittenTable:
    """A table of a kind that is written and not yet published.

    Attributes:
        key: The column that identifies a row; rows are sorted by it.
        folder: Below the lake.
    """

    kind: str
    partition: Partition
    window: TableWindow
    key: str
    folder: str

    def error(self, fault: str, rows: Sequence[str]) -> AuditError:
        """The error that names the kind, the table, the fault, and the first rows with it."""
        return AuditError(
            f"{self.kind}: {self.partition}: {fault}: {'; '.join(rows[:EXAMPLE_ROWS])}"
        )


def audit_rows(storage: Storage, table: WrittenTable) -> None:
    """Check each row by itself, and that keys are unique.

    Raises:
        AuditError: If a row uses an event at or after the day of the table, has no key or the key
            of another row, or has a vector of another length or with a value that is not finite.
    """
    before: pa.RecordBatch | None = None
    width: int | None = None
    for rows in _batches(storage, table):
        _refuse_late(table, rows)
        _refuse_repeated(table, rows, before)
        if "embedding" in rows.schema.names:
            width = _refuse_uneven(table, rows, width)
        before = rows.slice(rows.num_rows - 1)


def audit_sources(behaviour: Behaviour, tables: Sequence[WrittenTable]) -> None:
    """Check the impressions that rows keyed by impression were computed from.

    Raises:
        AuditError: If a row was computed from the impression that it describes, from one that is
            not of the lineage fold, or from one at or after the day of the table.
    """
    lake, scenario, spark = behaviour.lake, behaviour.scenario, behaviour.spark
    written = [table for table in tables if lake.storage.files(table.folder)]
    if not written:
        return
    first = min(window.first_day(scenario.lookback_days) for window in behaviour.windows)
    end = behaviour.known_at[-1] + timedelta(days=1)
    days = days_between(lake, scenario, first, end)
    impressions = read_days(spark, lake, "impressions", scenario.name, days)
    assert impressions is not None
    origin = impressions.select(F.col("impression_id").alias("source"), "fold", "ts")
    root = written[0].folder.partition("/as_of=")[0]
    paths = [path for table in written for path in lake.storage.data_files(table.folder)]
    rows = read_files(spark, lake.storage, paths, root)
    place = F.concat(F.lit("as_of="), "as_of", F.lit("/horizon="), "horizon")
    known_at = F.create_map(
        *[
            F.lit(value)
            for table in written
            for value in (table.folder.removeprefix(f"{root}/"), midnight(table.window.known_at))
        ]
    )
    fault = (
        F.when(F.col("source") == F.col("impression_id"), "the label of the row itself")
        .when(F.col("fold").isNull(), "not an impression of its window")
        .when(F.col("fold") != Fold.LINEAGE.value, F.concat(F.lit("fold "), "fold"))
        .when(F.col("ts") >= known_at[F.col("place")], F.concat(F.lit("too late: "), "ts"))
    )
    faulty = (
        rows.select("impression_id", F.explode("sources").alias("source"), place.alias("place"))
        .join(origin, "source", how="left")
        .select("place", "impression_id", "source", fault.alias("fault"))
        .where("fault is not null")
        .orderBy("place", "impression_id", "source")
        .limit(EXAMPLE_ROWS)
        .collect()
    )
    for table in written:
        rows_of_table = [row for row in faulty if table.folder == f"{root}/{row.place}"]
        if rows_of_table:
            texts = [
                f"impression_id={row.impression_id} source={row.source} ({row.fault})"
                for row in rows_of_table
            ]
            raise table.error("computed from impressions that it must not use", texts)


def _batches(storage: Storage, table: WrittenTable) -> Iterator[pa.RecordBatch]:
    for name in storage.files(table.folder):
        path = storage.absolute(f"{table.folder}/{name}")
        with storage.filesystem.open_input_file(path) as stream:
            yield from pq.ParquetFile(stream).iter_batches(_BATCH_ROWS)


def _refuse_late(table: WrittenTable, rows: pa.RecordBatch) -> None:
    end = pa.scalar(midnight(table.window.known_at), TIMESTAMP)
    late = rows.filter(pc.greater_equal(rows["last_event"], end))
    if late.num_rows:
        fault = f"uses events at or after {table.window.known_at}"
        raise table.error(fault, _texts(table, late, "last_event"))


def _refuse_repeated(
    table: WrittenTable, rows: pa.RecordBatch, before: pa.RecordBatch | None
) -> None:
    keys = rows[table.key]
    if keys.null_count:
        raise table.error("rows without a key", _texts(table, rows.filter(keys.is_null())))
    if before is not None:
        keys = pa.concat_arrays([before[table.key], keys])
    repeated = keys[1:].filter(pc.equal(keys[1:], keys[:-1])).to_pylist()
    if repeated:
        raise table.error("keys of several rows", [f"{table.key}={k}" for k in repeated])


def _refuse_uneven(table: WrittenTable, rows: pa.RecordBatch, width: int | None) -> int:
    """Check that vectors have length ``width``, or if it is None, that of the first row."""
    vectors = rows["embedding"]
    lengths = pc.list_value_length(vectors).fill_null(-1).to_numpy()
    width = int(lengths[0]) if width is None else width
    uneven = (lengths != width) | (lengths <= 0)
    if uneven.any():
        fault = f"vectors that are missing or not all of one length ({width})"
        raise table.error(fault, _texts(table, rows.filter(pa.array(uneven)), "embedding"))
    values = vectors.flatten().to_numpy(zero_copy_only=False).reshape(len(lengths), width)
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        fault = "vectors with values that are not finite"
        raise table.error(fault, _texts(table, rows.filter(pa.array(broken)), "embedding"))
    return width


def _texts(table: WrittenTable, rows: pa.RecordBatch, *columns: str) -> list[str]:
    named = rows.slice(0, EXAMPLE_ROWS).select([table.key, *columns]).to_pylist()
    return [" ".join(f"{name}={value}" for name, value in row.items()) for row in named]

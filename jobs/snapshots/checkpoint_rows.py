"""Reading the rows of an embedding slot from checkpoints, in parallel.

A checkpoint stores the table of a slot as one tensor in a memory-mapped file. Each task maps the
file and reads its own range of rows, so no table passes through the driver.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from safetensors import safe_open

from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import RANKER
from jobs.lake.manifest import Manifest
from jobs.ranker.model.vocabulary import count_ids, file_of_ids
from jobs.scenarios import Scenario

ROWS_PER_TASK = 250_000
RANGE = "ds string, start bigint, length bigint, version string"


@dataclass(frozen=True)
class SlotRange:
    """Rows [start, start + length) of a slot's table in the checkpoint of a day and version."""

    ds: str
    start: int
    length: int
    version: str


def slot_ranges(
    spark: SparkSession, slot: str, checkpoints: Sequence[tuple[date, Manifest]]
) -> DataFrame:
    """Ranges that cover the slot in all checkpoints: one row per task, in columns ``RANGE``."""
    ranges = [
        astuple(part)
        for day, manifest in checkpoints
        for part in ranges_of_slot(day, manifest, slot)
    ]
    tasks = min(len(ranges), 4 * spark.sparkContext.defaultParallelism)
    return spark.createDataFrame(ranges, RANGE).repartition(max(tasks, 1))


def ranges_of_slot(day: date, checkpoint: Manifest, slot: str) -> list[SlotRange]:
    """Ranges that cover the slot in the checkpoint of a day."""
    return [
        SlotRange(day.isoformat(), start, ROWS_PER_TASK, checkpoint.inputs["ranker"])
        for start in range(0, count_ids(checkpoint, slot), ROWS_PER_TASK)
    ]


def ranges_of(batches: Iterator[pa.RecordBatch]) -> Iterator[SlotRange]:
    """The ranges in the batches of a task."""
    for batch in batches:
        yield from (SlotRange(**row) for row in batch.to_pylist())


def read_slot(lake: Lake, scenario: Scenario, slot: str, rows: SlotRange) -> pa.Table:
    """The rows of a range, with the columns of ``schemas.snapshots``."""
    keys = ((RANKER, rows.version),)
    partition = Partition("checkpoints", scenario.name, date.fromisoformat(rows.ds), keys)
    name, column = file_of_ids(lake.require(partition, "train it first"), slot)
    with lake.local_file(partition, name) as path:
        ids = pq.read_table(path, columns=[column])[column].combine_chunks().drop_null()
    ids = ids.slice(rows.start, rows.length)
    end = rows.start + len(ids)
    with (
        lake.local_file(partition, "table.safetensors") as path,
        safe_open(path, framework="np") as tensors,
    ):
        embedding = tensors.get_slice(f"{slot}.embedding")[rows.start : end]
        updates = tensors.get_slice(f"{slot}.updates")[rows.start : end]
        last_update = tensors.get_slice(f"{slot}.last_update")[rows.start : end]
    count, dim = embedding.shape
    flat = pa.array(embedding.reshape(-1), type=pa.float32())
    columns = [
        ids,
        pa.FixedSizeListArray.from_arrays(flat, dim),
        pa.array(updates),
        pa.array(last_update, mask=last_update < 0).cast(schemas.TIMESTAMP),
        pa.array([slot] * count, type=pa.string()),
        pa.array([rows.version] * count, type=pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=schemas.snapshots(scenario, dim, slot))

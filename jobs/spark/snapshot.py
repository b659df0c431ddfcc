"""Checkpoints → ``snapshots``: the item table of M_D, one row an item.

A checkpoint keeps its item table as one tensor in a memory-mapped file. Each Spark task maps the
file and writes its own range of rows as one file, so the table never passes through the driver,
nor through a shuffle.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from safetensors import safe_open

from jobs.lake import Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.manifest import Manifest
from jobs.lake.rankers import RANKER, checkpoint_days, checkpoint_partition, ranker_keys
from jobs.scenarios import Scenario
from jobs.spark.session import latest, midnight, spark_session

ITEM_SLOT = "item_id"
ROWS_A_TASK = 250_000
_RANGE = "ds string, start bigint, length bigint, version string"


def build_snapshots(lake: Lake, scenario: Scenario, last: date) -> list[date]:
    """Publish a snapshot for every checkpoint up to ``last`` + 1 that has none or a stale one.

    Of the scenario's ranker version alone; snapshots of other versions stay as they are.
    ``last`` is a day of data: its checkpoint is that of the day after. Returns the days made.
    """
    stale = [
        (day, manifest)
        for day in checkpoint_days(lake, scenario)
        if day <= last + timedelta(days=1)
        and (manifest := lake.manifest(checkpoint_partition(scenario, day)))
        and not _is_current(lake, scenario, day, manifest)
    ]
    if not stale:
        return []
    partitions = [_partition(scenario, day) for day, _ in stale]
    with (
        spark_session(f"snapshot {scenario.name}") as spark,
        lake.attempt(partitions) as attempt,
    ):
        _write(spark, lake, scenario, stale, f"{attempt.folder}/snapshots")
        schema = schemas.snapshots(scenario, scenario.ranker.embedding_dim)
        for partition, (day, checkpoint) in zip(partitions, stale, strict=True):
            below = f"snapshots/ds={day.isoformat()}"
            folder = f"{attempt.folder}/{below}"
            attempt.publish(
                partition,
                below=below,
                inputs={"checkpoint": checkpoint.digest},
                schema=schema,
                window=SeenWindow.until(midnight(day), latest(lake.storage, folder, "last_update")),
            )
    return [day for day, _ in stale]


def _partition(scenario: Scenario, day: date) -> Partition:
    return Partition("snapshots", scenario.name, day, ranker_keys(scenario))


def _is_current(lake: Lake, scenario: Scenario, day: date, checkpoint: Manifest) -> bool:
    snapshot = lake.manifest(_partition(scenario, day))
    return snapshot is not None and snapshot.inputs == {"checkpoint": checkpoint.digest}


def _write(
    spark: SparkSession,
    lake: Lake,
    scenario: Scenario,
    checkpoints: list[tuple[date, Manifest]],
    folder: str,
) -> None:
    """One task a range of rows, one file a task; the rows stay where they are made."""
    ranges = [
        (day.isoformat(), start, ROWS_A_TASK, manifest.inputs["ranker"])
        for day, manifest in checkpoints
        for start in range(0, _items_held(manifest), ROWS_A_TASK)
    ]
    lake_uri = lake.uri

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        task_lake = Lake(lake_uri)
        for batch in batches:
            for work in batch.to_pylist():
                name = f"ds={work['ds']}/part-{work['start'] // work['length']:05d}.parquet"
                rows = _rows(task_lake, scenario, **work)
                task_lake.storage.replace(f"{folder}/{name}", _parquet(rows))
            yield batch

    tasks = min(len(ranges), 4 * spark.sparkContext.defaultParallelism)
    frame = spark.createDataFrame(ranges, _RANGE)
    written = frame.repartition(max(tasks, 1)).mapInArrow(write, _RANGE).count()
    assert written == len(ranges)


def _items_held(checkpoint: Manifest) -> int:
    stored = next(f for f in checkpoint.files if f.name == f"vocabulary-{ITEM_SLOT}.parquet")
    return stored.rows


def _rows(
    lake: Lake, scenario: Scenario, ds: str, start: int, length: int, version: str
) -> pa.Table:
    """Rows [start, start + length) of one checkpoint's item table."""
    keys = ((RANKER, version),)
    partition = Partition("checkpoints", scenario.name, date.fromisoformat(ds), keys)
    with lake.local_file(partition, f"vocabulary-{ITEM_SLOT}.parquet") as path:
        ids = pq.read_table(path).column(0).slice(start, length).combine_chunks()
    end = start + len(ids)
    with (
        lake.local_file(partition, "table.safetensors") as path,
        safe_open(path, framework="np") as tensors,
    ):
        embedding = tensors.get_slice(f"{ITEM_SLOT}.embedding")[start:end]
        updates = tensors.get_slice(f"{ITEM_SLOT}.updates")[start:end]
        last_update = tensors.get_slice(f"{ITEM_SLOT}.last_update")[start:end]
    rows, dim = embedding.shape
    flat = pa.array(embedding.reshape(-1), type=pa.float32())
    columns = [
        ids,
        pa.FixedSizeListArray.from_arrays(flat, dim),
        pa.array(updates),
        pa.array(last_update, mask=last_update < 0).cast(schemas.MOMENT),
        pa.array([ITEM_SLOT] * rows, type=pa.string()),
        pa.array([version] * rows, type=pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=schemas.snapshots(scenario, dim))


def _parquet(rows: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(rows, buffer, compression="zstd")
    return bytes(buffer.getvalue())

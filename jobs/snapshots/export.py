"""Checkpoints → ``snapshots``: the item table of M_D, one row per item.

Each Spark task writes its range of rows to one file, so the table passes neither through the
driver nor through a shuffle.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from jobs.lake import Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.addresses import checkpoint_days, checkpoint_partition, ranker_keys
from jobs.lake.manifest import Manifest
from jobs.ranker.training.kept_checkpoints import restore_checkpoints
from jobs.scenarios import ITEM, Scenario
from jobs.snapshots.checkpoint_rows import SlotRange, ranges_of, read_slot, slot_ranges
from jobs.spark.session import latest_timestamp, midnight, spark_session


def build_snapshots(lake: Lake, scenario: Scenario, last: date) -> list[date]:
    """Publish the missing and stale snapshots of the scenario's ranker version.

    Args:
        lake: the lake.
        scenario: the scenario.
        last: last day of data; its checkpoint is that of the next day.

    Returns:
        The days D of the snapshots published.
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
    restore_checkpoints(lake, scenario, [day for day, _ in stale])
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
                window=SeenWindow.until(
                    midnight(day), latest_timestamp(lake.storage, folder, "last_update")
                ),
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
    """Write one file per range of rows, each by the task that reads it."""
    lake_uri = lake.uri

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        task_lake = Lake(lake_uri)
        written = 0
        for part in ranges_of(batches):
            name = f"ds={part.ds}/{part_name(part)}"
            rows = read_slot(task_lake, scenario, ITEM, part)
            task_lake.storage.replace(f"{folder}/{name}", parquet_bytes(rows))
            written += 1
        yield pa.record_batch({"written": [written]})

    slot_ranges(spark, ITEM, checkpoints).mapInArrow(write, "written bigint").collect()


def part_name(part: SlotRange) -> str:
    """Name of the file with the rows of a range."""
    return f"part-{part.start // part.length:05d}.parquet"


def parquet_bytes(rows: pa.Table) -> bytes:
    """Content of the file with these rows."""
    buffer = pa.BufferOutputStream()
    pq.write_table(rows, buffer, compression="zstd")
    return bytes(buffer.getvalue())

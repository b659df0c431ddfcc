"""The files of snapshots, one per range of rows.

Spark's workers write them, and each worker imports what this file imports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from jobs.lake import Lake, ReadCheck
from jobs.lake.addresses import checkpoint_partition
from jobs.lake.manifest import Manifest
from jobs.scenarios import ITEM, Scenario
from jobs.snapshots.checkpoint_rows import SlotRange, ranges_of, read_slot, slot_ranges


def write_item_tables(
    spark: SparkSession,
    lake: Lake,
    scenario: Scenario,
    checkpoints: Sequence[tuple[date, Manifest]],
    folder: str,
) -> None:
    """Write the item tables of checkpoints, below ``<folder>/ds=<day>``.

    Each Spark task writes its range of rows to one file, so a table passes neither through the
    driver nor through a shuffle.

    Args:
        spark: The session.
        lake: The lake.
        scenario: The scenario.
        checkpoints: The checkpoints, with their days.
        folder: Path in the lake.
    """
    lake_uri = lake.uri
    for day, _ in checkpoints:
        lake.check(checkpoint_partition(scenario, day))

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        task_lake = Lake(lake_uri, ReadCheck.SIZE)
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

"""An embedding slot of the ranker: items as published in ``snapshots``, others of checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.lake import Lake, schemas
from jobs.lake.addresses import checkpoint_partition, snapshot_keys, snapshot_partition
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.scenarios import ITEM, Scenario
from jobs.snapshots.checkpoint_rows import ranges_of, read_slot, slot_ranges
from jobs.spark.session import read_days, spark_type


def slot_embeddings(behaviour: Behaviour, slot: str) -> DataFrame:
    """Every id of a slot as the rankers know it on the days at which the tables are known."""
    if slot == ITEM:
        return item_embeddings(behaviour)
    lake, scenario = behaviour.lake, behaviour.scenario
    lake_uri = lake.uri
    checkpoints = [
        (day, lake.require(checkpoint_partition(scenario, day), _way_out(scenario, day)))
        for day in behaviour.known_at
    ]

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        task_lake = Lake(lake_uri)
        for part in ranges_of(batches):
            rows = read_slot(task_lake, scenario, slot, part)
            table = pa.table(
                {
                    "known_at": pa.repeat(pa.scalar(part.ds), rows.num_rows),
                    slot: rows[slot],
                    "embedding": rows["embedding"].cast(pa.list_(pa.float32())),
                    "updates": rows["updates"],
                    "last_event": rows["last_update"],
                }
            )
            yield from table.to_batches()

    key = spark_type(str(schemas.field_type(scenario, slot))).simpleString()
    return slot_ranges(behaviour.spark, slot, checkpoints).mapInArrow(
        read,
        f"known_at string, {slot} {key}, embedding array<float>, updates bigint, "
        "last_event timestamp",
    )


def item_embeddings(behaviour: Behaviour) -> DataFrame:
    """Every item of the snapshots of the days at which the tables are known."""
    snapshots = read_days(
        behaviour.spark,
        behaviour.lake,
        "snapshots",
        behaviour.scenario.name,
        behaviour.known_at,
        snapshot_keys(behaviour.scenario),
    )
    assert snapshots is not None
    last_event = F.col("last_update").alias("last_event")
    known_at = F.col("ds").alias("known_at")
    return snapshots.select(known_at, "item_id", "embedding", "updates", last_event)


def slot_inputs(
    lake: Lake, scenario: Scenario, windows: Sequence[TableWindow], slot: str = ITEM
) -> Mapping[TableWindow, Mapping[str, str]]:
    """Digests of what a slot's tables are made from: of snapshots, or of checkpoints.

    Raises:
        InputError: one is not published.
    """
    source = "snapshot" if slot == ITEM else "checkpoint"
    partition_of = snapshot_partition if slot == ITEM else checkpoint_partition
    digests = {
        day: lake.require(partition_of(scenario, day), _way_out(scenario, day)).digest
        for day in sorted({window.known_at for window in windows})
    }
    return {window: {source: digests[window.known_at]} for window in windows}


def _way_out(scenario: Scenario, day: date) -> str:
    command = f"python -m jobs train --scenario {scenario.name}"
    return f"the lineage must reach {day}; run {command} --until {day - timedelta(days=1)}"

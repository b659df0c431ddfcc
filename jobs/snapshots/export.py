"""Checkpoints → ``snapshots``: the item table of M_D, one row per item."""

from __future__ import annotations

from datetime import date, timedelta

from jobs.lake import Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.addresses import checkpoint_days, checkpoint_partition, ranker_keys
from jobs.lake.manifest import Manifest
from jobs.ranker.training.kept_checkpoints import restore_checkpoints
from jobs.scenarios import Scenario
from jobs.snapshots.snapshot_files import write_item_tables
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
        write_item_tables(spark, lake, scenario, stale, f"{attempt.folder}/snapshots")
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

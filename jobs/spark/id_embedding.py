"""The ranker's own item table, as published in ``snapshots``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.lake import Lake
from jobs.lake.rankers import snapshot_keys, snapshot_partition
from jobs.scenarios import Scenario
from jobs.spark.behaviour import Behaviour, TableWindow
from jobs.spark.session import read_days


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


def snapshot_inputs(
    lake: Lake, scenario: Scenario, windows: Sequence[TableWindow]
) -> Mapping[TableWindow, Mapping[str, str]]:
    """Digests of the snapshots that tables are made from.

    Raises:
        InputError: one is not published.
    """
    command = f"python -m jobs train --scenario {scenario.name}"
    digests = {
        day: lake.require(
            snapshot_partition(scenario, day),
            f"the lineage must reach {day}; run {command} --until {day - timedelta(days=1)}",
        ).digest
        for day in sorted({window.known_at for window in windows})
    }
    return {window: {"snapshot": digests[window.known_at]} for window in windows}

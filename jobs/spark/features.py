"""``snapshots`` → ``features``: what a preference kind knows at T, and at T+n, for day T's rows.

A feature table holds the items that the day's impressions and histories name, and no others, so
scoring reads what it needs however many items the feed has ever had. Rows of impressions are not
copied: they carry keys, and scoring gathers from the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.lake import Attempt, Lake, Partition, schemas
from jobs.lake import Window as SeenWindow
from jobs.scenarios import Scenario
from jobs.spark.session import latest, midnight, read_days, spark_session
from jobs.spark.write import write_by_day

KNOWN_AT_T = 0


def feature_partition(scenario: str, preference: str, as_of: date, horizon: int) -> Partition:
    """Where the table that was known ``horizon`` days after ``as_of`` lies. 0: what T knew."""
    keys = (("preference", preference), ("horizon", str(horizon)))
    return Partition("features", scenario, as_of, keys)


def assemble_item_tables(
    lake: Lake,
    scenario: Scenario,
    preference: str,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[Partition]:
    """Publish the item tables of M_T and of every M_{T+n}, cut to what day T names.

    Audited: the table of T+n saw no event at or after T+n. Tables that are current are left as
    they are. Returns the partitions made.

    Raises:
        InputError: a snapshot, or day T itself, is not there.
    """
    wanted = {
        feature_partition(scenario.name, preference, as_of, horizon): _inputs(
            lake, scenario, as_of, horizon
        )
        for as_of in as_ofs
        for horizon in sorted({KNOWN_AT_T, *horizons})
    }
    stale = {
        partition: inputs
        for partition, inputs in wanted.items()
        if (manifest := lake.manifest(partition)) is None or manifest.inputs != inputs
    }
    if not stale:
        return []
    with (
        spark_session(f"features {scenario.name}") as spark,
        lake.attempt(list(stale)) as attempt,
    ):
        _write(spark, lake, scenario, list(stale), f"{attempt.folder}/features")
        for partition, inputs in stale.items():
            _publish(lake, scenario, attempt, partition, inputs)
    return list(stale)


def _inputs(lake: Lake, scenario: Scenario, as_of: date, horizon: int) -> dict[str, str]:
    name = scenario.name
    command = f"python -m jobs train --scenario {name}"
    snapshot_day = as_of + timedelta(days=horizon)
    snapshot = lake.require(
        Partition("snapshots", name, snapshot_day),
        f"the lineage must reach {snapshot_day}; run {command} "
        f"--until {snapshot_day - timedelta(days=1)}",
    )
    impressions = lake.require(Partition("impressions", name, as_of), f"run {command} first")
    history = lake.require(Partition("history", name, as_of), f"run {command} first")
    return {
        "snapshot": snapshot.digest,
        "impressions": impressions.digest,
        "history": history.digest,
    }


def _write(
    spark: SparkSession, lake: Lake, scenario: Scenario, partitions: list[Partition], folder: str
) -> None:
    tables = spark.createDataFrame(
        [
            (
                partition.ds.isoformat(),
                (partition.ds + timedelta(days=_horizon(partition))).isoformat(),
                str(_horizon(partition)),
            )
            for partition in partitions
        ],
        "as_of string, ds string, horizon string",
    )
    as_ofs = sorted({partition.ds for partition in partitions})
    snapshot_days = {p.ds + timedelta(days=_horizon(p)) for p in partitions}
    snapshots = read_days(spark, lake, "snapshots", scenario.name, sorted(snapshot_days))
    assert snapshots is not None
    named = _items_named(spark, lake, scenario, as_ofs)
    rows = (
        snapshots.drop("slot", "ranker_version")
        .join(F.broadcast(tables), "ds", how="inner")
        .join(named, ["as_of", "item_id"], how="left_semi")
    )
    schema = schemas.features(scenario, scenario.ranker.embedding_dim)
    write_by_day(rows, lake, folder, schema, "item_id", by=("as_of", "horizon"))


def _items_named(
    spark: SparkSession, lake: Lake, scenario: Scenario, as_ofs: list[date]
) -> DataFrame:
    impressions = read_days(spark, lake, "impressions", scenario.name, as_ofs)
    history = read_days(spark, lake, "history", scenario.name, as_ofs)
    assert impressions is not None
    assert history is not None
    clicked = history.select(F.col("ds").alias("as_of"), F.explode("items").alias("item_id"))
    shown = impressions.select(F.col("ds").alias("as_of"), "item_id")
    return shown.unionByName(clicked).distinct()


def _publish(
    lake: Lake, scenario: Scenario, attempt: Attempt, partition: Partition, inputs: dict[str, str]
) -> None:
    horizon = _horizon(partition)
    below = f"features/as_of={partition.ds.isoformat()}/horizon={horizon}"
    folder = f"{attempt.folder}/{below}"
    schema = schemas.features(scenario, scenario.ranker.embedding_dim)
    end = midnight(partition.ds + timedelta(days=horizon))
    attempt.publish(
        partition,
        below=below,
        inputs=inputs,
        schema=schema,
        window=SeenWindow.until(end, latest(lake.storage, folder, "last_update")),
    )


def _horizon(partition: Partition) -> int:
    return int(dict(partition.keys)["horizon"])

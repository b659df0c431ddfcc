"""Item tables exported by an external ranker → ``snapshots``.

They are published under their own ranker version, beside those of the lineage. All tables are
checked before any is published.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.common.errors import InputError
from jobs.ingest.read_log import read_parts
from jobs.lake import Lake, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.addresses import snapshot_keys, snapshot_partition, snapshot_version
from jobs.scenarios import Scenario
from jobs.sources.exported_vectors import (
    EVERY_DAY,
    ExportRows,
    Exports,
    export_schema,
    export_table,
    find_exports,
)
from jobs.sources.log_location import RawFiles
from jobs.sources.reading.mapped_table import MappedTable
from jobs.spark.parquet_writer import write_by_day
from jobs.spark.session import midnight, spark_session

SLOT = "item_id"


def import_snapshots(lake: Lake, scenario: Scenario, raw: str | None = None) -> list[date]:
    """Publish every exported item table that is new or has changed.

    Args:
        lake: the lake.
        scenario: the scenario with the options of the exports.
        raw: path or URI that ``snapshots.path`` is relative to (default: the working folder).

    Returns:
        The days of the tables published.

    Raises:
        InputError: If the scenario has no exports, there are none, or one is invalid. The message
            names the file, the column and the value; nothing is published then.
    """
    source = scenario.snapshots
    if source is None:
        raise InputError(
            f"scenario {scenario.name} imports no snapshots: add the key snapshots.path"
        )
    found = find_exports(source, raw)
    stale = {
        key: digest
        for key, digest in found.digests(source).items()
        if not _is_current(lake, scenario, key, digest)
    }
    if not stale:
        return []
    files = found.files(stale)
    table = export_table(source, files)
    with ExitStack() as stack:
        spark = stack.enter_context(spark_session(f"import {scenario.name}"))
        rows = _rows(spark, scenario, table, found).persist()
        stack.callback(rows.unpersist)
        _refuse_invalid_rows(rows)
        _refuse_repeats(rows)
        days = _days(rows, found, stale)
        dim = _dim(lake, scenario, rows, files, days)
        partitions = [snapshot_partition(scenario, day) for day in days]
        attempt = stack.enter_context(lake.attempt(partitions))
        schema = schemas.snapshots(scenario, dim)
        write_by_day(rows, lake, f"{attempt.folder}/snapshots", schema, "item_id")
        for partition in partitions:
            day = partition.ds.isoformat()
            attempt.publish(
                partition,
                below=f"snapshots/ds={day}",
                inputs={"source": stale.get(day) or stale[EVERY_DAY]},
                schema=schema,
                window=SeenWindow.until(midnight(partition.ds), None),
                facts={"dim": dim},
            )
    return days


def _is_current(lake: Lake, scenario: Scenario, key: str, digest: str) -> bool:
    published = _published(lake, scenario)
    days = published if key == EVERY_DAY else [date.fromisoformat(key)]
    manifests = [lake.manifest(snapshot_partition(scenario, day)) for day in days]
    return bool(manifests) and all(
        manifest is not None and manifest.inputs == {"source": digest} for manifest in manifests
    )


def _published(lake: Lake, scenario: Scenario) -> list[date]:
    return lake.days("snapshots", scenario.name, snapshot_keys(scenario))


def _rows(spark: SparkSession, scenario: Scenario, table: MappedTable, found: Exports) -> DataFrame:
    """Rows in the columns of ``snapshots``, with ``ds``, ``file``, and a ``refusal`` if invalid."""
    rows = read_parts(spark, ExportRows(table, scenario, found.day_of()), export_schema(scenario))
    return rows.select(
        "item_id",
        "embedding",
        "updates",
        F.lit(None).cast("timestamp").alias("last_update"),
        F.lit(SLOT).alias("slot"),
        F.lit(snapshot_version(scenario)).alias("ranker_version"),
        "ds",
        "file",
        "refusal",
    )


def _refuse_invalid_rows(rows: DataFrame) -> None:
    [refusal] = rows.agg(F.min("refusal")).first() or [None]
    if refusal is not None:
        raise InputError(f"{refusal}: correct the export; nothing was imported")


def _refuse_repeats(rows: DataFrame) -> None:
    grouped = rows.groupBy("ds", "item_id")
    counted = grouped.agg(F.count("*").alias("rows"), F.min("file").alias("file"))
    first = counted.where(F.col("rows") > 1).orderBy("ds", "item_id").first()
    if first is not None:
        raise InputError(
            f"{first.file}: item {first.item_id} has {first.rows} rows on "
            f"{first.ds}: export one row per item and day; nothing was imported"
        )


def _days(rows: DataFrame, found: Exports, stale: dict[str, str]) -> list[date]:
    with_rows = {row.ds for row in rows.select("ds").distinct().collect()}
    empty = sorted(set(stale) - with_rows - {EVERY_DAY})
    if empty or not with_rows:
        names = found.files(empty or stale).names()
        raise InputError(f"{names[0]} has no rows: export it again; nothing was imported")
    return sorted(date.fromisoformat(day) for day in with_rows)


def _dim(lake: Lake, scenario: Scenario, rows: DataFrame, files: RawFiles, days: list[date]) -> int:
    """Length of the vectors, which must be equal in all tables: rankers train over many days."""
    lengths = rows.groupBy(F.size("embedding").alias("dim")).agg(
        F.count("*").alias("rows"), F.min(F.struct("file", "item_id")).alias("example")
    )
    majority, *others = lengths.orderBy(F.desc("rows"), "dim").limit(2).collect()
    dim: int = majority.dim
    if others:
        odd = others[0]
        raise InputError(
            f"{odd.example.file}: the vector of item {odd.example.item_id} has "
            f"{odd.dim} numbers, others have {dim}: export vectors of equal length; "
            "nothing was imported"
        )
    for day in sorted(set(_published(lake, scenario)) - set(days)):
        manifest = lake.require(snapshot_partition(scenario, day), "import it again")
        if manifest.facts["dim"] != dim:
            raise InputError(
                f"{files.names()[0]}: vectors have {dim} numbers, those imported for {day} have "
                f"{manifest.facts['dim']}: export all days with equal length; nothing was imported"
            )
    return dim

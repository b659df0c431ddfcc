"""Item tables exported by an external ranker → ``snapshots``.

They are published under their own ranker version, beside those of the lineage. All tables are
checked before any is published.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from jobs.common.errors import InputError
from jobs.ingest.read_log import readable
from jobs.lake import Lake, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.addresses import snapshot_keys, snapshot_partition, snapshot_version
from jobs.scenarios import ImportedSnapshots, Scenario
from jobs.sources.exported_vectors import (
    EVERY_DAY,
    Exports,
    check_columns,
    day_pattern,
    find_exports,
)
from jobs.sources.log_location import RawFiles
from jobs.spark.parquet_writer import write_by_day
from jobs.spark.session import midnight, spark_session, spark_type

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
    check_columns(source, files, scenario)
    with ExitStack() as stack:
        spark = stack.enter_context(spark_session(f"import {scenario.name}"))
        uris = stack.enter_context(readable(spark, files))
        rows = _rows(spark, scenario, source, uris).persist()
        stack.callback(rows.unpersist)
        _refuse_invalid_rows(rows, files)
        _refuse_repeats(rows, files)
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


def _rows(
    spark: SparkSession, scenario: Scenario, source: ImportedSnapshots, uris: Sequence[str]
) -> DataFrame:
    """Rows in the columns of ``snapshots``, with ``ds``, ``file``, and a ``problem`` if invalid."""
    raw = spark.read.option("recursiveFileLookup", "true").parquet(*uris)
    file = F.col("_metadata.file_path")
    if source.as_of is None:
        day_text = F.regexp_extract(file, day_pattern(source), 1)
        day_name = "the path"
    else:
        day_text, day_name = _day_or_timestamp(raw, source.as_of), source.as_of
    day = F.date_format(day_text.try_cast("date"), "yyyy-MM-dd")
    ids = spark_type(str(schemas.id_type(scenario)))
    item = _column(source.item_id).try_cast(ids)
    if isinstance(ids, T.StringType):
        item = F.when(item != "", item)
    vector = _column(source.vector).cast("array<float>")
    updates = F.lit(0) if source.updates is None else _column(source.updates)
    updates = updates.try_cast("bigint")
    not_finite = F.exists(vector, lambda x: x.isNull() | F.isnan(x) | (F.abs(x) == float("inf")))
    problem = (
        F.when(day.isNull(), _problem(day_name, day_text, "is not a date"))
        .when(item.isNull(), _problem(source.item_id, _column(source.item_id), "is not an item id"))
        .when(
            vector.isNull() | (F.size(vector) == 0),
            _problem(source.vector, F.lit("null or empty"), "is not a vector"),
        )
        .when(not_finite, _problem(source.vector, vector, "has an element that is not finite"))
        .when(
            updates.isNull() | (updates < 0),
            _problem(source.updates or "", updates, "is not a count (0 or more)"),
        )
    )
    return raw.select(
        item.alias("item_id"),
        vector.alias("embedding"),
        updates.alias("updates"),
        F.lit(None).cast("timestamp").alias("last_update"),
        F.lit(SLOT).alias("slot"),
        F.lit(snapshot_version(scenario)).alias("ranker_version"),
        day.alias("ds"),
        file.alias("file"),
        problem.alias("problem"),
    )


def _column(name: str) -> Column:
    return F.col(f"`{name}`")


def _day_or_timestamp(raw: DataFrame, name: str) -> Column:
    """A column of days; the session reads timestamps in nanoseconds as integers."""
    if raw.schema[name].dataType == T.LongType():
        return F.timestamp_micros(F.expr(f"`{name}` div 1000"))
    return _column(name)


def _problem(name: str, value: Column, reason: str) -> Column:
    text = F.coalesce(value.cast("string"), F.lit("null"))
    return F.concat(F.lit(f"column {name}: "), F.substring(text, 1, 80), F.lit(f" {reason}"))


def _refuse_invalid_rows(rows: DataFrame, files: RawFiles) -> None:
    invalid = rows.where(F.col("problem").isNotNull()).select("file", "problem", "item_id")
    first = invalid.orderBy("file", "problem", "item_id").first()
    if first is not None:
        of_item = "" if first.item_id is None else f" (item {first.item_id})"
        raise InputError(
            f"{_name(files, first.file)}: {first.problem}{of_item}: correct the export; "
            "nothing was imported"
        )


def _refuse_repeats(rows: DataFrame, files: RawFiles) -> None:
    grouped = rows.groupBy("ds", "item_id")
    counted = grouped.agg(F.count("*").alias("rows"), F.min("file").alias("file"))
    first = counted.where(F.col("rows") > 1).orderBy("ds", "item_id").first()
    if first is not None:
        raise InputError(
            f"{_name(files, first.file)}: item {first.item_id} has {first.rows} rows on "
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
            f"{_name(files, odd.example.file)}: the vector of item {odd.example.item_id} has "
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


def _name(files: RawFiles, uri: str) -> str:
    """Path of the file as given by the user, even if Spark has read a copy."""
    path = unquote(uri)
    named = zip(files.paths, files.names(), strict=True)
    return next((name for below, name in named if path.endswith(f"/{below}")), path)

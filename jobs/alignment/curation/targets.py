"""What an encoder is aligned to: of each item its vector, or the items that belong to it."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.common.errors import InputError
from jobs.lake import Attempt, Lake, schemas
from jobs.lake.addresses import curated_partition
from jobs.preference.audit import WrittenTable, audit_rows, audit_sources
from jobs.preference.behaviour import Behaviour, TableWindow, days_between
from jobs.preference.kind import PreferenceKind
from jobs.scenarios import Fold, Scenario
from jobs.spark.lake_files import read_files
from jobs.spark.parquet_writer import write_by_day

MOST_POSITIVES = 20


def target_windows(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, day: date
) -> tuple[TableWindow, ...]:
    """Return the tables of a kind that hold what is known at the start of a day.

    A kind keyed by item has one. A kind keyed by impression has one for each day of the look-back
    window, with the horizon that reaches the day.

    Raises:
        InputError: If the kind does not describe items, or no impression precedes the day.
    """
    if kind.keyed_by == "item":
        return (TableWindow(day, 0),)
    if kind.keyed_by != "impression" or kind.takes != "items":
        raise InputError(
            f"preference data {kind.name} has {_value(kind)} of each {kind.keyed_by}: alignment "
            "needs item data, such as id_embedding, similar_items or next_click; choose another "
            "--preference"
        )
    first = day - timedelta(days=scenario.lookback_days)
    days = days_between(lake, scenario, first, day)
    if not days:
        raise InputError(
            f"{kind.name}: scenario {scenario.name} has no impressions from {first} until the "
            f"start of {day}: choose another --aligned-at, or raise lookback_days"
        )
    return tuple(TableWindow(one, (day - one).days) for one in days)


def publishable_targets(
    behaviour: Behaviour, kind: PreferenceKind, attempt: Attempt, items: DataFrame
) -> DataFrame:
    """Compute the targets of items, and audit them as feature tables are.

    The kind's tables are written to the attempt, since all that follows reads them several times.

    Args:
        behaviour: Of the windows of ``target_windows``.
        kind: The kind of preference data.
        attempt: Where its tables are written.
        items: ``item_id`` and ``split`` of the items to find targets of.

    Returns:
        ``item_id``, ``target``, ``positives`` and ``last_event``, the newest event that they were
        computed from; one row for each item that has a target.

    Raises:
        AuditError: If a row uses what happened later, or the label of the row that it describes.
    """
    rows = _of_impressions if kind.keyed_by == "impression" else _of_items
    written = _write(behaviour, kind, attempt, rows(behaviour, kind, items))
    ids = _spark_type(pa.list_(schemas.id_type(behaviour.scenario)))
    if kind.takes == "vector":
        target, positives = F.col("embedding"), F.lit(None).cast(ids)
        values = written
    else:
        target, positives = F.lit(None).cast("array<float>"), F.col("positives")
        values = _positives(written, items)
    return values.select(
        "item_id", target.alias("target"), positives.alias("positives"), "last_event"
    )


def _of_items(behaviour: Behaviour, kind: PreferenceKind, items: DataFrame) -> DataFrame:
    """The rows of items, without vectors that hold no direction: with NaN, or all zeros."""
    rows = kind.build(behaviour).join(behaviour.tables, "known_at")
    rows = rows.join(items, "item_id", "left_semi")
    return rows.where(_has_direction(F.col("embedding"))) if kind.takes == "vector" else rows


def _of_impressions(behaviour: Behaviour, kind: PreferenceKind, items: DataFrame) -> DataFrame:
    """The rows of impressions of the lineage fold, with their items.

    Impressions of the other folds fit and evaluate rankers, which must not know what follows them.
    """
    impressions = behaviour.target_impressions.where(F.col("fold") == Fold.LINEAGE.value)
    impressions = impressions.select("as_of", "impression_id", "item_id")
    impressions = impressions.join(items, "item_id", "left_semi")
    rows = kind.build(behaviour).join(behaviour.tables, ["as_of", "horizon"], "left_semi")
    return rows.join(impressions, ["as_of", "impression_id"])


def _has_direction(vector: Column) -> Column:
    """Whether all values are finite, and one is not 0."""
    endless = float("inf")
    is_finite = F.forall(vector, lambda x: x.isNotNull() & ~F.isnan(x) & (F.abs(x) < endless))
    return is_finite & F.exists(vector, lambda x: x != 0)


def _write(
    behaviour: Behaviour, kind: PreferenceKind, attempt: Attempt, rows: DataFrame
) -> DataFrame:
    """Write and audit the tables of all windows; returns their rows with ``item_id``."""
    lake, scenario = behaviour.lake, behaviour.scenario
    schema = schemas.features(scenario, kind.keyed_by, kind.takes)
    if kind.keyed_by == "impression":
        schema = schema.append(pa.field("item_id", schemas.id_type(scenario)))
    key = schemas.key_column(kind.keyed_by)
    root = f"{attempt.folder}/targets"
    written = write_by_day(rows, lake, root, schema, key, by=("as_of", "horizon"))
    day = behaviour.known_at[-1]
    partition = curated_partition(scenario, kind.name, day)
    tables = [
        WrittenTable(kind.name, partition, window, key, f"{root}/{below}")
        for window in behaviour.windows
        if (below := f"as_of={window.as_of.isoformat()}/horizon={window.horizon}") in written
    ]
    for table in tables:
        audit_rows(lake.storage, table)
    if kind.keyed_by == "impression":
        audit_sources(behaviour, tables)
    if not tables:
        return behaviour.spark.createDataFrame([], from_arrow_schema(schema))
    paths = [path for table in tables for path in lake.storage.data_files(table.folder)]
    found = read_files(behaviour.spark, lake.storage, paths, root, schema)
    return found.drop("as_of", "horizon")


def _positives(listed: DataFrame, items: DataFrame) -> DataFrame:
    """The items of the same split that belong to each item: those it lists, and that list it.

    Items that are listed most often come first, then those in a better place of the list, then
    those that list the item most often. Pairs hold in both directions, so that every positive has
    a positive itself and thus a row in the table.

    Args:
        listed: ``item_id``, ``items`` and ``last_event``; an item may have several rows.
        items: ``item_id`` and ``split`` of the items that may be positives.
    """
    pairs = (
        listed.select("item_id", "last_event", F.posexplode("items").alias("place", "other"))
        .where(F.col("item_id") != F.col("other"))
        .groupBy("item_id", "other")
        .agg(
            F.count("*").alias("times"),
            F.min("place").alias("place"),
            F.max("last_event").alias("last_event"),
        )
    )
    of_other = items.select(F.col("item_id").alias("other"), F.col("split").alias("of_other"))
    within = (
        pairs.join(items.select("item_id", "split"), "item_id")
        .join(of_other, "other")
        .where(F.col("split") == F.col("of_other"))
    )
    forward = within.select(
        "item_id", "other", "times", "place", F.lit(0).alias("times_back"), "last_event"
    )
    back = within.select(
        F.col("other").alias("item_id"),
        F.col("item_id").alias("other"),
        F.lit(0).alias("times"),
        F.lit(None).cast("int").alias("place"),
        F.col("times").alias("times_back"),
        "last_event",
    )
    both = (
        forward.unionByName(back)
        .groupBy("item_id", "other")
        .agg(
            F.sum("times").alias("times"),
            F.min("place").alias("place"),
            F.sum("times_back").alias("times_back"),
            F.max("last_event").alias("last_event"),
        )
    )
    best = Window.partitionBy("item_id").orderBy(
        F.desc("times"), F.asc_nulls_last("place"), F.desc("times_back"), "other"
    )
    ranked = F.sort_array(F.collect_list(F.struct("rank", "other")))
    return (
        both.withColumn("rank", F.row_number().over(best))
        .where(F.col("rank") <= MOST_POSITIVES)
        .groupBy("item_id")
        .agg(
            F.transform(ranked, lambda one: one["other"]).alias("positives"),
            F.max("last_event").alias("last_event"),
        )
    )


def _spark_type(kind: pa.DataType) -> str:
    [field] = from_arrow_schema(pa.schema([("value", kind)])).fields
    return field.dataType.simpleString()


def _value(kind: PreferenceKind) -> str:
    return "a vector" if kind.takes == "vector" else "a list of items"

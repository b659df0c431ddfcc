"""The items that a ranker knows, with their content as it was known at the start of a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.alignment.curation.metadata_entries import is_said
from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import snapshot_keys
from jobs.lake.manifest import digest_of
from jobs.preference.behaviour import days_between
from jobs.scenarios import Scenario
from jobs.spark.session import read_days

_TEXTS = ("title", "text", "category", "image")


def snapshot_items(spark: SparkSession, lake: Lake, scenario: Scenario, day: date) -> DataFrame:
    """Read ``item_id``, ``updates`` and ``last_update`` of the item snapshot of a day."""
    rows = read_days(spark, lake, "snapshots", scenario.name, [day], snapshot_keys(scenario))
    assert rows is not None
    return rows.select("item_id", "updates", "last_update")


def item_content(spark: SparkSession, lake: Lake, scenario: Scenario, day: date) -> DataFrame:
    """Read the newest content of each item that was shown before a day.

    Returns:
        ``item_id`` and the columns of ``schemas.CONTENT``, each item once. Columns that the table
        of a day lacks are null.
    """
    contract = schemas.items(scenario)
    days = _item_days(lake, scenario, day)
    items = read_days(spark, lake, "items", scenario.name, days, contract=contract)
    if items is None:
        return spark.createDataFrame([], from_arrow_schema(contract)).drop("first_seen")
    content = F.struct(*[name for name, _ in schemas.CONTENT])
    newest = items.groupBy("item_id").agg(F.max_by(content, "ds").alias("content"))
    return newest.select("item_id", "content.*")


def has_content() -> Column:
    """Whether any part of the content of an item is there: text that is not blank, or a vector."""
    parts = [is_said(name) for name in _TEXTS] + [F.size("vector") > 0]
    return F.coalesce(*[F.when(part, True) for part in parts], F.lit(False))


def content_digest(lake: Lake, scenario: Scenario, day: date) -> str:
    """Digest of the item tables that ``item_content`` reads."""
    way_out = "run the ingest of that day again"
    return digest_of(
        [
            (one, lake.require(Partition("items", scenario.name, one), way_out).digest)
            for one in _item_days(lake, scenario, day)
        ]
    )


def _item_days(lake: Lake, scenario: Scenario, day: date) -> Sequence[date]:
    return days_between(lake, scenario, date.min, day, "items")

"""``items``: each item on the day on which it is first shown, with its content.

So the items of a day depend on all days before it: where an earlier day is ingested again, an item
may be first shown there that was first shown later, or the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_type

from jobs.lake import Attempt, Lake, schemas
from jobs.scenarios import Scenario
from jobs.spark.lake_files import read_files
from jobs.spark.session import read_days

ITEMS = "items"


def first_shown(
    spark: SparkSession,
    lake: Lake,
    scenario: Scenario,
    impressions: DataFrame,
    content: DataFrame | None,
    first: date,
) -> DataFrame:
    """Items of these impressions that are on no day before the first, with ``ds``.

    Args:
        spark: The session.
        lake: Has the items of earlier days.
        scenario: The scenario.
        impressions: Impressions of the first day and of later ones.
        content: Content by item, None if there is no item file.
        first: The first day.
    """
    shown = impressions.groupBy("item_id").agg(F.min("ts").alias("first_seen"))
    before = [day for day in lake.days(ITEMS, scenario.name) if day < first]
    earlier = read_days(spark, lake, ITEMS, scenario.name, before)
    if earlier is not None:
        shown = shown.join(earlier.select("item_id"), "item_id", how="left_anti")
    if content is None:
        columns = [
            F.lit(None).cast(from_arrow_type(field.type)).alias(field.name)
            for field in schemas.items(scenario)
            if field.name not in shown.columns
        ]
        described = shown.select("*", *columns)
    else:
        described = shown.join(content, "item_id", how="left")
    return described.select(
        *schemas.items(scenario).names, F.to_date("first_seen").cast("string").alias("ds")
    )


def written_impressions(spark: SparkSession, lake: Lake, attempt: Attempt) -> DataFrame:
    """The impressions that an attempt has written."""
    folder = f"{attempt.folder}/impressions"
    rows = read_files(spark, lake.storage, lake.storage.data_files(folder), folder)
    return rows.drop("ds")


def items_after(
    spark: SparkSession,
    lake: Lake,
    scenario: Scenario,
    content: DataFrame | None,
    last: date,
) -> tuple[DataFrame, Sequence[date]] | None:
    """The items of days after one that has been ingested again.

    Args:
        spark: The session.
        lake: Has the impressions, and the items as they were published.
        scenario: The scenario.
        content: Content by item, None if there is no item file.
        last: The last day that has been ingested again.

    Returns:
        Items of all later days as they are to be, and the days on which others are published.
        None if there is no such day.
    """
    ingested = set(lake.days("impressions", scenario.name))
    later = [day for day in lake.days(ITEMS, scenario.name) if day > last and day in ingested]
    impressions = read_days(spark, lake, "impressions", scenario.name, later)
    published = read_days(spark, lake, ITEMS, scenario.name, later)
    if impressions is None or published is None:
        return None
    items = first_shown(spark, lake, scenario, impressions, content, later[0])
    keys = ["item_id", "ds"]
    expected, found = items.select(*keys), published.select("item_id", F.col("ds").cast("string"))
    differing = expected.join(found, keys, "left_anti").unionByName(
        found.join(expected, keys, "left_anti")
    )
    days = sorted(date.fromisoformat(row.ds) for row in differing.select("ds").distinct().collect())
    return (items, days) if days else None

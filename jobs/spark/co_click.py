"""Which items the same users click: the start of similar items and of co-click vectors."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.spark.behaviour import Behaviour


def users_clicked(behaviour: Behaviour, clicks_a_user: int) -> DataFrame:
    """One row a user and ``known_at``: ``items``, distinct, among the last clicks of the window.

    Also ``last_event``, the newest of these clicks. The cut at ``clicks_a_user`` bounds the pairs
    of items that one user can yield.
    """
    of_user = Window.partitionBy("known_at", "user_id").orderBy(
        F.desc("ts"), F.desc("impression_id")
    )
    return (
        behaviour.windowed(behaviour.clicks)
        .withColumn("recency", F.row_number().over(of_user))
        .where(F.col("recency") <= clicks_a_user)
        .groupBy("known_at", "user_id")
        .agg(F.collect_set("item_id").alias("items"), F.max("ts").alias("last_event"))
    )


def items_clicked(users: DataFrame) -> DataFrame:
    """One row an item and ``known_at``: ``users`` that clicked it, newest event behind the row.

    What is similar to an item follows from all clicks of its users, so their newest counts.
    """
    return (
        users.select("known_at", "last_event", F.explode("items").alias("item_id"))
        .groupBy("known_at", "item_id")
        .agg(F.count("*").alias("users"), F.max("last_event").alias("last_event"))
    )


def pairs_of(frame: DataFrame, items: str = "items") -> DataFrame:
    """Every ordered pair of different items in each row's list, as ``item_id`` and ``other``."""
    one = frame.withColumn("item_id", F.explode(items))
    return one.withColumn("other", F.explode(items)).where("item_id != other").drop(items)

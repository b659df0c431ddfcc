"""Which items the same users click: the start of similar items and of co-click vectors."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.preference.behaviour import Behaviour


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


def pairs_of(frame: DataFrame, members: str, one: str, other: str) -> DataFrame:
    """Each pair of different members of each row's list once, the smaller as ``one``."""
    listed = frame.withColumn(members, F.sort_array(members))
    placed = listed.select("*", F.posexplode(members).alias("_place", one))
    later = F.slice(members, F.col("_place") + 2, F.size(members))
    return placed.select("*", F.explode(later).alias(other)).drop("_place", members)


def both_orders(pairs: DataFrame) -> DataFrame:
    """Pairs of ``item_id`` and ``other``, and the same pairs the other way round."""
    swapped = {"item_id": "other", "other": "item_id"}
    return pairs.unionByName(
        pairs.select(*[F.col(name).alias(swapped.get(name, name)) for name in pairs.columns])
    )

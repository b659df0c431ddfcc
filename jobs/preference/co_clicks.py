"""Items that the same users click: shared by similar items and co-click embeddings."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.preference.behaviour import Behaviour


def users_clicked(behaviour: Behaviour, clicks_a_user: int) -> DataFrame:
    """Distinct ``items`` of the newest clicks of each user and ``known_at``.

    ``last_event`` is the time of the newest click. The limit ``clicks_a_user`` bounds the number of
    pairs of items that one user contributes.
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
    """Number of ``users`` that clicked each item, for each ``known_at``.

    Similarity to an item depends on all clicks of its users, so ``last_event`` is the newest of
    these clicks.
    """
    return (
        users.select("known_at", "last_event", F.explode("items").alias("item_id"))
        .groupBy("known_at", "item_id")
        .agg(F.count("*").alias("users"), F.max("last_event").alias("last_event"))
    )


def pairs_of(frame: DataFrame, members: str, one: str, other: str) -> DataFrame:
    """Each pair of distinct members of a list column, once for each row, the smaller as ``one``."""
    listed = frame.withColumn(members, F.sort_array(members))
    placed = listed.select("*", F.posexplode(members).alias("_place", one))
    later = F.slice(members, F.col("_place") + 2, F.size(members))
    return placed.select("*", F.explode(later).alias(other)).drop("_place", members)


def both_orders(pairs: DataFrame) -> DataFrame:
    """The pairs of ``item_id`` and ``other``, and the same pairs with both exchanged."""
    swapped = {"item_id": "other", "other": "item_id"}
    return pairs.unionByName(
        pairs.select(*[F.col(name).alias(swapped.get(name, name)) for name in pairs.columns])
    )

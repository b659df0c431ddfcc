"""The items most similar to each item, by who clicked both.

Swing: arXiv 2010.05525, section 3.2, without weights of users. Cosine: the usual one of the sets of
users, as in item-to-item collaborative filtering (Linden et al. 2003).
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.preference.behaviour import Behaviour
from jobs.preference.co_clicks import both_orders, items_clicked, pairs_of, users_clicked

_PARTS = 10**12
_DIGITS = 9


@dataclass(frozen=True)
class SimilarOptions:
    """How many similar items an item has, and the bounds of the work.

    clicks_a_user: newest clicks of a user that count. users_an_item: users of an item whose pairs
    swing looks at. smoothing: swing's alpha.
    """

    top: int = 5
    clicks_a_user: int = 50
    users_an_item: int = 50
    smoothing: int = 1


def similar_by_cosine(behaviour: Behaviour, options: SimilarOptions) -> DataFrame:
    """score(i, j) = users of both / sqrt(users of i · users of j)."""
    users = users_clicked(behaviour, options.clicks_a_user)
    pairs = pairs_of(users, "items", "item_id", "other").groupBy("known_at", "item_id", "other")
    both = both_orders(pairs.agg(F.count("*").alias("both")))
    totals = items_clicked(users).select("known_at", "item_id", "users")
    others = totals.select("known_at", F.col("item_id").alias("other"), F.col("users").alias("of"))
    scored = both.join(totals, ["known_at", "item_id"]).join(others, ["known_at", "other"])
    score = F.col("both") / F.sqrt(F.col("users") * F.col("of"))
    return _top(scored.withColumn("score", score), users, options)


def similar_by_swing(behaviour: Behaviour, options: SimilarOptions) -> DataFrame:
    """score(i, j) = sum over pairs of users of both: 1 / (smoothing + items of both users).

    Of the users of an item, ``users_an_item`` are drawn by a hash of the user: the same users stay
    for all items, so pairs of users still share items.
    """
    users = users_clicked(behaviour, options.clicks_a_user)
    by_hash = Window.partitionBy("known_at", "item_id").orderBy(F.xxhash64("user_id"), "user_id")
    drawn = (
        users.select("known_at", "user_id", F.explode("items").alias("item_id"))
        .withColumn("place", F.row_number().over(by_hash))
        .where(F.col("place") <= options.users_an_item)
        .groupBy("known_at", "item_id")
        .agg(F.collect_list("user_id").alias("users"))
    )
    # Most couples share one item and count for nothing: their items are looked up once the others
    # are told apart by number alone.
    couples = (
        pairs_of(drawn, "users", "user", "partner")
        .groupBy("known_at", "user", "partner")
        .agg(F.count("*").alias("shared"))
        .where("shared > 1")
    )
    lists = (
        drawn.select("known_at", "item_id", F.explode("users").alias("user"))
        .groupBy("known_at", "user")
        .agg(F.collect_list("item_id").alias("own"))
    )
    partners = lists.withColumnsRenamed({"user": "partner", "own": "theirs"})
    # A sum of whole parts is the same in whatever order the pairs of users arrive.
    parts = F.round(F.lit(_PARTS) / (options.smoothing + F.col("shared"))).cast("bigint")
    shared = (
        couples.join(lists, ["known_at", "user"])
        .join(partners, ["known_at", "partner"])
        .select("known_at", F.array_intersect("own", "theirs").alias("items"), parts.alias("parts"))
    )
    scored = both_orders(
        pairs_of(shared, "items", "item_id", "other")
        .groupBy("known_at", "item_id", "other")
        .agg((F.sum("parts") / F.lit(_PARTS)).alias("score"))
    )
    return _top(scored, users, options)


def _top(scored: DataFrame, users: DataFrame, options: SimilarOptions) -> DataFrame:
    """The best others of each item; of equal ones the smaller id."""
    score = F.round("score", _DIGITS)
    best = Window.partitionBy("known_at", "item_id").orderBy(score.desc(), "other")
    ranked = F.sort_array(F.collect_list(F.struct("place", "other")))
    chosen = (
        scored.withColumn("place", F.row_number().over(best))
        .where(F.col("place") <= options.top)
        .groupBy("known_at", "item_id")
        .agg(F.transform(ranked, lambda pair: pair["other"]).alias("items"))
    )
    clicked = items_clicked(users).withColumnRenamed("users", "updates")
    return chosen.join(clicked, ["known_at", "item_id"])

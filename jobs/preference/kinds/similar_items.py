"""The items that the same users click, found with behaviour up to n days later.

Source: arXiv 2508.04963, which found the gain of the five most similar items as side information
negligible. Swing: arXiv 2010.05525, section 3.2, without weights of users. Cosine: of the sets of
users, as in item-to-item collaborative filtering (Linden et al. 2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.common.lazy_module import lazy_module
from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark import sql
    from pyspark.sql import functions as F

    from jobs.preference import co_clicks
    from jobs.preference.behaviour import Behaviour
else:
    sql = lazy_module("pyspark.sql")
    F = lazy_module("pyspark.sql.functions")
    co_clicks = lazy_module("jobs.preference.co_clicks")

_PARTS = 10**12
_DECIMALS = 9


@dataclass(frozen=True)
class SimilarItems:
    """The most similar items of each item, by the users who clicked both.

    Attributes:
        method: How similarity is measured.
        top: Similar items of an item.
        clicks_a_user: Newest clicks of a user that are used.
        users_an_item: Users of an item whose pairs swing compares.
        smoothing: Swing's alpha.
    """

    name: str = "similar_items"
    summary: str = "the items most similar to it by co-clicks up to n days later (swing)"
    phrase: str = "the items found most similar by behaviour up to {days} later"
    docs: str = "The five items most similar by co-clicks (swing)."
    keyed_by: Literal["item"] = "item"
    takes: Literal["items"] = "items"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    method: Literal["swing", "cosine"] = "swing"
    top: int = 5
    clicks_a_user: int = 50
    users_an_item: int = 50
    smoothing: int = 1

    def build(self, behaviour: Behaviour) -> sql.DataFrame:
        """See ``PreferenceKind.build``."""
        users = co_clicks.users_clicked(behaviour, self.clicks_a_user)
        scores = self._swing(users) if self.method == "swing" else self._cosine(users)
        # Of equal scores, the smaller id is the better one.
        score = F.round("score", _DECIMALS)
        best = sql.Window.partitionBy("known_at", "item_id").orderBy(score.desc(), "other")
        ranked = F.sort_array(F.collect_list(F.struct("place", "other")))
        chosen = (
            scores.withColumn("place", F.row_number().over(best))
            .where(F.col("place") <= self.top)
            .groupBy("known_at", "item_id")
            .agg(F.transform(ranked, lambda pair: pair["other"]).alias("items"))
        )
        clicked = co_clicks.items_clicked(users).withColumnRenamed("users", "updates")
        return chosen.join(clicked, ["known_at", "item_id"])

    def _cosine(self, users: sql.DataFrame) -> sql.DataFrame:
        """score(i, j) = users of both / sqrt(users of i · users of j)."""
        pairs = co_clicks.pairs_of(users, "items", "item_id", "other")
        pairs = pairs.groupBy("known_at", "item_id", "other").agg(F.count("*").alias("both"))
        both = co_clicks.both_orders(pairs)
        totals = co_clicks.items_clicked(users).select("known_at", "item_id", "users")
        others = totals.select(
            "known_at", F.col("item_id").alias("other"), F.col("users").alias("of")
        )
        counts = both.join(totals, ["known_at", "item_id"]).join(others, ["known_at", "other"])
        score = F.col("both") / F.sqrt(F.col("users") * F.col("of"))
        return counts.withColumn("score", score)

    def _swing(self, users: sql.DataFrame) -> sql.DataFrame:
        """score(i, j) = sum over pairs of users of both: 1 / (smoothing + items of both users).

        Of the users of an item, ``users_an_item`` are sampled by a hash of the user. The same users
        are kept for all items, so that pairs of users still share items.
        """
        by_hash = sql.Window.partitionBy("known_at", "item_id").orderBy(
            F.xxhash64("user_id"), "user_id"
        )
        sampled = (
            users.select("known_at", "user_id", F.explode("items").alias("item_id"))
            .withColumn("place", F.row_number().over(by_hash))
            .where(F.col("place") <= self.users_an_item)
            .groupBy("known_at", "item_id")
            .agg(F.collect_list("user_id").alias("users"))
        )
        # Most couples share one item and add nothing to any score: counting first keeps their
        # lists of items out of the join.
        couples = (
            co_clicks.pairs_of(sampled, "users", "user", "partner")
            .groupBy("known_at", "user", "partner")
            .agg(F.count("*").alias("shared"))
            .where("shared > 1")
        )
        lists = (
            sampled.select("known_at", "item_id", F.explode("users").alias("user"))
            .groupBy("known_at", "user")
            .agg(F.collect_list("item_id").alias("items_of_user"))
        )
        partners = lists.withColumnsRenamed(
            {"user": "partner", "items_of_user": "items_of_partner"}
        )
        # A sum of integers is the same in whatever order the pairs of users arrive.
        parts = F.round(F.lit(_PARTS) / (self.smoothing + F.col("shared"))).cast("bigint")
        items = F.array_intersect("items_of_user", "items_of_partner").alias("items")
        shared = (
            couples.join(lists, ["known_at", "user"])
            .join(partners, ["known_at", "partner"])
            .select("known_at", items, parts.alias("parts"))
        )
        scores = (
            co_clicks.pairs_of(shared, "items", "item_id", "other")
            .groupBy("known_at", "item_id", "other")
            .agg((F.sum("parts") / F.lit(_PARTS)).alias("score"))
        )
        return co_clicks.both_orders(scores)


KINDS = (
    SimilarItems(),
    SimilarItems(
        name="similar_items_cosine",
        summary="the items most similar to it by co-clicks up to n days later (cosine)",
        phrase="the items found most similar by co-clicks up to {days} later",
        docs="The five items most similar by co-clicks (cosine).",
        method="cosine",
    ),
)

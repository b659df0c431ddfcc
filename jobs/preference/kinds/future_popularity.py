"""How popular each item is in the look-back window that ends n days later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.common.lazy_module import lazy_module
from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    from jobs.preference.behaviour import Behaviour
else:
    F = lazy_module("pyspark.sql.functions")


@dataclass(frozen=True)
class FuturePopularity:
    """Vectors [log1p(clicks), log1p(impressions), smoothed click rate] of items with impressions.

    Attributes:
        prior_rows: Weight, in impressions, of the click rate of the whole window, towards which
            the rate of an item is smoothed.
    """

    name: str = "future_popularity"
    summary: str = "clicks, impressions and click rate of the item up to n days later"
    phrase: str = "how often items are shown and clicked up to {days} later"
    docs: str = "Clicks, impressions and click rate of the item."
    keyed_by: Literal["item"] = "item"
    takes: Literal["vector"] = "vector"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"
    prior_rows: float = 20.0

    def build(self, behaviour: Behaviour) -> DataFrame:
        """See ``PreferenceKind.build``."""
        daily = behaviour.events.groupBy("ds", "item_id").agg(
            F.sum(F.col("label").cast("bigint")).alias("clicks"),
            F.count("*").alias("impressions"),
            F.max("ts").alias("last_event"),
        )
        items = (
            behaviour.windowed(daily)
            .groupBy("known_at", "item_id")
            .agg(
                F.sum("clicks").alias("clicks"),
                F.sum("impressions").alias("impressions"),
                F.max("last_event").alias("last_event"),
            )
        )
        overall = items.groupBy("known_at").agg(
            (F.sum("clicks") / F.sum("impressions")).alias("overall_rate")
        )
        rate = (F.col("clicks") + self.prior_rows * F.col("overall_rate")) / (
            F.col("impressions") + self.prior_rows
        )
        vector = F.array(F.log1p("clicks"), F.log1p("impressions"), rate)
        return items.join(F.broadcast(overall), "known_at").select(
            "known_at",
            "item_id",
            vector.cast("array<float>").alias("embedding"),
            F.col("impressions").alias("updates"),
            "last_event",
        )


KINDS = (FuturePopularity(),)

"""How often items were shown and clicked in the look-back window."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.preference.behaviour import Behaviour


def item_popularity(behaviour: Behaviour, prior_rows: float) -> DataFrame:
    """Vectors [log1p(clicks), log1p(impressions), smoothed click rate] of items with impressions.

    The rate is drawn to that of the whole window by as many rows of it as ``prior_rows`` says.
    """
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
    rate = (F.col("clicks") + prior_rows * F.col("overall_rate")) / (
        F.col("impressions") + prior_rows
    )
    vector = F.array(F.log1p("clicks"), F.log1p("impressions"), rate)
    return items.join(F.broadcast(overall), "known_at").select(
        "known_at",
        "item_id",
        vector.cast("array<float>").alias("embedding"),
        F.col("impressions").alias("updates"),
        "last_event",
    )

"""The item that a user clicks next after an impression."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.preference.behaviour import Behaviour


def next_clicks(behaviour: Behaviour) -> DataFrame:
    """For each impression, the user's first lineage click strictly after it and before known_at.

    Of several clicks of that moment, the one with the smallest impression id. An impression that
    no click follows in time has no row, so at horizon 0 there is none.
    """
    questions = behaviour.asked.select(
        "as_of", "user_id", "ts", "impression_id", F.lit(0).alias("is_click")
    )
    clicked = F.struct(
        F.col("ts").alias("at"),
        F.col("impression_id").alias("source"),
        F.col("item_id").alias("item"),
    )
    # A click after an impression of day T is of day T or later, however far the look-back reaches.
    first = min(window.as_of for window in behaviour.windows)
    answers = behaviour.clicks.where(F.col("ds") >= first.isoformat()).select(
        "user_id", "ts", "impression_id", F.lit(1).alias("is_click"), clicked.alias("click")
    )
    # From the newest row down, the last click met so far is the next one in time. At an equal ts
    # impressions come before clicks, which keeps a click from following its own moment.
    from_the_newest = (
        Window.partitionBy("user_id")
        .orderBy(F.desc("ts"), "is_click", F.desc("impression_id"))
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    following = (
        questions.unionByName(answers, allowMissingColumns=True)
        .withColumn("next", F.last("click", ignorenulls=True).over(from_the_newest))
        .where("is_click = 0")
    )
    known_at = F.to_timestamp("known_at", "yyyy-MM-dd")
    return (
        following.join(F.broadcast(behaviour.tables), "as_of")
        .where(F.col("next.at") < known_at)
        .select(
            "as_of",
            "horizon",
            "impression_id",
            F.array("next.item").alias("items"),
            F.array("next.source").alias("sources"),
            F.lit(1).cast("bigint").alias("updates"),
            F.col("next.at").alias("last_event"),
        )
    )

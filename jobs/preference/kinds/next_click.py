"""The item that the user clicks next, within n days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jobs.common.lazy_module import lazy_module
from jobs.scenarios import EvalRowsSeen, Mode

if TYPE_CHECKING:
    from pyspark import sql
    from pyspark.sql import functions as F

    from jobs.preference.behaviour import Behaviour
else:
    sql = lazy_module("pyspark.sql")
    F = lazy_module("pyspark.sql.functions")


@dataclass(frozen=True)
class NextClick:
    """For each impression, the user's first lineage click strictly after it and before known_at.

    Of several clicks at the same time, the one with the smallest impression id. An impression that
    no click follows in time has no row, so the table of horizon 0 is empty.
    """

    name: str = "next_click"
    summary: str = "the item that the user clicks next, within n days"
    phrase: str = "the item that the user clicks next, within {days}"
    docs: str = "The item that the user clicks next, strictly after the impression."
    keyed_by: Literal["impression"] = "impression"
    takes: Literal["items"] = "items"
    modes: tuple[Mode, ...] = (Mode.RETRAIN, Mode.PROBE)
    eval_rows_seen: EvalRowsSeen = "no"

    def build(self, behaviour: Behaviour) -> sql.DataFrame:
        """See ``PreferenceKind.build``."""
        impressions = behaviour.target_impressions.select(
            "as_of", "user_id", "ts", "impression_id", F.lit(0).alias("is_click")
        )
        clicked = F.struct(
            F.col("ts").alias("at"),
            F.col("impression_id").alias("source"),
            F.col("item_id").alias("item"),
        )
        # A click after an impression of day T is of day T or later, however long the look-back is.
        first = min(window.as_of for window in behaviour.windows)
        clicks = behaviour.clicks.where(F.col("ds") >= first.isoformat()).select(
            "user_id", "ts", "impression_id", F.lit(1).alias("is_click"), clicked.alias("click")
        )
        # From the newest row to the oldest, the last click so far is the next one in time. At an
        # equal ts impressions come before clicks, so that no impression gets a click of its moment.
        newest_first = (
            sql.Window.partitionBy("user_id")
            .orderBy(F.desc("ts"), "is_click", F.desc("impression_id"))
            .rowsBetween(sql.Window.unboundedPreceding, sql.Window.currentRow)
        )
        following = (
            impressions.unionByName(clicks, allowMissingColumns=True)
            .withColumn("next", F.last("click", ignorenulls=True).over(newest_first))
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


KINDS = (NextClick(),)

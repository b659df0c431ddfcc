"""A table computed from data that it must not use stops the run, and none is published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Literal

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.errors import AuditError
from jobs.lake import Lake, Partition
from jobs.preference.behaviour import Behaviour
from jobs.preference.build_tables import assemble_tables
from jobs.preference.kinds.future_popularity import FuturePopularity
from tests.jobs.feed import FEED_DAYS, Row, feed_scenario, lineage_rows

AS_OF, HORIZON = FEED_DAYS[4], 2


@dataclass(frozen=True)
class Planted:
    """A kind whose tables a test changes."""

    change: Callable[[DataFrame], DataFrame]
    name: str = "planted"
    keyed_by: Literal["item", "impression"] = "item"
    takes: Literal["vector", "items"] = "vector"

    def build(self, behaviour: Behaviour) -> DataFrame:
        if self.keyed_by == "item":
            return self.change(FuturePopularity().build(behaviour))
        rows = behaviour.target_impressions.join(behaviour.tables, "as_of").select(
            "as_of",
            "horizon",
            "impression_id",
            F.array("item_id").alias("items"),
            F.array().cast("array<bigint>").alias("sources"),
            F.lit(0).alias("updates"),
            F.lit(None).cast("timestamp").alias("last_event"),
        )
        return self.change(rows)


def refused(lake: Lake, kind: Planted) -> str:
    """The message of the audit, after a check that nothing was published."""
    with pytest.raises(AuditError) as caught:
        assemble_tables(lake, feed_scenario(), kind, [AS_OF], [HORIZON])
    assert lake.days_with_any("features", "feed") == []
    text = str(caught.value)
    assert text.startswith("planted: features/scenario=feed/")
    assert "\n" not in text
    return text


def test_sound_tables_pass(feed: Lake) -> None:
    assert (
        len(assemble_tables(feed, feed_scenario(), Planted(lambda f: f), [AS_OF], [HORIZON])) == 2
    )


def test_a_table_one_day_too_new(feed: Lake) -> None:
    """The table of each day is labelled as that of the day before."""

    def a_day_early(frame: DataFrame) -> DataFrame:
        day_before = F.date_format(F.date_sub(F.to_date("known_at"), 1), "yyyy-MM-dd")
        return frame.withColumn("known_at", day_before)

    class TooNew(Planted):
        def build(self, behaviour: Behaviour) -> DataFrame:
            later = Behaviour(
                behaviour.spark,
                behaviour.lake,
                behaviour.scenario,
                tuple(type(w)(w.as_of, w.horizon + 1) for w in behaviour.windows),
            )
            return super().build(later)

    text = refused(feed, TooNew(a_day_early))
    assert f"horizon=0: uses events at or after {AS_OF}: item_id=" in text
    assert f"last_event={AS_OF}" in text
    assert 1 <= text.count("item_id=") <= 5


@pytest.mark.parametrize(("late", "sound"), [(0, False), (-1, True)])
def test_an_event_on_the_cut_is_too_late_and_one_just_before_is_not(
    feed: Lake, late: int, sound: bool
) -> None:
    cut = F.to_timestamp("known_at") + F.expr(f"make_interval(0, 0, 0, 0, 0, 0, {late} / 1000000)")

    def on_the_cut(frame: DataFrame) -> DataFrame:
        moment = F.when(F.col("item_id") == 7, cut).otherwise(F.col("last_event"))
        return frame.withColumn("last_event", moment)

    kind = Planted(on_the_cut)
    if sound:
        assert assemble_tables(feed, feed_scenario(), kind, [AS_OF], [HORIZON])
    else:
        text = refused(feed, kind)
        assert text.endswith("item_id=7 last_event=2026-01-05 00:00:00+00:00")


def test_a_key_that_comes_twice(feed: Lake) -> None:
    text = refused(feed, Planted(lambda frame: frame.unionAll(frame.where("item_id = 3"))))
    assert text.endswith("keys of several rows: item_id=3")


@pytest.mark.parametrize(
    ("vector", "fault"),
    [
        ("array(1f, 2f)", "not all of one length (3): item_id=3 embedding=[1.0, 2.0]"),
        ("cast(null as array<float>)", "not all of one length (3): item_id=3 embedding=None"),
        ("array(1f, 2f, float('nan'))", "not finite: item_id=3 embedding=[1.0, 2.0, nan]"),
        ("array(1f, null, 3f)", "not finite: item_id=3 embedding=[1.0, None, 3.0]"),
        ("array(1f, float('-inf'), 3f)", "not finite: item_id=3 embedding=[1.0, -inf, 3.0]"),
    ],
)
def test_vectors_that_no_ranker_can_take(feed: Lake, vector: str, fault: str) -> None:
    def planted(frame: DataFrame) -> DataFrame:
        chosen = F.when(F.col("item_id") == 3, F.expr(vector)).otherwise(F.col("embedding"))
        return frame.withColumn("embedding", chosen)

    assert refused(feed, Planted(planted)).endswith(fault)


def by_impression(sources: str) -> Planted:
    """A kind with a row for each impression, whose sources are the value of an expression."""

    def planted(frame: DataFrame) -> DataFrame:
        return frame.withColumn("sources", F.expr(sources))

    return Planted(planted, keyed_by="impression", takes="items")


def rows_of(lake: Lake) -> list[Row]:
    return lineage_rows(lake, FEED_DAYS[0], FEED_DAYS[-1])


def test_sources_that_are_sound_pass(feed: Lake) -> None:
    source = next(row for row in rows_of(feed) if row.ts.date() == FEED_DAYS[2])
    kind = by_impression(f"array({source.impression_id}L)")
    assert len(assemble_tables(feed, feed_scenario(), kind, [AS_OF], [HORIZON])) == 2


def test_a_row_computed_from_its_own_label(feed: Lake) -> None:
    """The label of a lineage row must not go into its feature either."""
    same = next(row for row in rows_of(feed) if row.ts.date() == AS_OF).impression_id
    kind = by_impression(f"if(impression_id = {same}, array(impression_id), array())")
    assert refused(feed, kind).endswith(
        f"must not use: impression_id={same} source={same} (the label of the row itself)"
    )


def test_a_source_of_a_held_out_fold(feed: Lake) -> None:
    shown = feed.read(Partition("impressions", "feed", FEED_DAYS[2])).to_pylist()
    held_out = next(row["impression_id"] for row in shown if row["fold"] == "eval")
    text = refused(feed, by_impression(f"array({held_out}L)"))
    assert f"source={held_out} (fold eval)" in text
    assert text.count("impression_id=") == 5


def test_a_source_on_the_cut(feed: Lake) -> None:
    """The table of T+2 may use it; for the table of T it is just too late."""
    cut = datetime.combine(AS_OF, time(), UTC)
    late = next(row.impression_id for row in rows_of(feed) if row.ts == cut)
    text = refused(feed, by_impression(f"if(impression_id = {late}, array(), array({late}L))"))
    assert "horizon=0: " in text
    assert f"source={late} (too late: 2026-01-05 00:00:00)" in text


def test_a_source_that_is_no_impression(feed: Lake) -> None:
    text = refused(feed, by_impression("array(99999L)"))
    assert "source=99999 (not an impression of its window)" in text

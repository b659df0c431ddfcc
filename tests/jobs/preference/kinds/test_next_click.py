"""The next click is the first strictly after the impression, in time, and of the lineage fold."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from pyspark.sql import SparkSession

from jobs.lake import Lake, Partition
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.preference.kinds.next_click import NextClick
from tests.jobs.feed import (
    EMPTY_DAY,
    FEED_DAYS,
    FIRST,
    LONELY_DAY,
    feed_scenario,
    lineage_rows,
)

AS_OFS = (FIRST, EMPTY_DAY, FEED_DAYS[4], LONELY_DAY)
# The last of them reaches further than the look-back.
HORIZONS = (0, 1, 3)
Found = tuple[Any, ...]


def expected(lake: Lake, window: TableWindow) -> set[Found]:
    end = datetime.combine(window.known_at, time(), UTC)
    clicks = [row for row in lineage_rows(lake, FIRST, window.known_at) if row.label]
    found = set()
    for row in lake.read(Partition("impressions", "feed", window.as_of)).to_pylist():
        later = [c for c in clicks if c.user_id == row["user_id"] and row["ts"] < c.ts < end]
        if later:
            first = min(later)
            place = (window.as_of.isoformat(), window.horizon, row["impression_id"])
            found.add((*place, (first.item_id,), (first.impression_id,), 1, first.ts))
    return found


def built(lake: Lake, spark: SparkSession, *windows: TableWindow) -> list[Found]:
    behaviour = Behaviour(spark, lake, feed_scenario(), windows)
    columns = ("as_of", "horizon", "impression_id", "items", "sources", "updates", "last_event")
    rows = NextClick().build(behaviour).toArrow().select(columns).to_pylist()
    return [
        tuple(tuple(value) if isinstance(value, list) else value for value in row.values())
        for row in rows
    ]


def test_next_clicks_are_those_of_a_walk_through_the_log(feed: Lake, spark: SparkSession) -> None:
    windows = [TableWindow(day, horizon) for day in AS_OFS for horizon in HORIZONS]
    found = built(feed, spark, *windows)
    assert len(found) == len(set(found))
    oracle = {window: expected(feed, window) for window in windows}
    assert set(found) == set().union(*oracle.values())
    assert not any(oracle[window] for window in windows if window.horizon == 0)
    assert len(oracle[TableWindow(FIRST, 3)]) > len(oracle[TableWindow(FIRST, 1)]) > 0


def test_the_feed_has_the_edges_that_are_tested(feed: Lake) -> None:
    rows = [row for row in lineage_rows(feed, FIRST, EMPTY_DAY) if row.label]
    moments = [(row.user_id, row.ts) for row in rows]
    assert len(set(moments)) < len(moments)
    assert any(row.ts.time() == time() for row in rows)


def test_a_window_alone_gives_what_it_gives_among_others(feed: Lake, spark: SparkSession) -> None:
    alone = TableWindow(FEED_DAYS[4], 3)
    among = built(feed, spark, TableWindow(FIRST, 1), alone, TableWindow(FEED_DAYS[6], 1))
    mine = [row for row in among if row[:2] == (alone.as_of.isoformat(), alone.horizon)]
    assert sorted(built(feed, spark, alone)) == sorted(mine)
    assert mine

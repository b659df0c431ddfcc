"""Popularity counts the lineage rows of its window, and no others."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from math import log1p
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.lake import Lake
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.preference.kinds.future_popularity import FuturePopularity
from tests.jobs.feed import (
    EMPTY_DAY,
    FEED_DAYS,
    FIRST,
    LOOKBACK_DAYS,
    feed_scenario,
    lineage_rows,
)

PRIOR = 20.0
WINDOWS = tuple(TableWindow(day, horizon) for day in FEED_DAYS[1:5] for horizon in (0, 3))


def expected(lake: Lake, known_at: date) -> dict[int, tuple[list[float], int, datetime]]:
    rows = lineage_rows(lake, known_at - timedelta(days=LOOKBACK_DAYS), known_at)
    of_item = defaultdict(list)
    for row in rows:
        of_item[row.item_id].append(row)
    overall = sum(row.label for row in rows) / len(rows)
    found = {}
    for item, impressions in of_item.items():
        clicks = sum(row.label for row in impressions)
        rate = (clicks + PRIOR * overall) / (len(impressions) + PRIOR)
        vector = [log1p(clicks), log1p(len(impressions)), rate]
        found[item] = (vector, len(impressions), max(row.ts for row in impressions))
    return found


def test_every_window_counts_the_rows_in_it(feed: Lake, spark: SparkSession) -> None:
    behaviour = Behaviour(spark, feed, feed_scenario(), WINDOWS)
    rows = FuturePopularity(prior_rows=PRIOR).build(behaviour).toArrow().to_pylist()
    found: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in rows:
        found[row["known_at"]][row["item_id"]] = row
    assert sorted(found) == [day.isoformat() for day in behaviour.known_at]
    for known_at in behaviour.known_at:
        table = found[known_at.isoformat()]
        oracle = expected(feed, known_at)
        assert table.keys() == oracle.keys()
        for item, (vector, updates, last_event) in oracle.items():
            assert table[item]["embedding"] == pytest.approx(vector, rel=1e-6)
            assert table[item]["updates"] == updates
            assert table[item]["last_event"] == last_event


def test_a_window_that_holds_only_an_empty_day_has_no_rows(feed: Lake, spark: SparkSession) -> None:
    after = EMPTY_DAY + timedelta(days=1)
    scenario = feed_scenario(lookback_days=1)
    behaviour = Behaviour(spark, feed, scenario, (TableWindow(after, 0), TableWindow(FIRST, 0)))
    assert FuturePopularity(prior_rows=PRIOR).build(behaviour).count() == 0

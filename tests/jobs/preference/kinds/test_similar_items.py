"""Similar items are those that a loop over all pairs of items and users finds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from itertools import combinations
from math import sqrt
from typing import Any, Literal

import pytest
from pyspark.sql import SparkSession

from jobs.lake import Lake
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.preference.kinds.similar_items import SimilarItems
from tests.jobs.feed import FEED_DAYS, FIRST, LONELY_DAY, feed_scenario, windowed_clicks

Method = Literal["swing", "cosine"]
Score = Callable[[Mapping[int, set[int]], int, int], float]
WINDOWS = tuple(TableWindow(day, horizon) for day in FEED_DAYS[:6] for horizon in (0, 2))


def cosine(users: Mapping[int, set[int]], one: int, other: int) -> float:
    return len(users[one] & users[other]) / sqrt(len(users[one]) * len(users[other]))


def swing(users: Mapping[int, set[int]], one: int, other: int) -> float:
    return sum(
        1 / (1 + sum(u in clicked and v in clicked for clicked in users.values()))
        for u, v in combinations(sorted(users[one] & users[other]), 2)
    )


def expected(
    lake: Lake, known_at: date, score: Score, options: SimilarItems
) -> dict[int, tuple[list[int], int, datetime]]:
    of_user = defaultdict(list)
    for click in windowed_clicks(lake, known_at):
        of_user[click.user_id].append(click)
    users: dict[int, set[int]] = defaultdict(set)
    newest: dict[int, datetime] = {}
    for user, clicks in of_user.items():
        kept = clicks[-options.clicks_a_user :]
        for click in kept:
            users[click.item_id].add(user)
        for click in kept:
            newest[click.item_id] = max(newest.get(click.item_id, kept[-1].ts), kept[-1].ts)
    found = {}
    for one in users:
        scores = [(-round(score(users, one, other), 9), other) for other in users if other != one]
        best = [other for value, other in sorted(scores) if value < 0][: options.top]
        if best:
            found[one] = (best, len(users[one]), newest[one])
    return found


def built(lake: Lake, spark: SparkSession, kind: SimilarItems) -> Any:
    behaviour = Behaviour(spark, lake, feed_scenario(), WINDOWS)
    found: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in kind.build(behaviour).toArrow().to_pylist():
        value = (row["items"], row["updates"], row["last_event"])
        assert row["item_id"] not in found[row["known_at"]]
        found[row["known_at"]][row["item_id"]] = value
    return found


@pytest.mark.parametrize(
    "kind", [SimilarItems(), SimilarItems(top=2, clicks_a_user=4)], ids=["all", "bounded"]
)
@pytest.mark.parametrize(("method", "score"), [("cosine", cosine), ("swing", swing)])
def test_similar_items_are_those_of_a_loop_over_pairs(
    feed: Lake, spark: SparkSession, method: Method, score: Score, kind: SimilarItems
) -> None:
    found = built(feed, spark, replace(kind, method=method))
    known_at = sorted({window.known_at for window in WINDOWS})
    oracle = {day.isoformat(): expected(feed, day, score, kind) for day in known_at}
    assert oracle[FIRST.isoformat()] == {}
    assert sum(map(len, oracle.values())) > 20
    assert found == {day: table for day, table in oracle.items() if table}


def test_swing_samples_the_same_users_for_every_item(feed: Lake, spark: SparkSession) -> None:
    kind = SimilarItems(users_an_item=3)
    hashed = spark.range(9).selectExpr("id", "xxhash64(id)").collect()
    order = {user: (value, user) for user, value in hashed}

    def sampled_swing(users: Mapping[int, set[int]], one: int, other: int) -> float:
        kept = {item: set(sorted(of, key=order.__getitem__)[:3]) for item, of in users.items()}
        return swing(kept, one, other)

    found = built(feed, spark, kind)
    known_at = sorted({window.known_at for window in WINDOWS})
    oracle = {day.isoformat(): expected(feed, day, sampled_swing, kind) for day in known_at}
    assert found == {day: table for day, table in oracle.items() if table}
    assert found != built(feed, spark, SimilarItems())


def test_one_user_makes_no_swing(feed: Lake, spark: SparkSession) -> None:
    scenario = feed_scenario(lookback_days=1)
    window = TableWindow(LONELY_DAY, 1)
    behaviour = Behaviour(spark, feed, scenario, (window,))
    assert SimilarItems().build(behaviour).count() == 0
    clicked = {click.item_id for click in windowed_clicks(feed, window.known_at, 1)}
    assert SimilarItems(method="cosine").build(behaviour).count() == len(clicked) > 1

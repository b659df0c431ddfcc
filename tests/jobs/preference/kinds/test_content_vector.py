"""Content is the vectors of items, or their hashed words, from the first day of the item."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from sklearn.feature_extraction.text import HashingVectorizer

from jobs.lake import Lake, Partition, schemas
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.preference.kinds.content_vector import ContentVector
from jobs.scenarios import Scenario
from tests.jobs.feed import FIRST, feed_scenario

DIM = 8
SECOND, THIRD = (FIRST + timedelta(days=days) for days in (1, 2))
Table = dict[tuple[str, int], list[float]]


def built(lake: Lake, spark: SparkSession, scenario: Scenario, *known_at: date) -> Table:
    behaviour = Behaviour(spark, lake, scenario, tuple(TableWindow(day, 0) for day in known_at))
    rows = ContentVector(dim=DIM).build(behaviour).toArrow().to_pylist()
    assert all(row["updates"] == 0 and row["last_event"] is None for row in rows)
    found = {(row["known_at"], row["item_id"]): row["embedding"] for row in rows}
    assert len(found) == len(rows)
    return found


def publish_items(lake: Lake, scenario: Scenario, day: date, **columns: Sequence[object]) -> None:
    schema = schemas.items(scenario)
    rows = len(columns["item_id"])
    values = {name: columns.get(name, [None] * rows) for name in schema.names}
    partition = Partition("items", scenario.name, day)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table(values, schema))
        attempt.publish(partition, inputs={}, schema=schema)


def test_words_are_hashed_to_unit_vectors(feed: Lake, spark: SparkSession) -> None:
    found = built(feed, spark, feed_scenario(), SECOND)
    words = {item: f"word{item} common category{item % 2}" for item in range(9)}
    hashed = HashingVectorizer(n_features=DIM).transform(words.values()).toarray()
    assert {item for _, item in found} == set(words)
    for item, vector in zip(words, hashed, strict=True):
        np.testing.assert_allclose(found[SECOND.isoformat(), item], vector, rtol=1e-6)
        assert np.linalg.norm(vector) == pytest.approx(1)


def test_an_item_has_content_from_its_first_day(lake: Lake, spark: SparkSession) -> None:
    scenario = feed_scenario()
    publish_items(lake, scenario, FIRST, item_id=[1, 2], title=["one", "two"])
    publish_items(lake, scenario, SECOND, item_id=[3], title=["three"])
    found = built(lake, spark, scenario, FIRST, SECOND)
    on_first, on_second = FIRST.isoformat(), SECOND.isoformat()
    assert sorted(found) == [(on_first, 1), (on_first, 2), *[(on_second, i) for i in (1, 2, 3)]]
    assert found[on_first, 1] == found[on_second, 1]


def test_a_new_description_counts_from_its_day(lake: Lake, spark: SparkSession) -> None:
    scenario = feed_scenario()
    publish_items(lake, scenario, FIRST, item_id=[1], title=["old"])
    publish_items(lake, scenario, SECOND, item_id=[1], title=["entirely new"])
    found = built(lake, spark, scenario, FIRST, SECOND, THIRD)
    assert len(found) == 3
    assert found[FIRST.isoformat(), 1] != found[SECOND.isoformat(), 1]
    assert found[SECOND.isoformat(), 1] == found[THIRD.isoformat(), 1]


def test_vectors_of_the_items_are_used_unchanged(lake: Lake, spark: SparkSession) -> None:
    scenario = feed_scenario(source={"reader": "simulated"})
    vectors = [[0.5, -1.0], None]
    publish_items(lake, scenario, FIRST, item_id=[1, 2], title=["one", "two"], vector=vectors)
    assert built(lake, spark, scenario, SECOND) == {(SECOND.isoformat(), 1): [0.5, -1.0]}


def test_no_items_before_the_first_day(feed: Lake, spark: SparkSession) -> None:
    assert built(feed, spark, feed_scenario(), FIRST - timedelta(days=1)) == {}


def test_inputs_are_the_items_through_the_day(lake: Lake) -> None:
    scenario = feed_scenario()
    windows = [TableWindow(day, 0) for day in (FIRST, SECOND, THIRD)]
    publish_items(lake, scenario, FIRST, item_id=[1], title=["one"])
    publish_items(lake, scenario, SECOND, item_id=[2], title=["two"])
    before = ContentVector().inputs(lake, scenario, windows)
    publish_items(lake, scenario, SECOND, item_id=[2], title=["changed"])
    after = ContentVector().inputs(lake, scenario, windows)
    assert [before[w] == after[w] for w in windows] == [True, False, False]

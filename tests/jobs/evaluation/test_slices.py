"""Which part each row of a day belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.evaluation.slices import slice_values
from jobs.lake import Lake, Partition, schemas
from jobs.scenarios import Scenario, SimulatedSource

SCENARIO = Scenario(name="small_feed", source=SimulatedSource(), context=("device", "slot", "hour"))
T = date(2026, 2, 1)
START = datetime(2026, 2, 1, tzinfo=UTC)


def publish_items(lake: Lake, day: date, *items: tuple[int, datetime | None, str | None]) -> None:
    schema = schemas.items(SCENARIO)
    rows = [{"item_id": i, "first_seen": seen, "category": named} for i, seen, named in items]
    partition = Partition("items", SCENARIO.name, day)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.Table.from_pylist(rows, schema=schema))
        attempt.publish(partition, inputs={}, schema=schema)


def sliced(lake: Lake, items: list[int], **columns: Any) -> dict[str, list[str]]:
    rows = pa.table({"item_id": pa.array(items, pa.int64()), **columns})
    updates = np.zeros(len(items), np.int64)
    found = slice_values(lake, SCENARIO, T, rows, updates)
    assert all(values.shape == (len(items),) for values in found.values())
    return {name: values.tolist() for name, values in found.items()}


@pytest.mark.parametrize(
    ("before", "bucket"),
    [
        (timedelta(0), "0"),
        (-timedelta(hours=23), "0"),
        (timedelta(microseconds=1), "1-6"),
        (timedelta(days=6), "1-6"),
        (timedelta(days=7), "7-29"),
        (timedelta(days=29), "7-29"),
        (timedelta(days=30), "30+"),
        (timedelta(days=4_000), "30+"),
    ],
)
def test_age_is_counted_in_days_before_t(lake: Lake, before: timedelta, bucket: str) -> None:
    publish_items(lake, T, (1, START - before, None))
    assert sliced(lake, [1])["item age in days"] == [bucket]


def test_items_are_looked_up_through_t_and_the_first_sight_counts(lake: Lake) -> None:
    early = START - timedelta(days=40)
    publish_items(lake, T - timedelta(days=40), (1, early, "News|World"), (5, early, "Film"))
    publish_items(lake, T - timedelta(days=2), (1, START, None), (2, START, ""))
    publish_items(lake, T + timedelta(days=1), (3, START, "Sport"))
    found = sliced(lake, [3, 1, 2, 1])
    assert found["item age in days"] == ["unknown", "30+", "0", "30+"]
    assert found["category"] == ["unknown", "News", "unknown", "News"]


def test_a_lake_without_items_has_no_category_and_no_age(lake: Lake) -> None:
    found = sliced(lake, [1, 2])
    assert found["item age in days"] == ["unknown", "unknown"]
    assert "category" not in found


def test_no_rows_have_no_parts(lake: Lake) -> None:
    publish_items(lake, T, (1, START, "News"))
    found = sliced(lake, [], history_clicks=pa.array([], pa.int64()))
    assert set(found) == {"item updates before T", "item age in days", "clicks in history"}
    assert all(values == [] for values in found.values())


def test_clicks_in_history_are_bucketed(lake: Lake) -> None:
    clicks = [0, 1, 4, 5, 19, 20]
    found = sliced(lake, [1] * 6, history_clicks=pa.array(clicks, pa.int64()))
    assert found["clicks in history"] == ["0", "1-4", "1-4", "5-19", "5-19", "20+"]


def test_context_fields_of_the_rows_and_a_null_among_them(lake: Lake) -> None:
    found = sliced(lake, [1, 1], device=["phone", None], slot=pa.array([3, 4]), other=["a", "b"])
    assert found["device"] == ["phone", "unknown"]
    assert found["slot"] == ["3", "4"]
    assert "other" not in found
    assert "hour" not in found


@given(st.lists(st.integers(0, 14), min_size=1, max_size=60))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_most_frequent_values_keep_their_names(drawn: list[int]) -> None:
    values = [f"v{number:02}" for number in drawn]
    found = sliced(Lake("/nowhere"), [1] * len(values), device=values)["device"]
    ranked = sorted(set(values), key=lambda value: (-values.count(value), value))
    kept = ranked if len(ranked) <= 8 else ranked[:8]
    assert found == [value if value in kept else "other" for value in values]


@given(st.lists(st.integers(0, 2**40), max_size=20))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_updates_are_named_by_their_number_of_digits(updates: list[int]) -> None:
    names = {1: "1-9", 2: "10-99", 3: "100-999"}
    expected = ["0" if n == 0 else names.get(len(str(n)), "1000+") for n in updates]
    rows = pa.table({"item_id": pa.array([1] * len(updates), pa.int64())})
    numbers = np.array(updates, dtype=np.int64)
    found = slice_values(Lake("/nowhere"), SCENARIO, T, rows, numbers)
    assert found["item updates before T"].tolist() == expected

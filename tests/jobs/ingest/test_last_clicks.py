"""The last clicks of users equal those of a plain loop, for any batches that Spark sends."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.ingest.last_clicks import ORDER, _Rows, histories, last_clicks

Row = dict[str, Any]
TIMESTAMP = pa.timestamp("us", tz="UTC")


class Event(NamedTuple):
    """An impression: user, time, whether it is clicked, and whether it is of the lineage fold."""

    user: int
    ts: int
    is_click: bool
    is_lineage: bool


EVENTS = st.lists(
    st.builds(Event, st.integers(0, 3), st.integers(0, 5), st.booleans(), st.booleans()),
    max_size=30,
)
CUTS = st.lists(st.integers(0, 60), max_size=8)
BOT = [Event(0, number // 3, True, number % 4 == 0) for number in range(25)]


def log_of(events: list[Event]) -> list[Row]:
    """Every event as an impression, and clicked ones also as a click, in ``ORDER``."""
    rows = []
    for number, event in enumerate(events):
        shared = {"user_id": event.user, "ts": event.ts, "impression_id": number}
        rows.append({**shared, "ds": "day", "is_click": False, "is_lineage": False})
        if event.is_click:
            click = {"item_id": 100 + number, "is_lineage": event.is_lineage}
            rows.append({**shared, "is_click": True, **click})
    return sorted(rows, key=lambda row: tuple(row[name] for name in ORDER))


def batches_of(rows: list[Row], cuts: list[int], ids: pa.DataType) -> list[pa.RecordBatch]:
    """The rows in batches that end at ``cuts``; some are empty."""
    schema = pa.schema(
        [
            *[
                ("ds", pa.string()),
                ("user_id", ids),
                ("ts", TIMESTAMP),
                ("impression_id", pa.int64()),
            ],
            *[("item_id", ids), ("is_click", pa.bool_()), ("is_lineage", pa.bool_())],
        ]
    )
    named = ("user_id", "item_id")
    if pa.types.is_string(ids):
        rows = [{**row, **{key: str(row[key]) for key in named if key in row}} for row in rows]
    ends = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    return [pa.RecordBatch.from_pylist(rows[first:end], schema) for first, end in pairwise(ends)]


def clicks_of(events: list[Event], user: int, before: int, is_lineage: bool) -> list[int]:
    """Positions of the user's clicks strictly before a time, oldest first, by a plain loop."""
    numbers = [
        number
        for number, event in enumerate(events)
        if event.user == user
        and event.is_click
        and event.ts < before
        and (event.is_lineage or not is_lineage)
    ]
    return sorted(numbers, key=lambda number: (events[number].ts, number))


@pytest.mark.parametrize("ids", [pa.int64(), pa.string()], ids=str)
@settings(deadline=None, max_examples=100)
@given(EVENTS, CUTS, st.integers(1, 4))
@example(BOT, list(range(0, 50, 3)), 2)
def test_histories_equal_those_of_a_loop(
    ids: pa.DataType, events: list[Event], cuts: list[int], length: int
) -> None:
    batches = batches_of(log_of(events), cuts, ids)
    found = [row for batch in histories(iter(batches), length) for row in batch.to_pylist()]
    assert sorted(row["impression_id"] for row in found) == list(range(len(events)))
    kind = str if pa.types.is_string(ids) else int
    for row in found:
        event = events[row["impression_id"]]
        for name, is_lineage in (("items", False), ("lineage_items", True)):
            expected = clicks_of(events, event.user, event.ts, is_lineage)[-length:]
            assert row[name] == [kind(100 + number) for number in expected]
        before = clicks_of(events, event.user, event.ts, is_lineage=False)
        assert row["last_click"] == (events[before[-1]].ts if before else None)


@settings(deadline=None, max_examples=100)
@given(EVENTS, CUTS, st.integers(1, 4))
@example(BOT, list(range(0, 50, 3)), 2)
def test_last_clicks_equal_those_of_a_loop(
    events: list[Event], cuts: list[int], length: int
) -> None:
    rows = [row for row in log_of(events) if row["is_click"]]
    click = ("impression_id", "item_id")
    made = last_clicks(iter(batches_of(rows, cuts, pa.int64())), length, click)
    found = [row for batch in made for row in batch.to_pylist()]
    users = sorted({event.user for event in events if event.is_click})
    assert [row["user_id"] for row in found] == users
    for row in found:
        for name, is_lineage in (("clicks", False), ("lineage_clicks", True)):
            expected = clicks_of(events, row["user_id"], 99, is_lineage)[-length:]
            clicks = [{"impression_id": n, "item_id": 100 + n} for n in expected]
            assert row[name] == clicks


def test_only_clicks_that_may_be_among_the_last_are_carried_over() -> None:
    [batch] = batches_of(log_of(BOT), [], pa.int64())[-1:]
    rows = _Rows.after(None, batch)
    assert rows is not None
    carried = rows.last_user_clicks(3)
    assert carried["impression_id"].to_pylist() == [16, 20, 22, 23, 24]

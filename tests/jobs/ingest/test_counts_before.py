"""Counts equal those of a loop over all events, however the rows are cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ingest.counts_before import FOUND, TIMES, counts_before
from jobs.lake.schemas import TIMESTAMP

Row = dict[str, Any]
FIRST = date(2027, 12, 30)
DAYS = (0, 1, 2, 7, 8, 28, 29, 36)
SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("key", pa.string()),
        ("ts", TIMESTAMP),
        ("day", pa.date32()),
        ("impressions", pa.int64()),
        ("clicks", pa.int64()),
        *((name, TIMESTAMP) for name in TIMES),
        ("is_target", pa.bool_()),
    ]
)


def impression(key: str | None, day: int, second: int, counted: int, click: int) -> Row:
    """A row of one impression, which is counted if it is of the lineage fold."""
    ts = midnight(day) + timedelta(seconds=second)
    shown, clicked = (ts if counted else None), (ts if counted and click else None)
    times = dict(zip(TIMES, (shown, shown, clicked), strict=True))
    counts = {"impressions": counted, "clicks": counted * click}
    return {"key": key, "ts": ts, "day": ts.date(), **counts, **times, "is_target": True}


def whole_day(key: str | None, day: int, impressions: int, clicks: int) -> Row:
    """A row that stands for all impressions of a day."""
    start = midnight(day)
    first, last = start + timedelta(seconds=1), start + timedelta(seconds=9)
    clicked = start + timedelta(seconds=5) if clicks else None
    times = dict(zip(TIMES, (first, last, clicked), strict=True))
    counts = {"impressions": impressions, "clicks": min(impressions, clicks)}
    return {"key": key, "ts": start, "day": start.date(), **counts, **times, "is_target": False}


def midnight(day: int) -> datetime:
    return datetime.combine(FIRST + timedelta(days=day), time(), UTC)


KEYS = st.sampled_from(["a", "b", None])
IMPRESSIONS = st.builds(
    impression, KEYS, st.sampled_from(DAYS), st.integers(0, 2), st.integers(0, 1), st.integers(0, 1)
)
# Before all impressions, as the state of an earlier day is.
WHOLE_DAYS = st.builds(
    whole_day, KEYS, st.sampled_from([-30, -29, -28, -7, -1]), st.integers(1, 9), st.integers(0, 9)
)


def in_order(rows: list[Row]) -> list[Row]:
    ordered = sorted(rows, key=lambda row: (row["key"] or "", row["ts"]))
    return [{"number": number, **row} for number, row in enumerate(ordered)]


def expected(row: Row, rows: list[Row]) -> Row:
    before = [other for other in rows if other["key"] == row["key"] and other["ts"] < row["ts"]]
    found: Row = {"number": row["number"]}
    for window, days in {"1d": 1, "7d": 7, "28d": 28, "ever": 10_000}.items():
        inside = [other for other in before if other["day"] >= row["day"] - timedelta(days=days)]
        for counted in ("impressions", "clicks"):
            found[f"{counted}_{window}"] = sum(other[counted] for other in inside)
    for name, choose in zip(TIMES, (min, max, max), strict=True):
        times = [other[name] for other in before if other[name] is not None]
        found[name] = int(choose(times).timestamp()) * 1_000_000 if times else None
    return found


def batches(rows: list[Row], length: int) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_pylist([], SCHEMA)
    for start in range(0, len(rows), length):
        yield pa.RecordBatch.from_pylist(rows[start : start + length], SCHEMA)


@given(
    drawn=st.lists(IMPRESSIONS | WHOLE_DAYS, min_size=1, max_size=40),
    length=st.sampled_from([1, 2, 3, 7, 100]),
)
@settings(deadline=None)
def test_counts_equal_those_of_a_loop(drawn: list[Row], length: int) -> None:
    rows = in_order(drawn)
    found = [
        row
        for batch in counts_before(batches(rows, length), ["key"], ["number"])
        for row in batch.to_pylist()
    ]
    assert found == [expected(row, rows) for row in rows if row["is_target"]]


def test_groups_are_of_all_their_columns() -> None:
    """A new value of any column, null included, begins a group."""
    rows = [impression("a", 0, second, 1, 1) for second in range(4)]
    table = pa.Table.from_pylist([{"number": 0, **row} for row in rows], SCHEMA)
    table = table.append_column("field", pa.array(["x", "x", None, "y"]))
    [found] = counts_before(iter(table.to_batches()), ["field", "key"], ["key"])
    assert found["impressions_ever"].to_pylist() == [0, 1, 0, 0]
    assert found.schema.names == ["key", *FOUND]

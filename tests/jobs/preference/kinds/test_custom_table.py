"""Each day uses the rows of a custom table that were available, and errors name bad input."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs
from pyspark.sql import SparkSession

from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import feature_partition
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.preference.build_tables import assemble_tables
from jobs.preference.kinds.custom_table import CustomTable
from jobs.scenarios import PreferenceTable
from tests.jobs.feed import FEED_DAYS, feed_scenario

Row = dict[str, Any]
MIDNIGHT = [datetime.combine(day, time(), UTC) for day in FEED_DAYS]
TYPES = {
    "item_id": pa.int64(),
    "vector": pa.list_(pa.float32()),
    "alike": pa.list_(pa.int64()),
    "available_at": pa.timestamp("us", tz="UTC"),
}
GOOD: list[Row] = [
    {"item_id": 1, "vector": [1.0, 2.0], "available_at": MIDNIGHT[1]},
    {"item_id": 2, "vector": [3.0, 4.0], "available_at": MIDNIGHT[2]},
]


def write(path: Path, rows: Sequence[Row], **types: pa.DataType) -> None:
    names = rows[0] if rows else ("item_id", "vector", "available_at")
    schema = pa.schema([(name, types.get(name, TYPES[name])) for name in names])
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema), path)


def vectors(path: object) -> PreferenceTable:
    return PreferenceTable(name="mine", path=str(path), vector="vector")


def built(spark: SparkSession, lake: Lake, table: PreferenceTable, *days: date) -> list[Row]:
    spark.conf.set("spark.sql.shuffle.partitions", 2)
    windows = tuple(TableWindow(day, 0) for day in days)
    frame = CustomTable(table).build(Behaviour(spark, lake, feed_scenario(), windows))
    rows: list[Row] = frame.orderBy("known_at", "item_id").toArrow().to_pylist()
    return rows


def available_rows(rows: Sequence[Row], value: str, day: date) -> list[Row]:
    """Rows that are available at the start of a day, found row by row."""
    start = datetime.combine(day, time(), UTC)
    found = []
    for item in sorted({row["item_id"] for row in rows}):
        seen = [r for r in rows if r["item_id"] == item and r["available_at"] < start]
        if seen:
            newest = max(seen, key=lambda row: (row["available_at"], row[value]))
            found.append(
                {
                    "known_at": day.isoformat(),
                    "item_id": item,
                    "embedding" if value == "vector" else "items": newest[value],
                    "updates": len(seen),
                    "last_event": newest["available_at"],
                }
            )
    return found


@pytest.mark.parametrize("value", ["vector", "alike"])
def test_each_day_sees_the_newest_row_that_was_available(
    spark: SparkSession, lake: Lake, tmp_path: Path, value: str
) -> None:
    """Many ties, and moments at midnight and next to it, in three files in no order."""
    generator = np.random.default_rng(3)
    rows = []
    for _ in range(300):
        beside = timedelta(microseconds=int(generator.integers(-1, 2)))
        moment = MIDNIGHT[generator.integers(0, len(MIDNIGHT))] + beside
        length = 3 if value == "vector" else generator.integers(0, 4)
        number = float if value == "vector" else int
        values = [number(x) for x in generator.integers(0, 3, length)]
        item = int(generator.integers(0, 12))
        rows.append({"item_id": item, value: values, "available_at": moment})
    for part in range(3):
        write(tmp_path / "table" / f"part-{part}.parquet", rows[part::3])
    options: Row = {"vector": "vector"} if value == "vector" else {"items": "alike"}
    table = PreferenceTable(name="mine", path=str(tmp_path / "table"), **options)
    expected = [row for day in FEED_DAYS for row in available_rows(rows, value, day)]
    assert built(spark, lake, table, *FEED_DAYS) == expected
    write(tmp_path / "table" / "part-0.parquet", rows[1::3])
    write(tmp_path / "table" / "part-1.parquet", rows[0::3][::-1])
    assert built(spark, lake, table, *FEED_DAYS) == expected


@pytest.mark.parametrize(
    ("kind", "moments"),
    [
        (pa.date32(), [FEED_DAYS[1], FEED_DAYS[2]]),
        (pa.timestamp("ns"), [MIDNIGHT[1].replace(tzinfo=None), MIDNIGHT[2].replace(tzinfo=None)]),
        (pa.timestamp("s", tz="Asia/Tokyo"), [MIDNIGHT[1], MIDNIGHT[2]]),
        (pa.string(), ["2026-01-02", "2026-01-03T09:00:00+09:00"]),
    ],
    ids=str,
)
def test_moments_come_in_several_types(
    spark: SparkSession, lake: Lake, tmp_path: Path, kind: pa.DataType, moments: list[Any]
) -> None:
    """A moment without a zone is UTC; a day is its first moment, so it counts from the next."""
    rows = [{**row, "available_at": moment} for row, moment in zip(GOOD, moments, strict=True)]
    write(tmp_path / "x.parquet", rows, available_at=kind)
    table = vectors(tmp_path / "x.parquet")
    expected = [row for day in FEED_DAYS for row in available_rows(GOOD, "vector", day)]
    assert built(spark, lake, table, *FEED_DAYS) == expected


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("vector", pa.list_(pa.float64())),
        ("vector", pa.list_(pa.float32(), 2)),
        ("vector", pa.large_list(pa.int16())),
        ("item_id", pa.string()),
        ("item_id", pa.uint64()),
        ("item_id", pa.int16()),
    ],
    ids=str,
)
def test_ids_and_vectors_come_in_several_types(
    spark: SparkSession, lake: Lake, tmp_path: Path, column: str, kind: pa.DataType
) -> None:
    as_text = pa.types.is_string(kind)
    rows = [{**row, column: str(row[column])} if as_text else row for row in GOOD]
    write(tmp_path / "x.parquet", rows, **{column: kind})
    found = built(spark, lake, vectors(tmp_path / "x.parquet"), FEED_DAYS[4])
    assert found == available_rows(GOOD, "vector", FEED_DAYS[4])


BAD_ROWS: list[tuple[str, Row, str]] = [
    (
        "no moment",
        {"available_at": None},
        r"'available_at': null is not a timestamp \(item 3\)",
    ),
    ("no id", {"item_id": None}, "column 'item_id': null is not an item id"),
    ("no vector", {"vector": None}, r"column 'vector': null is not a vector \(item 3\)"),
    ("empty", {"vector": []}, r"column 'vector': \[\] is not a vector \(item 3\)"),
    (
        "nan",
        {"vector": [0.0, math.nan]},
        r"\[0.0, nan\] has an element that is not a finite number",
    ),
    ("infinite", {"vector": [math.inf, 0.0]}, "has an element that is not a finite number"),
    ("gap", {"vector": [None, 0.0]}, "has an element that is not a finite number"),
    ("longer", {"vector": [0.0] * 3}, "the vector of item 3 has 3 numbers, others have 2"),
]


@pytest.mark.parametrize(
    ("change", "line"), [b[1:] for b in BAD_ROWS], ids=[b[0] for b in BAD_ROWS]
)
def test_a_row_that_is_bad_is_named(
    spark: SparkSession, lake: Lake, tmp_path: Path, change: Row, line: str
) -> None:
    write(tmp_path / "table" / "a.parquet", GOOD)
    bad = {"item_id": 3, "vector": [0.0, 0.0], "available_at": MIDNIGHT[1], **change}
    write(tmp_path / "table" / "b.parquet", [bad])
    with pytest.raises(InputError, match=line) as refused:
        built(spark, lake, vectors(tmp_path / "table"), FEED_DAYS[4])
    assert str(tmp_path / "table" / "b.parquet") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_text_that_is_not_a_timestamp_or_an_id_is_named(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    path = tmp_path / "x.parquet"
    write(path, [{**GOOD[0], "available_at": "09:00"}], available_at=pa.string())
    with pytest.raises(InputError, match="column 'available_at': 09:00 is not a timestamp"):
        built(spark, lake, vectors(path), FEED_DAYS[4])
    write(path, [{**GOOD[0], "item_id": "one"}], item_id=pa.string())
    with pytest.raises(InputError, match="column 'item_id': one is not an item id"):
        built(spark, lake, vectors(path), FEED_DAYS[4])
    rows = [{"item_id": 1, "alike": ["2", "two"], "available_at": MIDNIGHT[1]}]
    write(path, rows, alike=pa.list_(pa.string()))
    table = PreferenceTable(name="mine", path=str(path), items="alike")
    with pytest.raises(
        InputError, match=r"'alike': \['2', 'two'\] has a value that is not an item id"
    ):
        built(spark, lake, table, FEED_DAYS[4])


@pytest.mark.parametrize(
    ("rows", "types", "line"),
    [
        ([], {}, r"x\.parquet has no rows: replace it"),
        (
            [{"item_id": 1, "vector": [1.0]}],
            {},
            "no column 'available_at' for available_at; it has item_id, vector",
        ),
        (
            GOOD,
            {"vector": pa.list_(pa.string())},
            "column 'vector' is list.*, must hold lists of num",
        ),
        (GOOD, {"item_id": pa.decimal128(3, 1)}, "column 'item_id' is decimal.*, which is no id"),
        (
            GOOD,
            {"available_at": pa.int64()},
            "'available_at' is int64, must hold dates",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    lake: Lake, tmp_path: Path, rows: list[Row], types: dict[str, pa.DataType], line: str
) -> None:
    if pa.types.is_list(types.get("vector", pa.null())):
        rows = [{**row, "vector": [str(x) for x in row["vector"]]} for row in rows]
    if "available_at" in types:
        rows = [{**row, "available_at": 20260101} for row in rows]
    write(tmp_path / "x.parquet", rows, **types)
    with pytest.raises(InputError, match=line) as refused:
        inputs(lake, vectors(tmp_path / "x.parquet"))
    assert str(tmp_path / "x.parquet") in str(refused.value)


def test_a_file_that_is_cut_short_or_not_there_is_named(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with pytest.raises(InputError, match=r"there is no Parquet file at .*x\.parquet"):
        inputs(lake, vectors(path))
    write(path, GOOD)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(
        InputError, match=r"x\.parquet is not a complete Parquet file \(truncated\?\)"
    ):
        inputs(lake, vectors(path))
    with pytest.raises(InputError, match=r"path '\$NO_SUCH/x' has a variable that is not set"):
        inputs(lake, vectors("$NO_SUCH/x"))


def inputs(lake: Lake, table: PreferenceTable) -> Mapping[TableWindow, Mapping[str, str]]:
    windows = [TableWindow(day, horizon) for day in FEED_DAYS[:4] for horizon in (0, 2)]
    return CustomTable(table).inputs(lake, feed_scenario(), windows)


def test_a_file_of_later_rows_changes_later_tables_only(lake: Lake, tmp_path: Path) -> None:
    write(tmp_path / "table" / "a.parquet", GOOD)
    before = inputs(lake, vectors(tmp_path / "table"))
    write(tmp_path / "table" / "b.parquet", [{**GOOD[0], "available_at": MIDNIGHT[3]}])
    after = inputs(lake, vectors(tmp_path / "table"))
    changed = {window for window in before if before[window] != after[window]}
    assert changed == {window for window in before if window.known_at > FEED_DAYS[3]}
    assert changed
    assert changed != set(before)
    write(tmp_path / "table" / "a.parquet", GOOD[:1])
    again = inputs(lake, vectors(tmp_path / "table"))
    unchanged = {window for window in after if after[window] == again[window]}
    assert unchanged == {window for window in after if window.known_at <= FEED_DAYS[1]}


def test_it_is_published_for_the_items_that_the_day_names(
    feed: Lake, spark: SparkSession, tmp_path: Path
) -> None:
    rows = [{"item_id": i, "vector": [float(i)], "available_at": MIDNIGHT[3]} for i in range(40)]
    write(tmp_path / "x.parquet", rows)
    kind, as_of = CustomTable(vectors(tmp_path / "x.parquet")), FEED_DAYS[2]
    days = ([as_of], [1, 2])
    assert len(assemble_tables(feed, feed_scenario(), kind, *days)) == 3
    tables = [
        feed.read(feature_partition(feed_scenario(), "mine", as_of, n)).to_pylist()
        for n in (0, 1, 2)
    ]
    # A row of the very start of a day is not available to the table of this day.
    assert [len(table) for table in tables] == [0, 0, 10]
    assert {row["item_id"]: row["embedding"] for row in tables[2]} == {
        item: [float(item)] for item in range(10)
    }
    assert assemble_tables(feed, feed_scenario(), kind, *days) == []
    write(tmp_path / "x.parquet", rows[1:])
    assert len(assemble_tables(feed, feed_scenario(), kind, *days)) == 1


@pytest.mark.slow
def test_object_storage_needs_no_connector(
    spark: SparkSession,
    lake: Lake,
    tmp_path: Path,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Workers get what was in the environment when Spark started, and what is in here.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.setitem(spark.sparkContext.environment, name, os.environ[name])
    for number, row in enumerate(GOOD):
        write(tmp_path / f"{number}.parquet", [row])
        there, root = fs.FileSystem.from_uri(bucket)
        target = f"{root}/my tables/{number}.parquet"
        fs.copy_files(str(tmp_path / f"{number}.parquet"), target, destination_filesystem=there)
    table = vectors(f"{bucket}/my%20tables")
    assert built(spark, lake, table, FEED_DAYS[4]) == available_rows(GOOD, "vector", FEED_DAYS[4])
    assert inputs(lake, table)

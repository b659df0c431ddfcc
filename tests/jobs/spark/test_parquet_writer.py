"""The bytes of a day's files depend on its rows, not on the batches in which Spark sends them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.lake import Lake
from jobs.spark import parquet_writer
from jobs.spark.parquet_writer import WriteResult, file_count, write_by_day

SCHEMA = pa.schema([("key", pa.int64()), ("items", pa.list_(pa.string()))])
DAYS = ["2026-01-30", "2026-01-31", "2026-02-01"]


@settings(deadline=None, max_examples=50)
@given(sizes=st.lists(st.integers(0, 9), max_size=12), length=st.integers(1, 10))
def test_row_groups_do_not_depend_on_batches(sizes: list[int], length: int) -> None:
    rows = pa.table({"key": range(sum(sizes))})
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    runs = [rows.slice(start, size) for start, size in zip(starts, sizes, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_writer, "ROW_GROUP_ROWS", length)
        groups = list(parquet_writer._row_groups(runs))
    assert [key for group in groups for key in group["key"].to_pylist()] == list(range(sum(sizes)))
    assert all(group.num_rows == length for group in groups[:-1])
    assert all(0 < group.num_rows <= length for group in groups)
    assert all(group["key"].num_chunks == 1 for group in groups)


@pytest.fixture
def small_batches(spark: SparkSession) -> Callable[[int], None]:
    return lambda rows: spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", rows)


def test_a_day_depends_neither_on_batches_nor_on_other_days(
    spark: SparkSession,
    lake: Lake,
    small_batches: Callable[[int], None],
    published_bytes: Callable[..., dict[str, bytes]],
) -> None:
    rows = [(key, [str(key), None][: key % 3], DAYS[key % 3]) for key in range(100)]
    frame = spark.createDataFrame(rows, "key long, items array<string>, ds string")
    write_by_day(frame, lake, "whole", SCHEMA, "key")
    small_batches(7)
    try:
        write_by_day(frame, lake, "in_batches", SCHEMA, "key")
    finally:
        small_batches(10_000)
    for day in DAYS:
        write_by_day(frame.where(f"ds = '{day}'").orderBy("items"), lake, "alone", SCHEMA, "key")
    whole = published_bytes(lake, "whole")
    assert len(whole) == len(DAYS)
    for other in ("in_batches", "alone"):
        assert list(published_bytes(lake, other).values()) == list(whole.values())
    for number, day in enumerate(DAYS):
        path = Path(lake.storage.absolute(f"whole/ds={day}/part-00000.parquet"))
        table = pq.ParquetFile(path).read()
        assert table.schema.equals(SCHEMA)
        assert table["key"].to_pylist() == [key for key in range(100) if key % 3 == number]


def test_the_maximum_of_a_column_is_returned_also_if_it_is_not_written(
    spark: SparkSession, lake: Lake, small_batches: Callable[[int], None]
) -> None:
    times = {DAYS[0]: [5, None, 9, 7], DAYS[1]: [None], DAYS[2]: [-3]}
    rows = [(key, [], day, time) for day in DAYS for key, time in enumerate(times[day])]
    frame = spark.createDataFrame(rows, "key long, items array<string>, ds string, time long")
    small_batches(1)
    try:
        written = write_by_day(frame, lake, "unwritten", SCHEMA, "key", newest="time")
    finally:
        small_batches(10_000)
    assert written == {
        f"ds={DAYS[0]}": WriteResult(4, 9),
        f"ds={DAYS[1]}": WriteResult(1, None),
        f"ds={DAYS[2]}": WriteResult(1, -3),
    }
    path = Path(lake.storage.absolute(f"unwritten/ds={DAYS[0]}/part-00000.parquet"))
    assert pq.ParquetFile(path).schema_arrow.names == SCHEMA.names


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1 << 40))
def test_the_number_of_files_is_the_smallest_sufficient_one(rows: int) -> None:
    assert 1 <= file_count(rows) <= max(rows, 1)
    assert (
        rows
        <= file_count(rows) * parquet_writer.FILE_ROWS
        < max(rows, 1) + parquet_writer.FILE_ROWS
    )


def test_files_of_a_day_are_in_order_of_time(
    spark: SparkSession, lake: Lake, published_bytes: Callable[..., dict[str, bytes]]
) -> None:
    """Two files are divided at noon; rows with equal times are in the same file."""
    hours = [0, 11, 11, 12, 12, 12, 13, 23]
    moments = [datetime(2026, 1, 30, hour, 59 * (hour != 12), tzinfo=UTC) for hour in hours]
    rows = [(moment, key, day) for day in DAYS[:2] for key, moment in enumerate(moments)]
    frame = spark.createDataFrame(rows, "ts timestamp, key long, ds string")
    schema = pa.schema([("ts", pa.timestamp("us", tz="UTC")), ("key", pa.int64())])
    order, files = ("ts", "key"), {DAYS[0]: 2, DAYS[1]: 1}
    written = write_by_day(frame, lake, "divided", schema, *order, newest="key", files=files)
    write_by_day(frame.orderBy(F.desc("key")), lake, "again", schema, *order, files=files)
    assert written == {f"ds={day}": WriteResult(8, 7) for day in DAYS[:2]}
    assert list(published_bytes(lake, "divided").values()) == list(
        published_bytes(lake, "again").values()
    )
    found = {
        path.relative_to(lake.storage.absolute("divided")).as_posix(): pq.ParquetFile(path).read()
        for path in sorted(Path(lake.storage.absolute("divided")).rglob("*.parquet"))
    }
    assert {path: table["key"].to_pylist() for path, table in found.items()} == {
        f"ds={DAYS[0]}/part-00000.parquet": [0, 1, 2],
        f"ds={DAYS[0]}/part-00001.parquet": [3, 4, 5, 6, 7],
        f"ds={DAYS[1]}/part-00000.parquet": [*range(8)],
    }

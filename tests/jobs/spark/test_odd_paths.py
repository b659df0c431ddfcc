"""Spark reads and writes a lake whatever characters are in its path."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from jobs.lake import Lake, Partition
from jobs.spark.parquet_writer import write_by_day
from jobs.spark.session import read_days, spark_session

DAY = date(2026, 1, 5)
SCHEMA = pa.schema([("key", pa.int64())])


@pytest.mark.parametrize("name", ["a [1] {b,c} d?e*f^g!", "100% 00%3A00 #x;ü 'y' \"z\" \\w"])
def test_a_path_is_no_pattern_and_no_uri(spark: SparkSession, tmp_path: Path, name: str) -> None:
    # What the first name would match as a pattern.
    (tmp_path / "a 1 b dxexfgg").mkdir()
    lake = Lake(str(tmp_path / name))
    partition = Partition("rows", "tiny", DAY)
    frame = spark.range(3).selectExpr("id AS key", "'2026-01-05' AS ds")
    with lake.attempt([partition]) as attempt:
        write_by_day(frame, lake, f"{attempt.folder}/rows", SCHEMA, "key")
        attempt.publish(partition, below="rows/ds=2026-01-05", inputs={}, schema=SCHEMA)
    with spark_session("paths") as session:
        rows = read_days(session, lake, "rows", "tiny", [DAY])
    assert rows is not None
    found = sorted(tuple(row) for row in rows.select("key", "ds").collect())
    assert found == [(key, "2026-01-05") for key in range(3)]
    assert lake.read(partition)["key"].to_pylist() == [0, 1, 2]


def test_a_folder_may_have_colons(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(f"file://{tmp_path}/2026-01-05T00:00:00/lake")
    frame = spark.range(3).selectExpr("id AS key", "'2026-01-05' AS ds")
    write_by_day(frame, lake, "rows", SCHEMA, "key")
    assert (tmp_path / "2026-01-05T00:00:00/lake/rows").is_dir()
    assert spark.read.parquet(lake.storage.spark_pattern("rows")).count() == 3

"""Spark's own reader of the lake's files beside reading them through Arrow in its tasks.

Run as ``python -m tests.benchmarks.arrow_reading [--rows N]``. Both read the same files of a local
disk in turns: all columns of all rows, and two of the columns.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.lake import Lake, Partition, schemas
from jobs.spark import lake_files
from jobs.spark.session import spark_session
from tests.benchmarks.feed import DAYS, FeedOptions, feed_scenario, write_feed
from tests.benchmarks.page import Page

ROWS, REPEATS = 4_000_000, 5
SPARK, ARROW = "Spark", "Arrow"
ALL, TWO = "all columns", "two of seven columns"


def read(spark: SparkSession, lake: Lake, reader: str) -> DataFrame:
    """The impressions of all days, by one of the readers."""
    scenario = feed_scenario()
    paths = [
        path
        for day in DAYS
        for path in lake.published_paths(Partition("impressions", scenario.name, day))
    ]
    lake_files.reads_by_arrow = lambda *_: reader == ARROW
    return lake_files.read_files(
        spark, lake.storage, paths, "impressions", schemas.impressions(scenario)
    )


def rate(rows: int, frame: DataFrame, columns: str) -> float:
    """Rows a second of a sum over columns, so that each value is read."""
    chosen = frame.columns if columns == ALL else ["user_id", "item_id"]
    begin = time.perf_counter()
    frame.agg(F.sum(F.hash(*chosen).cast("long"))).collect()
    return rows / (time.perf_counter() - begin)


def measured(rows: int) -> dict[str, dict[str, float]]:
    """Median rows a second by columns and reader."""
    rates: dict[str, dict[str, list[float]]] = {ALL: {}, TWO: {}}
    with TemporaryDirectory() as folder, spark_session("benchmark") as spark:
        lake = Lake(str(Path(folder) / "lake"))
        write_feed(lake, FeedOptions(rows))
        for repeat in range(REPEATS + 1):
            for columns, found in rates.items():
                for reader in (SPARK, ARROW):
                    one = rate(rows, read(spark, lake, reader), columns)
                    # The first round starts Python workers and fills the system's cache.
                    if repeat:
                        found.setdefault(reader, []).append(one)
    return {
        columns: {reader: median(several) for reader, several in found.items()}
        for columns, found in rates.items()
    }


def table(rates: dict[str, dict[str, float]]) -> str:
    """The figures as a table in Markdown."""
    lines = ["| read | Spark, rows/s | through Arrow, rows/s | ratio |", "|---|---|---|---|"]
    for columns, found in rates.items():
        ratio = found[SPARK] / found[ARROW]
        lines.append(f"| {columns} | {found[SPARK]:,.0f} | {found[ARROW]:,.0f} | {ratio:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows, load = parser.parse_args().rows, os.getloadavg()[0]
    rates = measured(rows)
    page = Page(
        "arrow_reading",
        "Reading through Arrow beside Spark's own reader",
        f"{rows:,} impressions of {len(DAYS)} days on a local disk; medians of {REPEATS} rounds in "
        "turns.",
        table(rates),
        "Spark's own reader leaves out columns that are not needed; through Arrow, a task decodes "
        "all of them and hands them from Python to the JVM. In an object store the transfer comes "
        "on top, for both.",
        {"rows": rows, "rows_per_second": rates},
        load,
    )
    page.publish(kept=rows == ROWS)


if __name__ == "__main__":
    main()

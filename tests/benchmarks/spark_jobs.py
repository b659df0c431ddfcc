"""The behaviour jobs in local Spark, from the lake's Parquet files to published tables."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pyspark

from jobs.ingest.click_history import build_history
from jobs.lake import Lake, Partition
from jobs.preference import preference_kind
from jobs.preference.build_tables import assemble_tables
from jobs.scenarios import Scenario
from jobs.spark.session import spark_session
from tests.benchmarks import measure
from tests.benchmarks.feed import AS_OF, DAYS, HISTORY, HORIZON, JOBS, feed_scenario


def made(lake: Lake, scenario: Scenario, job: str) -> list[Partition]:
    """Run a job; returns the tables that it published for readers."""
    if job == HISTORY:
        days = build_history(lake, scenario, DAYS[-1])
        return [Partition("history", scenario.name, day) for day in days]
    return assemble_tables(lake, scenario, preference_kind(job, scenario), [AS_OF], [HORIZON])


def _jvm_peak_mib() -> float:
    """Most memory that Spark's JVM, the one child of this process, has held so far."""
    [child] = {
        child
        for thread in Path("/proc/self/task").iterdir()
        for child in (thread / "children").read_text().split()
    }
    return measure.peak_mib(child)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    lake, scenario = Lake(str(folder / "lake")), feed_scenario()
    begin = time.perf_counter()
    runs = {}
    with spark_session("benchmark") as spark:
        spark.range(1).count()
        started = time.perf_counter()
        for job in JOBS:
            job_begin = time.perf_counter()
            partitions = made(lake, scenario, job)
            seconds = time.perf_counter() - job_begin
            rows = sum(lake.require(partition, "").rows for partition in partitions)
            runs[job] = measure.JobRun(rows, seconds, _jvm_peak_mib())
    measure.hand_over(measure.EngineRun(f"Spark {pyspark.__version__}", started - begin, runs))


if __name__ == "__main__":
    main()

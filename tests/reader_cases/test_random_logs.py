"""Random logs are read as a slow, plain reader reads them.

``LIS_RANDOM_LOGS`` says how many (500 by default), ``LIS_RANDOM_LOGS_FROM`` the first seed.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, islice
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from jobs.ingest.publish_log import ingest
from jobs.lake import Lake, Partition
from tests.oracles.plain_files import Refusal
from tests.oracles.plain_reader import EPOCH, Reading, plain_reading
from tests.reader_cases.compared import compare, scenario_of
from tests.reader_cases.random_logs import RandomLog, write_random_log
from tests.reader_cases.raw_log import Record

COUNT = int(os.environ.get("LIS_RANDOM_LOGS", "500"))
FIRST_SEED = int(os.environ.get("LIS_RANDOM_LOGS_FROM", "0"))
INGESTED, FIRST_INGESTED = 3, 50_000
_PER_TASK = 250


def _problems(seeds: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in seeds:
        found = [_problem(seed) for seed in batch.column("id").to_pylist()]
        yield pa.record_batch({"problem": pa.array(found, pa.string())})


def _problem(seed: int) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return compare(seed, Path(folder))
        except Exception:
            return f"seed {seed}: {traceback.format_exc(limit=-3)}"


def test_random_logs_are_read_as_the_plain_reader_reads_them(spark: SparkSession) -> None:
    tasks = max(2, COUNT // _PER_TASK)
    seeds = spark.range(FIRST_SEED, FIRST_SEED + COUNT, numPartitions=tasks)
    found = [row.problem for row in seeds.mapInArrow(_problems, "problem string").collect()]
    problems = [problem for problem in found if problem]
    assert len(found) == COUNT
    assert not problems, (
        f"{len(problems)} of {COUNT} logs; to see one: python -m tests.reader_cases.compared SEED "
        "FOLDER\n" + "\n".join(problems[:5])
    )


def _readable_logs(folder: Path) -> Iterator[tuple[RandomLog, Path, Reading]]:
    """Logs that must be published, with some rows in quarantine."""
    for seed in count(FIRST_INGESTED):
        raw = folder / str(seed)
        log = write_random_log(seed, raw)
        try:
            expected = plain_reading(log.source, log.paths)
        except Refusal:
            continue
        if expected.rejected and not expected.may_refuse:
            yield log, raw, expected


def test_random_logs_are_ingested_whole(spark: SparkSession, tmp_path: Path) -> None:
    for log, raw, expected in islice(_readable_logs(tmp_path), INGESTED):
        lake, scenario = Lake(str(tmp_path / f"lake {log.seed}")), scenario_of(log)
        done = ingest(lake, scenario, str(raw))
        published = _rows(lake, "impressions")
        valid = Counter(
            (str(one.user_id), str(one.item_id), one.ts, one.label) for one in expected.impressions
        )
        found = Counter(map(_shown, published))
        by_id = {
            (one.impression_id or (one.user_id, one.item_id), one.ts)
            for one in expected.impressions
        }
        rejected = expected.rejected + len(expected.impressions) - len(by_id)
        assert found <= valid, log
        assert (done.rows, done.quarantined) == (len(by_id), rejected), log
        assert (len(published), len(_rows(lake, "quarantine"))) == (len(by_id), rejected), log


def _rows(lake: Lake, table: str) -> list[Record]:
    days = lake.days(table, "random")
    return [row for day in days for row in lake.read(Partition(table, "random", day)).to_pylist()]


def _shown(row: Record) -> tuple[str, str, int, int]:
    ts = (row["ts"] - EPOCH) // timedelta(microseconds=1)
    return str(row["user_id"]), str(row["item_id"]), ts, row["label"]

"""Logs as users export them are published exactly, or refused in one line; never anything else."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.cli.main import main
from jobs.lake import Lake
from tests.reader_cases import (  # noqa: F401 (they declare the cases)
    clocks,
    encoded_files,
    ids,
    items_and_vectors,
    labels,
    parquet_types,
    paths,
    text_files,
)
from tests.reader_cases.judge import Run, problems_of_reading, problems_of_run
from tests.reader_cases.raw_log import CASES, Case, RawLog

IN_JOB = [case for case in CASES.values() if case.in_job]
OTHERS = [case for case in CASES.values() if not case.in_job]


@pytest.fixture
def log(tmp_path: Path) -> RawLog:
    made = RawLog(tmp_path)
    made.raw.mkdir()
    return made


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: case.name)
def test_a_log_is_read_right_or_refused(case: Case, log: RawLog) -> None:
    case.build(log)
    assert problems_of_reading(case, log) == []


@pytest.mark.parametrize("case", IN_JOB, ids=lambda case: case.name)
def test_a_command_publishes_a_log_or_refuses_it(
    case: Case,
    log: RawLog,
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    case.build(log)
    lake = Lake(str(log.folder / "lake"))
    monkeypatch.setenv("LIS_LAKE", lake.uri)
    monkeypatch.setenv("LIS_DATA", str(log.folder / "data"))
    monkeypatch.setenv("LIS_SPARK_SHUFFLE_PARTITIONS", "1")
    # What is built from impressions does not depend on how they were read.
    for builder in ("click_history.build_history", "impression_statistics.build_statistics"):
        monkeypatch.setattr(f"jobs.ingest.{builder}", lambda *_: [])
    caplog.set_level(logging.INFO, "jobs")
    command = ["train"] if log.is_import else ["ingest", "--raw", str(log.raw)]
    code = main([*command, "--scenario", str(log.scenario_file)])
    errors = capsys.readouterr().err.strip().splitlines()
    assert problems_of_run(case, log, Run(code, errors, caplog.messages, lake)) == []

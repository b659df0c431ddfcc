"""What a day of a million impressions costs beside training and Spark's own work.

Run as ``python -m tests.benchmarks.daily [--rows N]``. One run of the DAG by Airflow brings in one
more day of a log: ingest, histories, training, snapshots, one LIS in swap mode, MLflow, the report.
Of its wall time, Spark's jobs are taken from Spark's event log, and training is what the task takes
longer than with nothing to train.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from jobs.scenarios import Scenario
from tests.benchmarks.log import (
    FIELDS,
    FIRST_DAY,
    Impressions,
    LogOptions,
    days_of,
    ids,
    scenario_of,
)
from tests.benchmarks.measure import PROJECT
from tests.benchmarks.page import Page

BEFORE = FIRST_DAY + timedelta(days=1)
DAY = FIRST_DAY + timedelta(days=2)
ROWS, SHORT_DAY = 1_000_000, 131_072
SECONDS = 45


@dataclass(frozen=True)
class Spent:
    """Wall seconds of one run of the DAG. tasks: of each, in their order."""

    total: float
    training: float
    spark: float
    tasks: dict[str, float]

    @property
    def beside(self) -> float:
        """Neither training nor a job of Spark."""
        return self.total - self.training - self.spark


class Deployment:
    """Airflow, a lake and an MLflow store in a folder, for one scenario."""

    def __init__(self, folder: Path, scenario: Scenario) -> None:
        self.name = scenario.name
        self.events = folder / "events"
        self.events.mkdir()
        logging = {"enabled": "true", "dir": self.events.as_uri(), "compress": "false"}
        options = " ".join(f"-Dspark.eventLog.{key}={value}" for key, value in logging.items())
        written = folder / "benchmark.yaml"
        written.write_text(yaml.safe_dump(scenario.model_dump(mode="json")), encoding="utf-8")
        settled = ("LIS_", "AIRFLOW", "MLFLOW")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(settled)},
            "LIS_DATA": str(folder / "data"),
            "LIS_RAW": str(folder / "raw"),
            "LIS_SCENARIOS": str(written),
        }
        self.prepare = f"source scripts/env.sh && export SPARK_SUBMIT_OPTS+=' {options}'"
        self.scenario = written

    def run(self, command: str) -> tuple[str, float]:
        """What a command of the project's environment says, and its wall seconds.

        Raises RuntimeError where it fails.
        """
        started = time.perf_counter()
        ended = subprocess.run(
            ["bash", "-c", f"{self.prepare} && {command}"],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = ended.stdout + ended.stderr
        if ended.returncode or ("dags test" in command and "state=success" not in said):
            raise RuntimeError(f"{command} failed: {said[-3000:]}")
        return said, time.perf_counter() - started

    def spark_seconds(self) -> float:
        """Wall time in which a job of Spark ran, over all applications logged so far."""
        return sum(_busy(log) for log in self.events.rglob("*") if log.is_file())


def _busy(log: Path) -> float:
    started: dict[int, int] = {}
    spans = []
    for line in log.read_text(encoding="utf-8").splitlines():
        if line.startswith('{"Event":"SparkListenerJobStart"'):
            event = json.loads(line)
            started[event["Job ID"]] = event["Submission Time"]
        elif line.startswith('{"Event":"SparkListenerJobEnd"'):
            event = json.loads(line)
            spans.append((started[event["Job ID"]], event["Completion Time"]))
    busy = end = 0
    for first, last in sorted(spans):
        busy += max(0, last - max(first, end))
        end = max(end, last)
    return busy / 1000


def measured(rows: int, folder: Path) -> Spent:
    """Bring in the days before, then time the run that brings in one more."""
    raw = folder / "raw/benchmark"
    raw.mkdir(parents=True)
    options = LogOptions(rows=(SHORT_DAY, SHORT_DAY, rows))
    for day, impressions in days_of(options):
        pq.write_table(_raw(impressions, day), raw / f"{day}.parquet", compression="zstd")
    scenario = scenario_of(history_length=20).model_copy(update={"horizons": (1,)})
    deployment = Deployment(folder, scenario)
    deployment.run("scripts/airflow_setup.sh")
    dag = f"airflow dags test lis_daily__{scenario.name}"
    deployment.run(f"{dag} {BEFORE}")
    before = deployment.spark_seconds()
    _, total = deployment.run(f"{dag} {DAY}")
    spark = deployment.spark_seconds() - before
    tasks = _tasks(deployment, DAY)
    train = f"python -m jobs stage train --scenario {deployment.scenario} --until {DAY}"
    _, nothing_to_train = deployment.run(train)
    return Spent(total, tasks["train"] - nothing_to_train, spark, tasks)


def _tasks(deployment: Deployment, day: date) -> dict[str, float]:
    dag = f"lis_daily__{deployment.name}"
    said, _ = deployment.run(
        f"airflow tasks states-for-dag-run {dag} {day}T00:00:00+00:00 --output json 2>/dev/null"
    )
    found = json.loads(said[said.index("[") :])
    spans = {}
    for task in sorted((one for one in found if one["start_date"]), key=lambda t: t["start_date"]):
        first, last = (np.datetime64(task[name][:23]) for name in ("start_date", "end_date"))
        spans[task["task_id"]] = float((last - first) / np.timedelta64(1, "s"))
    return spans


def _raw(impressions: Impressions, day: date) -> pa.Table:
    columns = {field: ids(field, impressions.codes[:, n]) for n, field in enumerate(FIELDS)}
    numbers = np.arange(len(impressions.ts)) + day.toordinal() * 100_000_000
    columns["impression_id"] = pa.array(numbers)
    columns["ts"] = pa.array(impressions.ts, pa.timestamp("us", tz="UTC"))
    columns["label"] = pa.array(impressions.labels)
    return pa.table(columns)


def table(rows: int, spent: Spent) -> str:
    """The run's seconds in Markdown."""
    lines = [f"| {rows:,} impressions | seconds |", "|---|---|"]
    lines += [f"| task {name} | {seconds:.1f} |" for name, seconds in spent.tasks.items()]
    lines += [
        f"| the whole run | {spent.total:.1f} |",
        f"| of it training | {spent.training:.1f} |",
        f"| of it jobs of Spark | {spent.spark:.1f} |",
        f"| everything else, at most {SECONDS} | {spent.beside:.1f} |",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows, load = parser.parse_args().rows, os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        spent = measured(rows, Path(folder))
    page = Page(
        "daily",
        "A day of a million impressions",
        f"One run of the DAG by `airflow dags test` brings in a day of {rows:,} impressions of "
        f"{LogOptions().vocabulary:,} ids after two of {SHORT_DAY:,}, and scores T at n = 1.",
        table(rows, spent),
        "Two tasks start a Spark of their own. The rest is the start of Python, Airflow, torch and "
        "MLflow for each task, scoring, MLflow's writes and the report.",
        {**asdict(spent), "beside": spent.beside},
        load,
    )
    page.publish(kept=rows == ROWS)


if __name__ == "__main__":
    main()

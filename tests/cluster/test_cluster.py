"""The daily DAG on a Spark cluster, from a copy of the project that its workers do not have."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from jobs.common.outcome import ExitCode
from jobs.evaluation.result_store import read_results
from jobs.lake import Lake
from tests.cluster.click_hours import ClickHours
from tests.cluster.standalone import HOST, Standalone, bare_python, free_port
from tests.small_ranker import SMALL_RANKER

ROOT = Path(__file__).resolve().parents[2]
FEED = "cluster_feed"
KINDS = (
    *("id_embedding", "co_click_embedding", "content_vector", "semantic_ids"),
    ClickHours().name,
)
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
SCENARIO = f"""
name: {FEED}
source:
  reader: simulated
  options: {{rows_per_day: 1000, users: 80, new_items_per_day: 8}}
{SMALL_RANKER}horizons: [1]
preferences: [{", ".join(KINDS)}]
custom_preferences: [click_hours.py:ClickHours]
modes: [swap, probe]
folds: {{lineage: 0.5, fit: 0.25, eval: 0.25}}
fit: {{days: 2}}
catch_up_days: 4
schedule: {{start: {YESTERDAY - timedelta(days=8)}}}
"""


class Project:
    """A copy of the project's files, with an Airflow, lake and MLflow store of its own."""

    def __init__(self, folder: Path, code: Path, **environment: str) -> None:
        self.code = code
        self.data = folder / "data"
        self.lake = Lake(str(self.data / "lake"))
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LIS_", "AIRFLOW", "MLFLOW", "PYSPARK", "SPARK", "PYTHONPATH"))
        }
        self.environment = {
            **kept,
            "LIS_DATA": str(self.data),
            "LIS_SCENARIOS": str(folder.parent / f"{FEED}.yaml"),
            "LIS_SPARK_MEMORY": "1g",
            "LIS_SPARK_SHUFFLE_PARTITIONS": "4",
            # Of tests/conftest.py: for JVMs that end soon.
            "SPARK_SUBMIT_OPTS": os.environ["SPARK_SUBMIT_OPTS"],
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SPARK_LOCAL_IP": HOST,
            **environment,
        }

    def shell(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"source scripts/env.sh && {command}"],
            cwd=self.code,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
        )

    def run_day(self) -> str:
        """One run of the daily DAG by Airflow, for yesterday; returns its log."""
        command = f"airflow dags test lis_daily__{FEED} {YESTERDAY}"
        done = self.shell(f"scripts/airflow_setup.sh && {command}")
        output = done.stdout + done.stderr
        assert done.returncode == 0, output[-8000:]
        assert "state=success" in output.split("DagRun Finished")[-1], output[-8000:]
        return output

    def tables(self) -> dict[str, str]:
        """SHA-256 of every data file of the lake, without those of results, which have seconds."""
        root = self.data / "lake"
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*"))
            if path.suffix in (".parquet", ".safetensors")
            and path.relative_to(root).parts[0] != "lis"
        }

    def results(self) -> list[str]:
        return sorted(repr(replace(r, seconds=0.0)) for r in read_results(self.lake, FEED))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / f"{FEED}.yaml").write_text(SCENARIO)
    shutil.copy(Path(__file__).with_name("click_hours.py"), folder)
    return folder


@pytest.fixture(scope="module")
def code(folder: Path) -> Path:
    """The files of the project as a clone has them, with changes that are not committed yet."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in tracked.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            copy = folder / "code" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)
    return folder / "code"


@pytest.fixture(scope="module")
def python(folder: Path) -> Path:
    return bare_python(folder / "python_of_workers")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Standalone]:
    started = Standalone(folder)
    try:
        for name in ("worker-1", "worker-2"):
            started.add_worker(name)
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def remote(folder: Path, code: Path, python: Path, cluster: Standalone) -> Project:
    """The project beside the cluster, on which its jobs run."""
    (folder / "remote").mkdir()
    return Project(
        folder / "remote", code, LIS_SPARK_MASTER=cluster.master, PYSPARK_PYTHON=str(python)
    )


def test_the_python_of_the_workers_does_not_have_the_project(python: Path, folder: Path) -> None:
    for module, is_there in (("pyarrow", True), ("jobs", False)):
        done = subprocess.run([python, "-c", f"import {module}"], cwd=folder, env={})
        assert (done.returncode == 0) == is_there


def test_a_day_on_the_cluster_has_the_bytes_of_a_local_one(
    remote: Project, cluster: Standalone, code: Path, folder: Path
) -> None:
    remote.run_day()
    state = cluster.state()
    assert [worker["state"] for worker in state["workers"]] == ["ALIVE", "ALIVE"]
    assert {app["state"] for app in state["completedapps"]} == {"FINISHED"}
    assert len(state["completedapps"]) >= 2

    (folder / "local").mkdir()
    local = Project(folder / "local", code)
    local.run_day()
    assert len(cluster.state()["completedapps"]) == len(state["completedapps"])
    assert remote.tables() == local.tables()
    assert remote.results() == local.results()
    assert {result.preference for result in read_results(remote.lake, FEED)} == set(KINDS)
    newest = max(date.fromisoformat(r.as_of) for r in read_results(remote.lake, FEED))
    assert newest == YESTERDAY - timedelta(days=1)


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (
            (
                "import collections, sys",
                "of = collections.namedtuple('of', 'major minor micro releaselevel serial')",
                "sys.version_info = of(3, 9, 1, 'final', 0)",
            ),
            "run Python 3.9 and the driver 3.11: set PYSPARK_PYTHON to the path that Python 3.11 "
            "has there",
        ),
        (
            (
                "import importlib.metadata as metadata",
                "found = metadata.version",
                "metadata.version = lambda n: '1.0' if n == 'pyarrow' else found(n)",
            ),
            "have pyarrow 1.0 and the driver 25.0.1, so the bytes of tables would depend on which "
            "one writes them: install pyarrow 25.0.1 in the Python of the executors",
        ),
        (None, "have no {python}: set PYSPARK_PYTHON to the path that Python 3.11 has there"),
    ],
    ids=["other Python", "other library", "no Python"],
)
def test_what_executors_lack_is_one_line(
    statements: tuple[str, ...] | None,
    fault: str,
    remote: Project,
    cluster: Standalone,
    tmp_path: Path,
) -> None:
    python = tmp_path / "other" / "bin" / "python"
    if statements is not None:
        python = bare_python(tmp_path / "other", *statements)
    before = remote.tables()
    command = f"lis ingest --scenario $LIS_SCENARIOS --start {YESTERDAY} --end {YESTERDAY}"
    done = remote.shell(command, PYSPARK_PYTHON=str(python))
    assert done.returncode == ExitCode.BAD_INPUT, done.stderr
    said = f"error: executors of {cluster.master} {fault.format(python=python)}"
    assert done.stderr.splitlines()[-1] == said
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert remote.tables() == before


def test_a_master_that_is_down_is_one_line_and_is_tried_again(remote: Project) -> None:
    master = f"spark://{HOST}:{free_port()}"
    command = f"lis ingest --scenario $LIS_SCENARIOS --start {YESTERDAY} --end {YESTERDAY}"
    done = remote.shell(command, LIS_SPARK_MASTER=master)
    assert done.returncode == ExitCode.UNAVAILABLE, done.stderr
    assert f"error: the Spark master {master} does not answer" in done.stderr.splitlines()[-1]

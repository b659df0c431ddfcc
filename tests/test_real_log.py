"""Runs on a real log: MovieTweetings below $LIS_RAW (by default data/raw).

The log is not part of the project. Without it, these tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from jobs.evaluation.result_store import read_results
from jobs.lake import Lake

ROOT = Path(__file__).parents[1]
LOG = Path(os.environ.get("LIS_RAW", ROOT / "data" / "raw")) / "movietweetings"
DAYS = ["--start", "2013-02-28", "--end", "2013-03-20"]
pytestmark = pytest.mark.skipif(not LOG.exists(), reason=f"no MovieTweetings log at {LOG}")


def environment(lake: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LIS_", "PYSPARK", "MLFLOW"))}
    return {**kept, "LIS_DATA": str(lake), "LIS_SPARK_MEMORY": "1g"}


def start(lake: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "jobs", *command],
        cwd=ROOT,
        env=environment(lake),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(lake: Path, *command: str) -> tuple[int, str]:
    """Exit code and stderr of a command."""
    process = start(lake, *command)
    _, stderr = process.communicate()
    return process.returncode, stderr


def bytes_below(folder: Path, *tables: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for table in tables or ("",)
        for path in sorted((folder / table).rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].startswith("_")
    }


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    while process.poll() is None and not ready():
        time.sleep(0.005)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data folder with three weeks of the log."""
    data = tmp_path_factory.mktemp("real") / "data"
    code, stderr = run(data, "ingest", "--scenario", "movietweetings", "--raw", str(LOG), *DAYS)
    assert code == 0, stderr
    return data


@pytest.fixture(scope="module")
def trained(ingested: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a lineage through the last of these days."""
    data = tmp_path_factory.mktemp("trained") / "data"
    shutil.copytree(ingested, data)
    code, stderr = run(data, "train", "--scenario", "movietweetings")
    assert code == 0, stderr
    return data


def test_a_killed_ingest_is_run_again_to_the_same_bytes(ingested: Path, tmp_path: Path) -> None:
    command = ["stage", "ingest", "--scenario", "movietweetings", "--raw", str(LOG), *DAYS]
    attempts = tmp_path / "lake" / "_attempts"
    kill_when(start(tmp_path, *command), lambda: any(attempts.rglob("*.parquet")))
    assert bytes_below(tmp_path / "lake", "impressions", "items", "quarantine") == {}
    assert run(tmp_path, *command)[0] == 0
    for table in ("impressions", "items", "quarantine"):
        assert bytes_below(tmp_path / "lake", table) == bytes_below(ingested / "lake", table)


def test_a_killed_training_goes_on_to_the_same_bytes(
    ingested: Path, trained: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(ingested, data)
    checkpoints = data / "lake" / "checkpoints"

    def published() -> int:
        return len(list(checkpoints.rglob("_manifest.json")))

    process = start(data, "stage", "train", "--scenario", "movietweetings")
    kill_when(process, lambda: published() >= 9)
    assert 9 <= published() < 22
    assert run(data, "train", "--scenario", "movietweetings")[0] == 0
    assert bytes_below(data / "lake") == bytes_below(trained / "lake")


def test_the_daily_dag_scores_the_log(tmp_path: Path) -> None:
    days = '{"as_of": "2013-03-10:2013-03-12", "horizons": [7], "modes": ["swap", "retrain"]}'
    run_dag = f"airflow dags test lis_daily__movietweetings --conf '{days}'"
    ended = subprocess.run(
        ["bash", "-c", f"source scripts/env.sh && scripts/airflow_setup.sh && {run_dag}"],
        cwd=ROOT,
        env={**environment(tmp_path), "LIS_RAW": str(LOG.parent)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout[-8000:]
    assert "state=success" in ended.stdout.split("DagRun Finished")[-1], ended.stdout[-8000:]
    results = read_results(Lake(str(tmp_path / "lake")), "movietweetings")
    pooled = {(r.mode, r.horizon, r.rows) for r in results if r.is_pooled}
    assert {(mode, horizon) for mode, horizon, _ in pooled} == {("swap", 7), ("retrain", 7)}
    assert len({rows for _, _, rows in pooled}) == 1


def with_column_missing(folder: Path) -> list[str]:
    lines = (LOG / "ratings.dat").read_text().splitlines()
    text = "\n".join(line.rpartition("::")[0] for line in lines)
    (folder / "ratings.dat").write_text(text)
    shutil.copy(LOG / "movies.dat", folder)
    return ["ingest", "--scenario", "movietweetings", "--raw", str(folder)]


def with_wrong_type(folder: Path) -> list[str]:
    text = (LOG / "ratings.dat").read_text().replace("::13", "::noon13")
    (folder / "ratings.dat").write_text(text)
    shutil.copy(LOG / "movies.dat", folder)
    return ["ingest", "--scenario", "movietweetings", "--raw", str(folder)]


def with_empty_file(folder: Path) -> list[str]:
    (folder / "ratings.dat").touch()
    shutil.copy(LOG / "movies.dat", folder)
    return ["ingest", "--scenario", "movietweetings", "--raw", str(folder)]


def with_no_data_on_the_day(_: Path) -> list[str]:
    days = ["--start", "2014-01-01", "--end", "2014-01-02"]
    return ["ingest", "--scenario", "movietweetings", "--raw", str(LOG), *days]


def with_misspelt_scenario(_: Path) -> list[str]:
    return ["train", "--scenario", "movietweeting"]


def with_future_horizon(_: Path) -> list[str]:
    return ["lis", "--scenario", "movietweetings", "--as-of", "2013-03-15", "--horizons", "30"]


def with_truncated_parquet(folder: Path) -> list[str]:
    rows = [line.split("::") for line in (LOG / "ratings.dat").read_text().splitlines()]
    names = ["user", "movie", "rating", "seconds"]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    path = folder / "ratings.parquet"
    pq.write_table(pa.table(columns), path)
    path.write_bytes(path.read_bytes()[:-5000])
    return ["ingest", "--scenario", as_parquet(folder), "--raw", str(folder)]


def as_parquet(folder: Path) -> str:
    scenario = {
        "name": "tweets",
        "source": {
            "reader": "table",
            "path": "ratings.parquet",
            "columns": {"user_id": "user", "item_id": "movie", "ts": "seconds", "label": "rating"},
            "ts_unit": "s",
            "label": {"at_least": 8},
        },
    }
    path = folder / "tweets.yaml"
    path.write_text(yaml.safe_dump(scenario))
    return str(path)


def with_misspelt_key(folder: Path) -> list[str]:
    shipped = (ROOT / "jobs" / "scenarios" / "movietweetings.yaml").read_text()
    path = folder / "misspelt.yaml"
    path.write_text(shipped.replace("horizons:", "horizonts:"))
    return ["train", "--scenario", str(path)]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (with_column_missing, ["ratings.dat", "ts"]),
        (with_wrong_type, ["ratings.dat", "noon13"]),
        (with_empty_file, ["ratings.dat", "empty"]),
        (with_no_data_on_the_day, ["2014-01-01"]),
        (with_misspelt_scenario, ["movietweeting", "did you mean 'movietweetings'"]),
        (with_future_horizon, ["horizon 30", "--until 2013-04-13"]),
        (with_truncated_parquet, ["ratings.parquet"]),
        (with_misspelt_key, ["misspelt.yaml", "horizonts", "horizons"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_the_lake_as_it_was(
    make: Callable[[Path], list[str]], words: list[str], trained: Path, tmp_path: Path
) -> None:
    before = bytes_below(trained)
    code, stderr = run(trained, *make(tmp_path))
    # Before the line, Spark may have logged that it starts.
    *earlier, line = stderr.splitlines()
    assert code == 2, stderr
    assert line.startswith("error: ")
    assert not any("error" in text.lower() for text in earlier)
    print(line)
    for part in words:
        assert part in line
    assert bytes_below(trained) == before

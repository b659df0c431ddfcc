"""The services of docker-compose.yaml: who may use them, and that the day survives their ends."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from mlflow import MlflowClient
from mlflow.server.fastapi_app import create_fastapi_app
from mlflow.server.handlers import get_endpoints

from jobs.evaluation.result_store import read_results
from jobs.lake import Lake, Partition
from jobs.tracking.runs import KEY, KIND, Kind
from tests.small_ranker import SMALL_RANKER
from tests.stack.clients import METHODS, Airflow, basic, status
from tests.stack.native import Stack

ROOT = Path(__file__).resolve().parents[2]
FEED = "stack_feed"
DAG = f"lis_daily__{FEED}"
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
START = TODAY - timedelta(days=8)
ROWS = 300
SCENARIO = f"""
name: {FEED}
source:
  reader: simulated
  options: {{rows_per_day: {ROWS}, users: 40, new_items_per_day: 8}}
{SMALL_RANKER}horizons: [1]
modes: [swap]
catch_up_days: 4
schedule: {{start: {START}, cron: "0 0 * * *"}}
"""
PUBLIC = ("/api/v2/version", "/api/v2/monitor/health", "/api/v2/auth/login", "/api/v2/auth/logout")
"""Of Airflow: its version and health, and the redirections to its login."""
RUN_SECONDS = 900


def secret() -> str:
    return secrets.token_hex(16)


GIVEN = {
    "AIRFLOW_FERNET_KEY": urlsafe_b64encode(os.urandom(32)).decode(),
    "LIS_SCENARIOS": f"/scenarios/{FEED}.yaml",
    "LIS_SPARK_MASTER": "spark://spark-master:7077",
    "LIS_SPARK_MEMORY": "1g",
    "LIS_SPARK_SHUFFLE_PARTITIONS": "2",
    "SPARK_EXECUTOR_MEMORY": "1g",
    "SPARK_WORKER_MEMORY": "1g",
    **{
        name: secret()
        for name in (
            *("POSTGRES_PASSWORD", "AIRFLOW_DB_PASSWORD", "MLFLOW_DB_PASSWORD"),
            *("AIRFLOW_JWT_SECRET", "AIRFLOW_API_SECRET_KEY", "MLFLOW_SECRET_KEY"),
            *("MLFLOW_TRACKING_PASSWORD", "AIRFLOW_ADMIN_PASSWORD", "MLFLOW_ADMIN_PASSWORD"),
        )
    },
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    # Not pytest's folder, which no other user can pass through; Postgres runs as another.
    folder = Path(tempfile.mkdtemp(prefix="lis-stack-"))
    folder.chmod(0o711)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in files.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            copy = folder / "code" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)
    started = Stack(folder, folder / "code", GIVEN, {"cpu", "cluster"})
    (folder / "scenarios" / f"{FEED}.yaml").write_text(SCENARIO)
    try:
        started.start()
        yield started
    finally:
        started.stop()
        if "LIS_KEEP_STACK" not in os.environ:
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def airflow(stack: Stack) -> Airflow:
    api = Airflow(stack.address("8080"), "admin", GIVEN["AIRFLOW_ADMIN_PASSWORD"])

    def is_known() -> bool:
        return any(found["dag_id"] == DAG for found in api.call("GET", "/api/v2/dags")["dags"])

    stack.wait_for(f"the DAG {DAG}", is_known, 120)
    return api


@pytest.fixture(scope="module")
def lake(stack: Stack) -> Lake:
    return Lake(str(stack.folder / "data" / "lake"))


def test_every_address_of_airflow_asks_for_a_login(stack: Stack, airflow: Airflow) -> None:
    paths: dict[str, list[str]] = {
        path: [method.upper() for method in methods if method.upper() in METHODS]
        for path, methods in airflow.call("GET", "/openapi.json")["paths"].items()
    }
    assert len(paths) > 80
    board = (ROOT / "plugins/lis_plugin/board/app.py").read_text()
    (prefix,) = re.findall(r'^URL_PREFIX = "(.+)"', board, re.MULTILINE)
    pages = re.findall(r'app\.get\("([^"]+)"', board)
    assert len(pages) >= 6
    # Its style, script and icon are those of a public repository.
    paths |= {f"{prefix}{page}": ["GET"] for page in pages if not page.startswith("/static/")}
    answers = {
        (method, path): status(airflow.address + re.sub(r"\{[^}]+\}", "1", path), method)
        for path, methods in paths.items()
        if path not in PUBLIC
        for method in methods
    }
    assert {key: code for key, code in answers.items() if code not in (401, 403)} == {}
    wrong = {"Authorization": "Bearer wrong"}
    assert status(f"{airflow.address}/api/v2/dags", **wrong) in (401, 403)


def test_every_address_of_mlflow_asks_for_a_login(stack: Stack) -> None:
    server = stack.address("5000")
    paths = {(path, method) for path, _, methods in get_endpoints() for method in methods}
    paths |= {
        (route.path, method)
        for route in create_fastapi_app().routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    paths |= {("/", "GET"), ("/version", "GET"), ("/get-artifact", "GET"), ("/signup", "GET")}
    paths = {it for it in paths if it[0] != "/health" and not it[0].endswith("/server-info")}
    assert len(paths) > 100
    answers = {
        (method, path): status(server + re.sub(r"<[^>]+>", "1", path), method)
        for path, method in paths
        if method in METHODS
    }
    assert {key: code for key, code in answers.items() if code not in (401, 403)} == {}
    experiments = f"{server}/api/2.0/mlflow/experiments/search?max_results=1"
    mine = basic("lis", GIVEN["MLFLOW_TRACKING_PASSWORD"])
    assert status(experiments, Authorization=mine) == 200
    assert status(experiments, Authorization=basic("lis", "wrong-password")) == 401
    assert status(experiments, Authorization=mine, Host="attacker.example") == 403
    # A task's login is no admin's.
    users = f"{server}/api/2.0/mlflow/users/get?username=admin"
    assert status(users, Authorization=mine) == 403


def test_neither_role_of_the_database_can_read_the_others(stack: Stack) -> None:
    for role, other in (("airflow", "mlflow"), ("mlflow", "airflow")):
        for database, is_open in ((role, True), (other, False)):
            assert (
                stack.postgres.can_connect(role, GIVEN[f"{role.upper()}_DB_PASSWORD"], database)
                == is_open
            )


def run_to_its_end(stack: Stack, airflow: Airflow, run: str) -> None:
    ended = ("success", "failed")
    stack.wait_for(f"the end of {run}", lambda: airflow.runs(DAG).get(run) in ended, RUN_SECONDS)
    assert airflow.runs(DAG)[run] == "success", airflow.tasks(DAG, run)


def wait_for_task(stack: Stack, airflow: Airflow, run: str, task: str) -> None:
    """Wait until a task of a run is at work."""
    stack.wait_for(
        f"task {task} of {run}",
        lambda: "running" in airflow.tasks(DAG, run).get(task, []),
        RUN_SECONDS,
    )


def expected_scores(lake: Lake) -> Counter[tuple[str, int, str, str]]:
    return Counter(
        (result.as_of, result.horizon, result.preference, result.mode)
        for result in read_results(lake, FEED)
    )


def test_a_scheduled_day_survives_its_spark_worker_its_scheduler_and_mlflow(
    stack: Stack, airflow: Airflow, lake: Lake
) -> None:
    airflow.call("PATCH", f"/api/v2/dags/{DAG}", {"is_paused": False})
    stack.wait_for("a scheduled run", lambda: airflow.runs(DAG), 90)
    [run] = airflow.runs(DAG)
    assert run.startswith("scheduled__")
    wait_for_task(stack, airflow, run, "ingest")
    stack.wait_for(
        "an executor",
        lambda: any("CoarseGrained" in line for line in stack.processes("spark-worker").values()),
        RUN_SECONDS,
    )
    stack.kill("spark-worker")
    wait_for_task(stack, airflow, run, "train")
    stack.kill("airflow-scheduler")
    wait_for_task(stack, airflow, run, "score")
    stack.kill("mlflow")
    run_to_its_end(stack, airflow, run)
    for name in ("spark-worker", "airflow-scheduler", "mlflow"):
        stack.wait_until_healthy(name, starts=2)
    assert set(expected_scores(lake)) == {
        (str(YESTERDAY - timedelta(days=1)), 1, "id_embedding", "swap")
    }


def test_a_day_by_the_api_survives_a_worker_and_a_restart_of_the_database(
    stack: Stack, airflow: Airflow, lake: Lake
) -> None:
    as_of = str(YESTERDAY - timedelta(days=3))
    body = {"logical_date": None, "conf": {"as_of": as_of}}
    run = airflow.call("POST", f"/api/v2/dags/{DAG}/dagRuns", body)["dag_run_id"]
    wait_for_task(stack, airflow, run, "assemble")
    stack.kill("postgres", signal.SIGINT)
    stack.wait_until_healthy("postgres", starts=2)
    stack.wait_for("the API", lambda: status(f"{airflow.address}/api/v2/version") == 200, 60)
    stack.wait_for(
        "the stage",
        lambda: [pid for pid, line in stage_processes(stack) if "stage score" in line],
        RUN_SECONDS,
    )
    for pid, line in stage_processes(stack):
        if "stage score" in line:
            os.kill(pid, signal.SIGKILL)
    run_to_its_end(stack, airflow, run)
    assert expected_scores(lake)[(as_of, 1, "id_embedding", "swap")] == 1
    for name in stack.services:
        if stack.services[name].restarts:
            assert stack.is_healthy(name), name


def stage_processes(stack: Stack) -> list[tuple[int, str]]:
    return list(stack.processes("airflow-scheduler").items())


def test_a_backfill_scores_each_of_its_days(stack: Stack, airflow: Airflow, lake: Lake) -> None:
    first, last = YESTERDAY - timedelta(days=2), YESTERDAY - timedelta(days=1)
    before = set(airflow.runs(DAG))
    body = {"dag_id": DAG, "from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z"}
    airflow.call("POST", "/api/v2/backfills", body)
    stack.wait_for("two runs", lambda: len(set(airflow.runs(DAG)) - before) == 2, 90)
    for run in sorted(set(airflow.runs(DAG)) - before):
        run_to_its_end(stack, airflow, run)
    for day in (first, last):
        key = (str(day - timedelta(days=1)), 1, "id_embedding", "swap")
        assert expected_scores(lake)[key] == 1


def test_nothing_is_lost_and_nothing_is_there_twice(
    stack: Stack, airflow: Airflow, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After all kills: rows of each day, results in the lake, and their runs in MLflow."""
    days = lake.days("impressions", FEED)
    assert days[-1] == YESTERDAY
    assert days == [days[0] + timedelta(days=step) for step in range(len(days))]
    for day in days:
        table = lake.read(Partition("impressions", FEED, day), ["impression_id"])
        assert table.num_rows == len(set(table["impression_id"].to_pylist())) == rows_of(stack, day)
    scores = expected_scores(lake)
    assert set(scores.values()) == {1}
    # The first day of the backfill is the one that was scored by the API.
    assert len(scores) == 3
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", GIVEN["MLFLOW_ADMIN_PASSWORD"])
    client = MlflowClient(stack.address("5000"))
    experiment = client.get_experiment_by_name(f"lis/{FEED}")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert max(Counter(run.data.tags[KEY] for run in runs).values()) == 1
    kinds = Counter(run.data.tags[KIND] for run in runs)
    assert kinds[Kind.SCORE] == kinds[Kind.ALL_SCORES] == len(scores)
    points = client.get_metric_history
    for run in runs:
        if run.data.tags[KIND] == Kind.SCORE:
            assert {len(points(run.info.run_id, name)) for name in run.data.metrics} == {1}
    assert set(airflow.runs(DAG).values()) == {"success"}


def rows_of(stack: Stack, day: date) -> int:
    """Rows of a day in the raw log."""
    import pyarrow.parquet as pq

    files = [path for path in (stack.folder / "raw").rglob("*.parquet") if str(day) in str(path)]
    return sum(pq.read_metadata(path).num_rows for path in files if "impressions" in str(path))

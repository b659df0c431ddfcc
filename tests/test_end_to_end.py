"""The daily DAG, run by Airflow itself: real Spark, torch and MLflow on a small simulated feed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from jobs.api import read_predictions
from jobs.evaluation.result_store import read_results
from jobs.lake import Lake, Partition
from jobs.lake.addresses import gate_partition, ranker_versions
from jobs.scenarios import load_scenario
from tests.small_ranker import SMALL_RANKER

ROOT = Path(__file__).parents[1]
DAG = "lis_daily__small_feed"
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
"""The day of a scheduled run, and of a manual run without a date."""
TABLES_OF_SCORES = {"features", "predictions", "lis", "_claims", "checkpoints", "snapshots"}
"""Probe mode reads rankers whose files were removed, so they are made again."""
CHANGING = {"board", "status", "_dropped"}
"""What shows the newest scores, and manifests that go and come with the files of rankers."""
START = TODAY - timedelta(days=8)
SCENARIO = f"""
name: small_feed
source:
  reader: simulated
  options: {{rows_per_day: 1000, users: 80, new_items_per_day: 8}}
{SMALL_RANKER}  embedding_rate: 0.3
horizons: [1, 2]
catch_up_days: 4
schedule: {{start: {START}}}
"""


class Deployment:
    """A separate Airflow, lake and MLflow store in a folder."""

    def __init__(self, folder: Path) -> None:
        scenario = folder / "small_feed.yaml"
        scenario.write_text(SCENARIO)
        self.data = folder / "data"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LIS_", "AIRFLOW", "MLF"))}
        self.environment = {
            **kept,
            "LIS_DATA": str(self.data),
            "LIS_SCENARIOS": str(scenario),
            "LIS_SPARK_MEMORY": "1g",
            "LIS_SPARK_SHUFFLE_PARTITIONS": "4",
        }
        self.lake = Lake(str(self.data / "lake"))
        self.shell("scripts/airflow_setup.sh")

    def shell(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", f"source scripts/env.sh && {command}"],
            cwd=ROOT,
            env={**self.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
        return done.stdout + done.stderr

    def run(self, *arguments: str) -> str:
        """One run of the DAG from end to end; returns its log."""
        output = self.shell(f"airflow dags test {DAG} {' '.join(arguments)}")
        assert "state=success" in output.split("DagRun Finished")[-1], output[-8000:]
        return output

    def stored_scores(self) -> set[tuple[date, int, str, str, int]]:
        """Evaluation day, horizon, kind, mode and number of seeds of each stored result."""
        return {
            (date.fromisoformat(r.as_of), r.horizon, r.preference, r.mode, r.seeds)
            for r in read_results(self.lake, "small_feed")
        }

    def mlflow_runs(self) -> dict[str, list[tuple[str, int]]]:
        """Each metric of a run and how often it was logged, by run id."""
        client = MlflowClient(f"sqlite:///{self.data}/mlflow/mlflow.db")
        experiment = client.get_experiment_by_name("lis/small_feed")
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        return {
            run.info.run_id: [
                (key, len(client.get_metric_history(run.info.run_id, key)))
                for key in sorted(run.data.metrics)
            ]
            for run in runs
        }

    def bytes_in_lake(self) -> dict[str, str]:
        root = self.data / "lake"
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*"))
            if path.is_file() and not CHANGING & set(path.relative_to(root).parts)
        }


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return Deployment(tmp_path_factory.mktemp("deployment"))


def test_a_dated_run_scores_each_horizon_on_another_day(deployment: Deployment) -> None:
    output = deployment.run(YESTERDAY.isoformat())
    expected = {(YESTERDAY - timedelta(days=n), n, "id_embedding", "swap", 1) for n in (1, 2)}
    assert deployment.stored_scores() == expected
    # A parent and a child for each of the two evaluation days, and a curve over days of each score.
    assert len(deployment.mlflow_runs()) == 6
    assert newest_ranker(deployment) == TODAY
    for n in (1, 2):
        day = YESTERDAY - timedelta(days=n)
        line = rf"{day}, id_embedding, swap, n = {n}: LIS \S+ \(\S+ to \S+\), [a-z]+"
        assert re.search(line, output), output[-8000:]
    reports = list((deployment.data / "reports" / "small_feed").glob("*.html"))
    assert reports
    assert "Leakage Impact Score" in reports[0].read_text()


@pytest.mark.slow
def test_the_same_day_again_changes_no_byte_and_adds_only_what_is_new(
    deployment: Deployment,
) -> None:
    scores, lake = deployment.stored_scores(), deployment.bytes_in_lake()
    runs = deployment.mlflow_runs()
    form = {
        "horizons": [1],
        "preferences": ["id_embedding", "future_popularity"],
        "modes": ["swap", "probe", "retrain"],
    }
    deployment.run("--conf", f"'{json.dumps(form)}'")
    now = deployment.bytes_in_lake()
    assert lake.items() <= now.items()
    assert {name.split("/")[0] for name in now.keys() - lake.keys()} <= TABLES_OF_SCORES
    day = YESTERDAY - timedelta(days=1)
    # One kind has a score in swap mode already; the other does not allow that mode.
    new = {
        (day, 1, kind, mode, seeds)
        for kind in ("id_embedding", "future_popularity")
        for mode, seeds in (("probe", 10), ("retrain", 3))
    }
    assert deployment.stored_scores() - scores == new
    runs_now = deployment.mlflow_runs()
    # A parent gains what is new; no metric is logged again.
    assert all(set(metrics) <= set(runs_now[run]) for run, metrics in runs.items())
    assert {times for metrics in runs_now.values() for _, times in metrics} == {1}
    # Each with a curve of its own.
    assert len(runs_now) == len(runs) + 2 * len(new)
    results = read_results(deployment.lake, "small_feed", day, day)
    assert not any(math.isnan(result.placebo) for result in results if result.mode != "swap")


def test_each_mapped_score_has_its_own_link(deployment: Deployment) -> None:
    """As Airflow stores it, from where its pages show it."""
    with sqlite3.connect(deployment.data / "airflow" / "airflow.db") as database:
        stored = database.execute(
            "SELECT map_index, value FROM xcom WHERE key = '_link_MlflowRunLink' "
            "AND dag_run_id = (SELECT min(id) FROM dag_run)"
        ).fetchall()
    assert sorted(index for index, _ in stored) == [0, 1]
    linked = {run for _, url in stored for run in deployment.mlflow_runs() if run in url}
    assert len(linked) == 2


@pytest.mark.slow
def test_a_day_that_mlflow_does_not_take_is_a_day_all_the_same(deployment: Deployment) -> None:
    runs, scenario = deployment.mlflow_runs(), deployment.environment["LIS_SCENARIOS"]
    client = MlflowClient(f"sqlite:///{deployment.data}/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("lis/small_feed")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    form = json.dumps({"horizons": [2], "preferences": ["future_popularity"], "modes": ["probe"]})
    output = deployment.run("--conf", f"'{form}'")
    day = YESTERDAY - timedelta(days=2)
    assert (day, 2, "future_popularity", "probe", 10) in deployment.stored_scores()
    # By the score and the report; the task that logs refuses both, and is not tried again.
    assert output.count("not logged to MLflow yet: MLflow experiment 'lis/small_feed' is") == 2
    assert "error: 2 of 2 entries are not logged: MLflow experiment 'lis/small_feed' is" in output
    client.restore_experiment(experiment.experiment_id)
    deployment.shell(f"lis log --scenario '{scenario}'")
    now = deployment.mlflow_runs()
    # The score and its curve over days; its date has a run already.
    assert len(now) - len(runs) == 2
    assert {times for metrics in now.values() for _, times in metrics} == {1}
    assert "nothing waits" in deployment.shell(f"lis log --scenario '{scenario}'")


@pytest.mark.slow
def test_a_form_that_cannot_be_used_ends_the_run_in_one_line(deployment: Deployment) -> None:
    before = deployment.bytes_in_lake()
    form = json.dumps({"as_of": "2199-01-01"})
    output = deployment.shell(f"airflow dags test {DAG} --conf '{form}' || true")
    assert "state=failed" in output.split("DagRun Finished")[-1]
    line = "error: as_of: 2199-01-01 is not over: the newest complete day is"
    task = output[output.index("task_id=resolve_date") :]
    assert task.count(line) == 1
    assert "Traceback" not in task
    assert "task_id=simulate" not in task
    assert deployment.bytes_in_lake() == before


def newest_ranker(deployment: Deployment) -> date:
    [(version, span)] = ranker_versions(deployment.lake, "small_feed").items()
    keys = (("ranker", version),)
    assert deployment.lake.is_published(Partition("snapshots", "small_feed", span.last, keys))
    return span.last


@pytest.mark.slow
def test_the_notebook_recomputes_a_stored_score(deployment: Deployment, tmp_path: Path) -> None:
    """It asserts itself that the predictions give the stored LIS again."""
    executed = tmp_path / "executed.ipynb"
    scenario = deployment.environment["LIS_SCENARIOS"]
    deployment.shell(
        f"LIS_SCENARIO='{scenario}' python scripts/run_notebook.py docs/review-a-score.ipynb "
        f"--out '{executed}'"
    )
    assert "Figure size" in executed.read_text()


@pytest.mark.slow
def test_predictions_from_a_file_have_the_figures_of_the_score_that_they_belong_to(
    deployment: Deployment, tmp_path: Path
) -> None:
    """As for a team that scores in its own production system."""
    scenario = load_scenario(deployment.environment["LIS_SCENARIOS"])
    stored = next(
        result
        for result in read_results(deployment.lake, "small_feed")
        if (result.mode, result.preference) == ("swap", "id_embedding")
    )
    predictions = read_predictions(
        scenario, stored.last_day, "id_embedding", "swap", stored.horizon, lake=deployment.lake
    )
    held_out = predictions[predictions["fold"] == "eval"]
    columns = {"user_id": "user", "label": "label", "baseline": "baseline"}
    file = tmp_path / "scores.parquet"
    held_out.rename(columns=columns)[[*columns.values(), "treatment"]].to_parquet(file)
    output = deployment.shell(
        f"lis compare --predictions '{file}' --as-of {stored.as_of} --json 2>/dev/null"
    )
    [compared] = json.loads(output)
    expected = stored.to_dict()
    same = ("lis", "lis_se", "lis_ci_low", "lis_ci_high", "p_value", "auc_baseline", "auc_leaked")
    same += (
        "gauc_baseline",
        "gauc_leaked",
        "logloss_delta",
        "ne_delta",
        "rows",
        "users",
    )
    assert {name: compared[name] for name in same} == {name: expected[name] for name in same}


@pytest.mark.slow
def test_new_results_start_an_alignment_that_the_gate_lets_pass_or_skips(
    deployment: Deployment,
) -> None:
    """As the scheduler starts it, with the context that Airflow gives to the first task."""
    output = deployment.shell("python tests/dags/run_by_asset.py small_feed")
    found = json.loads(output[output.index('{"before"') :].splitlines()[0])
    # Results of before the DAG was switched on start nothing.
    assert found["before"] == 0
    scenario = load_scenario(deployment.environment["LIS_SCENARIOS"])
    newest = max(day for day, *_ in deployment.stored_scores())
    kinds = {kind for day, _, kind, *_ in deployment.stored_scores() if day == newest}
    resolve = found["states"].pop("resolve")
    # It is next, whatever came of the others.
    assert found["states"].pop("log") is None
    if resolve == "success":
        assert f"Evaluation days: {newest}" in output
        return
    assert {resolve, *found["states"].values()} == {"skipped"}
    start = output.index(f"no preference data passes the gate as of {newest}: ")
    (line, *_) = output[start:].splitlines()
    for kind in kinds:
        assert f"{kind}: " in line
        refused = gate_partition(scenario, kind, newest)
        assert deployment.lake.read(refused).column("decision").to_pylist() == ["refused"]

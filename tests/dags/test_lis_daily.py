"""The DAGs are valid, look as reviewed, and are quick to parse."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, CronDataIntervalTimetable
from airflow.sdk.definitions.mappedoperator import MappedOperator

from jobs.cli.parser import build_parser
from jobs.preference import preference_kinds
from jobs.scenarios import load_scenario, shipped_scenarios
from jobs.stages import STAGES

ROOT = Path(__file__).resolve().parents[2]
DAILY = ROOT / "dags" / "lis_daily.py"
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
TAGS = {"lis", "daily", "on demand", "simulated", "log"}

OF_A_LOG = {
    "resolve_date": ["ingest", "score"],
    "ingest": ["train"],
    "train": ["assemble"],
    "assemble": ["score"],
    "score": ["report"],
    "report": ["log"],
    "log": [],
}
SIMULATED = {**OF_A_LOG, "resolve_date": ["score", "simulate"], "simulate": ["ingest"]}


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(DAILY)


def test_every_file_imports(bag: DagBag) -> None:
    assert bag.import_errors == {}


def test_every_shipped_scenario_has_its_dag(bag: DagBag) -> None:
    assert set(bag.dags) == {f"lis_daily__{name}" for name in shipped_scenarios()}


@pytest.mark.parametrize("name", shipped_scenarios())
def test_the_graph_is_as_reviewed(bag: DagBag, name: str) -> None:
    dag = bag.dags[f"lis_daily__{name}"]
    graph = {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}
    simulated = load_scenario(name).source.reader == "simulated"
    assert graph == (SIMULATED if simulated else OF_A_LOG)


@pytest.mark.parametrize("name", shipped_scenarios())
def test_the_dag_keeps_the_house_rules(bag: DagBag, name: str) -> None:
    dag = bag.dags[f"lis_daily__{name}"]
    assert dag.tags
    assert set(dag.tags) <= TAGS
    assert dag.doc_md
    assert dag.catchup is False
    # Runs take turns in the first task, so that none is queued without a word.
    assert dag.max_active_runs > 1
    assert dag.get_task("resolve_date").max_active_tis_per_dag == 1
    for task in dag.tasks:
        assert task.owner not in ("", "airflow")
        assert task.retries > 0
        assert task.execution_timeout is not None
    assert dag.dagrun_timeout is not None
    for heavy in ("train", "score"):
        assert dag.get_task(heavy).pool == "gpu"


@pytest.mark.parametrize("name", shipped_scenarios())
def test_switching_on_a_shipped_scenario_starts_nothing(bag: DagBag, name: str) -> None:
    """The demo's feed is made when a run needs it, and the other logs have ended."""
    dag = bag.dags[f"lis_daily__{name}"]
    assert dag.schedule is None
    assert "on demand" in dag.tags


@pytest.mark.parametrize("name", shipped_scenarios())
def test_an_empty_form_is_valid(bag: DagBag, name: str) -> None:
    values = bag.dags[f"lis_daily__{name}"].params.validate()
    assert values["as_of"] is None
    assert values["horizons"] == list(load_scenario(name).horizons)
    assert values["preferences"] == list(load_scenario(name).preferences)
    assert values["modes"] == list(load_scenario(name).modes)


@pytest.mark.parametrize("name", shipped_scenarios())
def test_the_form_offers_every_kind(bag: DagBag, name: str) -> None:
    offered = bag.dags[f"lis_daily__{name}"].params.get_param("preferences").schema["examples"]
    assert set(offered) == {kind.name for kind in preference_kinds()}


class PlanOfARun:
    """Takes the place of the task instance in a template: gives what resolve_date has pushed."""

    def xcom_pull(self, task_ids: str, key: str) -> dict[str, Any]:
        assert task_ids == "resolve_date"
        return {
            "plan": {
                "day": "2026-01-31",
                "first_day": "2026-01-30",
                "preferences": ["id_embedding"],
                "modes": ["swap", "retrain"],
                "again": "",
                "late": "2026-01-28,2026-01-30",
            },
            "due": ["7@2026-01-24", "30@2026-01-01"],
        }[key]


@pytest.mark.parametrize("name", shipped_scenarios())
def test_the_command_line_accepts_the_arguments_of_every_task(bag: DagBag, name: str) -> None:
    dag: DAG = bag.dags[f"lis_daily__{name}"]
    started = []
    for task in dag.tasks:
        if task.task_id == "resolve_date":
            continue
        if isinstance(task, MappedOperator):
            score = {"as_of": "2026-01-24", "horizon": 7, "waits_for": None, "due": "7@2026-01-24"}
            task = task.unmap({"planned": {**score, "preference": "id_embedding"}})
        task.render_template_fields({"task": task, "ti": PlanOfARun(), "params": {"since": None}})
        given = getattr(task, "application_args", None) or ["stage", task.stage, *task.arguments]
        options = build_parser().parse_args(given)
        assert options.scenario == name
        started.append(options.stage)
    scenario = load_scenario(name)
    assert sorted(started) == sorted(s.name for s in STAGES if s.applies_to(scenario))


PARSE = """
import json, runpy, sys, time
import airflow.sdk
started = time.process_time()
runpy.run_path(sys.argv[1])
seconds = time.process_time() - started
heavy = [name for name in ("torch", "pyspark", "pandas", "mlflow") if name in sys.modules]
print(json.dumps({"seconds": seconds, "heavy": heavy}))
"""


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_is_quick_to_parse(file: Path) -> None:
    """The scheduler parses every file again and again. Counted in CPU time, which a busy
    machine does not stretch."""
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["heavy"] == []
    assert found["seconds"] < 1


def test_a_custom_scenario_gets_a_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "custom_feed.yaml"
    path.write_text("source: {reader: simulated}\ncontext: [hour]\n")
    monkeypatch.setenv("LIS_SCENARIOS", str(path))
    bag = DagBag(DAILY)
    assert bag.import_errors == {}
    dag = bag.dags["lis_daily__custom_feed"]
    # Daily by default; its logical date is the day of data, and no past day is brought in.
    assert isinstance(dag.schedule, CronDataIntervalTimetable)
    assert dag.catchup is False

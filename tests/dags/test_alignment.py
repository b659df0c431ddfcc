"""The DAGs of alignments are as reviewed: their graph, their form, what starts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset
from airflow.sdk.definitions.asset import BaseAsset
from airflow.sdk.definitions.mappedoperator import MappedOperator

from jobs.cli.parser import build_parser
from jobs.preference import preference_kinds
from jobs.scenarios import shipped_scenarios
from jobs.stages import ALIGNMENT_STAGES, STAGES
from plugins.lis_plugin.spark_operator import LisSparkOperator

ROOT = Path(__file__).resolve().parents[2]
MAPPED = ["gate", "curate", "align", "vectors", "ais"]
GRAPH = {
    "resolve": sorted(MAPPED),
    "gate": ["curate"],
    "curate": ["align"],
    "align": ["vectors"],
    "vectors": ["ais"],
    "ais": ["report"],
    "report": ["log"],
    "log": [],
}
ENTRY = {
    "as_of": "2026-01-25:2026-01-31",
    "horizons": "7,30",
    "preferences": "id_embedding,next_click",
    "preference": "id_embedding",
    "aligned_at": "2026-01-04",
}


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(ROOT / "dags" / "alignment.py")


@pytest.fixture(params=shipped_scenarios())
def dag(request: pytest.FixtureRequest, bag: DagBag) -> DAG:
    found: DAG = bag.dags[f"alignment__{request.param}"]
    return found


def test_every_shipped_scenario_has_its_dag(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == {f"alignment__{name}" for name in shipped_scenarios()}


def test_the_graph_is_as_reviewed(dag: DAG) -> None:
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == GRAPH


def test_each_stage_but_the_report_is_mapped_over_the_encoders(dag: DAG) -> None:
    mapped = [task.task_id for task in dag.tasks if isinstance(task, MappedOperator)]
    assert mapped == MAPPED
    for task in dag.tasks:
        assert task.pool == ("gpu" if task.task_id in ("align", "vectors", "ais") else task.pool)
        assert task.owner not in ("", "airflow")
        assert task.execution_timeout is not None
    assert dag.dagrun_timeout is not None
    assert dag.get_task("curate").operator_class is LisSparkOperator


def test_new_lis_results_start_it_and_it_starts_nothing_itself(dag: DAG) -> None:
    """Its own tables must not start it again, and no past is brought in when it is switched on."""
    name = dag.dag_id.removeprefix("alignment__")
    assert dag.timetable.asset_condition == Asset(f"lis://{name}/lis")
    by_day = {table for stage in STAGES for table in stage.publishes}
    assert "lis" in by_day
    outlets = [outlet for task in dag.tasks for outlet in task.outlets]
    assert all(isinstance(outlet, BaseAsset) for outlet in outlets)
    assert Asset(f"lis://{name}/lis") not in outlets
    assert Asset(f"lis://{name}/gate") in outlets
    assert dag.catchup is False
    assert dag.is_paused_upon_creation is not False
    assert dag.max_active_runs == 2


def test_an_empty_form_is_valid_and_offers_every_kind(dag: DAG) -> None:
    values = dag.params.validate()
    assert values == dict.fromkeys(("as_of", "preferences", "aligned_at", "heads", "force"))
    offered = dag.params.get_param("preferences").schema["examples"]
    assert set(offered) == {kind.name for kind in preference_kinds()}
    for field in values:
        schema = dag.params.get_param(field).schema
        assert "Empty: " in schema["description_md"]
        assert "pattern" not in schema


class PlanOfARun:
    """Takes the place of the task instance in a template: gives what resolve has pushed."""

    def xcom_pull(self, task_ids: str, key: str) -> dict[str, Any]:
        assert (task_ids, key) == ("resolve", "plan")
        return ENTRY


@pytest.mark.parametrize("force", [None, "", " ", "{{ 1 + 1 }} asks for it"])
def test_the_command_line_accepts_the_arguments_of_every_task(
    bag: DagBag, force: str | None
) -> None:
    dag, started = bag.dags["alignment__simulated_feed"], {}
    for declared in dag.tasks:
        if declared.task_id == "resolve":
            continue
        task: Any = declared
        if isinstance(declared, MappedOperator):
            task = declared.unmap({"planned": ENTRY})
        params = {"force": force, "heads": ["raw", "codes"] if force else None}
        task.render_template_fields({"task": task, "ti": PlanOfARun(), "params": params})
        given = getattr(task, "application_args", None) or ["stage", task.stage, *task.arguments]
        started[task.task_id] = build_parser().parse_args(given)
    assert list(started) == [*(stage.name for stage in ALIGNMENT_STAGES), "report", "log"]
    # What waits to be logged is of any day.
    del started["log"]
    for options in started.values():
        assert str(options.as_of) == ENTRY["as_of"]
    assert started["ais"].horizons == (7, 30)
    assert started["ais"].head == (("raw", "codes") if force else ())
    assert started["ais"].preference == ("id_embedding",)
    assert str(started["align"].aligned_at) == ENTRY["aligned_at"]
    assert started["report"].preference == ("id_embedding", "next_click")
    # A user's text is no template.
    assert started["gate"].force == ((force or "").strip() or None)

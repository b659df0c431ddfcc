"""The janitor's DAG: one task for each scenario, with a command that removes."""

from __future__ import annotations

from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

from jobs.cli.parser import build_parser
from jobs.scenarios import shipped_scenarios

JANITOR = Path(__file__).resolve().parents[2] / "dags" / "janitor.py"


def test_every_scenario_has_a_task_whose_command_removes() -> None:
    bag = DagBag(JANITOR)
    assert bag.import_errors == {}
    dag = bag.dags["lis_janitor"]
    assert sorted(dag.task_ids) == shipped_scenarios()
    assert (dag.catchup, dag.max_active_runs, dag.max_active_tasks) == (False, 1, 1)
    for task in dag.tasks:
        parsed = build_parser().parse_args(["stage", task.stage, *task.arguments])
        assert (parsed.stage, parsed.scenario, parsed.apply) == ("janitor", task.task_id, True)

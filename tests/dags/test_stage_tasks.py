"""A stage becomes a task by its declaration alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, TriggerRule, chain
from airflow.sdk.definitions.mappedoperator import MappedOperator

from jobs.scenarios import load_scenario
from jobs.stages import STAGES
from jobs.stages.stage import Stage
from plugins.lis_plugin.operators import LisScoreOperator, LisStageOperator
from plugins.lis_plugin.resolve import ResolveDateOperator
from plugins.lis_plugin.spark_operator import LisSparkOperator
from plugins.lis_plugin.stage_tasks import stage_tasks
from tests.jobs.stages.dummy_stage import DUMMY

FEED = "movietweetings"


def dag_of(*stages: Stage[Any]) -> DAG:
    """A DAG of these stages, built as the daily DAG is."""
    with DAG(dag_id="test", schedule=None) as dag:
        plan = ResolveDateOperator(task_id="resolve_date", scenario=FEED)
        chain(plan, *stage_tasks(stages, load_scenario(FEED), FEED, plan.output))
    return dag


def test_a_registered_stage_gets_a_task_with_its_outlets() -> None:
    dag = dag_of(*STAGES, DUMMY)
    task = dag.get_task("dummy")
    assert dag.get_task("log").downstream_task_ids == {"dummy"}
    assert isinstance(task, LisStageOperator)
    assert task.stage == "dummy"
    assert task.outlets == [Asset(f"lis://{FEED}/dummies"), Asset(f"lis://{FEED}/copies")]


def test_a_task_gets_the_options_that_a_run_has_values_for() -> None:
    arguments = dag_of(DUMMY).get_task("dummy").arguments
    assert arguments[:3] == ["--scenario", FEED, "--until"]
    assert "plan" in arguments[3]
    assert len(arguments) == 4


@pytest.mark.parametrize(
    ("stage", "operator"),
    [
        (DUMMY, LisStageOperator),
        (replace(DUMMY, on_spark=True), LisSparkOperator),
        (replace(DUMMY, logs_mlflow_run=True), LisScoreOperator),
    ],
)
def test_the_declaration_decides_the_operator(stage: Stage[Any], operator: type) -> None:
    assert type(dag_of(stage).get_task("dummy")) is operator


def test_a_stage_on_the_gpu_waits_for_the_pool() -> None:
    assert dag_of(DUMMY).get_task("dummy").pool != "gpu"
    assert dag_of(replace(DUMMY, on_gpu=True)).get_task("dummy").pool == "gpu"


def test_a_stage_per_leak_is_mapped_and_the_next_runs_after_skips() -> None:
    first, then = replace(DUMMY, name="first", per_leak=True), replace(DUMMY, name="then")
    dag = dag_of(first, then)
    assert isinstance(dag.get_task("first"), MappedOperator)
    assert dag.get_task("first").trigger_rule == TriggerRule.ALL_SUCCESS
    assert dag.get_task("then").trigger_rule == TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


def test_a_stage_that_always_runs_leaves_the_state_of_the_run_to_the_others() -> None:
    dag = dag_of(replace(DUMMY, name="first", per_leak=True), replace(DUMMY, runs_always=True))
    task = dag.get_task("dummy")
    assert task.is_teardown
    assert not task.on_failure_fail_dagrun
    assert task.trigger_rule == TriggerRule.ALL_DONE_SETUP_SUCCESS
    assert task.execution_timeout == timedelta(hours=1)


def test_a_stage_that_does_not_apply_has_no_task() -> None:
    dag = dag_of(replace(DUMMY, applies_to=lambda scenario: scenario.name != FEED))
    assert dag.task_ids == ["resolve_date"]

"""Tasks of a DAG, one for each stage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.sdk import Asset, BaseOperator, TriggerRule, XComArg

from jobs.common.options import declared_options
from jobs.scenarios import Scenario
from jobs.stages.stage import Stage
from plugins.lis_plugin.due_horizon import MAP_NAME
from plugins.lis_plugin.operators import LisScoreOperator, LisStageOperator
from plugins.lis_plugin.spark_operator import LisSparkOperator

_PLAN = "ti.xcom_pull(task_ids='resolve_date', key='plan')"
_DUE = "ti.xcom_pull(task_ids='resolve_date', key='due')"
_DAY = f"{{{{ {_PLAN}['day'] }}}}"
_MODES = f"{{{{ {_PLAN}['modes'] | join(',') }}}}"

OF_RUN = {
    "start": f"{{{{ {_PLAN}['first_day'] }}}}",
    "end": _DAY,
    "until": _DAY,
    "since": "{{ params.since or '' }}",
    "due": f"{{{{ {_DUE} | join(',') }}}}",
    "preference": f"{{{{ {_PLAN}['preferences'] | join(',') }}}}",
    "mode": _MODES,
}
"""Values of a stage's options, by name, for a task that covers all of a run."""

OF_LEAK = {
    "as_of": "{{ task.planned_score['as_of'] }}",
    "horizons": "{{ task.planned_score['horizon'] }}",
    "preference": "{{ task.planned_score['preference'] }}",
    "mode": _MODES,
}
"""The same for a task that is mapped over the planned scores."""


def stage_tasks(
    stages: Iterable[Stage[Any]], scenario: Scenario, source: str, planned_scores: XComArg
) -> list[Any]:
    """The tasks of a scenario's stages, in their order; the DAG chains them.

    Args:
        stages: Those that do not apply to the scenario are left out.
        scenario: Names the outlets.
        source: The scenario's shipped name or path, as the tasks load it.
        planned_scores: What the tasks of a stage that runs per leak are mapped over.
    """
    tasks, follows_mapped = [], False
    for stage in stages:
        if stage.applies_to(scenario):
            tasks.append(_task(stage, scenario, source, planned_scores, follows_mapped))
            follows_mapped = follows_mapped or stage.per_leak
    return tasks


def _task(
    stage: Stage[Any],
    scenario: Scenario,
    source: str,
    planned_scores: XComArg,
    follows_mapped: bool,
) -> Any:
    operator: type[BaseOperator] = LisStageOperator
    if stage.on_spark:
        operator = LisSparkOperator
    elif stage.logs_mlflow_run:
        operator = LisScoreOperator
    options: dict[str, Any] = {
        "task_id": stage.name,
        "stage": stage.name,
        "arguments": ["--scenario", source, *_arguments(stage)],
        "outlets": [Asset(f"lis://{scenario.name}/{table}") for table in stage.publishes],
    }
    if stage.on_gpu:
        options["pool"] = "gpu"
    if follows_mapped:
        # A horizon that is not due yet is skipped.
        options["trigger_rule"] = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    if not stage.per_leak:
        return operator(**options)
    # One at a time: horizons of one date share its baseline partitions.
    mapped = operator.partial(**options, map_index_template=MAP_NAME, max_active_tis_per_dagrun=1)
    return mapped.expand(planned_score=planned_scores)


def _arguments(stage: Stage[Any]) -> list[str]:
    """The stage's options that have a template, with it."""
    templates = OF_LEAK if stage.per_leak else OF_RUN
    return [
        argument
        for name in declared_options(stage.options)
        if name in templates
        for argument in (f"--{name.replace('_', '-')}", templates[name])
    ]

"""Tasks of a DAG, one for each stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, BaseOperator, TriggerRule, XComArg

from jobs.common.options import declared_options
from jobs.scenarios import Scenario
from jobs.stages.stage import Stage
from plugins.lis_plugin.operators import LisScoreOperator, LisStageOperator
from plugins.lis_plugin.spark_operator import LisSparkOperator


@dataclass(frozen=True)
class TaskValues:
    """The values that the tasks of a DAG give to the options of stages, as templates by name.

    Args:
        of_run: For a task that covers all of a run.
        of_entry: For a task that is mapped over the entries of the run's plan.
        is_mapped: Whether the task of a stage is.
        map_name: What Airflow calls a mapped task.
    """

    of_run: Mapping[str, str]
    of_entry: Mapping[str, str]
    is_mapped: Callable[[Stage[Any]], bool]
    map_name: str


_MOST_TIME_TO_LOG = timedelta(hours=1)

_PLAN = "ti.xcom_pull(task_ids='resolve_date', key='plan')"
_DUE = "ti.xcom_pull(task_ids='resolve_date', key='due')"
_DAY = f"{{{{ {_PLAN}['day'] }}}}"
_MODES = f"{{{{ {_PLAN}['modes'] | join(',') }}}}"

OF_LEAK = TaskValues(
    of_run={
        "start": f"{{{{ {_PLAN}['first_day'] }}}}",
        "end": _DAY,
        "again": f"{{{{ {_PLAN}['again'] }}}}",
        "late": f"{{{{ {_PLAN}['late'] }}}}",
        "until": _DAY,
        "since": "{{ params.since or '' }}",
        "due": f"{{{{ {_DUE} | join(',') }}}}",
        "preference": f"{{{{ {_PLAN}['preferences'] | join(',') }}}}",
        "mode": _MODES,
    },
    of_entry={
        "due": "{{ task.planned['due'] }}",
        "preference": "{{ task.planned['preference'] }}",
        "mode": _MODES,
    },
    is_mapped=lambda stage: stage.per_leak,
    map_name="{{ task.planned['preference'] }} · n={{ task.planned['horizon'] }}"
    " · {{ task.planned['as_of'] }}",
)
"""Of the daily DAG, whose plan ``ResolveDateOperator`` makes: an entry is a leak."""

_ALIGNMENT = "ti.xcom_pull(task_ids='resolve', key='plan')"

OF_ALIGNMENT = TaskValues(
    of_run={
        "as_of": f"{{{{ {_ALIGNMENT}['as_of'] }}}}",
        "horizons": f"{{{{ {_ALIGNMENT}['horizons'] }}}}",
        "preference": f"{{{{ {_ALIGNMENT}['preferences'] }}}}",
    },
    of_entry={
        "as_of": "{{ task.planned['as_of'] }}",
        "horizons": "{{ task.planned['horizons'] }}",
        "preference": "{{ task.planned['preference'] }}",
        "aligned_at": "{{ task.planned['aligned_at'] }}",
        "head": "{{ (params.heads or []) | join(',') }}",
        # Not from the entry, whose values are templates themselves: a user's text is none.
        "force": "{{ (params.force or '').strip() }}",
    },
    is_mapped=lambda stage: "aligned_at" in declared_options(stage.options),
    map_name="{{ task.planned['preference'] }} · {{ task.planned['as_of'] }}",
)
"""Of the DAG of alignments, whose plan ``ResolveAlignmentOperator`` makes: an entry is an encoder.
"""


def stage_tasks(
    stages: Iterable[Stage[Any]],
    scenario: Scenario,
    source: str,
    entries: XComArg,
    values: TaskValues = OF_LEAK,
) -> list[Any]:
    """The tasks of a scenario's stages, in their order; the DAG chains them.

    Args:
        stages: Those that do not apply to the scenario are left out.
        scenario: Names the outlets.
        source: The scenario's shipped name or path, as the tasks load it.
        entries: What the mapped tasks are mapped over.
        values: What the tasks give to the options of their stages.
    """
    tasks, follows_mapped = [], False
    for stage in stages:
        if stage.applies_to(scenario):
            tasks.append(_task(stage, scenario, source, entries, values, follows_mapped))
            follows_mapped = follows_mapped or values.is_mapped(stage)
    return tasks


def _task(
    stage: Stage[Any],
    scenario: Scenario,
    source: str,
    entries: XComArg,
    values: TaskValues,
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
        "arguments": ["--scenario", source, *_arguments(stage, values)],
        "outlets": [Asset(f"lis://{scenario.name}/{table}") for table in stage.publishes],
    }
    if stage.on_gpu:
        options["pool"] = "gpu"
    if follows_mapped and not stage.runs_always:
        # A horizon that is not due yet is skipped.
        options["trigger_rule"] = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    if stage.runs_always:
        # A store that is down does not fail a day whose results are in the lake.
        task = operator(**options, execution_timeout=_MOST_TIME_TO_LOG)
        return task.as_teardown(on_failure_fail_dagrun=False)
    if not values.is_mapped(stage):
        return operator(**options)
    # One at a time: entries of one date share its baseline partitions.
    mapped = operator.partial(
        **options, map_index_template=values.map_name, max_active_tis_per_dagrun=1
    )
    return mapped.expand(planned=entries)


def _arguments(stage: Stage[Any], values: TaskValues) -> list[str]:
    """The stage's options that have a template, with it."""
    templates = values.of_entry if values.is_mapped(stage) else values.of_run
    return [
        argument
        for name in declared_options(stage.options)
        if name in templates
        for argument in (f"--{name.replace('_', '-')}", templates[name])
    ]

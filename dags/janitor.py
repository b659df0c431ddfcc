"""### Retention

Removes what of the lake need not be kept, scenario by scenario: what stopped attempts have left,
files of rankers and item tables that no horizon needs, and old rows in quarantine. Nothing that a
result was computed from is lost: such manifests stay, and files that are removed can be made again
to the same bytes. `lis janitor --scenario S` shows what would be removed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable

from jobs.stages.upkeep.janitor import JANITOR
from plugins.lis_plugin import dag_parts as parts
from plugins.lis_plugin.notify import run_timed_out
from plugins.lis_plugin.operators import LisStageOperator
from plugins.lis_plugin.scenario_files import read_scenarios

with DAG(
    dag_id="lis_janitor",
    description="Removes what of the lake need not be kept",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 12 * * 0", "UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1,
    tags=["lis", "upkeep"],
    dagrun_timeout=timedelta(days=1),
    on_failure_callback=run_timed_out,
):
    for source, scenario in read_scenarios().usable.items():
        LisStageOperator(
            task_id=scenario.name,
            stage=JANITOR.name,
            arguments=["--scenario", source, "--apply"],
            **parts.task_options(scenario),
        )

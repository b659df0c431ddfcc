"""### Leakage Impact Score, daily

Each run brings in a day of impressions, trains the ranker on it, and scores how much the ranker
would gain if it knew the preference data of the next days. Leaks are mapped over kinds of
preference data and horizons. One DAG a scenario.

| task | what it does |
|---|---|
| `resolve_date` | decides the day of data and plans the run; its log says which date won, and why |
| `simulate` | makes the missing days of the feed (simulated scenarios only) |
| `ingest`, `history` | publish impressions, and each user's clicks before every impression |
| `train`, `snapshot` | extend the daily lineage of rankers; publish its item embeddings |
| `leak.assemble` | tables of the preference data as known at T and at T+n |
| `leak.score` | scores the ranker with and without the leak, in each mode |
| `leak.log` | logs the results to MLflow; the task links to its run |
| `report` | renders what was scored as one page |

A scheduled run for day D scores T = D - n for each horizon n. A horizon whose future has not
arrived is skipped, and says which day it waits for. To score other dates, trigger the DAG with
`as_of`; an empty form scores the newest dates. The same steps run by hand:
`python -m jobs step --help`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, TriggerRule, chain, task_group

from jobs.scenarios import SimulatedSource, load_scenario
from plugins.lis_plugin import scenario_dag as parts
from plugins.lis_plugin.horizon import MAP_NAME
from plugins.lis_plugin.resolve import ResolveDateOperator
from plugins.lis_plugin.spark import LisSparkOperator
from plugins.lis_plugin.steps import LisLogOperator, LisStepOperator


def daily_dag(source: str) -> None:
    """Define the DAG of one scenario, given by shipped name or by path."""
    scenario = load_scenario(source)

    with DAG(
        dag_id=f"lis_daily__{scenario.name}",
        description=f"Leakage Impact Score of {scenario.title or scenario.name}",
        doc_md=__doc__,
        schedule=parts.schedule(scenario),
        start_date=parts.start_date(scenario),
        catchup=False,
        max_active_runs=1,
        tags=parts.tags(scenario),
        params=parts.form(scenario),
        default_args=parts.DEFAULT_ARGS,
    ):
        plan = ResolveDateOperator(task_id="resolve_date", scenario=source)

        def run(kind: Any, name: str, arguments: list[str], *tables: str, **options: Any) -> Any:
            outlets = parts.tables(scenario, *tables)
            options = {"task_id": name, "step": name, "outlets": outlets, **options}
            return kind(arguments=["--scenario", source, *arguments], **options)

        @task_group(group_id="leak")
        def each_leak(scoring: dict[str, Any]) -> None:
            # One at a time: horizons of one date share its baseline partitions.
            mapped: dict[str, Any] = {
                "scoring": scoring,
                "map_index_template": MAP_NAME,
                "max_active_tis_per_dagrun": 1,
            }
            # Each task of a leak that is not due runs as far as saying what it waits for.
            later: dict[str, Any] = {**mapped, "trigger_rule": TriggerRule.NONE_FAILED}
            one = parts.ONE_SCORING
            chain(
                run(LisSparkOperator, "assemble", one, "features", **mapped),
                run(LisStepOperator, "score", one, "predictions", "lis", pool="gpu", **later),
                run(LisLogOperator, "log", one, **later),
            )

        simulated = isinstance(scenario.source, SimulatedSource)
        chain(
            plan,
            *([run(LisStepOperator, "simulate", parts.DAYS)] if simulated else []),
            run(LisSparkOperator, "ingest", parts.DAYS, "impressions", "items", "quarantine"),
            run(LisSparkOperator, "history", parts.DAYS, "history"),
            run(LisStepOperator, "train", parts.TRAIN, "checkpoints", pool="gpu"),
            run(LisSparkOperator, "snapshot", parts.UNTIL, "snapshots"),
            each_leak.expand(scoring=plan.output),
            run(
                LisStepOperator,
                "report",
                parts.ALL_DUE,
                trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
            ),
        )


for source in parts.scenario_sources():
    daily_dag(source)

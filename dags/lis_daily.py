"""### Leakage Impact Score, daily

Each run brings in a day of impressions, trains the ranker on it, and scores how much the ranker
would gain if it knew the preference data of the next days. Scores are mapped over kinds of
preference data and horizons. One DAG a scenario.

| task | what it does |
|---|---|
| `resolve_date` | decides the day of data and plans the run; its log says which date won, and why |
| `simulate` | makes the missing days of the feed (simulated scenarios only) |
| `ingest` | publishes impressions, and each user's clicks before every impression |
| `train` | extends the daily lineage of rankers |
| `assemble` | publishes the rankers' item embeddings, and preference data of T and of T+n |
| `score` | scores the ranker with and without a leak, in each mode; links to its run in MLflow |
| `report` | renders what was scored as one page a date, and keeps it in MLflow |

A scheduled run for day D scores T = D - n for each horizon n. A horizon whose future has not
arrived is skipped, and says which day it waits for. To score other dates, trigger the DAG with
`as_of`; an empty form scores the newest dates. The same steps run by hand:
`python -m jobs step --help`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, TriggerRule, chain

from jobs.scenarios import SimulatedSource, load_scenario
from plugins.lis_plugin import dag_parts as parts
from plugins.lis_plugin.due_horizon import MAP_NAME
from plugins.lis_plugin.operators import LisScoreOperator, LisStepOperator
from plugins.lis_plugin.resolve import ResolveDateOperator
from plugins.lis_plugin.spark_operator import LisSparkOperator


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

        def task(kind: Any, name: str, arguments: list[str], *tables: str, **more: Any) -> Any:
            outlets = parts.tables(scenario, *tables)
            given = ["--scenario", source, *arguments]
            return kind(task_id=name, step=name, arguments=given, outlets=outlets, **more)

        score = task(
            LisScoreOperator.partial,
            "score",
            parts.ONE_SCORING,
            *("predictions", "lis"),
            pool="gpu",
            map_index_template=MAP_NAME,
            # One at a time: horizons of one date share its baseline partitions.
            max_active_tis_per_dagrun=1,
        )
        simulated = isinstance(scenario.source, SimulatedSource)
        chain(
            plan,
            *([task(LisStepOperator, "simulate", parts.DAYS)] if simulated else []),
            task(LisSparkOperator, "ingest", parts.DAYS, *parts.INGESTED),
            task(LisStepOperator, "train", parts.TRAIN, "checkpoints", pool="gpu"),
            task(LisSparkOperator, "assemble", parts.ASSEMBLE, "snapshots", "features"),
            score.expand(scoring=plan.output),
            task(
                LisStepOperator,
                "report",
                parts.ALL_DUE,
                # A horizon that is not due yet is skipped.
                trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
            ),
        )


for source in parts.scenario_sources():
    daily_dag(source)

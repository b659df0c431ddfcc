"""### Leakage Impact Score, daily

Each run ingests a day of impressions, trains the ranker on it, and scores how much AUC the ranker
would gain from the preference data of the next days. Scores are mapped over kinds of preference
data and horizons. One DAG a scenario.

| task | what it does |
|---|---|
| `resolve_date` | checks the form, waits for its turn, plans the run; its log says what decided |
| `simulate` | makes the missing days of the feed (simulated scenarios only) |
| `ingest` | publishes impressions, and each user's clicks before each impression |
| `train` | extends the daily lineage of rankers |
| `assemble` | publishes the rankers' item embeddings, and preference data at T and at T+n |
| `score` | scores the ranker with and without a leak, in each mode; links to its run in MLflow |
| `report` | renders the results of a date as one page, and keeps it in MLflow |
| `log` | logs what MLflow did not take before, of whichever run; does not decide how a run ends |

A run for day D scores T = D - n for each horizon n. A horizon whose future has not arrived is
skipped, and its log names the day that it waits for. To score other dates, trigger the DAG with
`as_of`. An empty form scores the newest dates: with a schedule those up to yesterday, without one
those that the log has. Switching the DAG on brings in no past days; a backfill does.

Runs take turns. One that finds another at work waits in `resolve_date` (*up for reschedule*), and
the log of that task names the run that it waits for. A form that cannot be used fails there at
once, and the last line of the log says why. Each stage can be run by hand too: `lis stage --help`.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain

from jobs.scenarios import Scenario
from jobs.stages import STAGES
from plugins.lis_plugin import dag_parts as parts
from plugins.lis_plugin.resolve import ResolveDateOperator
from plugins.lis_plugin.run_form import form
from plugins.lis_plugin.scenario_files import read_scenarios
from plugins.lis_plugin.stage_tasks import stage_tasks

_ACTIVE_RUNS = 16
"""They take turns, but each checks its form at once."""


def daily_dag(source: str, scenario: Scenario) -> None:
    """Define the DAG of one scenario.

    Args:
        source: Shipped name, or path of a YAML file.
        scenario: What was read there.
    """
    with DAG(
        dag_id=f"lis_daily__{scenario.name}",
        description=f"Leakage Impact Score of {scenario.title or scenario.name}",
        doc_md=__doc__,
        schedule=parts.schedule(scenario),
        max_active_runs=_ACTIVE_RUNS,
        tags=parts.tags(scenario),
        params=form(scenario),
        **parts.options(scenario),
    ):
        plan = ResolveDateOperator(task_id="resolve_date", scenario=source)
        chain(plan, *stage_tasks(STAGES, scenario, source, plan.output))


for source, scenario in read_scenarios().usable.items():
    daily_dag(source, scenario)

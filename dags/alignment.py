"""### From LIS to what alignment really brings

Each run aligns a content encoder on preference data that is worth it, gives all items a vector, and
scores how much AUC the ranker gains by the vectors: the AUC Improvement Score (AIS), beside the LIS
that bounds it. One DAG a scenario, an encoder for each kind of preference data.

| task | what it does |
|---|---|
| `resolve` | checks the form, waits for its turn, plans the run; its log says what decided |
| `gate` | lets data pass that its newest LIS calls worth aligning, or that a user forces |
| `curate` | publishes the items that the encoder is aligned on |
| `align` | aligns the encoder, on what was known before its day |
| `vectors` | publishes a vector of each item |
| `ais` | scores the ranker with and without the vectors; links to its run in MLflow |
| `report` | renders the results of a date as one page, and keeps it in MLflow |
| `log` | logs what MLflow did not take before, of whichever run; does not decide how a run ends |

New LIS results start a run, once this DAG is switched on; switching it on starts nothing. It waits
until the run that scores them has ended, and takes the newest date. An encoder that is a week old
or older is evaluated again and not aligned anew, so that its decay shows, whatever the gate says of
that date. Where there is none and the gate lets nothing pass, the run is skipped, and the log of
`resolve` says why. To align one anew, or to choose dates and data, trigger the DAG with its form.

The gate ends a run with the reason as the last line of its log. Each decision is recorded, in the
lake and in MLflow. Runs take turns, as those of the daily DAG do.
"""

from __future__ import annotations

from airflow.sdk import DAG, Asset, chain

from jobs.scenarios import Scenario
from jobs.stages import ALIGNMENT_STAGES
from jobs.stages.log import LOG
from jobs.stages.report import REPORT
from plugins.lis_plugin import dag_parts as parts
from plugins.lis_plugin.alignment_form import alignment_form
from plugins.lis_plugin.resolve_alignment import ResolveAlignmentOperator
from plugins.lis_plugin.scenario_files import read_scenarios
from plugins.lis_plugin.stage_tasks import OF_ALIGNMENT, stage_tasks

_ACTIVE_RUNS = 2
"""One at work, and one that checks its form and waits: results that come meanwhile start one run
together."""


def alignment_dag(source: str, scenario: Scenario) -> None:
    """Define the DAG of one scenario.

    Args:
        source: Shipped name, or path of a YAML file.
        scenario: What was read there.
    """
    with DAG(
        dag_id=f"alignment__{scenario.name}",
        description=f"What alignment brings to {scenario.title or scenario.name}",
        doc_md=__doc__,
        schedule=Asset(f"lis://{scenario.name}/lis"),
        max_active_runs=_ACTIVE_RUNS,
        tags=["alignment", *parts.tags(scenario)],
        params=alignment_form(scenario),
        **parts.options(scenario),
    ):
        plan = ResolveAlignmentOperator(task_id="resolve", scenario=source)
        stages = (*ALIGNMENT_STAGES, REPORT, LOG)
        chain(plan, *stage_tasks(stages, scenario, source, plan.output, OF_ALIGNMENT))


for source, scenario in read_scenarios().usable.items():
    alignment_dag(source, scenario)

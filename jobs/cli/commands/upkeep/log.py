"""``lis log``: log to MLflow what waits in the lake."""

from __future__ import annotations

from jobs.cli.command import Command, ScenarioOptions
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from jobs.stages.log import log_waiting

_DETAILS = """\
Scoring and reports need no MLflow. What it does not take waits in the lake, below `_spool`, and
this command logs it, each run once; so does the last task of every run of the DAGs. Prints the
address of each run. Where MLflow does not answer, the exit code is 75, and what is left stays.

  lis log --scenario S
"""


def _run(options: ScenarioOptions) -> None:
    for run in log_waiting(Lake.from_environment(), load_scenario(options.scenario)):
        print(f"{run.name}: {run.url}")


LOG = Command(
    name="log",
    summary="log to MLflow what it did not take before",
    options=ScenarioOptions,
    run=_run,
    details=_DETAILS,
)

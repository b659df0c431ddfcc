"""``lis report``: the HTML page from stored results."""

from __future__ import annotations

from jobs.cli.command import Command, DatedOptions
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from jobs.stages.report import write_report


def _run(options: DatedOptions) -> None:
    scenario = load_scenario(options.scenario)
    print(write_report(Lake.from_environment(), scenario, options.as_of))


REPORT = Command(
    name="report",
    summary="rebuild the HTML report from the lake alone",
    options=DatedOptions,
    run=_run,
    details="Prints the path of the page.",
)

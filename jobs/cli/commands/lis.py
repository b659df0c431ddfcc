"""``lis lis``: assemble, score, log and report in one command."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from jobs.cli.command import Command, DatedOptions
from jobs.common.options import flag
from jobs.lake import Lake
from jobs.scenarios import load_scenario
from jobs.stages.assemble import assemble_features
from jobs.stages.report import log_report, write_report
from jobs.stages.score import score
from jobs.stages.score_options import LeakOptions
from jobs.stages.upkeep.board import publish_board

log = logging.getLogger("jobs")


@dataclass(frozen=True, kw_only=True)
class _Options(LeakOptions, DatedOptions):
    json: bool = flag("print results as JSON, all fields")


_DETAILS = """\
Several days are scored one by one, and pooled. A result whose inputs have not changed is read back
and not computed again.

  lis lis --scenario S --as-of 2026-01-25:2026-01-31 --horizons 7,30 \\
          --preference id_embedding,next_click --mode swap,probe
"""


def _run(options: _Options) -> None:
    from jobs.cli.shown_results import show_results

    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    request = options.request(lake, options.applied_to(scenario), options.as_of, options.horizons)
    assemble_features(lake, request)
    results = score(lake, request)
    log.info("%s: %d results; writing the report, logging to MLflow", scenario.name, len(results))
    # The page also shows earlier results of these days, so that kinds are compared on one page.
    page = write_report(lake, request.scenario, request.days)
    runs = log_report(lake, request.scenario, results, page)
    publish_board(lake, request.scenario, request.days)
    url = runs[0].url if runs else None
    show_results(request.scenario, results, page, url, as_json=options.json)


LIS = Command(
    name="lis",
    summary="score preference data; log to MLflow; write a report",
    options=_Options,
    run=_run,
    details=_DETAILS,
)

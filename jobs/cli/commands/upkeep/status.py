"""``lis status``: what the lake has of each day of a scenario, what is late or stale, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass

from jobs.cli.command import Command, ScenarioOptions
from jobs.common.options import flag, option
from jobs.lake import Lake
from jobs.scenarios import load_scenario


@dataclass(frozen=True, kw_only=True)
class _Options(ScenarioOptions):
    raw: str | None = option(str, "path or URI of the log (default: the scenario's)")
    json: bool = flag("print each day and each stale result as JSON")


_DETAILS = """\
Reads manifests, and lists the raw files of the log: no data is read, and nothing is written. A day
is late if its raw files have changed since it was ingested. What is computed from it is stale until
it is computed again; the commands that do so are printed below the table.

  lis status --scenario simulated_feed
"""


def _run(options: _Options) -> None:
    from jobs.freshness.lake_status import lake_status, status_as_json
    from jobs.reporting.status_text import status_text
    from jobs.sources.log_location import raw_location

    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    raw = raw_location(scenario, options.raw)
    status = lake_status(lake, scenario, raw)
    if options.json:
        print(json.dumps(status_as_json(scenario, status), indent=1))
    else:
        print(status_text(scenario, raw, status))


STATUS = Command(
    name="status",
    summary="what of each day is present, late or stale, and why",
    options=_Options,
    run=_run,
    details=_DETAILS,
)

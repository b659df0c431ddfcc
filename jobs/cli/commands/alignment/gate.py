"""``lis gate``: whether preference data may be aligned, and why."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date

from jobs.cli.command import Command, ScenarioOptions
from jobs.common.day_range import parse_day
from jobs.common.options import names, option, required_option
from jobs.lake import Lake
from jobs.preference import preference_kinds
from jobs.scenarios import load_scenario
from jobs.stages.alignment.gate import decide, require_open
from jobs.stages.alignment.request import alignment_kinds


@dataclass(frozen=True, kw_only=True)
class _Options(ScenarioOptions):
    as_of: date = required_option(
        parse_day, "evaluation day; the newest LIS at or before it counts", metavar="T"
    )
    preference: tuple[str, ...] = required_option(
        names,
        "kinds of preference data, such as id_embedding",
        values=lambda: (kind.name for kind in preference_kinds()),
    )
    force: str | None = option(
        str,
        "why the data is aligned although no LIS speaks for it; recorded with the decision",
        metavar="REASON",
    )


_DETAILS = """\
The gate opens where a verdict of the newest date with a LIS of the data is `worth aligning`, after
the correction for all results of that date. Each decision is recorded, in the lake and in MLflow.
Where the gate stays closed, the exit code is 2.

  lis gate --scenario S --as-of 2026-01-31 --preference id_embedding
"""


def _run(options: _Options) -> None:
    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    kinds = [kind.name for kind in alignment_kinds(scenario, options.preference)]
    decided = decide(lake, scenario, kinds, options.as_of, options.force)
    require_open(decision for decision, _ in decided)
    for decision, run in decided:
        print(decision)
        if run is not None:
            print(f"MLflow: {run.url}", file=sys.stderr)


GATE = Command(
    name="gate",
    summary="whether preference data may be aligned, and why",
    options=_Options,
    run=_run,
    details=_DETAILS,
)

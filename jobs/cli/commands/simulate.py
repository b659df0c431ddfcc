"""``lis simulate``: days of the simulated feed in any folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from jobs.cli.command import Command, ScenarioOptions
from jobs.common.day_range import parse_day
from jobs.common.options import days, option, positive, required_option, whole_number
from jobs.scenarios import load_scenario
from jobs.stages.simulate import simulate_days


@dataclass(frozen=True, kw_only=True)
class _Options(ScenarioOptions):
    out: str | None = option(str, "folder for the days (default: where the DAG reads them)")
    days: int = required_option(days, "how many days")
    start: date | None = option(parse_day, "first day (default: the scenario's)")
    rows_per_day: int | None = option(positive, "impressions a day (default: the scenario's)")
    seed: int | None = option(
        whole_number, "seed of the whole simulated world (default: the scenario's)"
    )


def _run(options: _Options) -> None:
    scenario = load_scenario(options.scenario)
    simulate_days(
        scenario, options.out, options.start, options.days, options.rows_per_day, options.seed
    )


SIMULATE = Command(
    name="simulate",
    summary="make days of the simulated feed",
    options=_Options,
    run=_run,
    details="Days that exist already stay as they are.",
)

"""``lis slots``: the importance of each embedding slot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from jobs.cli.command import Command, ScenarioOptions
from jobs.common.day_range import parse_day
from jobs.common.options import required_option
from jobs.lake import Lake
from jobs.scenarios import load_scenario


@dataclass(frozen=True, kw_only=True)
class _Options(ScenarioOptions):
    as_of: date = required_option(
        parse_day, "day of the ranker; those of the six days before are averaged in", metavar="T"
    )


def _run(options: _Options) -> None:
    from jobs.lis.slot_importance.importance import slot_importances
    from jobs.reporting.importance_text import importance_table

    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    print(importance_table(slot_importances(lake, scenario, options.as_of)))


SLOTS = Command(
    name="slots",
    summary="how much the ranker relies on each embedding slot",
    options=_Options,
    run=_run,
)

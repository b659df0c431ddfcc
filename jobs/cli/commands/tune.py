"""``lis tune``: search for the ranker's options on days before the first scored one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from jobs.cli.command import Command, ScenarioOptions
from jobs.common.day_range import parse_day
from jobs.common.options import option, positive
from jobs.lake import Lake
from jobs.scenarios import load_scenario


@dataclass(frozen=True, kw_only=True)
class _Options(ScenarioOptions):
    until: date | None = option(
        parse_day,
        "day before which the search ends (default: the first day with a stored LIS; without one, "
        "the longest horizon before the last ingested day)",
        metavar="DAY",
    )
    days: int | None = option(
        positive, "use only the last N days before it (default: all)", metavar="N"
    )


_DETAILS = """\
Tries learning rates, epochs, batch sizes, embedding sizes and decay around the scenario's own
options, one after the other. Each ranker is trained from scratch over the same days. A day is first
scored, then trained on; the days of the second half count. Only rows of the lineage fold are read,
so nothing is chosen on the rows that a LIS is measured on.

Prints every ranker that was tried, and the block to put into the scenario. Interrupted, it goes on
where it stopped. Tune before you score: a ranker with other options has results of its own.

  lis tune --scenario S
  lis tune --scenario S --until 2026-02-01 --days 30
"""


def _run(options: _Options) -> None:
    from jobs.reporting.tuning_text import tuning_text
    from jobs.tuning.search import days_to_tune_on, tune

    lake, scenario = Lake.from_environment(), load_scenario(options.scenario)
    days = days_to_tune_on(lake, scenario, options.until, options.days)
    print(tuning_text(tune(lake, scenario, days)))


TUNE = Command(
    name="tune",
    summary="search for the ranker's options on days that are not scored",
    options=_Options,
    run=_run,
    details=_DETAILS,
)

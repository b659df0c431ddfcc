"""A stage as a newcomer would add it: one object. Tests register it and look where it shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from jobs.common.day_range import parse_day
from jobs.common.options import option, whole_number
from jobs.scenarios import Scenario
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake


@dataclass(frozen=True, kw_only=True)
class DummyOptions:
    """The last day of data, and an option that no DAG has a template for."""

    until: date | None = option(parse_day, "last day of data")
    times: int = option(whole_number, "how often the line is printed", default=1)


def _run(_lake: Lake, scenario: Scenario, options: DummyOptions) -> None:
    print(f"{scenario.name} until {options.until}\n" * options.times, end="")


DUMMY = Stage(
    name="dummy",
    summary="print the last day of data",
    options=DummyOptions,
    run=_run,
    needs=("lis",),
    publishes=("dummies", "copies"),
)

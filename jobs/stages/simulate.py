"""Stage ``simulate``: write days of the simulated feed as a raw log."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from jobs.common.day_range import DayRange, parse_day
from jobs.common.errors import InputError
from jobs.common.options import option, required_option
from jobs.scenarios import Scenario, SimulatedSource
from jobs.stages.stage import Stage

if TYPE_CHECKING:
    from jobs.lake import Lake

log = logging.getLogger("jobs")


@dataclass(frozen=True, kw_only=True)
class SimulateOptions:
    """Where the feed is written, and its days."""

    raw: str | None = option(str, "folder of the feed (default: data/raw/SCENARIO)")
    start: date = required_option(parse_day, "first day")
    end: date = required_option(parse_day, "last day")


def simulate_days(
    scenario: Scenario,
    folder: str | None,
    first: date | None,
    days: int,
    rows_per_day: int | None = None,
    seed: int | None = None,
) -> None:
    """Write days of the simulated feed; days that exist already stay as they are.

    Args:
        scenario: Its source must be simulated.
        folder: Where to write; None for where the DAG reads the feed.
        first: First day; None for the scenario's.
        days: Number of days.
        rows_per_day: Impressions a day; None for the scenario's.
        seed: Seed of the whole simulated world; None for the scenario's.

    Raises:
        InputError: If the scenario reads a log, or an option is out of range.
    """
    from pydantic import ValidationError
    from tqdm import tqdm

    from jobs.sources.log_location import raw_location
    from jobs.sources.simulator import SimulatorOptions, simulate

    if not isinstance(scenario.source, SimulatedSource):
        raise InputError(
            f"scenario {scenario.name} reads a log, it is not simulated: use a scenario whose "
            "source.reader is simulated, such as simulated_feed"
        )
    given = {"rows_per_day": rows_per_day, "seed": seed}
    options = {
        "start": scenario.schedule.start,
        **scenario.source.options,
        **{key: value for key, value in given.items() if value is not None},
    }
    try:
        checked = SimulatorOptions.model_validate(options)
    except ValidationError as error:
        first_error = error.errors()[0]
        where = ".".join(map(str, first_error["loc"]))
        raise InputError(f"simulator option {where}: {first_error['msg']}") from error
    target = folder or raw_location(scenario)
    # The delay keeps the bar away from the one line that refuses bad options.
    with tqdm(total=days, desc=f"simulate {scenario.name}", unit="day", delay=0.1) as bar:

        def advance(_day: date, _rows: int) -> None:
            bar.update()

        simulate(checked, target, days, first, advance)
    log.info("%s: %d days at %s", scenario.name, days, target)


def _run(_lake: Lake, scenario: Scenario, options: SimulateOptions) -> None:
    days = len(DayRange(options.start, options.end))
    simulate_days(scenario, options.raw, options.start, days)


SIMULATE = Stage(
    name="simulate",
    summary="make the missing days of a simulated feed",
    options=SimulateOptions,
    run=_run,
    applies_to=lambda scenario: isinstance(scenario.source, SimulatedSource),
)

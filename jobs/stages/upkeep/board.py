"""What the LIS board shows, brought up to date at the end of a run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.scenarios import Scenario

if TYPE_CHECKING:
    from jobs.lake import Lake

log = logging.getLogger("jobs")


def publish_status(lake: Lake, scenario: Scenario) -> None:
    """Keep what is late or stale of the newest days.

    A log that cannot be listed, or a table that is damaged, ends no run whose scores are there:
    then nothing is kept, with a warning.
    """
    from jobs.board.kept_status import DAYS, keep_status
    from jobs.freshness.lake_status import lake_status, status_as_json
    from jobs.reporting.status_text import commands_to_mend
    from jobs.sources.log_location import raw_location

    ingested = lake.days_with_any("impressions", scenario.name)
    if not ingested:
        return
    try:
        status = lake_status(lake, scenario, raw_location(scenario), since=ingested[-1] - DAYS)
    except InputError as error:
        log.warning("the board does not show what is late or stale: %s", error)
        return
    content = status_as_json(scenario, status)
    newest = max((one.day for one in status.days), default=ingested[-1])
    keep_status(lake, scenario.name, newest, content, commands_to_mend(scenario, status))


def publish_board(lake: Lake, scenario: Scenario, days: DayRange) -> None:
    """Copy to the board's table what the lake has of some days.

    Args:
        lake: Holds their results.
        scenario: The scenario.
        days: Days whose results may have changed.
    """
    from jobs.board.update import update_board

    update_board(lake, scenario, days)

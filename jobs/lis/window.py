"""Which days before T train the rankers of retrain mode."""

from __future__ import annotations

from datetime import date, timedelta

from jobs.errors import InputError
from jobs.lake import Lake
from jobs.lake.rankers import base_days
from jobs.scenarios import Scenario


def fit_days(lake: Lake, scenario: Scenario, as_of: date) -> list[date]:
    """The days before T whose fit rows train: those that have a ranker which has seen a day.

    Raises:
        InputError: there is none.
    """
    first = as_of - timedelta(days=scenario.retrain.fit_days)
    found = [day for day in base_days(lake, scenario) if first <= day < as_of]
    if not found:
        raise InputError(
            f"as of {as_of}: retrain mode trains on the days before it, and {scenario.name} has no "
            "ranker on any of them; ask for a later day"
        )
    return found

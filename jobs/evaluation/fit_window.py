"""Which days before T train the rankers of retrain mode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from jobs.common.errors import InputError
from jobs.scenarios import Scenario


def fit_days(scenario: Scenario, rankers: Sequence[date], as_of: date) -> list[date]:
    """The days before T whose fit rows train: those that have a ranker which has seen a day.

    rankers: the days that have one, ascending, as found by
    ``jobs.lake.addresses.starting_ranker_days``.

    Raises:
        InputError: there is none.
    """
    first = as_of - timedelta(days=scenario.fit.days)
    found = [day for day in rankers if first <= day < as_of]
    if not found:
        raise InputError(
            f"as of {as_of}: retrain mode trains on the days before it, and {scenario.name} has no "
            "ranker on any of them; ask for a later day"
        )
    return found

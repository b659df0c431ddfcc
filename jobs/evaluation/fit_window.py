"""The days before T whose rows train the models of probe and retrain mode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from jobs.common.errors import InputError
from jobs.scenarios import Scenario


def fit_days(scenario: Scenario, rankers: Sequence[date], as_of: date) -> list[date]:
    """Return the days of the fit window: those before T that have a trained ranker.

    Args:
        scenario: The scenario, whose ``fit.days`` is the length of the window.
        rankers: Days with a trained ranker, ascending: see
            ``jobs.lake.addresses.starting_ranker_days``.
        as_of: Day T.

    Raises:
        InputError: If no day of the window has a ranker.
    """
    first = as_of - timedelta(days=scenario.fit.days)
    found = [day for day in rankers if first <= day < as_of]
    if not found:
        raise InputError(
            f"as of {as_of}: probe and retrain mode need rankers of the {scenario.fit.days} days "
            f"before, and {scenario.name} has none of them; choose a later day"
        )
    return found

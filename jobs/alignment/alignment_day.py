"""Which day's encoder belongs to an evaluation date: none that has seen a row that is fitted to."""

from __future__ import annotations

from datetime import date

from jobs.evaluation.fit_window import fit_days
from jobs.lake import Lake
from jobs.lake.addresses import starting_ranker_days
from jobs.scenarios import Scenario


def alignment_day(lake: Lake, scenario: Scenario, as_of: date) -> date:
    """Return day S, as of whose start an encoder is aligned for the evaluation of day T.

    It is the first day of the fit window. What an encoder knows ends before S, and the towers of an
    AIS are fitted to rows of S and later: no row reads a vector that has seen its future.

    Args:
        lake: Tells which days have a ranker.
        scenario: The scenario.
        as_of: Day T.

    Raises:
        InputError: If no day before T has a ranker.
    """
    return fit_days(scenario, starting_ranker_days(lake, scenario), as_of)[0]

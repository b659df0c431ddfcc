"""Days of a log that a wrong clock has made: far from all others, and with few rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from jobs.common.errors import InputError

LONGEST_GAP = 90
"""Days without a row, after which a log is taken to have ended or not to have begun."""

MOST_OUTLYING = 0.05
"""Largest share of the rows that may lie beyond such a gap and be left out."""


def outlying_days(name: str, rows: Mapping[date, int]) -> frozenset[date]:
    """Days that are more than ``LONGEST_GAP`` days from the bulk of the log.

    Args:
        name: name of the scenario, for the error.
        rows: number of impressions of each day that has some.

    Raises:
        InputError: If more than ``MOST_OUTLYING`` of the rows are on such days.
    """
    runs = _runs(sorted(day for day, count in rows.items() if count))
    if len(runs) < 2:
        return frozenset()

    def size(run: Sequence[date]) -> int:
        return sum(rows[day] for day in run)

    bulk = max(runs, key=size)
    outlying = [day for run in runs if run is not bulk for day in run]
    total, beyond = size([*bulk, *outlying]), size(outlying)
    if beyond > MOST_OUTLYING * total:
        spans = ", ".join(f"{run[0]} to {run[-1]} ({size(run):,} rows)" for run in runs[:4])
        raise InputError(
            f"scenario {name}: the times of the log have gaps of more than {LONGEST_GAP} days: "
            f"{spans}: correct source.columns.ts and source.ts_unit, or request one of these spans "
            "by --start and --end"
        )
    return frozenset(outlying)


def _runs(days: Sequence[date]) -> list[list[date]]:
    """Days in runs without a longer gap."""
    runs: list[list[date]] = []
    for day in days:
        if runs and (day - runs[-1][-1]).days <= LONGEST_GAP:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs

"""Results as a plain-text table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.evaluation.result import LisResult
from jobs.reporting.text_columns import in_columns
from jobs.reporting.wording import count, interval, misses_zero, ordered, signed

_HEADER = (
    "as of",
    "preference",
    "mode",
    "n",
    "LIS",
    "interval",
    "verdict",
    "placebo",
    "seen",
    "rows",
    "rows needed",
)
_TO_THE_LEFT = {"as of", "preference", "mode", "verdict"}


def result_table(results: Sequence[LisResult]) -> str:
    """Align the results in columns, one line each, without a trailing line break.

    LIS, interval, placebo and seen are AUC differences, all but seen on held-out rows. A placebo
    whose interval does not hold 0 has an exclamation mark.
    """
    if not results:
        return "no results"
    return in_columns(_HEADER, [_cells(result) for result in ordered(results)], _TO_THE_LEFT)


def _cells(result: LisResult) -> tuple[str, ...]:
    return (
        result.as_of,
        result.preference,
        result.mode,
        str(result.horizon),
        signed(result.lis),
        interval(result),
        result.verdict,
        _placebo(result),
        signed(result.lis_seen),
        count(result.rows),
        count(result.rows_needed),
    )


def _placebo(result: LisResult) -> str:
    mark = "!" if misses_zero(result.placebo_ci_low, result.placebo_ci_high) else ""
    return f"{signed(result.placebo)}{mark}"

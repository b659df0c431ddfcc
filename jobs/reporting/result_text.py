"""Results as a table of plain text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.evaluation.figure import Figure
from jobs.evaluation.figures import all_figures
from jobs.evaluation.result import LisResult
from jobs.reporting.text_columns import in_columns
from jobs.reporting.wording import interval, is_suspicious, ordered, signed, value_text

_HEADER = (
    "as of",
    "preference",
    "mode",
    "n",
    "LIS",
    "interval",
    "verdict",
)
_FIGURES = {
    "placebo": "placebo",
    "lis_seen": "seen",
    "rows": "rows",
    "rows_needed": "rows needed",
}
"""Header of each figure that has a column; columns follow the order of declaration."""
_TO_THE_LEFT = {"as of", "preference", "mode", "verdict"}


def result_table(results: Sequence[LisResult]) -> str:
    """Align the results in columns, one line each, without a trailing line break.

    LIS, interval, placebo and seen are AUC differences, all but seen on held-out rows. A placebo
    whose interval excludes 0 is marked with an exclamation mark.
    """
    if not results:
        return "no results"
    header = [*_HEADER, *(_FIGURES[figure.name] for figure in _shown())]
    return in_columns(header, [_cells(result) for result in ordered(results)], _TO_THE_LEFT)


def _cells(result: LisResult) -> tuple[str, ...]:
    return (
        result.as_of,
        result.preference,
        result.mode,
        str(result.horizon),
        signed(result.lis),
        interval(result.estimate),
        result.verdict,
        *(_cell(result, figure) for figure in _shown()),
    )


def _shown() -> list[Figure]:
    return [figure for figure in all_figures() if figure.name in _FIGURES]


def _cell(result: LisResult, figure: Figure) -> str:
    value = result.value(figure)
    return f"{value_text(figure, value)}{'!' if is_suspicious(figure, value) else ''}"

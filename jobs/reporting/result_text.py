"""Results as a table of plain text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.evaluation.figure import Figure
from jobs.evaluation.figures import all_figures
from jobs.evaluation.result import LisResult, Subject
from jobs.reporting.text_columns import in_ascii, in_columns
from jobs.reporting.verdict_text import (
    looks_sentence,
    reason,
    simple_models_sentence,
    worth_sentence,
)
from jobs.reporting.wording import by_worth, interval, is_suspicious, ordered, signed, value_text

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
    "leak_gain": "future adds",
    "unleaked_gain": "today",
    "placebo": "placebo",
    "lis_seen": "seen",
    "rows": "rows",
    "rows_needed": "rows needed",
}
"""Header of each figure that has a column; columns follow the order of declaration."""
_ONLY_IF_MEASURED = {"leak_gain", "unleaked_gain"}
"""Figures whose column is left out where no result has them."""
_TO_THE_LEFT = {"as of", "preference", "mode", "verdict"}


def result_table(results: Sequence[LisResult]) -> str:
    """Align the results in columns, one line each by worth, without a trailing line break.

    LIS, interval, its two parts, placebo and seen are AUC differences, all but seen on held-out
    rows. A placebo whose interval excludes 0 is marked with an exclamation mark.
    """
    if not results:
        return "no results"
    figures = _shown(results)
    header = [*_HEADER, *(_FIGURES[figure.name] for figure in figures)]
    return in_columns(header, [_cells(one, figures) for one in by_worth(results)], _TO_THE_LEFT)


def result_line(result: LisResult, about: Subject) -> str:
    """Return a result in one line of ASCII: LIS, interval and verdict, with its reason if any."""
    why = reason(result, about)
    return in_ascii(
        f"{result.as_of}, {result.preference}, {result.mode}, n = {result.horizon}: "
        f"LIS {signed(result.lis)} ({interval(result.estimate)}), {result.verdict}"
        f"{f': {why}' if why else ''}"
    )


def result_notes(results: Sequence[LisResult], about: Subject) -> str:
    """Return what a reader of the table must know beside it, a line each, in ASCII.

    These are the reasons of verdicts that the interval of the LIS alone does not explain, what the
    gains are worth, how good the ranker is, and for how many looks verdicts are corrected.
    """
    found: dict[str, None] = {}
    for result in by_worth(results):
        name = f"{result.preference}, {result.mode}, n = {result.horizon}"
        why, worth = reason(result, about), worth_sentence(result, about)
        if why:
            found[f"{name}: {why}."] = None
        if worth:
            found[f"{name}: {worth}"] = None
    for result in ordered(results):
        found[simple_models_sentence(result)] = None
    found[looks_sentence(results)] = None
    return in_ascii("\n".join(line for line in found if line))


def _cells(result: LisResult, figures: Sequence[Figure]) -> tuple[str, ...]:
    return (
        result.as_of,
        result.preference,
        result.mode,
        str(result.horizon),
        signed(result.lis),
        interval(result.estimate),
        result.verdict,
        *(_cell(result, figure) for figure in figures),
    )


def _shown(results: Sequence[LisResult]) -> list[Figure]:
    has_parts = any(result.leak_gain_estimate is not None for result in results)
    return [
        figure
        for figure in all_figures()
        if figure.name in _FIGURES and (has_parts or figure.name not in _ONLY_IF_MEASURED)
    ]


def _cell(result: LisResult, figure: Figure) -> str:
    value = result.value(figure)
    return f"{value_text(figure, value)}{'!' if is_suspicious(figure, value) else ''}"

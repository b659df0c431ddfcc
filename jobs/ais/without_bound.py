"""Results of lineages, which have no bound of their own."""

from __future__ import annotations

from dataclasses import replace

from jobs.evaluation.figure import Figure, Section
from jobs.evaluation.figures import alignment_figures
from jobs.evaluation.result import LisResult
from jobs.evaluation.verdict.decision import Verdict

NO_BOUND = (
    "lineages have no bound of their own: they are trained on rows whose labels the leaked data "
    "has seen; mode probe or retrain gives one"
)
_NOT_COVERED = "intervals cover held-out users and seeds, not which rows trained the lineages"
_OF_ROWS = {Section.EVIDENCE, Section.LIMITS, Section.RANKER, Section.ALIGNMENT}
_OF_BASELINE = {"auc_baseline", "gauc_baseline"}
_BESIDE_BOUND = {"rows_needed", "realised", "unrealised"}
_STILL_HOLD = {Verdict.TOO_LITTLE_DATA, Verdict.WEAK_RANKER}
"""Verdicts that the rows and the ranker give, whatever is leaked."""


def without_bound(result: LisResult) -> LisResult:
    """Take out of a result all that is said of the leaked data, in whose place vectors stood.

    Args:
        result: Of lineages; its leaked variant has the scores of the aligned vectors.
    """
    figures = {
        figure.name: result.value(figure) if _holds(figure) else figure.missing
        for figure in alignment_figures()
    }
    note = "; ".join(filter(None, (result.note, _NOT_COVERED)))
    result = replace(result, figures=figures, note=note)
    if Verdict(result.verdict) in _STILL_HOLD:
        return result
    return replace(result, verdict=Verdict.INCONCLUSIVE.value, verdict_reason=NO_BOUND)


def _holds(figure: Figure) -> bool:
    if figure.name in _BESIDE_BOUND:
        return False
    return figure.section in _OF_ROWS or figure.name in _OF_BASELINE

"""Verdicts corrected for the number of results that are looked at together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from jobs.evaluation.result import LisResult
from jobs.evaluation.verdict.decision import BY_INTERVAL, Decision, Verdict, decide_by_interval
from jobs.stats.holm import holm


def corrected_for_looks(results: Iterable[LisResult], level: float) -> list[LisResult]:
    """Return results with verdicts that hold together, in the same order.

    The results of one evaluation date and ranker form a family: all kinds, horizons and modes. A
    verdict that does not hold at a family-wise error rate of 1 - level (Holm, 1979) becomes
    inconclusive. Results whose verdict is withheld are no looks. Intervals stay those of each
    result alone, and results that were corrected before are corrected anew.

    Args:
        results: The results that are shown together.
        level: Coverage of their intervals, between 0 and 1.
    """
    given = list(results)
    families: dict[tuple[str, str, str], list[int]] = {}
    for index, result in enumerate(given):
        family = (result.scenario, result.as_of, result.ranker_version)
        families.setdefault(family, []).append(index)
    corrected = list(given)
    for indices in families.values():
        p_values = [_p_value(given[index]) for index in indices]
        looks = sum(not math.isnan(p) for p in p_values)
        holds = holm(p_values, 1 - level)
        for index, holds_together in zip(indices, holds, strict=True):
            corrected[index] = _corrected(given[index], looks, holds_together)
    return corrected


def _p_value(result: LisResult) -> float:
    """Return the p-value of the verdict; NaN where it is withheld or was not measured."""
    return float(result.verdict_p_value) if result.verdict in BY_INTERVAL else math.nan


def _corrected(result: LisResult, looks: int, holds_together: bool) -> LisResult:
    if math.isnan(_p_value(result)):
        return result
    alone = decide_by_interval(result.estimate, result.leak_gain_estimate, result.threshold)
    decision = alone
    if alone.verdict != Verdict.INCONCLUSIVE and not holds_together:
        reason = f"inconclusive after correction for {looks} looks; alone: {alone.verdict}"
        decision = Decision(Verdict.INCONCLUSIVE, reason)
    return replace(
        result, verdict=decision.verdict.value, verdict_reason=decision.reason, looks=looks
    )

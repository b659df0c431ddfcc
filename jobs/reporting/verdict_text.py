"""Sentences on the verdict of a result and what follows from it, the same wherever it is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jobs.evaluation.result import COMPARE, LisResult, Subject
from jobs.evaluation.verdict.decision import Verdict, decide_by_interval
from jobs.evaluation.verdict.worth import value_of
from jobs.preference.registry import leak_phrase
from jobs.reporting.wording import (
    between,
    days,
    interval,
    level,
    number,
    share,
    signed,
    with_minus,
)
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command

_MAY_PAY = {Verdict.WORTH_ALIGNING, Verdict.INCONCLUSIVE}


def headline(result: LisResult, about: Subject) -> str:
    """State verdict, LIS, interval, reason, and what the future adds to the data of today."""
    sentence = statement(result, about)
    return f"{result.verdict.capitalize()}: {sentence[0].lower()}{sentence[1:]}"


def statement(result: LisResult, about: Subject) -> str:
    """Return the sentences of ``headline`` without the verdict."""
    sentences = [
        _gain(result, about),
        _future_and_today(result),
        way_out(result, about),
        worth_sentence(result, about),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def reason(result: LisResult, about: Subject) -> str:
    """Return why a verdict is not the one that the interval of the LIS alone would give.

    Empty where it is.
    """
    lis_alone = decide_by_interval(result.estimate, None, result.threshold)
    if result.verdict == lis_alone.verdict or not result.verdict_reason:
        return ""
    return f"{_reason(result)}. {way_out(result, about)}".strip(". ")


def way_out(result: LisResult, about: Subject) -> str:
    """Return the command that makes a weak ranker stronger; empty for other verdicts."""
    weaker = (result.ranker_over_popularity_ci_high, result.ranker_over_logistic_ci_high)
    is_behind = result.verdict == Verdict.WEAK_RANKER and any(high < 0 for high in weaker)
    if not is_behind or not isinstance(about, Scenario):
        return ""
    return f"Run {lis_command('tune', about)}."


def worth_sentence(result: LisResult, about: Subject) -> str:
    """Set the interval of what aligning could bring against its cost.

    Empty without ``worth`` in the scenario, and where aligning could bring nothing that is known to
    count.
    """
    worth = about.worth if isinstance(about, Scenario) else None
    gain = result.deciding
    value = None if worth is None else value_of(gain, worth)
    if worth is None or value is None or result.verdict not in _MAY_PAY:
        return ""
    unit = f" {worth.unit}" if worth.unit else ""
    reached = f", {share(value.share, 0)} of this gain" if value.share <= 1 else ""
    return with_minus(
        f"{interval(gain)} AUC is worth {value.low:,.0f} to {value.high:,.0f}{unit}; alignment "
        f"costs {worth.alignment:,.0f}{unit}, which {signed(value.break_even)} AUC pays for"
        f"{reached}. The gain is an upper bound: a model may reach a small part of it."
    )


def looks_sentence(results: Sequence[LisResult]) -> str:
    """State for how many looks verdicts are corrected; empty where there is a single one."""
    looks = max((result.looks for result in results), default=1)
    if looks < 2:
        return ""
    return f"Verdicts are corrected for {looks} looks (Holm); intervals are those of each alone."


def simple_models_sentence(result: LisResult) -> str:
    """Set the AUC of the ranker beside those of simple models; empty where none was scored."""
    simple = (
        ("popularity", result.auc_popularity),
        ("logistic regression", result.auc_logistic),
    )
    known = [f"{name} {number(auc)}" for name, auc in simple if not math.isnan(auc)]
    if math.isnan(result.auc_ranker) or not known:
        return ""
    return f"Held-out AUC of the ranker {number(result.auc_ranker)}, {', '.join(known)}."


def _gain(result: LisResult, about: Subject) -> str:
    subject = _treatment(result, about)
    if math.isnan(result.lis):
        return f"{subject} gives no figure: the held-out rows do not contain both classes."
    score = f"{signed(result.lis)} ({level(about.confidence)} interval {interval(result.estimate)})"
    threshold = f"the threshold of {result.threshold:.4f}"
    moves = f"{subject} moves held-out AUC by {score}"
    if result.verdict == Verdict.WORTH_ALIGNING:
        return f"{subject} raises held-out AUC by {score}, above {threshold}."
    if result.verdict == Verdict.ALREADY_CAPTURED:
        if result.lis_ci_high < result.threshold or result.leak_gain_estimate is None:
            return f"{moves}, below {threshold}."
        return f"{moves}, but what the future adds is below {threshold}."
    if result.verdict != Verdict.INCONCLUSIVE or _is_corrected(result):
        return f"{moves}. {_no_verdict(result)}: {_reason(result)}."
    if result.deciding != result.estimate:
        crosses = f"{moves}, and the interval of what the future adds crosses {threshold}."
    else:
        crosses = f"{moves}, and the interval crosses {threshold}."
    if result.rows_needed is None:
        return crosses
    return f"{crosses} In the order of {result.rows_needed:,} held-out rows would settle it."


def _future_and_today(result: LisResult) -> str:
    """Tell apart what the future adds and what is available today; empty without the data of T."""
    future = result.leak_gain_estimate
    if future is None:
        return ""
    today = between(result.unleaked_gain_ci_low, result.unleaked_gain_ci_high)
    return (
        f"The future adds {signed(future.value)} ({interval(future)}); "
        f"{signed(result.unleaked_gain)} ({today}) is available today, with the data as of T as a "
        "feature and without any alignment."
    )


def _no_verdict(result: LisResult) -> str:
    return "Together with others" if _is_corrected(result) else "No verdict"


def _reason(result: LisResult) -> str:
    return with_minus(result.verdict_reason)


def _is_corrected(result: LisResult) -> bool:
    """Whether the verdict became inconclusive by the correction for the number of looks."""
    alone = decide_by_interval(result.estimate, result.leak_gain_estimate, result.threshold)
    return (
        result.looks > 1
        and result.verdict == Verdict.INCONCLUSIVE
        and alone.verdict != Verdict.INCONCLUSIVE
    )


def _treatment(result: LisResult, about: Subject) -> str:
    if result.mode == COMPARE:
        return "The treatment"
    scenario = about if isinstance(about, Scenario) else None
    return f"Leaking {leak_phrase(result.preference, days(result.horizon), scenario)}"

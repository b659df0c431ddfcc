"""How a result is put into words and figures: the same ones wherever it is shown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta

from jobs.lis.result import LisResult, Slice
from jobs.lis.verdict import Verdict

MISSING = "\N{EN DASH}"

_LEAKED = {
    "id_embedding": "the item-ID embeddings that the ranker will hold {days} later",
    "similar_items": "the items found most similar by behaviour up to {days} later",
    "next_click": "the item that the user clicks next, within {days}",
}
_MODES = {
    "swap": "The leaked data replaces what the ranker holds; nothing is trained.",
    "retrain": "A baseline and a leaked ranker are trained side by side, each row out of fold.",
    "probe": "A small tower is trained on the frozen ranker, each row out of fold.",
}


def signed(value: float, digits: int = 4) -> str:
    """A difference with its sign, such as ``+0.0123``; what rounds to zero has none."""
    if math.isnan(value):
        return MISSING
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def figure(value: float, digits: int = 4) -> str:
    """A figure that is no difference, such as an AUC."""
    return MISSING if math.isnan(value) else f"{value:.{digits}f}"


def count(value: int | None) -> str:
    """A whole number with its thousands set apart."""
    return MISSING if value is None else f"{value:,}"


def about(value: int) -> str:
    """A whole number to two significant digits."""
    return f"{int(float(f'{value:.2g}')):,}"


def share(value: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return MISSING if math.isnan(value) else f"{100 * value:.{digits}f} %"


def seconds(value: float) -> str:
    """A duration in seconds."""
    return MISSING if math.isnan(value) else f"{value:,.1f} s"


def level(confidence: float) -> str:
    """The coverage of an interval, such as ``95 %``."""
    return f"{100 * confidence:g} %"


def interval(result: LisResult | Slice) -> str:
    """The interval of the held-out LIS, such as ``+0.0101 to +0.0145``."""
    if math.isnan(result.lis_ci_low) or math.isnan(result.lis_ci_high):
        return MISSING
    return f"{signed(result.lis_ci_low)} to {signed(result.lis_ci_high)}"


def days(horizon: int) -> str:
    return "1 day" if horizon == 1 else f"{horizon} days"


def leaked_what(result: LisResult) -> str:
    """What is leaked from the future, as a noun phrase."""
    phrase = _LEAKED.get(result.preference)
    if phrase is None:
        return f"the preference data “{result.preference}” as known {days(result.horizon)} later"
    return phrase.format(days=days(result.horizon))


def mode_sentence(mode: str) -> str:
    """How the leaked data reaches the ranker."""
    return _MODES.get(mode, f"The leaked data reaches the ranker in mode “{mode}”.")


def headline(result: LisResult, confidence: float) -> str:
    """One sentence or two: the verdict, the score, its interval, and what would settle it."""
    said = statement(result, confidence)
    return f"{result.verdict.capitalize()}: {said[0].lower()}{said[1:]}"


def statement(result: LisResult, confidence: float) -> str:
    """As ``headline``, where the verdict already stands beside it."""
    subject = f"Leaking {leaked_what(result)}"
    if math.isnan(result.lis):
        return f"{subject} gives no figure, for the held-out rows do not hold both classes."
    score = f"{signed(result.lis)} ({level(confidence)} interval {interval(result)})"
    threshold = f"{result.threshold:.4f}"
    if result.verdict == Verdict.WORTH_ALIGNING:
        return f"{subject} raises held-out AUC by {score}, above the threshold of {threshold}."
    if result.verdict == Verdict.ALREADY_CAPTURED:
        return f"{subject} moves held-out AUC by {score}, below the threshold of {threshold}."
    crosses = (
        f"{subject} moves held-out AUC by {score}, "
        f"and the interval crosses the threshold of {threshold}."
    )
    if result.rows_needed is None:
        return crosses
    return f"{crosses} About {about(result.rows_needed)} held-out rows would settle it."


def windows(result: LisResult) -> dict[str, str]:
    """What each side of the comparison was allowed to see, by name."""
    if result.is_pooled:
        first, last = result.as_of.split(":")
        return {
            "Scored rows": f"each day T from {first} to {last}",
            "Baseline has seen": "days before T",
            "Leaked data has seen": f"days before T + {result.horizon}",
        }
    leaked_until = result.last_day + timedelta(days=result.horizon)
    return {
        "Scored rows": result.as_of,
        "Baseline has seen": f"days before {result.as_of}",
        "Leaked data has seen": f"days before {leaked_until}",
    }


def ordered(results: Iterable[LisResult]) -> list[LisResult]:
    """By preference, mode, horizon, then date; a pooled result follows its days."""
    return sorted(
        results,
        key=lambda result: (
            result.preference,
            result.mode,
            result.horizon,
            result.is_pooled,
            result.last_day,
            result.as_of,
        ),
    )


def headlined(results: Iterable[LisResult]) -> list[LisResult]:
    """One result for each preference, mode and horizon: the pooled one, else the newest day."""
    chosen: dict[tuple[str, str, int], LisResult] = {}
    for result in ordered(results):
        chosen[result.preference, result.mode, result.horizon] = result
    return list(chosen.values())

"""How a result is put into words and figures: the same ones wherever it is shown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta

from jobs.evaluation.result import LisResult, Slice
from jobs.evaluation.verdict import Verdict

MISSING = "\N{EN DASH}"

_LEAKED = {
    "id_embedding": "the item-ID embeddings that the ranker will hold {days} later",
    "semantic_ids": "codes of the item-ID embeddings that the ranker will hold {days} later",
    "co_click_embedding": "item vectors from the co-clicks up to {days} later",
    "similar_items": "the items found most similar by behaviour up to {days} later",
    "similar_items_cosine": "the items found most similar by co-clicks up to {days} later",
    "next_click": "the item that the user clicks next, within {days}",
    "future_popularity": "how often items are shown and clicked up to {days} later",
}
_MODES = {
    "swap": "The leaked data replaces what the ranker holds; nothing is trained. With no day of "
    "leak it must gain exactly nothing.",
    "retrain": "Rankers that differ in one feature alone are trained side by side on the fit rows "
    "of the days before T: without the feature, with it as known on the day, with it leaked, and "
    "with the leak shuffled among items (the placebo). No row meets a feature that has seen its "
    "own label.",
    "probe": "The ranker of each day stays frozen. Small towers on it are fitted to the fit rows "
    "of the days before T: without the feature, with it as known on the day, with it leaked, and "
    "with the leak shuffled among items (the placebo). No row meets a feature that has seen its "
    "own label.",
}
_EVAL_ROWS_SEEN = {
    "no": "No label of a held-out row went into the leaked data.",
    "unknown": "It is not known whether labels of held-out rows went into it. If they did, a part "
    "of its held-out LIS is memorised labels.",
    "yes": "Labels of held-out rows went into it, so a part of its held-out LIS is memorised "
    "labels: the true gain lies below.",
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


def between(low: float, high: float) -> str:
    """An interval, such as ``+0.0101 to +0.0145``."""
    if math.isnan(low) or math.isnan(high):
        return MISSING
    return f"{signed(low)} to {signed(high)}"


def misses_zero(low: float, high: float) -> bool:
    """Whether an interval leaves 0 out; one that could not be computed does not."""
    return low > 0 or high < 0


def margin(low: float, high: float) -> str:
    """Half the width of an interval, such as ``±0.0022``."""
    return MISSING if math.isnan(high - low) else f"±{figure((high - low) / 2)}"


def interval(result: LisResult | Slice) -> str:
    """The interval of the held-out LIS."""
    return between(result.lis_ci_low, result.lis_ci_high)


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


def eval_rows_seen(value: str) -> str:
    """Whether held-out labels went into the leaked data, and what that does to the LIS."""
    return _EVAL_ROWS_SEEN.get(value, _EVAL_ROWS_SEEN["unknown"])


def warnings(results: Iterable[LisResult]) -> list[str]:
    """What keeps results from being taken at their word, a sentence or two each."""
    found: dict[str, None] = {}
    for result in ordered(results):
        if result.eval_rows_seen != "no":
            found[f"{result.preference}: {eval_rows_seen(result.eval_rows_seen)}"] = None
    for result in ordered(results):
        if misses_zero(result.placebo_ci_low, result.placebo_ci_high):
            found[
                f"{result.preference}, {result.mode}, {days(result.horizon)} of leak: the placebo "
                f"gains {signed(result.placebo)} (interval "
                f"{between(result.placebo_ci_low, result.placebo_ci_high)}) where a shuffled leak "
                "should gain nothing. Find out why before acting on this score; among many "
                "placebos, one in twenty does so by chance."
            ] = None
    return list(found)


def windows(result: LisResult) -> dict[str, str]:
    """What each side of the comparison was allowed to see, by name. Ends are excluded."""
    n, fitted, back = result.horizon, result.fit_days, result.lookback_days
    if result.is_pooled:
        first, last = result.as_of.split(":")
        scored, before, leaked = f"each day T from {first} to {last}", "T", f"T + {n}"
        fit_from, back_from = f"T \N{MINUS SIGN} {fitted}", f"T + {n} \N{MINUS SIGN} {back}"
    else:
        day = result.last_day
        scored, before = result.as_of, result.as_of
        leaked = (day + timedelta(days=n)).isoformat()
        fit_from = (day - timedelta(days=fitted)).isoformat()
        back_from = (day + timedelta(days=n - back)).isoformat()
    return {
        "Scored rows": scored,
        "Baseline has seen": f"days before {before}",
        "Leaked data has seen": f"days before {leaked}",
        "Looks back": f"to {back_from} ({days(back)})" if back else "no limit",
        "Trained on": f"fit rows from {fit_from}, before {before}" if fitted else "nothing",
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
            result.ranker_version,
        ),
    )


def headlined(results: Iterable[LisResult]) -> list[LisResult]:
    """One result for each preference, mode and horizon: of the newest day.

    Where there are pooled ones, only these: a single day says little beside them.
    """
    shown = ordered(results)
    chosen: dict[tuple[str, str, int], LisResult] = {}
    for result in [result for result in shown if result.is_pooled] or shown:
        chosen[result.preference, result.mode, result.horizon] = result
    return list(chosen.values())

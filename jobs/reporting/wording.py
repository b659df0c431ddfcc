"""Sentences and formatted figures about results, the same wherever a result is shown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import timedelta

from jobs.evaluation.figure import Figure, Format, Value
from jobs.evaluation.result import COMPARE, LisResult
from jobs.evaluation.verdict.decision import BY_WORTH
from jobs.stats.estimate import Estimate

MISSING = "\N{EN DASH}"
SMALLEST_P_VALUE = 0.0001

_MODES = {
    COMPARE: "Both scores were computed outside this project, which compares them row by row.",
    "swap": "The leaked data replaces the embeddings of the ranker; nothing is trained. With a "
    "horizon of 0 days the gain must be exactly 0.",
    "retrain": "Rankers that differ in a single feature are trained side by side on the fit rows "
    "of the days before T: without the feature, with the feature as available on the day, with "
    "the leaked feature, and with the leaked feature shuffled among items (the placebo). No row is "
    "combined with a feature that has seen the label of that row.",
    "probe": "The ranker of each day stays frozen. Small towers on top of it are fitted to the fit "
    "rows of the days before T: without the feature, with the feature as available on the day, "
    "with the leaked feature, and with the leaked feature shuffled among items (the placebo). No "
    "row is combined with a feature that has seen the label of that row.",
}
_OUTSIDE = (
    "The scores come from outside this project. The comparison holds for rows that trained neither "
    "score; on rows that did, a gain may be memorised labels."
)
_EVAL_ROWS_SEEN = {
    "no": "No label of a held-out row went into the leaked data.",
    "unknown": "Labels of held-out rows may have gone into the leaked data. If they did, a part of "
    "the held-out LIS is memorised labels.",
    "yes": "Labels of held-out rows went into the leaked data, so a part of the held-out LIS is "
    "memorised labels: the true gain is lower.",
}


def signed(value: float, digits: int = 4) -> str:
    """Format a difference with its sign, such as ``+0.0123``; zero after rounding has none."""
    if math.isnan(value):
        return MISSING
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def with_minus(text: str) -> str:
    """Replace the hyphen before a number by a minus sign."""
    return re.sub(r"-(?=\d)", "\N{MINUS SIGN}", text)


def number(value: float, digits: int = 4) -> str:
    """Format a number without a sign, such as an AUC."""
    return MISSING if math.isnan(value) else f"{value:.{digits}f}"


def p_value(value: float) -> str:
    """Format a p-value; one that four digits cannot tell from 0 is ``< 0.0001``."""
    return f"< {SMALLEST_P_VALUE}" if value < SMALLEST_P_VALUE else number(value)


def count(value: int | None) -> str:
    """Format a count with a separator of thousands."""
    return MISSING if value is None else f"{value:,}"


def share(value: float, digits: int = 1) -> str:
    """Format a share as a percentage."""
    return MISSING if math.isnan(value) else f"{100 * value:.{digits}f} %"


def seconds(value: float) -> str:
    """Format a duration in seconds."""
    return MISSING if math.isnan(value) else f"{value:,.1f} s"


def level(confidence: float) -> str:
    """Format the coverage of an interval, such as ``95 %``."""
    return f"{100 * confidence:g} %"


def between(low: float, high: float) -> str:
    """Format an interval, such as ``+0.0101 to +0.0145``."""
    if math.isnan(low) or math.isnan(high):
        return MISSING
    return f"{signed(low)} to {signed(high)}"


def excludes_zero(low: float, high: float) -> bool:
    """Whether an interval excludes 0; a missing one does not."""
    return low > 0 or high < 0


def margin(low: float, high: float) -> str:
    """Format half the width of an interval, such as ``±0.0022``."""
    return MISSING if math.isnan(high - low) else f"±{number((high - low) / 2)}"


def value_text(figure: Figure, value: Value) -> str:
    """Format the value of a figure, of an estimate without its interval."""
    if isinstance(value, Estimate):
        return value_text(figure, value.value)
    if figure.is_count:
        return count(None if value is None else int(value))
    return _FORMATS[figure.format](math.nan if value is None else value)


_FORMATS = {
    Format.DIFFERENCE: signed,
    Format.NUMBER: number,
    Format.SHARE: share,
    Format.P_VALUE: p_value,
}


def is_suspicious(figure: Figure, value: Value) -> bool:
    """Whether a figure that should be 0 has an interval that excludes it."""
    return (
        figure.should_be_zero
        and isinstance(value, Estimate)
        and excludes_zero(value.ci_low, value.ci_high)
    )


def interval(estimate: Estimate) -> str:
    """Format the interval of an estimate."""
    return between(estimate.ci_low, estimate.ci_high)


def share_interval(estimate: Estimate) -> str:
    """Format a share with its interval, such as ``62 % (41 to 85 %)``."""
    if not estimate.has_interval:
        return share(estimate.value, 0)
    low, high = (f"{100 * end:.0f}" for end in (estimate.ci_low, estimate.ci_high))
    return with_minus(f"{share(estimate.value, 0)} ({low} to {high} %)")


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, cut at its end if it has more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def days(horizon: int) -> str:
    """Format a number of days."""
    return "1 day" if horizon == 1 else f"{horizon} days"


def mode_sentence(mode: str) -> str:
    """Describe how the leaked data reaches the ranker."""
    return _MODES.get(mode, f"The leaked data reaches the ranker in mode “{mode}”.")


def eval_rows_seen(value: str) -> str:
    """State whether held-out labels went into the leaked data, and the effect on the LIS."""
    return _EVAL_ROWS_SEEN.get(value, _EVAL_ROWS_SEEN["unknown"])


def warnings(results: Iterable[LisResult]) -> list[str]:
    """Return reasons to distrust results, a sentence or two each."""
    found: dict[str, None] = {}
    for result in ordered(results):
        if result.mode == COMPARE:
            found[_OUTSIDE] = None
        elif result.eval_rows_seen != "no":
            found[f"{result.preference}: {eval_rows_seen(result.eval_rows_seen)}"] = None
    for result in ordered(results):
        if excludes_zero(result.placebo_ci_low, result.placebo_ci_high):
            found[
                f"{result.preference}, {result.mode}, {days(result.horizon)} of leak: the placebo "
                f"gains {signed(result.placebo)} (interval "
                f"{between(result.placebo_ci_low, result.placebo_ci_high)}) where a shuffled leak "
                "should gain nothing. Find the reason before acting on this result; one placebo in "
                "twenty does so by chance."
            ] = None
    return list(found)


def windows(result: LisResult) -> dict[str, str]:
    """Return the data that each side of the comparison could use, by label; ends excluded."""
    if result.mode == COMPARE:
        return {"Evaluated rows": result.as_of.replace(":", " to ")}
    n, fitted, back = result.horizon, result.fit_days, result.lookback_days
    if result.is_pooled:
        first, last = result.as_of.split(":")
        evaluated, before, leaked = f"each day T from {first} to {last}", "T", f"T + {n}"
        fit_from, back_from = f"T \N{MINUS SIGN} {fitted}", f"T + {n} \N{MINUS SIGN} {back}"
    else:
        day = result.last_day
        evaluated, before = result.as_of, result.as_of
        leaked = (day + timedelta(days=n)).isoformat()
        fit_from = (day - timedelta(days=fitted)).isoformat()
        back_from = (day + timedelta(days=n - back)).isoformat()
    return {
        "Evaluated rows": evaluated,
        "Baseline has seen": f"days before {before}",
        "Leaked data has seen": f"days before {leaked}",
        "Looks back": f"to {back_from} ({days(back)})" if back else "no limit",
        "Trained on": f"fit rows from {fit_from}, before {before}" if fitted else "nothing",
    }


def ordered(results: Iterable[LisResult]) -> list[LisResult]:
    """Sort by preference, mode, horizon and date; a pooled result follows its days."""
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


def by_worth(results: Iterable[LisResult]) -> list[LisResult]:
    """Sort by verdict, and then by the lower end of the interval that decides, highest first."""
    verdicts: list[str] = [verdict.value for verdict in BY_WORTH]

    def rank(result: LisResult) -> tuple[int, float, float]:
        decisive = result.deciding
        values = (decisive.ci_low, decisive.value)
        low, value = (math.inf if math.isnan(number) else -number for number in values)
        place = verdicts.index(result.verdict) if result.verdict in verdicts else len(verdicts)
        return place, low, value

    return sorted(ordered(results), key=rank)


def leading_results(results: Iterable[LisResult]) -> list[LisResult]:
    """Return one result for each preference, mode and horizon: that of the newest day.

    If there are pooled results, only these count: they have more evidence than a single day.
    """
    shown = ordered(results)
    chosen: dict[tuple[str, str, int], LisResult] = {}
    for result in [result for result in shown if result.is_pooled] or shown:
        chosen[result.preference, result.mode, result.horizon] = result
    return list(chosen.values())

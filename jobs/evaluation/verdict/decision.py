"""The verdict on a result: what its interval says, or why no verdict is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from jobs.stats.auc_difference import PairedComparison
from jobs.stats.estimate import Estimate
from jobs.stats.seed_variance import two_sided

THRESHOLD = 0.0010
"""The AUC gain that arXiv 2508.04963 counts as significant."""
FEWEST_USERS = 10
"""The fewest users with a positive, users with a negative, and effective users of a verdict."""
LEAST_COVERAGE = 0.5
"""The smallest share of held-out rows that the leaked data must cover."""


class Verdict(StrEnum):
    """Whether the treatment brings a gain that the baseline does not have yet, or why not known."""

    WORTH_ALIGNING = "worth aligning"
    ALREADY_CAPTURED = "already captured"
    INCONCLUSIVE = "inconclusive"
    FEATURE_NOT_USED = "feature not used"
    TOO_LITTLE_DATA = "too little data"
    WEAK_RANKER = "weak ranker"
    PLACEBO_NOT_ZERO = "placebo not zero"


BY_WORTH = (
    Verdict.WORTH_ALIGNING,
    Verdict.INCONCLUSIVE,
    Verdict.FEATURE_NOT_USED,
    Verdict.WEAK_RANKER,
    Verdict.PLACEBO_NOT_ZERO,
    Verdict.TOO_LITTLE_DATA,
    Verdict.ALREADY_CAPTURED,
)
"""The order in which results are shown: what is open stands before what is settled as worthless."""
BY_INTERVAL = {Verdict.WORTH_ALIGNING, Verdict.ALREADY_CAPTURED, Verdict.INCONCLUSIVE}
"""Verdicts that an interval gives; in all others the verdict is withheld."""


@dataclass(frozen=True)
class Decision:
    """A verdict and its reason.

    Attributes:
        reason: A clause that begins with a small letter and ends without a full stop.
    """

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on; a comparison is None where the result lacks one of its variants.

    Attributes:
        lis: Gain of the treatment over the baseline.
        threshold: The AUC difference that counts as significant.
        level: Coverage of the intervals, between 0 and 1.
        coverage: Share of held-out rows that the leaked data covers; NaN if unavailable.
        leak_gain: Gain of the leaked data over the same data as available at T.
        placebo: Gain of the shuffled leaked data over the baseline.
        over_popularity: Gain of the ranker over popularity.
        over_logistic: Gain of the ranker over the logistic regression.
        baseline_over_ranker: Gain of the baseline over the ranker that it starts from.
    """

    lis: PairedComparison
    threshold: float
    level: float
    coverage: float = math.nan
    leak_gain: PairedComparison | None = None
    placebo: PairedComparison | None = None
    over_popularity: PairedComparison | None = None
    over_logistic: PairedComparison | None = None
    baseline_over_ranker: PairedComparison | None = None


def decide(evidence: Evidence) -> Decision:
    """Return the verdict on a result.

    It is withheld, in this order, where there is too little data for an interval to hold, where
    the treatment orders all rows as the baseline does, where the ranker is weaker than a simple
    model or the baseline weaker than the ranker, and where the placebo gains or loses. Else the
    intervals decide.
    """
    for check in (_too_little_data, _feature_not_used, _weak_ranker, _placebo_not_zero):
        withheld = check(evidence)
        if withheld is not None:
            return withheld
    future = None if evidence.leak_gain is None else Estimate.of(evidence.leak_gain)
    return decide_by_interval(Estimate.of(evidence.lis), future, evidence.threshold)


def decide_by_interval(lis: Estimate, leak_gain: Estimate | None, threshold: float) -> Decision:
    """Compare intervals of AUC differences with the threshold.

    Aligning can bring no more than the LIS, and no more than the future adds to what is available
    already. So both must lie above the threshold to be worth it, and it is enough if one of the two
    lies below. An interval that touches or crosses the threshold is inconclusive, and so is a NaN.

    Args:
        lis: Gain of the leaked data over the baseline.
        leak_gain: Gain of the leaked data over the same data as available at T; None where that
            was not measured.
        threshold: The AUC difference that counts as significant.
    """
    limits = f"the threshold of {threshold:.4f}"
    if not lis.has_interval:
        return Decision(Verdict.INCONCLUSIVE, "there is no interval")
    both = [lis] if leak_gain is None or not leak_gain.has_interval else [lis, leak_gain]
    if all(each.ci_low > threshold for each in both):
        what = "the interval lies" if len(both) == 1 else "the LIS and what the future adds lie"
        return Decision(Verdict.WORTH_ALIGNING, f"{what} above {limits}")
    if lis.ci_high < threshold:
        return Decision(Verdict.ALREADY_CAPTURED, f"the interval lies below {limits}")
    if any(each.ci_high < threshold for each in both):
        reason = f"what the future adds to the data as available at T lies below {limits}"
        return Decision(Verdict.ALREADY_CAPTURED, reason)
    what = (
        "the interval"
        if deciding(lis, leak_gain) is lis
        else "the interval of what the future adds"
    )
    return Decision(Verdict.INCONCLUSIVE, f"{what} crosses {limits}")


def deciding(lis: Estimate, leak_gain: Estimate | None) -> Estimate:
    """Return the difference that limits what aligning can bring: the lower of the two."""
    if leak_gain is None or not leak_gain.has_interval or leak_gain.value >= lis.value:
        return lis
    return leak_gain


def deciding_comparison(evidence: Evidence) -> PairedComparison:
    """Return the comparison of the difference that ``deciding`` chooses."""
    lis, leak_gain = evidence.lis, evidence.leak_gain
    if leak_gain is None or deciding(Estimate.of(lis), Estimate.of(leak_gain)) == Estimate.of(lis):
        return lis
    return leak_gain


def verdict_p_value(evidence: Evidence) -> float:
    """Return the two-sided p-value of aligning bringing exactly the threshold.

    Above the threshold both differences have to differ from it, so the larger p-value counts; below
    it is enough if one does. The p-value is below 1 - level exactly where the intervals give
    another verdict than inconclusive; NaN if the LIS has no standard error.
    """
    threshold = evidence.threshold
    both = [evidence.lis]
    if evidence.leak_gain is not None and not math.isnan(evidence.leak_gain.se):
        both.append(evidence.leak_gain)
    below = [one for one in both if not one.difference > threshold]
    p_values = [two_sided(one.difference - threshold, one.se, one.degrees) for one in below or both]
    return min(p_values) if below else max(p_values)


def _too_little_data(evidence: Evidence) -> Decision | None:
    lis = evidence.lis
    reason = None
    if math.isnan(lis.difference):
        reason = "the held-out rows do not contain both classes"
    elif min(lis.users_with_positive, lis.users_with_negative) < FEWEST_USERS:
        reason = (
            f"{lis.users_with_positive} users have a held-out click and {lis.users_with_negative} "
            f"a held-out row without one; an interval holds from {FEWEST_USERS} each"
        )
    elif lis.effective_users < FEWEST_USERS:
        reason = (
            f"the held-out rows count as {lis.effective_users:.1f} equal users, of which an "
            f"interval needs {FEWEST_USERS}: a single user has {lis.largest_user_share:.0%}"
        )
    elif math.isnan(lis.ci_low):
        reason = "the held-out rows give no interval"
    elif evidence.coverage < LEAST_COVERAGE:
        reason = (
            f"the leaked data covers {evidence.coverage:.0%} of the held-out rows, less than "
            f"{LEAST_COVERAGE:.0%}"
        )
    return None if reason is None else Decision(Verdict.TOO_LITTLE_DATA, reason)


def _feature_not_used(evidence: Evidence) -> Decision | None:
    if evidence.lis.difference or evidence.lis.se:
        return None
    return Decision(
        Verdict.FEATURE_NOT_USED,
        "the leaked scores order every pair of held-out rows as the baseline does: the ranker made "
        "no use of the data, which is no evidence against the data",
    )


def _weak_ranker(evidence: Evidence) -> Decision | None:
    for name, found in (
        ("popularity", evidence.over_popularity),
        ("a logistic regression on counts", evidence.over_logistic),
    ):
        if found is not None and found.ci_high < 0:
            reason = f"the ranker is weaker than counting: {_below(found, name)}; tune it first"
            return Decision(Verdict.WEAK_RANKER, reason)
    found = evidence.baseline_over_ranker
    if found is not None and found.ci_high < 0:
        reason = (
            "the trained baseline is weaker than the ranker that it starts from, and the LIS would "
            f"count the repair: {_below(found, 'the ranker')}"
        )
        return Decision(Verdict.WEAK_RANKER, reason)
    return None


def _below(found: PairedComparison, name: str) -> str:
    return (
        f"AUC {found.auc_treatment:.4f}, {name} {found.auc_baseline:.4f} (difference "
        f"{_range(found)})"
    )


def _placebo_not_zero(evidence: Evidence) -> Decision | None:
    placebo = evidence.placebo
    if placebo is None or not (placebo.ci_low > 0 or placebo.ci_high < 0):
        return None
    return Decision(
        Verdict.PLACEBO_NOT_ZERO,
        f"the shuffled leak should gain nothing and gains {placebo.difference:+.4f} (interval "
        f"{_range(placebo)}); one in {1 / (1 - evidence.level):.0f} does so by chance",
    )


def _range(found: PairedComparison) -> str:
    return f"{found.ci_low:+.4f} to {found.ci_high:+.4f}"

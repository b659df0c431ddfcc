"""Where the gain that a LIS promises was lost: in the data, in the alignment, or in its use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from jobs.evaluation.verdict.decision import BY_INTERVAL, Verdict
from jobs.stats.estimate import Estimate

MOST_OF_IT = 0.5
"""The share of the bound from which a gain counts as realised."""
GOOD_RECALL = 0.5
"""The mean recall of validation items from which an encoder counts as aligned."""
MOST_EXPLAINED = 0.5
"""The share of their targets' variance from which aligned vectors say what is leaked.

A smaller share is no evidence against an encoder: what ranks items may be a small part of it.
"""


class Diagnosis(StrEnum):
    """What became of the bound (arXiv 2508.04963, sections 1 and 2)."""

    REALISED = "realised"
    BOUND_TOO_LOW = "bound too low"
    LOST_IN_ALIGNMENT = "lost in alignment"
    LOST_IN_USE = "lost in use"
    INCONCLUSIVE = "inconclusive"
    WITHHELD = "withheld"


@dataclass(frozen=True)
class Finding:
    """A diagnosis and its reason.

    Attributes:
        reason: A clause that begins with a small letter and ends without a full stop.
    """

    diagnosis: Diagnosis
    reason: str


@dataclass(frozen=True)
class Measured:
    """What a diagnosis rests on.

    Attributes:
        ais: Gain of the aligned vectors over the baseline.
        bound: Gain of the leaked data over the baseline, on the same rows with the same head.
        realised: AIS / LIS.
        placebo: Gain of the aligned vectors shuffled among items.
        recall: Mean recall of validation items.
        explained: Share of the variance of their targets that the vectors tell; NaN if unavailable.
        verdict: The verdict on the bound.
        verdict_reason: Its reason.
        threshold: The AUC difference that counts as significant.
        rows_needed: Order of magnitude of the rows that would move the AIS off 0; None if
            unavailable.
    """

    ais: Estimate
    bound: Estimate
    realised: Estimate
    placebo: Estimate
    recall: float
    verdict: str
    verdict_reason: str
    threshold: float
    rows_needed: int | None = None
    explained: float = math.nan


def diagnose(measured: Measured) -> Finding:
    """Return what became of the bound.

    It is withheld where the verdict on the bound is, where there is no bound, and where shuffled
    content gains or loses. It is inconclusive where the interval of the bound or of the AIS crosses
    the threshold.
    """
    return _withheld(measured) or _bound(measured) or _what_was_realised(measured)


def _withheld(measured: Measured) -> Finding | None:
    placebo = measured.placebo
    if Verdict(measured.verdict) not in BY_INTERVAL:
        reason = measured.verdict_reason or measured.verdict
        return Finding(Diagnosis.WITHHELD, f"{measured.verdict}: {reason}")
    if not measured.ais.has_interval:
        return Finding(Diagnosis.WITHHELD, "the AIS has no interval")
    if placebo.ci_low > 0 or placebo.ci_high < 0:
        return Finding(
            Diagnosis.WITHHELD,
            f"shuffled content should gain nothing and gains {placebo.value:+.4f} (interval "
            f"{_range(placebo)})",
        )
    if math.isnan(measured.bound.value):
        return Finding(Diagnosis.WITHHELD, measured.verdict_reason or "no bound is measured")
    return None


def _bound(measured: Measured) -> Finding | None:
    bound, threshold = measured.bound, measured.threshold
    if bound.ci_high < threshold:
        return Finding(
            Diagnosis.BOUND_TOO_LOW,
            f"the LIS ({bound.value:+.4f}, {_range(bound)}) lies below the threshold of "
            f"{threshold:.4f}: no alignment with this data can bring more",
        )
    if not bound.ci_low > threshold:
        return Finding(
            Diagnosis.INCONCLUSIVE,
            f"the interval of the LIS ({_range(bound)}) crosses the threshold of {threshold:.4f}",
        )
    return None


def _what_was_realised(measured: Measured) -> Finding:
    ais, threshold, share = measured.ais, measured.threshold, measured.realised.value
    of_bound = f"the AIS ({ais.value:+.4f}, {_range(ais)}) is {share:.0%} of the LIS"
    if ais.ci_low > threshold and share >= MOST_OF_IT:
        return Finding(Diagnosis.REALISED, of_bound)
    if ais.ci_low <= threshold <= ais.ci_high:
        needed = ""
        if measured.rows_needed is not None:
            needed = f"; about {measured.rows_needed:,} held-out rows would tell it from 0"
        elif ais.value and ais.ci_low <= 0 <= ais.ci_high:
            needed = (
                "; held-out rows alone would not tell it from 0, as the rows that rankers are "
                "fitted to leave more doubt: a longer fit.days would do more"
            )
        return Finding(
            Diagnosis.INCONCLUSIVE,
            f"the interval of the AIS ({_range(ais)}) crosses the threshold of {threshold:.4f}"
            f"{needed}",
        )
    if math.isnan(measured.recall):
        return Finding(Diagnosis.INCONCLUSIVE, f"{of_bound}, and the encoder has no recall")
    learnt = f"the mean recall of validation items is {measured.recall:.2f}"
    if not math.isnan(measured.explained):
        learnt += f" and the vectors tell {measured.explained:.0%} of their targets' variance"
    # Among items that are alike, recall is low however well an encoder tells what they are.
    if measured.recall >= GOOD_RECALL or measured.explained >= MOST_EXPLAINED:
        return Finding(Diagnosis.LOST_IN_USE, f"{of_bound} although {learnt}")
    return Finding(Diagnosis.LOST_IN_ALIGNMENT, f"{of_bound}, and {learnt}")


def _range(found: Estimate) -> str:
    return f"{found.ci_low:+.4f} to {found.ci_high:+.4f}"

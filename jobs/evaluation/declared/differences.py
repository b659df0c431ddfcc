"""The AUC differences that figures and verdict are made of."""

from __future__ import annotations

from jobs.evaluation.figure import Difference
from jobs.evaluation.scored_day import (
    ALIGNED,
    BASELINE,
    KNOWN,
    LOGISTIC,
    PLACEBO,
    POPULARITY,
    RANKER,
    SHUFFLED,
    TREATMENT,
    UNALIGNED,
    RowGroup,
)

HEADLINE = Difference(BASELINE, TREATMENT)
"""The Leakage Impact Score."""
SEEN = Difference(BASELINE, TREATMENT, RowGroup.SEEN)
UNLEAKED_GAIN = Difference(BASELINE, KNOWN)
LEAK_GAIN = Difference(KNOWN, TREATMENT)
PLACEBO_GAIN = Difference(BASELINE, PLACEBO)
OVER_POPULARITY = Difference(POPULARITY, RANKER)
OVER_LOGISTIC = Difference(LOGISTIC, RANKER)
BASELINE_OVER_RANKER = Difference(RANKER, BASELINE)
AIS = Difference(BASELINE, ALIGNED)
"""The AUC Improvement Score."""
ALIGNMENT_GAIN = Difference(UNALIGNED, ALIGNED)
UNALIGNED_CONTENT = Difference(BASELINE, UNALIGNED)
UNREALISED = Difference(ALIGNED, TREATMENT)
SHUFFLED_GAIN = Difference(BASELINE, SHUFFLED)

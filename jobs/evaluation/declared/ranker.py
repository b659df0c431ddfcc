"""Figures that show how good the ranker is, beside simple models that know the same past."""

from __future__ import annotations

import math

from jobs.evaluation.declared.differences import (
    BASELINE_OVER_RANKER,
    OVER_LOGISTIC,
    OVER_POPULARITY,
)
from jobs.evaluation.figure import Comparisons, Derived, Figure, Format, Section
from jobs.evaluation.scored_day import LOGISTIC, POPULARITY, RANKER


def _auc(found: Comparisons, variant: str) -> float:
    """Return the AUC of a variant on held-out rows; NaN if it was not measured."""
    for difference in (OVER_POPULARITY, OVER_LOGISTIC, BASELINE_OVER_RANKER):
        if difference in found.pooled and variant == difference.baseline:
            return found[difference].auc_baseline
        if difference in found.pooled and variant == difference.treatment:
            return found[difference].auc_treatment
    return math.nan


BESIDE_SIMPLE_MODELS = (
    Figure(
        name="auc_ranker",
        label="AUC ranker",
        section=Section.RANKER,
        description="AUC of M_T's own scores on held-out rows, exact with ties.",
        measure=Derived(lambda found: _auc(found, RANKER)),
        format=Format.NUMBER,
        higher_is_better=True,
    ),
    Figure(
        name="auc_popularity",
        label="AUC popularity",
        section=Section.RANKER,
        description="AUC of the click rates of item and context on the same rows.",
        measure=Derived(lambda found: _auc(found, POPULARITY)),
        format=Format.NUMBER,
    ),
    Figure(
        name="auc_logistic",
        label="AUC logistic",
        section=Section.RANKER,
        description="AUC of a logistic regression on counts of the past on the same rows.",
        measure=Derived(lambda found: _auc(found, LOGISTIC)),
        format=Format.NUMBER,
    ),
    Figure(
        name="ranker_over_popularity",
        label="Over popularity",
        section=Section.RANKER,
        description="AUC of M_T minus that of popularity; an interval below 0 withholds the "
        "verdict.",
        measure=OVER_POPULARITY,
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="ranker_over_logistic",
        label="Over logistic",
        section=Section.RANKER,
        description="AUC of M_T minus that of the logistic regression; an interval below 0 "
        "withholds the verdict.",
        measure=OVER_LOGISTIC,
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="baseline_over_ranker",
        label="Baseline over ranker",
        section=Section.RANKER,
        description="AUC of the baseline minus that of M_T, from which it starts; an interval "
        "below 0 withholds the verdict.",
        measure=BASELINE_OVER_RANKER,
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
)

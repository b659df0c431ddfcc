"""Figures that compare the quality of baseline and leaked ranker."""

from __future__ import annotations

from jobs.evaluation.declared.differences import HEADLINE, SEEN
from jobs.evaluation.figure import Derived, Figure, Format, Section, SeedMean

QUALITY = (
    Figure(
        name="auc_baseline",
        label="AUC baseline",
        section=Section.QUALITY,
        description="AUC of the baseline on held-out rows, exact with ties.",
        measure=Derived(lambda found: found[HEADLINE].auc_baseline),
        format=Format.NUMBER,
        higher_is_better=True,
    ),
    Figure(
        name="auc_leaked",
        label="AUC leaked",
        section=Section.QUALITY,
        description="AUC of the leaked ranker on the same rows.",
        measure=Derived(lambda found: found[HEADLINE].auc_treatment),
        format=Format.NUMBER,
        higher_is_better=True,
    ),
    Figure(
        name="gauc_baseline",
        label="GAUC baseline",
        section=Section.QUALITY,
        description="Mean over users of the baseline's AUC within each user, weighted by "
        "impressions.",
        measure=SeedMean(lambda scores: (scores.gauc.gauc_baseline, scores.gauc.rows)),
        format=Format.NUMBER,
        higher_is_better=True,
    ),
    Figure(
        name="gauc_leaked",
        label="GAUC leaked",
        section=Section.QUALITY,
        description="GAUC of the leaked ranker on the same rows.",
        measure=SeedMean(lambda scores: (scores.gauc.gauc_treatment, scores.gauc.rows)),
        format=Format.NUMBER,
        higher_is_better=True,
    ),
    Figure(
        name="logloss_delta",
        label="Log-loss change",
        section=Section.QUALITY,
        description="Log-loss of the leaked ranker minus that of the baseline, in nats per row.",
        measure=SeedMean(lambda scores: (scores.calibration.logloss_delta, scores.rows)),
        format=Format.DIFFERENCE,
        higher_is_better=False,
    ),
    Figure(
        name="ne_delta",
        label="NE change",
        section=Section.QUALITY,
        description="Normalised entropy of the leaked ranker minus that of the baseline.",
        measure=SeedMean(lambda scores: (scores.calibration.ne_delta, scores.rows)),
        format=Format.DIFFERENCE,
        higher_is_better=False,
    ),
    Figure(
        name="p_value",
        label="p-value",
        section=Section.QUALITY,
        description="Two-sided p-value of a LIS of 0, clustered by user.",
        measure=Derived(lambda found: found[HEADLINE].p_value),
        format=Format.P_VALUE,
    ),
    Figure(
        name="lis_seen",
        label="Seen LIS",
        section=Section.QUALITY,
        description="LIS on rows that trained the later ranker, as in the paper.",
        measure=SEEN,
        format=Format.DIFFERENCE,
        has_interval=True,
    ),
)

"""Figures that the verdict rests on."""

from __future__ import annotations

from jobs.evaluation.declared.differences import (
    HEADLINE,
    LEAK_GAIN,
    PLACEBO_GAIN,
    SEEN,
    UNLEAKED_GAIN,
)
from jobs.evaluation.figure import Derived, Figure, Format, Section
from jobs.evaluation.verdict.decision import verdict_p_value

HEADLINE_NAME = "lis"
"""The figure that reports the Leakage Impact Score."""
LEAK_GAIN_NAME = "leak_gain"

DECISION = (
    Figure(
        name=HEADLINE_NAME,
        label="LIS",
        section=Section.DECISION,
        description="AUC gain of the leaked ranker over the baseline on held-out rows: the "
        "Leakage Impact Score.",
        measure=HEADLINE,
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
        has_se=True,
    ),
    Figure(
        name=LEAK_GAIN_NAME,
        label="Future adds",
        section=Section.DECISION,
        description="AUC gain that the days after T add to the preference data available at "
        "T: the part of the LIS that aligning could bring.",
        measure=LEAK_GAIN,
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="unleaked_gain",
        label="Available today",
        section=Section.DECISION,
        description="AUC gain of the preference data as available at T: the part of the LIS "
        "that is available today, without any alignment.",
        measure=UNLEAKED_GAIN,
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="memorisation",
        label="Memorised",
        section=Section.DECISION,
        description="LIS on seen rows minus LIS on held-out rows: labels that the later ranker "
        "remembers.",
        measure=Derived(lambda found: found[SEEN].difference - found[HEADLINE].difference),
        format=Format.DIFFERENCE,
    ),
    Figure(
        name="placebo",
        label="Placebo",
        section=Section.DECISION,
        description="AUC gain of the leaked data shuffled among items of similar popularity; its "
        "interval should contain 0.",
        measure=PLACEBO_GAIN,
        format=Format.DIFFERENCE,
        has_interval=True,
        should_be_zero=True,
    ),
    Figure(
        name="verdict_p_value",
        label="p of verdict",
        section=Section.QUALITY,
        description="Two-sided p-value of what aligning could bring being the threshold, clustered "
        "by user, for the correction of verdicts for their number.",
        measure=Derived(lambda found: verdict_p_value(found.evidence)),
        format=Format.P_VALUE,
    ),
)

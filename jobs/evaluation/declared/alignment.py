"""Figures of an aligned encoder: what it brings, beside the bound that the LIS gives."""

from __future__ import annotations

from jobs.evaluation.declared.differences import (
    AIS,
    ALIGNMENT_GAIN,
    HEADLINE,
    SHUFFLED_GAIN,
    UNALIGNED_CONTENT,
    UNREALISED,
)
from jobs.evaluation.figure import Comparisons, Derived, Figure, Format, Section
from jobs.evaluation.verdict.rows_needed import rows_needed
from jobs.stats.estimate import Estimate, difference_ratio


def _realised(found: Comparisons) -> Estimate:
    if not {AIS, UNREALISED} <= found.pooled.keys():
        return Estimate()
    level = found.evidence.level
    return difference_ratio(found[AIS], found[HEADLINE], found[UNREALISED], level)


def _rows_needed(found: Comparisons) -> int | None:
    return rows_needed(found[AIS], 0.0) if AIS in found.pooled else None


def _not_of_rows(_found: Comparisons) -> Estimate:
    """Missing: what recalls an encoder has is known to the owner of a result alone."""
    return Estimate()


ALIGNMENT = (
    Figure(
        name="ais",
        label="AIS",
        section=Section.ALIGNMENT,
        description="AUC gain of the ranker with the aligned vectors over the baseline on held-out "
        "rows: the AUC Improvement Score.",
        measure=AIS,
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
        has_se=True,
    ),
    Figure(
        name="realised",
        label="Realised",
        section=Section.ALIGNMENT,
        description="AIS as a share of the LIS that the same head and rows give.",
        measure=Derived(_realised),
        format=Format.SHARE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="ais_per_recall",
        label="AIS per point of recall",
        section=Section.ALIGNMENT,
        description="AIS divided by the mean recall of validation items in points of 100, with the "
        "interval of the AIS: the recall is taken as known.",
        measure=Derived(_not_of_rows),
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="alignment_gain",
        label="Alignment adds",
        section=Section.ALIGNMENT,
        description="AUC gain of the aligned vectors over those of the same content before "
        "alignment.",
        measure=ALIGNMENT_GAIN,
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="unaligned_content",
        label="Content alone",
        section=Section.ALIGNMENT,
        description="AUC gain of the content's vectors before alignment over the baseline.",
        measure=UNALIGNED_CONTENT,
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="unrealised",
        label="Left of the bound",
        section=Section.ALIGNMENT,
        description="AUC gain of the leaked data over the aligned vectors: the part of the bound "
        "that alignment did not bring.",
        measure=UNREALISED,
        format=Format.DIFFERENCE,
        higher_is_better=False,
        has_interval=True,
    ),
    Figure(
        name="ais_placebo",
        label="Shuffled content",
        section=Section.ALIGNMENT,
        description="AUC gain of the aligned vectors shuffled among items of similar popularity; "
        "its interval should contain 0.",
        measure=SHUFFLED_GAIN,
        format=Format.DIFFERENCE,
        has_interval=True,
        should_be_zero=True,
    ),
    Figure(
        name="ais_rows_needed",
        label="Rows needed",
        section=Section.ALIGNMENT,
        description="Order of magnitude of the held-out rows that would move the interval of the "
        "AIS off 0 if the gain stayed the same; only with 50 clicks or more.",
        measure=Derived(_rows_needed),
        format=Format.COUNT,
    ),
)

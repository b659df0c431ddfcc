"""The figures of a result, each declared once.

The schema of the ``lis`` table, JSON, MLflow metrics, the tables of the report and the page
``docs/figures.md`` follow from these declarations. To add a figure, add it to ``FIGURES``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from jobs.evaluation.figure import (
    Comparisons,
    DayMean,
    Derived,
    Difference,
    Figure,
    Format,
    Section,
    SeedMean,
    Value,
)
from jobs.evaluation.scored_day import BASELINE, KNOWN, PLACEBO, TREATMENT, RowGroup, Rows
from jobs.evaluation.verdict.decision import rows_needed

HEADLINE = Difference(BASELINE, TREATMENT)
"""The difference on which the verdict rests."""
HEADLINE_NAME = "lis"
"""The figure that reports it."""
SEEN = Difference(BASELINE, TREATMENT, RowGroup.SEEN)


def _rows_needed(comparisons: Comparisons) -> int | None:
    headline = comparisons[HEADLINE]
    return rows_needed(
        headline.rows,
        headline.difference,
        headline.se,
        comparisons.threshold,
        comparisons.level,
        se_fixed=headline.se_seeds,
    )


def _coverage(rows: Rows) -> tuple[float, float]:
    share = math.nan if rows.covered is None else float(rows.covered.mean())
    return share, len(rows.labels)


FIGURES = (
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
        name="memorisation",
        label="Memorised",
        section=Section.DECISION,
        description="LIS on seen rows minus LIS on held-out rows: labels that the later ranker "
        "remembers.",
        measure=Derived(lambda found: found[SEEN].difference - found[HEADLINE].difference),
        format=Format.DIFFERENCE,
    ),
    Figure(
        name="unleaked_gain",
        label="Unleaked",
        section=Section.DECISION,
        description="AUC gain of the preference data as available at T, without any leak.",
        measure=Difference(BASELINE, KNOWN),
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="leak_gain",
        label="Only leaked",
        section=Section.DECISION,
        description="AUC gain that the days after T add to the preference data available at T.",
        measure=Difference(KNOWN, TREATMENT),
        format=Format.DIFFERENCE,
        higher_is_better=True,
        has_interval=True,
    ),
    Figure(
        name="placebo",
        label="Placebo",
        section=Section.DECISION,
        description="AUC gain of the leaked data shuffled among items of similar popularity; its "
        "interval should contain 0.",
        measure=Difference(BASELINE, PLACEBO),
        format=Format.DIFFERENCE,
        has_interval=True,
        should_be_zero=True,
    ),
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
        format=Format.NUMBER,
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
    Figure(
        name="rows",
        label="Rows",
        section=Section.EVIDENCE,
        description="Held-out rows.",
        measure=Derived(lambda found: found[HEADLINE].rows),
        format=Format.COUNT,
    ),
    Figure(
        name="users",
        label="Users",
        section=Section.EVIDENCE,
        description="Users of the held-out rows.",
        measure=Derived(lambda found: found[HEADLINE].users),
        format=Format.COUNT,
    ),
    Figure(
        name="positives",
        label="Clicks",
        section=Section.EVIDENCE,
        description="Held-out rows with label 1.",
        measure=Derived(lambda found: found[HEADLINE].positives),
        format=Format.COUNT,
    ),
    Figure(
        name="coverage",
        label="Coverage",
        section=Section.EVIDENCE,
        description="Share of held-out rows that the leaked data covers.",
        measure=DayMean(_coverage),
        format=Format.SHARE,
    ),
    Figure(
        name="seed_sd",
        label="Seed SD",
        section=Section.EVIDENCE,
        description="Standard deviation of the LIS over training seeds.",
        measure=Derived(lambda found: found[HEADLINE].seed_sd),
        format=Format.NUMBER,
        higher_is_better=False,
    ),
    Figure(
        name="dates",
        label="Days",
        section=Section.EVIDENCE,
        description="Days whose held-out rows contain both classes.",
        measure=Derived(lambda found: found[HEADLINE].dates),
        format=Format.COUNT,
        absent=1,
    ),
    Figure(
        name="rows_needed",
        label="Rows needed",
        section=Section.EVIDENCE,
        description="Approximate number of held-out rows that would settle an inconclusive "
        "verdict if the LIS stayed the same.",
        measure=Derived(_rows_needed),
        format=Format.COUNT,
    ),
    Figure(
        name="dates_skipped",
        label="Days skipped",
        section=Section.LIMITS,
        description="Days whose held-out rows contain a single class, so that they give no figure.",
        measure=Derived(lambda found: found[HEADLINE].dates_skipped),
        format=Format.COUNT,
        absent=0,
    ),
)


def all_figures() -> tuple[Figure, ...]:
    """Return every declared figure, in the order of its columns."""
    return FIGURES


def in_section(section: Section) -> list[Figure]:
    """Return the figures of a section, in the order in which they are shown."""
    return [figure for figure in all_figures() if figure.section == section]


def flat_values(values: Mapping[str, Value]) -> dict[str, float | int | None]:
    """Return the value of every column; figures without a value are missing (NaN or None).

    Args:
        values: Value by name of the figure.
    """
    columns: dict[str, float | int | None] = {}
    for figure in all_figures():
        columns |= figure.flat(values.get(figure.name, figure.missing))
    return columns


def values_of(columns: Mapping[str, object]) -> dict[str, Value]:
    """Return the value of every figure; the inverse of ``flat_values``.

    Args:
        columns: Value by name of the column; other columns are ignored.
    """
    return {figure.name: figure.from_flat(columns) for figure in all_figures()}

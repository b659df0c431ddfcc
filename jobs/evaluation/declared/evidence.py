"""Figures on the size of the evidence and its limits."""

from __future__ import annotations

import math

from jobs.evaluation.declared.differences import HEADLINE
from jobs.evaluation.figure import Comparisons, DayMean, Derived, Figure, Format, Section
from jobs.evaluation.scored_day import Rows
from jobs.evaluation.verdict.decision import Verdict, deciding_comparison
from jobs.evaluation.verdict.rows_needed import rows_needed


def _coverage(rows: Rows) -> tuple[float, float]:
    share = math.nan if rows.covered is None else float(rows.covered.mean())
    return share, len(rows.labels)


def _rows_needed(found: Comparisons) -> int | None:
    if found.decision.verdict != Verdict.INCONCLUSIVE:
        return None
    return rows_needed(deciding_comparison(found.evidence), found.evidence.threshold)


COVERAGE = DayMean(_coverage)

EVIDENCE = (
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
        name="effective_users",
        label="Effective users",
        section=Section.EVIDENCE,
        description="How many users of equal shares of the rows would weigh as much; a verdict "
        "needs 10.",
        measure=Derived(lambda found: found[HEADLINE].effective_users),
        format=Format.NUMBER,
    ),
    Figure(
        name="largest_user_share",
        label="Largest user",
        section=Section.EVIDENCE,
        description="Largest share of the held-out clicks and other rows that is of a single user.",
        measure=Derived(lambda found: found[HEADLINE].largest_user_share),
        format=Format.SHARE,
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
        measure=COVERAGE,
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
        description="Order of magnitude of the held-out rows that would settle an inconclusive "
        "verdict if the difference stayed the same; only with 50 clicks or more.",
        measure=Derived(_rows_needed),
        format=Format.COUNT,
    ),
    Figure(
        name="dates_skipped",
        label="Days skipped",
        section=Section.LIMITS,
        description="Days whose held-out rows contain a single class, so that they give no figure.",
        measure=Derived(lambda found: found[HEADLINE].dates_skipped - found.dates_closed),
        format=Format.COUNT,
        absent=0,
    ),
    Figure(
        name="dates_closed",
        label="Days closed",
        section=Section.LIMITS,
        description="Days without any held-out row.",
        measure=Derived(lambda found: found.dates_closed),
        format=Format.COUNT,
        absent=0,
    ),
)

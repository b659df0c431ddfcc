"""A note on the figures that a result lacks for want of data."""

from __future__ import annotations

import math

from jobs.evaluation.result import Evaluation


def missing_figures_note(found: Evaluation, *, has_seen_rows: bool = True) -> str:
    """Return one line on the missing figures and their reason; empty if none is missing.

    Args:
        found: The measured figures.
        has_seen_rows: Whether rows that trained the ranker were evaluated too.
    """
    rows, clicks, users = found.rows, found.positives, found.users
    reasons = []
    if math.isnan(found.lis) and not rows:
        reasons.append("no LIS: there is no held-out row")
    elif math.isnan(found.lis):
        reasons.append(
            f"no LIS: {clicks} of {rows} held-out rows are clicks, and an AUC needs both classes"
        )
    elif math.isnan(found.lis_se):
        reasons.append(
            f"no interval: all clicks, or all other rows, are of a single one of the {users} users"
        )
    days = found.dates + found.dates_skipped + found.dates_closed
    if not math.isnan(found.lis) and found.dates_skipped:
        reasons.append(
            f"{found.dates_skipped} of {days} days have held-out rows of a single class, "
            "and are left out"
        )
    if not math.isnan(found.lis) and found.dates_closed:
        reasons.append(
            f"{found.dates_closed} of {days} days have no held-out row, and are left out"
        )
    if has_seen_rows and math.isnan(found.lis_seen):
        reasons.append("no LIS on seen rows: they are of a single class")
    if found.coverage == 0:
        reasons.append("the leaked table covers no held-out row")
    return "; ".join(reasons)

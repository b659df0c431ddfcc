"""Importances of embedding slots as a table of plain text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.lis.slot_importance.slot_importance import SlotImportance
from jobs.reporting.text_columns import in_columns
from jobs.reporting.wording import between, count, signed

_HEADER = ("slot", "AUC lost", "interval", "rows", "users")


def importance_table(importances: Sequence[SlotImportance]) -> str:
    """Align the importances in columns, one line each in the given order, and name the highest.

    The text has no trailing line break.
    """
    if not importances:
        return "no importances"
    lines = [
        (
            one.slot,
            signed(one.importance),
            between(one.ci_low, one.ci_high),
            count(one.rows),
            count(one.users),
        )
        for one in importances
    ]
    highest = max(importances, key=lambda one: one.importance)
    return (
        f"{in_columns(_HEADER, lines, to_the_left={'slot'})}\n\n"
        f"most important: {highest.slot} (held-out rows, {highest.first} to {highest.last})"
    )

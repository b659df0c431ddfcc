"""Click histories by a plain loop over all clicks of a log: slow, and independent of Spark."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from jobs.scenarios import Fold

Row = dict[str, Any]


def items_before(row: Row, log: Sequence[Row], length: int, folds: Collection[str]) -> list[int]:
    """Items of the user's last clicks strictly before a row, oldest first.

    Args:
        row: Anything with ``user_id`` and ``ts``.
        log: Impressions with ``user_id``, ``item_id``, ``impression_id``, ``ts``, ``label`` and
            ``fold``, in any order.
        length: Number of clicks to keep.
        folds: Folds whose clicks are used.
    """
    clicks = [
        other
        for other in log
        if other["user_id"] == row["user_id"]
        and other["label"]
        and other["ts"] < row["ts"]
        and other["fold"] in folds
    ]
    clicks.sort(key=lambda click: (click["ts"], click["impression_id"]))
    return [click["item_id"] for click in clicks[-length:]]


def history(log: Sequence[Row], day: date, length: int) -> list[Row]:
    """Rows of the table ``history`` for a day, in stored order."""
    rows = [row for row in log if row["ts"].date() == day]
    rows.sort(key=lambda row: (row["ts"], row["impression_id"]))
    return [
        {
            "impression_id": row["impression_id"],
            "ts": row["ts"],
            "items": items_before(row, log, length, list(Fold)),
            "lineage_items": items_before(row, log, length, [Fold.LINEAGE]),
        }
        for row in rows
    ]

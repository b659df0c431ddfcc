"""Point-in-time counts by a plain loop over all rows of a log: slow, and independent of Spark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

Row = dict[str, Any]
WINDOWS = {"1d": 1, "7d": 7, "28d": 28, "ever": None}
HELD_WITHIN_THE_DAY = ("user_id", "item_id")


def statistics(log: Sequence[Row], day: date, context: Sequence[str]) -> list[Row]:
    """Rows of the table ``statistics`` for a day, in stored order.

    Args:
        log: Impressions with ``impression_id``, ``user_id``, ``item_id``, ``ts``, ``label``,
            ``fold`` and the context fields, in any order.
        day: The day.
        context: Names of the context fields.
    """
    rows = [row for row in log if row["ts"].date() == day]
    rows.sort(key=lambda row: (row["ts"], row["impression_id"]))
    return [_statistics(row, log, context) for row in rows]


def _statistics(row: Row, log: Sequence[Row], context: Sequence[str]) -> Row:
    lineage = [other for other in log if other["fold"] == "lineage"]
    midnight = datetime.combine(row["ts"].date(), time(), UTC)
    found: Row = {"impression_id": row["impression_id"], "ts": row["ts"]}
    for field in ("user_id", "item_id", *context):
        end = row["ts"] if field in HELD_WITHIN_THE_DAY else midnight
        same = [other for other in lineage if other[field] == row[field] and other["ts"] < end]
        for window, days in WINDOWS.items():
            begin = datetime.min.replace(tzinfo=UTC)
            if days is not None:
                begin = midnight - timedelta(days=days)
            inside = [other for other in same if other["ts"] >= begin]
            found[f"{field}_impressions_{window}"] = len(inside)
            found[f"{field}_clicks_{window}"] = sum(other["label"] for other in inside)
    before = [other for other in lineage if other["ts"] < midnight]
    found["impressions_ever"] = len(before)
    found["clicks_ever"] = sum(other["label"] for other in before)
    earlier = [other for other in lineage if other["ts"] < row["ts"]]
    shown = [other["ts"] for other in earlier if other["item_id"] == row["item_id"]]
    clicked = [o["ts"] for o in earlier if o["user_id"] == row["user_id"] and o["label"]]
    found["item_age_hours"] = _hours(row["ts"] - min(shown)) if shown else None
    found["user_click_age_hours"] = _hours(row["ts"] - max(clicked)) if clicked else None
    return found


def _hours(age: timedelta) -> float:
    return float(np.float32(age // timedelta(microseconds=1) / 3_600_000_000))

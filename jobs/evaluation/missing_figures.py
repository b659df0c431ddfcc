"""What a result could not compute, and why, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def what_is_unknown(figures: Mapping[str, Any]) -> str:
    """One line on the figures that are NaN for want of data; empty where there is none.

    figures: as ``Measurement.figures`` gives them.
    """
    rows, clicks, users = figures["rows"], figures["positives"], figures["users"]
    said = []
    if math.isnan(figures["lis"]):
        said.append(
            f"no LIS: the {rows} held-out rows hold {clicks} clicks, and an AUC needs rows with "
            "and without"
        )
    elif math.isnan(figures["lis_se"]):
        said.append(
            f"no interval: clicks or non-clicks come from a single one of the {users} users"
        )
    if not math.isnan(figures["lis"]) and figures["dates_skipped"]:
        days = figures["dates"] + figures["dates_skipped"]
        said.append(
            f"{figures['dates_skipped']} of {days} days have held-out rows of one class only, "
            "and count for nothing"
        )
    if math.isnan(figures["lis_seen"]):
        said.append("no LIS on seen rows: they are of one class")
    if figures["coverage"] == 0:
        said.append("the leaked table says nothing of any held-out row")
    return "; ".join(said)

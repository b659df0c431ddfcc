"""Inputs of the wide part from one row of the table ``statistics``, by plain formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

PRIOR_VARIANCE = 0.5


def dense_inputs(row: dict[str, Any], fields: Sequence[str]) -> dict[str, float]:
    """Return each input by its name, in the order in which the ranker reads them."""
    clicks, others = row["clicks_ever"] + 1, row["impressions_ever"] - row["clicks_ever"] + 1
    share = clicks / (clicks + others)
    prior = 1 / (PRIOR_VARIANCE * share * (1 - share))
    found = {}
    for field in fields:
        for window in ("1d", "7d", "28d", "ever"):
            shown = row[f"{field}_impressions_{window}"]
            clicked = row[f"{field}_clicks_{window}"]
            odds = (clicked + prior * share) / (shown - clicked + prior * (1 - share))
            found[f"{field}_impressions_{window}"] = math.log(1 + shown) / 4
            found[f"{field}_clicks_{window}"] = math.log(1 + clicked) / 4
            found[f"{field}_rate_{window}"] = math.log(odds) - math.log(clicks / others)
    found["item_age"] = _age(row["item_age_hours"])
    found["user_click_age"] = _age(row["user_click_age_hours"])
    found["user_has_click"] = float(row["user_click_age_hours"] is not None)
    return found


def _age(hours: float | None) -> float:
    return 0.0 if hours is None else math.log(1 + hours / 24) / 4

"""The importance of one embedding slot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class SlotImportance:
    """The AUC that the ranker loses on held-out rows when a slot's ids are permuted among them.

    The interval treats users as independent and includes the variance over permutations.

    Attributes:
        slot: Field whose ids are permuted.
        importance: Mean loss of AUC over permutations and days.
        se: Its standard error; NaN if a class comes from a single user.
        ci_low: Lower end of its interval; NaN likewise.
        ci_high: Upper end of its interval; NaN likewise.
        rows: Held-out rows of the days that have rows of both classes.
        users: Users of these rows.
        first: First of these days.
        last: Last of these days.
    """

    slot: str
    importance: float
    se: float
    ci_low: float
    ci_high: float
    rows: int
    users: int
    first: date
    last: date

"""Figures of the board's lines in words; what was not measured is None there, and a dash here."""

from __future__ import annotations

import math

from jobs.reporting import wording
from jobs.stats.estimate import Estimate


def signed(value: float | None) -> str:
    """Format a difference with its sign."""
    return wording.signed(_number(value))


def between(low: float | None, high: float | None) -> str:
    """Format an interval of a difference."""
    return wording.between(_number(low), _number(high))


def share(value: float | None, low: float | None, high: float | None) -> str:
    """Format a share with its interval."""
    return wording.share_interval(Estimate(_number(value), _number(low), _number(high)))


def share_width(value: float | None, whole: int) -> float:
    """Return the width of a bar that shows a share, at most the whole."""
    return round(whole * min(max(value or 0.0, 0.0), 1.0), 1)


def _number(value: float | None) -> float:
    return math.nan if value is None else value

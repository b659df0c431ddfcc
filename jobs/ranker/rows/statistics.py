"""Point-in-time statistics of impressions as dense inputs of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.lake.schemas import STATISTIC_WINDOWS

Floats = NDArray[np.float32]

PRIOR_VARIANCE = 0.5
"""Variance of the log-odds of keys around the log-odds of the log, which rates are shrunk to."""

_LOG_SCALE = 4.0
"""Divides logarithms of counts and ages, so that most inputs lie between -2 and 2."""
_HOURS_A_DAY = 24.0


def dense_statistics(rows: pa.RecordBatch, fields: Sequence[str]) -> NDArray[np.float32]:
    """Scale the statistics of impressions to inputs of a network.

    Counts and ages become logarithms. A rate is the log-odds of a click, smoothed, minus the
    log-odds of the whole log before the day. The scales are constants, so that an input means the
    same on every day.

    Args:
        rows: Rows of the table ``statistics``.
        fields: The fields of the ranker.

    Returns:
        float32, (rows, width), in the order of
        ``jobs.ranker.model.wide_and_deep.statistic_columns``.
    """
    prior = Prior.of(
        (rows["clicks_ever"].to_numpy() + 1) / (rows["impressions_ever"].to_numpy() + 2)
    )
    columns: list[NDArray[np.floating]] = []
    for field in fields:
        for window in STATISTIC_WINDOWS:
            shown = _numbers(rows, f"{field}_impressions_{window}")
            clicked = _numbers(rows, f"{field}_clicks_{window}")
            columns += [np.log1p(shown) / _LOG_SCALE, np.log1p(clicked) / _LOG_SCALE]
            others = _others(rows, f"{field}_impressions_{window}", f"{field}_clicks_{window}")
            columns.append(smoothed_log_odds(clicked, others, prior))
    item_age, click_age = (
        np.log1p(np.nan_to_num(_numbers(rows, name)) / _HOURS_A_DAY) / _LOG_SCALE
        for name in ("item_age_hours", "user_click_age_hours")
    )
    has_click = ~np.isnan(_numbers(rows, "user_click_age_hours"))
    return np.stack([*columns, item_age, click_age, has_click], axis=1, dtype=np.float32)


def no_statistics(width: int) -> NDArray[np.float32]:
    """Return the statistics of no rows, (0, width)."""
    return np.empty((0, width), np.float32)


@dataclass(frozen=True)
class Prior:
    """The click rate of the log as a prior of the rates of keys; arrays of shape (rows,).

    It counts as the impressions that would give log-odds of ``PRIOR_VARIANCE``: about 8 at a click
    rate of one half, and 500 at 0.4 %.

    Attributes:
        clicks: Its clicks.
        others: Its impressions without a click.
        odds: Odds of a click.
    """

    clicks: Floats
    others: Floats
    odds: Floats

    @classmethod
    def of(cls, rate: NDArray[np.float64]) -> Prior:
        """Return the prior of click rates, (rows,)."""
        clicks, others = 1 / (PRIOR_VARIANCE * (1 - rate)), 1 / (PRIOR_VARIANCE * rate)
        return cls(*(part.astype(np.float32) for part in (clicks, others, clicks / others)))


def smoothed_log_odds(clicked: Floats, others: Floats, prior: Prior) -> Floats:
    """Return the log-odds of a click minus those of the log, shrunk to 0 for few impressions.

    Args:
        clicked: Clicks on each row's key, (rows,).
        others: Its impressions without a click, (rows,).
        prior: What the rates are shrunk to.
    """
    # One logarithm of the ratio of odds: the difference of two would lose digits.
    ratio = (clicked + prior.clicks) / ((others + prior.others) * prior.odds)
    return np.asarray(np.log(ratio))


def _others(rows: pa.RecordBatch, shown: str, clicked: str) -> Floats:
    """Impressions without a click, from integers: floats would round a large difference."""
    return np.asarray((rows[shown].to_numpy() - rows[clicked].to_numpy()).astype(np.float32))


def _numbers(rows: pa.RecordBatch, column: str) -> Floats:
    """A column as floats; null becomes NaN."""
    return np.asarray(rows[column].to_numpy(zero_copy_only=False).astype(np.float32, copy=False))

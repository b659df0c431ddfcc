"""Point-in-time statistics of impressions as dense inputs of the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.lake.schemas import STATISTIC_WINDOWS

Floats = NDArray[np.float64]

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
    rate = (_numbers(rows, "clicks_ever") + 1) / (_numbers(rows, "impressions_ever") + 2)
    columns = []
    for field in fields:
        for window in STATISTIC_WINDOWS:
            shown = _numbers(rows, f"{field}_impressions_{window}")
            clicked = _numbers(rows, f"{field}_clicks_{window}")
            columns += [np.log1p(shown) / _LOG_SCALE, np.log1p(clicked) / _LOG_SCALE]
            columns.append(smoothed_log_odds(shown, clicked, rate) - _log_odds(rate))
    item_age, click_age = (
        np.log1p(np.nan_to_num(_numbers(rows, name)) / _HOURS_A_DAY) / _LOG_SCALE
        for name in ("item_age_hours", "user_click_age_hours")
    )
    has_click = ~np.isnan(_numbers(rows, "user_click_age_hours"))
    return np.stack([*columns, item_age, click_age, has_click], axis=1).astype(np.float32)


def no_statistics(width: int) -> NDArray[np.float32]:
    """Return the statistics of no rows, (0, width)."""
    return np.empty((0, width), np.float32)


def smoothed_log_odds(shown: Floats, clicked: Floats, rate: Floats) -> Floats:
    """Return the log-odds of a click, shrunk to those of the log where a key has few impressions.

    The prior counts as the impressions that would give log-odds of ``PRIOR_VARIANCE``: about 8 at a
    click rate of one half, and 500 at 0.4 %.

    Args:
        shown: Impressions of each row's key, (rows,).
        clicked: Clicks among them, (rows,).
        rate: Click rate of the log, (rows,).
    """
    prior = 1 / (PRIOR_VARIANCE * rate * (1 - rate))
    return np.log((clicked + prior * rate) / (shown - clicked + prior * (1 - rate)))


def _log_odds(rate: Floats) -> Floats:
    return np.log(rate / (1 - rate))


def _numbers(rows: pa.RecordBatch, column: str) -> Floats:
    """A column as floats; null becomes NaN."""
    return np.asarray(rows[column].cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)

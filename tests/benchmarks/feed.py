"""A synthetic feed as impressions of a lake: popular items, bots, and clicks of the same second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.lake import Lake, Partition, schemas
from jobs.scenarios import Scenario

DAYS = tuple(date(2026, 1, 1) + timedelta(days=day) for day in range(8))
AS_OF, HORIZON, LOOKBACK_DAYS = DAYS[-3], 1, 7
"""One day's tables: what is known at its start, and a day later."""

HISTORY, SIMILAR_ITEMS, NEXT_CLICK = JOBS = ("history", "similar_items", "next_click")
CLICK_SHARE = 0.2
BOT_ROWS = 1_000
"""Rows of one bot over all days."""

_SECONDS_A_DAY = 86_400
_COLUMNS = ("impression_id", "user_id", "item_id", "ts", "label")


@dataclass(frozen=True)
class FeedOptions:
    """rows: of all days. items: one in a thousand rows unless given. zipf: exponent of the items.

    bot_share: of all rows. tick_seconds: times are multiples of it, so a larger one makes more rows
    of a user share one.
    """

    rows: int
    items: int | None = None
    zipf: float = 1.05
    bot_share: float = 0.005
    tick_seconds: int = 1
    seed: int = 0

    @property
    def users(self) -> int:
        return max(self.rows // 40, 1)


def feed_scenario() -> Scenario:
    """The scenario of the feed: days of clicks behind a table, and the usual folds."""
    columns = {name: name for name in _COLUMNS}
    return Scenario.model_validate(
        {
            "name": "behaviour",
            "source": {"reader": "table", "ids": "int64", "columns": columns},
            "lookback_days": LOOKBACK_DAYS,
        }
    )


def write_feed(lake: Lake, options: FeedOptions) -> None:
    """Publish the impressions of every day, one day held at a time."""
    scenario, generator = feed_scenario(), np.random.default_rng(options.seed)
    items = options.items or max(options.rows // 1_000, 2)
    weights = np.cumsum(np.arange(1, items + 1, dtype=np.float64) ** -options.zipf)
    bounds = np.linspace(0, options.rows, len(DAYS) + 1).astype(int).tolist()
    for day, (first, end) in zip(DAYS, pairwise(bounds), strict=True):
        rows = end - first
        clicked = generator.random(rows) < CLICK_SHARE
        folds = generator.choice(3, rows, p=list(scenario.folds.model_dump().values()))
        item_codes = np.searchsorted(weights / weights[-1], generator.random(rows))
        columns = {
            "impression_id": pa.array(np.arange(first, end)),
            "user_id": _ids(_users(rows, options, generator)),
            "item_id": _ids(item_codes),
            "ts": pa.array(_moments(day, rows, options.tick_seconds, generator), schemas.TIMESTAMP),
            "label": pa.array(clicked.astype(np.int8)),
            "fold": pa.array(["lineage", "fit", "eval"]).take(pa.array(folds)),
        }
        schema = schemas.impressions(scenario)
        table = pa.table([columns[name] for name in schema.names], schema=schema)
        partition = Partition("impressions", scenario.name, day)
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", table)
            attempt.publish(partition, inputs={}, schema=schema)


def _users(rows: int, options: FeedOptions, generator: np.random.Generator) -> NDArray[np.int64]:
    """Who saw each row: bots, which come first, or any other user."""
    bots = max(round(options.rows * options.bot_share / BOT_ROWS), 1)
    is_bot = generator.random(rows) < options.bot_share
    others = generator.integers(bots, bots + options.users, rows)
    return np.where(is_bot, generator.integers(0, bots, rows), others)


def _ids(codes: NDArray[np.int64]) -> pa.Array:
    return pa.array(codes * 7919 + 11)


def _moments(
    day: date, rows: int, tick_seconds: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Microseconds, ascending."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    ticks = np.sort(generator.integers(0, _SECONDS_A_DAY // tick_seconds, rows))
    return (start + ticks * tick_seconds) * 1_000_000

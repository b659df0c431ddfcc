"""Synthetic logs of the kinds that a ranker meets: films, retail, advertising.

In all of them items come and go, their appeal drifts from day to day, users differ in taste and in
how often they click, and the place on the page matters. They differ in rows a day, in the share of
clicks, and in how fast items change.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.scenarios import Scenario

FIRST_DAY = date(2026, 1, 1)
COLUMNS = ("impression_id", "user_id", "item_id", "ts", "label", "position")

_DAY_SECONDS = 86_400
_FACTORS = 6
_POSITIONS = 6

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class LogKind:
    """What a log is like.

    Attributes:
        name: Name of the scenario.
        rows: Impressions a day.
        click_rate: Share of clicks.
        users: Users of the whole log; some come every day and most rarely.
        items: Items on show on any day.
        lifetime: Mean days that an item is on show.
        drift: Standard deviation of the daily change of an item's appeal, in log-odds.
        appeal: Standard deviation of the appeal of new items, in log-odds.
        taste: Standard deviation of a user's liking for an item, in log-odds.
        novelty: What an item loses in log-odds each time its age grows e-fold.
    """

    name: str
    rows: int
    click_rate: float
    users: int
    items: int
    lifetime: float
    drift: float
    appeal: float
    taste: float
    novelty: float


KINDS = {
    kind.name: kind
    for kind in (
        LogKind("films_small", 250, 0.5, 3_000, 1_500, 200, 0.02, 0.7, 0.7, 0.05),
        LogKind("films", 5_000, 0.5, 15_000, 4_000, 200, 0.02, 0.7, 0.7, 0.05),
        LogKind("retail", 7_000, 0.06, 12_000, 2_500, 25, 0.12, 0.5, 0.5, 0.2),
        LogKind("advertising", 1_400, 0.004, 4_000, 60, 20, 0.15, 0.7, 0.3, 0.2),
    )
}


def scenario_of(kind: LogKind) -> Scenario:
    """The scenario of a log of a kind; all options of the ranker are left to their defaults."""
    columns = {name: name for name in COLUMNS[:-1]}
    return Scenario.model_validate(
        {
            "name": kind.name,
            "source": {
                "reader": "table",
                "path": "log.csv",
                "format": {"kind": "csv"},
                "columns": {**columns, "context": {"position": "position"}},
                "ids": "int64",
                "ts_unit": "s",
            },
            "context": ["hour", "position"],
            "folds": {"lineage": 0.6, "fit": 0.2, "eval": 0.2},
            "horizons": [7],
        }
    )


def write_log(folder: Path, kind: LogKind, days: int, seed: int = 0) -> None:
    """Write ``log.csv`` with some days of a log.

    Args:
        folder: Where to write it.
        kind: What the log is like.
        days: Number of days, from ``FIRST_DAY`` on.
        seed: Draws everything.
    """
    generator = np.random.default_rng([seed, *kind.name.encode()])
    world = _World(kind, generator)
    folder.mkdir(parents=True, exist_ok=True)
    start = int(datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC).timestamp())
    with (folder / "log.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for day in range(days):
            users, items, position, clicked = world.draw()
            seconds = (
                start + day * _DAY_SECONDS + np.sort(generator.integers(0, _DAY_SECONDS, kind.rows))
            )
            numbers = np.arange(kind.rows) + day * kind.rows
            rows = zip(numbers, users, items, seconds, clicked, position, strict=True)
            writer.writerows(tuple(map(int, row)) for row in rows)


class _World:
    """Users and the items on show, which change from day to day."""

    def __init__(self, kind: LogKind, generator: np.random.Generator) -> None:
        self._kind, self._draws = kind, generator
        self._activity = 1 / np.arange(1, kind.users + 1) ** 0.8
        self._user_bias = generator.normal(0, 0.5, kind.users)
        self._user_taste = generator.normal(size=(kind.users, _FACTORS))
        self._ids = np.arange(kind.items)
        self._age = generator.exponential(kind.lifetime, kind.items)
        self._appeal = generator.normal(0, kind.appeal, kind.items)
        self._exposure = generator.normal(0, 1, kind.items)
        self._factors = generator.normal(size=(kind.items, _FACTORS))
        self._next_id = kind.items
        self._intercept: float | None = None

    def draw(self) -> tuple[Numbers, Numbers, Numbers, NDArray[np.bool_]]:
        """Users, items, positions and clicks of the next day, each (rows,)."""
        kind, draws = self._kind, self._draws
        users = draws.choice(kind.users, kind.rows, p=self._activity / self._activity.sum())
        # What is liked is shown more often.
        weights = np.exp(self._exposure + 0.5 * self._appeal)
        items = draws.choice(kind.items, kind.rows, p=weights / weights.sum())
        position = draws.integers(0, _POSITIONS, kind.rows)
        liking = (self._user_taste[users] * self._factors[items]).sum(axis=1) / _FACTORS**0.5
        log_odds = (
            self._user_bias[users]
            + self._appeal[items]
            + kind.taste * liking
            - kind.novelty * np.log1p(self._age[items])
            - 0.15 * position
        )
        if self._intercept is None:
            self._intercept = _intercept(log_odds, kind.click_rate)
        chance = 1 / (1 + np.exp(-log_odds - self._intercept))
        clicked = draws.random(kind.rows) < chance
        ids = self._ids[items]
        self._pass_a_day()
        return users, ids, position, clicked

    def _pass_a_day(self) -> None:
        kind, draws = self._kind, self._draws
        self._age += 1
        self._appeal += draws.normal(0, kind.drift, kind.items)
        left = draws.random(kind.items) < 1 / kind.lifetime
        new = int(left.sum())
        self._ids[left] = self._next_id + np.arange(new)
        self._next_id += new
        self._age[left] = 0
        self._appeal[left] = draws.normal(0, kind.appeal, new)
        self._exposure[left] = draws.normal(0, 1, new)
        self._factors[left] = draws.normal(size=(new, _FACTORS))


def _intercept(log_odds: Floats, rate: float) -> float:
    """What to add to log-odds for a share of clicks, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        if (1 / (1 + np.exp(-log_odds - middle))).mean() < rate:
            low = middle
        else:
            high = middle
    return low

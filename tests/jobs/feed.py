"""A small feed with many edge cases: ties, midnights, an empty day and a day with one user."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from jobs.lake import Lake, Partition
from jobs.scenarios import Fold, Scenario

FIRST = date(2026, 1, 1)
FEED_DAYS = [FIRST + timedelta(days=number) for number in range(8)]
EMPTY_DAY, LONELY_DAY = FEED_DAYS[3], FEED_DAYS[5]
LOOKBACK_DAYS = 3
# Few times, so that many rows tie, and the first and the last second of a day.
SECONDS = (0, 1, 3_600, 43_200, 86_399)
ROWS_PER_DAY = 70


@dataclass(frozen=True, order=True)
class Row:
    """A published impression."""

    ts: datetime
    impression_id: int
    user_id: int
    item_id: int
    label: int
    fold: str


def feed_scenario(**options: Any) -> Scenario:
    """The scenario of the feed; options replace its top-level keys."""
    columns = {name: name for name in ("impression_id", "user_id", "item_id", "ts", "label")}
    items = {"path": "items.csv", "item_id": "id", "title": "title", "category": "category"}
    source = {"reader": "table", "path": "log.csv", "format": {"kind": "csv"}, "columns": columns}
    return Scenario.model_validate(
        {
            "name": "feed",
            "source": {**source, "ids": "int64", "ts_unit": "s", "items": items},
            "folds": {"lineage": 0.7, "fit": 0.15, "eval": 0.15},
            "history_length": 3,
            "ranker": {"embedding_dim": 4, "hidden_units": [8], "history_length": 3},
            "lookback_days": LOOKBACK_DAYS,
            **options,
        }
    )


def write_feed(folder: Path) -> None:
    """Write the log and the items as CSV. Items 0 to 9 are shown; item 9 has no content."""
    generator = np.random.default_rng(5)
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    rows: list[tuple[Any, ...]] = []
    for number, day in enumerate(FEED_DAYS):
        for _ in range(0 if day == EMPTY_DAY else ROWS_PER_DAY):
            user = 1 if day == LONELY_DAY else generator.integers(0, 9)
            second = start + 86_400 * number + generator.choice(SECONDS)
            item, label = generator.integers(0, 10), generator.integers(0, 2)
            rows.append((len(rows), user, item, second, label))
    _write(folder / "log.csv", ("impression_id", "user_id", "item_id", "ts", "label"), rows)
    items = [(item, f"word{item} common", f"category{item % 2}") for item in range(9)]
    _write(folder / "items.csv", ("id", "title", "category"), [*items, (9, "", "")])


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


def lineage_rows(lake: Lake, first: date, end: date) -> list[Row]:
    """Impressions of the lineage fold of the days [first, end), ordered by ts and id."""
    return sorted(
        Row(**row)
        for day in FEED_DAYS
        if first <= day < end
        for row in lake.read(Partition("impressions", "feed", day)).to_pylist()
        if row["fold"] == Fold.LINEAGE
    )


def windowed_clicks(lake: Lake, end: date, lookback_days: int = LOOKBACK_DAYS) -> list[Row]:
    """Clicks of the lineage fold in [end - lookback_days, end), ordered by ts and id."""
    rows = lineage_rows(lake, end - timedelta(days=lookback_days), end)
    return [row for row in rows if row.label]

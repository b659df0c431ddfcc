"""A small log with statistics from a plain loop, published without Spark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.lake import Lake, Partition, schemas
from jobs.scenarios import Scenario

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(12)]
FIELDS = ("user_id", "item_id", "place")
ROWS_A_DAY = 60
Row = dict[str, Any]


def make_scenario(**ranker: Any) -> Scenario:
    columns = {name: name for name in ("impression_id", "user_id", "item_id", "ts", "label")}
    return Scenario.model_validate(
        {
            "name": "counted",
            "source": {
                "reader": "table",
                "ids": "int64",
                "columns": {**columns, "context": {"place": "place"}},
            },
            "context": ["place"],
            "ranker": {"history_length": 3, **ranker},
        }
    )


def make_log(days: int = len(DAYS), rows: int = ROWS_A_DAY) -> list[Row]:
    """Impressions in order of time; items differ in how often they are clicked."""
    generator = np.random.default_rng(3)
    log: list[Row] = []
    for day in DAYS[:days]:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for hour in np.sort(generator.integers(0, 24, rows)):
            item = int(generator.integers(8))
            log.append(
                {
                    "impression_id": len(log),
                    "user_id": int(generator.integers(10)),
                    "item_id": item,
                    "ts": start + timedelta(hours=int(hour)),
                    "label": int(generator.random() < (item + 1) / 10),
                    "fold": str(generator.choice(["lineage", "fit", "eval"], p=[0.6, 0.2, 0.2])),
                    "place": str(generator.choice(["home", "work"])),
                    "lineage_items": [],
                    "items": [],
                }
            )
    return log


def counts(row: Row, before: Sequence[Row]) -> Row:
    """The statistics of a row, by a plain loop over the lineage rows before it."""
    start = datetime.combine(row["ts"].date(), datetime.min.time(), UTC)
    past = [other for other in before if other["ts"] < start]
    found: Row = {
        "impression_id": row["impression_id"],
        "ts": row["ts"],
        "impressions_ever": len(past),
        "clicks_ever": sum(other["label"] for other in past),
    }
    for field in FIELDS:
        rows = past if field == "place" else [other for other in before if other["ts"] < row["ts"]]
        same = [other for other in rows if other[field] == row[field]]
        for window in schemas.STATISTIC_WINDOWS:
            days = 10_000 if window == "ever" else int(window.removesuffix("d"))
            inside = [one for one in same if one["ts"] >= start - timedelta(days=days)]
            found[f"{field}_impressions_{window}"] = len(inside)
            found[f"{field}_clicks_{window}"] = sum(one["label"] for one in inside)
    shown = [other["ts"] for other in before if other["ts"] < row["ts"]]
    found["item_age_hours"] = (row["ts"] - shown[0]) / timedelta(hours=1) if shown else None
    found["user_click_age_hours"] = None
    return found


def publish(lake: Lake, scenario: Scenario, log: Sequence[Row], statistics: Sequence[Row]) -> None:
    """Publish a log; its statistics may be those of another one."""
    for day in sorted({row["ts"].date() for row in log}):
        here = [number for number, row in enumerate(log) if row["ts"].date() == day]
        tables = {
            "impressions": [log[number] for number in here],
            "history": [log[number] for number in here],
            "statistics": [statistics[number] for number in here],
        }
        for name, rows in tables.items():
            schema: pa.Schema = getattr(schemas, name)(scenario)
            partition = Partition(name, scenario.name, day)
            with lake.attempt([partition]) as attempt:
                attempt.write_table("part-00000.parquet", pa.Table.from_pylist(rows, schema))
                attempt.publish(partition, inputs={}, schema=schema)


def counted(log: Sequence[Row]) -> list[Row]:
    lineage = [row for row in log if row["fold"] == "lineage"]
    return [counts(row, lineage) for row in log]

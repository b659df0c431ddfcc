"""A lake with a snapshot, content and impressions, whose items show every way to be left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import nan
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import snapshot_partition, snapshot_version
from jobs.scenarios import Scenario
from tests.jobs.feed import feed_scenario

FIRST, LATER, DAY = date(2026, 1, 1), date(2026, 1, 3), date(2026, 1, 6)
DIM, ITEMS, USERS, ROWS_A_DAY = 4, 60, 7, 500
MIN_UPDATES, BALANCE = 3, 2
FEW_UPDATES, NO_CONTENT, NO_ENTRY, NAN_VECTOR, ZERO_VECTOR = range(5)
DESCRIBED_TOO_LATE, DESCRIBED_TWICE, NOT_IN_SNAPSHOT = 5, 7, 500
Row = dict[str, Any]


def small_scenario(**curation: Any) -> Scenario:
    """The scenario of the lake; options of curation replace those that suit it."""
    options = {"min_updates": MIN_UPDATES, "balance": BALANCE, "validation": 0.4}
    options |= {"min_validation": 2, **curation}
    return feed_scenario(alignment={"curation": options}, lookback_days=3)


def write_small_lake(lake: Lake, *, flip_held_out: bool = False) -> None:
    """Publish the tables.

    Args:
        lake: Empty.
        flip_held_out: Whether the labels of rows of the folds fit and eval are the opposite.
    """
    scenario = small_scenario()
    dim_schema = schemas.snapshots(scenario, DIM)
    _publish(lake, snapshot_partition(scenario, DAY), snapshot_rows(scenario), dim_schema)
    for day, rows in content_by_day().items():
        # Tables of the first day were written before items could have pictures.
        schema = schemas.items(scenario)
        if day == FIRST:
            schema = schema.remove(schema.get_field_index("image"))
        _publish(lake, Partition("items", scenario.name, day), rows, schema)
    for day, rows in impressions_by_day().items():
        shown = [
            {**row, "label": 1 - row["label"]}
            if flip_held_out and row["fold"] != "lineage"
            else row
            for row in rows
        ]
        partition = Partition("impressions", scenario.name, day)
        _publish(lake, partition, shown, schemas.impressions(scenario))


def snapshot_rows(scenario: Scenario) -> list[Row]:
    """The item snapshot as of the start of ``DAY``."""
    generator = np.random.default_rng(1)
    rows = []
    for item in range(ITEMS):
        vector = generator.normal(size=DIM).astype(np.float32).tolist()
        vector = {NAN_VECTOR: [1.0, nan, 0.0, 0.0], ZERO_VECTOR: [0.0] * DIM}.get(item, vector)
        rows.append(
            {
                "item_id": item,
                "embedding": vector,
                "updates": MIN_UPDATES - (item == FEW_UPDATES) + item % 7,
                "last_update": datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=item),
                "slot": "item_id",
                "ranker_version": snapshot_version(scenario),
            }
        )
    return rows


def content_by_day() -> dict[date, list[Row]]:
    """Items by the day on which they were first shown; the day of the snapshot is too late."""
    days: dict[date, list[Row]] = {FIRST: [], LATER: [], DAY: []}
    for item in range(ITEMS):
        first_shown = LATER if item % 3 else FIRST
        days[DAY if item == DESCRIBED_TOO_LATE else first_shown].append(_content(item))
    days[FIRST].append({**_content(DESCRIBED_TWICE), "category": "Old"})
    days[FIRST].append({**_content(7), "item_id": NOT_IN_SNAPSHOT})
    return days


def newest_content() -> dict[int, Row]:
    """The content of each item as it is known at the start of ``DAY``."""
    rows = [row for day, rows in content_by_day().items() if day < DAY for row in rows]
    return {row["item_id"]: {"image": None, **row} for row in rows}


def impressions_by_day() -> dict[date, list[Row]]:
    """Impressions of all days, with ties in time; about a third is held out."""
    generator = np.random.default_rng(2)
    days: dict[date, list[Row]] = {}
    for number in range((DAY - FIRST).days + 2):
        start = datetime(2026, 1, 1 + number, tzinfo=UTC)
        rows = [
            {
                "impression_id": 1000 * number + place,
                "user_id": int(generator.integers(0, USERS)),
                "item_id": int(generator.integers(0, ITEMS)),
                "ts": start + timedelta(minutes=int(generator.integers(0, 400))),
                "label": int(generator.integers(0, 2)),
                "fold": str(generator.choice(["lineage", "lineage", "lineage", "fit", "eval"])),
            }
            for place in range(ROWS_A_DAY)
        ]
        days[start.date()] = sorted(rows, key=lambda row: (row["ts"], row["impression_id"]))
    return days


def listed_items() -> list[tuple[int, list[int]]]:
    """Items that each item lists: itself, some that list it, and one that is not in the lake."""
    generator = np.random.default_rng(3)
    return [
        (item, [item, *generator.permutation(ITEMS)[: 2 * (item % 4)].tolist(), NOT_IN_SNAPSHOT])
        for item in range(ITEMS)
    ]


def _content(item: int) -> Row:
    row: Row = {
        "item_id": item,
        "first_seen": datetime(2026, 1, 1, tzinfo=UTC),
        "title": f"The  Tale{item % 9}, again",
        "text": "",
        "category": ["Drama | Tale", "drama;War", None, "Common"][item % 4],
        "vector": [float(item), 1.0] if item % 2 else None,
    }
    if item % 5 == 0:
        row |= {"title": " ", "text": f"A text of tale{item % 9}"}
    if item == NO_CONTENT:
        row |= {"title": "\t", "text": None, "category": " ", "vector": []}
    if item == NO_ENTRY:
        row |= {"title": "Hapax legomenon", "category": None}
    return row


def _publish(lake: Lake, partition: Partition, rows: Sequence[Row], schema: pa.Schema) -> None:
    with lake.attempt([partition]) as attempt:
        table = pa.Table.from_pylist(list(rows), schema=schema).sort_by(schema.names[0])
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs={}, schema=schema)

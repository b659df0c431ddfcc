"""Items that come with vectors, and a ranker that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.lake import Lake, Partition, schemas
from jobs.scenarios import Scenario

Rows = list[dict[str, Any]]
Vectors = Mapping[int, Sequence[float]]


def reading(scenario: Scenario, **options: Any) -> Scenario:
    """The scenario with items that have vectors, which the ranker reads."""
    content = scenario.model_dump(exclude={"source": {"items"}})
    content["source"]["items"] = {"path": "items", "item_id": "item", "vector": "vector"}
    content["ranker"] |= {"dense_features": ["vector"], **options}
    return Scenario.model_validate(content)


def publish_items(
    lake: Lake, scenario: Scenario, log: Rows, vectors: Vectors, days: Sequence[date] = ()
) -> None:
    """Publish the items of days on which they are first shown: of all days, or of some."""
    first: dict[int, datetime] = {}
    for row in log:
        first.setdefault(row["item_id"], row["ts"])
    schema = schemas.items(scenario)
    for one in days or sorted({seen.date() for seen in first.values()}):
        rows = [
            {"item_id": item, "first_seen": seen, "vector": vectors.get(item)}
            for item, seen in first.items()
            if seen.date() == one
        ]
        partition = Partition("items", scenario.name, one)
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", pa.Table.from_pylist(rows, schema))
            attempt.publish(partition, inputs={}, schema=schema)


def taste(item: int) -> list[float]:
    """The vector of an item."""
    return np.random.default_rng(item).normal(size=2).tolist()


def vectors_of(log: Rows) -> dict[int, list[float]]:
    """The vectors of all items of a log."""
    return {row["item_id"]: taste(row["item_id"]) for row in log}

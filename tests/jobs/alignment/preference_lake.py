"""Small lakes with items and curated preference data, published by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.lake import Lake, Partition, Window, schemas
from jobs.lake.addresses import curated_partition
from jobs.scenarios import AlignmentOptions, Scenario, load_scenario

ALIGNED_AT = date(2026, 1, 10)
KIND = "id_embedding"
ITEMS = 60
EVERY_FIFTH = 5
"""Every fifth item validates."""
WORDS = ("red", "green", "blue", "round", "square", "soft", "hard", "loud")
_GENERATOR = 7


def alignment_scenario(**options: Any) -> Scenario:
    """The simulated feed with short training; keywords are parts of ``alignment``."""
    curation = {"min_validation": 4, **options.pop("curation", {})}
    encoder = {"dim": 8, "max_tokens": 8, **options.pop("encoder", {})}
    training = {"epochs": 3, "batch_size": 16, "rate": 3e-3, **options.pop("training", {})}
    alignment = AlignmentOptions.model_validate(
        {"curation": curation, "encoder": encoder, "training": training}
    )
    scenario = load_scenario("simulated_feed")
    ranker = scenario.ranker.model_copy(update={"precision": "fp32"})
    return scenario.model_copy(update={"alignment": alignment, "ranker": ranker, **options})


def content(numbers: Sequence[int]) -> dict[str, list[Any]]:
    """What items come with. The first number of an item's vector tells which item it is."""
    drawn = [np.random.default_rng((_GENERATOR, number)) for number in numbers]
    return {
        "title": [" ".join(one.choice(WORDS, 3)) for one in drawn],
        "text": [None] * len(numbers),
        "category": [("toys", "books")[number % 2] for number in numbers],
        "image": [None] * len(numbers),
        "vector": [
            [float(number), *one.standard_normal(3)]
            for number, one in zip(numbers, drawn, strict=True)
        ],
    }


def publish_items(lake: Lake, scenario: Scenario, day: date, **columns: list[Any]) -> None:
    """Publish the items of a day; a column that is not given is left out, as in an older lake."""
    number = len(columns["item_id"])
    midnight = datetime.combine(day, datetime.min.time(), UTC)
    rows = {"first_seen": [midnight] * number, **columns}
    schema = schemas.items(scenario)
    schema = pa.schema([field for field in schema if field.name in rows])
    partition = Partition("items", scenario.name, day)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table(rows, schema))
        attempt.publish(partition, inputs={}, schema=schema)


def targets(numbers: Sequence[int]) -> list[list[float]]:
    """Targets that follow from the content of the items."""
    found = content(numbers)
    return [
        [*vector[1:], float("red" in title), float("soft" in title)]
        for vector, title in zip(found["vector"], found["title"], strict=True)
    ]


def publish_curated(
    lake: Lake,
    scenario: Scenario,
    *,
    kind: str = KIND,
    items: int = ITEMS,
    day: date = ALIGNED_AT,
    pairs: bool = False,
    **replaced: list[Any],
) -> None:
    """Publish curated items: vectors as targets, or the items with the same first word as pairs."""
    numbers = range(items)
    columns = content(numbers)
    split = ["train" if number % EVERY_FIFTH else "validation" for number in numbers]
    first = [title.split()[0] for title in columns["title"]]
    positives = [
        [
            other
            for other in numbers
            if (split[other], first[other]) == (split[one], first[one]) and other != one
        ]
        for one in numbers
    ]
    rows = {
        "item_id": list(numbers),
        "split": split,
        **columns,
        "target": [None] * items if pairs else targets(numbers),
        "positives": positives if pairs else [None] * items,
        "updates": [10 * (number % 7) for number in numbers],
        "keep_probability": [1.0] * items,
        **replaced,
    }
    schema = schemas.preference_items(scenario)
    partition = curated_partition(scenario, kind, day)
    newest = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=1)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table(rows, schema))
        window = Window.until(newest + timedelta(hours=1), newest)
        attempt.publish(partition, inputs={}, schema=schema, window=window)


def stored_bytes(lake: Lake, *tables: str) -> dict[str, bytes]:
    """Every file of some tables by its path, manifests included."""
    root = Path(lake.storage.absolute(""))
    found = [path for table in tables for path in sorted((root / table).rglob("*"))]
    return {str(path.relative_to(root)): path.read_bytes() for path in found if path.is_file()}

"""Vectors of an item file in the table ``items``, by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.ingest.publish_log import ingest
from jobs.lake import Lake
from jobs.scenarios import Scenario
from tests.jobs.ingest.reading import all_rows


def test_further_vectors_are_published_with_the_items(
    make_scenario: Callable[..., Scenario], tmp_path: Path
) -> None:
    start, lake = 1_769_731_200, Lake(str(tmp_path / "lake"))
    log = [
        {"id": n, "user": n % 4, "item": 100 + n % 7, "ts": start + n, "label": n % 2, "place": "x"}
        for n in range(30)
    ]
    items = [{"item": item, "v": [0.5, float(item)]} for item in range(100, 106)]
    pq.write_table(pa.Table.from_pylist(log), tmp_path / "log.parquet")
    pq.write_table(pa.Table.from_pylist(items), tmp_path / "items.parquet")
    source = {"path": "log.parquet", "format": {"kind": "parquet"}}
    mapped = {"path": "items.parquet", "item_id": "item", "vectors": {"aligned": {"column": "v"}}}
    ingest(lake, make_scenario(**source, items=mapped), str(tmp_path))
    found = {row["item_id"]: (row["vector"], row["aligned"]) for row in all_rows(lake, "items")}
    expected = {item["item"]: (None, item["v"]) for item in items}
    assert found == {**expected, 106: (None, None)}

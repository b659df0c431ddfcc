"""What is stored, for tests that compare it before and after, or change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.evaluation.result import LisResult
from jobs.lake import Lake, Partition

Change = Callable[[list[dict[str, Any]]], None]


def state(lake: Lake, *tables: str) -> dict[str, tuple[bytes, int]]:
    """Content of every file of some tables, and when it was written."""
    root = Path(lake.storage.absolute(""))
    files = [path for table in tables for path in (root / table).rglob("*") if path.is_file()]
    return {str(f.relative_to(root)): (f.read_bytes(), f.stat().st_mtime_ns) for f in files}


def without_seconds(results: Sequence[LisResult]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in result.to_dict().items() if name != "seconds"}
        for result in results
    ]


def rewrite(lake: Lake, scenario: str, table: str, day: date, change: Change) -> None:
    """Publish a day of a table again, with some rows changed."""
    partition = Partition(table, scenario, day)
    stored = lake.read(partition)
    rows = stored.to_pylist()
    change(rows)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.Table.from_pylist(rows, stored.schema))
        attempt.publish(partition, inputs={}, schema=stored.schema)


def flip(fold: str) -> Change:
    def change(rows: list[dict[str, Any]]) -> None:
        changed = [row for row in rows if row["fold"] == fold]
        assert changed
        for row in changed:
            row["label"] = 1 - row["label"]

    return change

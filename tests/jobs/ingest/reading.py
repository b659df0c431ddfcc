"""Published rows of the test scenario as dictionaries."""

from __future__ import annotations

from datetime import date
from typing import Any

from jobs.lake import Lake, Partition

Row = dict[str, Any]


def rows_of(lake: Lake, table: str, ds: date) -> list[Row]:
    rows: list[Row] = lake.read(Partition(table, "tiny", ds)).to_pylist()
    return rows


def all_rows(lake: Lake, table: str) -> list[Row]:
    return [row for ds in lake.days(table, "tiny") for row in rows_of(lake, table, ds)]

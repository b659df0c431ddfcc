"""Whether DuckDB's results are those of the behaviour jobs, row by row, on a small feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.lake import Lake, Partition
from jobs.lake.addresses import feature_partition
from tests.benchmarks.feed import (
    AS_OF,
    DAYS,
    HISTORY,
    HORIZON,
    NEXT_CLICK,
    SIMILAR_ITEMS,
    FeedOptions,
    feed_scenario,
)

SMALL_FEED = FeedOptions(rows=20_000, items=300, zipf=0.3, bot_share=0.05, tick_seconds=600)
"""Many clicks of one moment, a bot whose clicks pass every bound, and no item of many users."""

USERS_AN_ITEM = 50


def check_agreement(folder: Path) -> None:
    """Compare what both made below a folder of ``SMALL_FEED``.

    Raises:
        ArithmeticError: they disagree, or there is nothing to compare.
    """
    lake, scenario = Lake(str(folder / "lake")), feed_scenario()
    history = ["impression_id", "items", "lineage_items"]
    published = [lake.read(Partition("history", scenario.name, day)) for day in DAYS]
    _compare(HISTORY, _rows(published, history), _rows([_theirs(folder, HISTORY)], history))

    def tables(kind: str, horizon: int) -> list[pa.Table]:
        return [lake.read(feature_partition(scenario, kind, AS_OF, horizon))]

    similar = ["item_id", "items", "updates", "last_event"]
    found = _theirs(folder, SIMILAR_ITEMS)
    known_at = found["known_at"].to_pylist()
    for horizon in (0, HORIZON):
        is_known = pa.array([day == AS_OF + timedelta(days=horizon) for day in known_at])
        theirs = _rows([found.filter(is_known)], similar)
        _compare(SIMILAR_ITEMS, _rows(tables(SIMILAR_ITEMS, horizon), similar), theirs)
        if max(row["updates"] for row in theirs) > USERS_AN_ITEM:
            raise ArithmeticError("items of more users than are drawn: hashes decide the result")
    following = ["impression_id", "items", "sources", "updates", "last_event"]
    ours = _rows(tables(NEXT_CLICK, HORIZON), following)
    _compare(NEXT_CLICK, ours, _rows([_theirs(folder, NEXT_CLICK)], following))


def _theirs(folder: Path, job: str) -> pa.Table:
    return pq.read_table(folder / f"duckdb/{job}.parquet")


def _rows(tables: Sequence[pa.Table], columns: list[str]) -> list[dict[str, Any]]:
    return [row for table in tables for row in table.select(columns).to_pylist()]


def _compare(
    job: str, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]
) -> None:
    if not ours or len(ours) != len(theirs):
        raise ArithmeticError(f"{job}: {len(ours)} rows, DuckDB's {len(theirs)}")
    for mine, other in zip(ours, theirs, strict=True):
        if mine != other:
            raise ArithmeticError(f"{job}: {mine}, DuckDB's {other}")

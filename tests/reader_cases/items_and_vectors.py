"""Item files beside a log, and item vectors that a ranker of one's own exports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.reader_cases.raw_log import (
    RawLog,
    either,
    impressions,
    in_job,
    numbered,
    published,
    refused,
)

VECTORS = ([0.5, -1.0], [2.0, 0.25])
DAYS = ("2026-03-02", "2026-03-03")


def _log_beside(log: RawLog, items: pa.Table, **columns: str) -> None:
    log.parquet("items.parquet", items)
    log.rows = 0
    log.parquet("log.parquet", log.good)
    log.scenario("log.parquet", items={"path": "items.parquet", "item_id": "product", **columns})


@published
@in_job
def item_ids_that_are_whole_floats(log: RawLog) -> None:
    log.good = [{**r, "product": str(r["product"])} for r in numbered(impressions())]
    log.items = {str(number): ("lamp", None) for number in range(9)}
    ids = pa.array([*map(float, range(9)), None], pa.float64())
    _log_beside(log, pa.table({"product": ids, "name": ["lamp"] * 10}), title="name")


@refused("items.parquet", "product", "2.5")
def item_ids_with_a_fraction(log: RawLog) -> None:
    log.good = impressions()
    _log_beside(log, pa.table({"product": [1.0, 2.5], "name": ["lamp"] * 2}), title="name")


@refused("items.parquet", "product", "decimal")
def item_ids_that_are_decimals(log: RawLog) -> None:
    log.good = impressions()
    _log_beside(log, pa.table({"product": [Decimal("1.0")], "name": ["lamp"]}), title="name")


@either
@in_job
def item_vectors_of_half_precision(log: RawLog) -> None:
    log.good = impressions()
    log.items = {f"p{number}": (None, [0.5, 0.25]) for number in range(9)}
    vectors = pa.array([[0.5, 0.25]] * 9, pa.list_(pa.float16()))
    ids = [f"p{number}" for number in range(9)]
    _log_beside(log, pa.table({"product": ids, "v": vectors}), vector="v")


@published
@in_job
def unmapped_columns_of_an_item_file(log: RawLog) -> None:
    log.good = impressions()
    odd = pa.array([number * 1000 for number in range(9)], pa.time64("us"))
    log.items = {f"p{number}": ("lamp", None) for number in range(9)}
    content = {"product": [*log.items], "name": ["lamp"] * 9, "at": odd}
    _log_beside(log, pa.table(content), title="name")


@refused("items.parquet", "name")
def a_mapped_column_that_an_item_file_lacks(log: RawLog) -> None:
    log.good = impressions()
    _log_beside(log, pa.table({"product": ["p1"]}), title="name")


def _vectors(
    log: RawLog,
    name: str,
    ids: pa.Array | Sequence[Any] = ("a", "b"),
    vectors: pa.Array | None = None,
    **more: pa.Array,
) -> None:
    if vectors is None:
        vectors = pa.array(VECTORS, pa.list_(pa.float32()))
    log.parquet(name, pa.table({"item_id": ids, "embedding": vectors, **more}))


def _expected(log: RawLog, *days: str, ids: Sequence[str] = ("a", "b")) -> None:
    log.vectors = {
        (day, item): vector for day in days for item, vector in zip(ids, VECTORS, strict=True)
    }


@either
@in_job
def moments_where_vectors_need_days(log: RawLog) -> None:
    late = datetime(2026, 3, 3, 23, 50, tzinfo=UTC)
    moments = pa.array([late, late.replace(hour=18, minute=30)], pa.timestamp("us", "UTC"))
    _vectors(log, "v.parquet", day=moments)
    # A table of day D is that of its start, so a moment within a day counts for the next one.
    _expected(log, "2026-03-04")
    log.imports("v.parquet", as_of="day")


@published
def midnights_where_vectors_need_days(log: RawLog) -> None:
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    _vectors(log, "v.parquet", day=pa.array([midnight] * 2, pa.timestamp("ns", "UTC")))
    _expected(log, "2026-03-03")
    log.imports("v.parquet", as_of="day")


@published
@in_job
def blanks_in_the_names_of_vectors(log: RawLog) -> None:
    for day in DAYS:
        _vectors(log, f"v/item vectors {day}.parquet")
    _expected(log, *DAYS)
    log.imports("v/item vectors {ds}.parquet")


@published
def brackets_and_colons_in_the_names_of_vectors(log: RawLog) -> None:
    for day in DAYS:
        _vectors(log, f"v [1] #2/at {day}T00:00:00/part %41*.parquet")
    _expected(log, *DAYS)
    log.imports("v [1] #2/at {ds}T00:00:00")


@published
@in_job
def an_unmapped_column_beside_vectors(log: RawLog) -> None:
    half = pa.array([0.5, 1.5], pa.float16())
    _vectors(log, "v/ds=2026-03-02/part.parquet", score=half)
    _vectors(log, "v/ds=2026-03-03/part.parquet", score=pa.array(["x", "y"]))
    _expected(log, *DAYS)
    log.imports("v/ds={ds}")


@published
def vectors_of_items_with_whole_float_ids(log: RawLog) -> None:
    _vectors(log, "v/ds=2026-03-02/part.parquet", ids=pa.array([12.0, 5.0]))
    _expected(log, "2026-03-02", ids=("12", "5"))
    log.imports("v/ds={ds}")


@published
def vectors_of_items_with_dictionary_ids(log: RawLog) -> None:
    coded = pa.array(["a", "b"]).dictionary_encode()
    _vectors(log, "v/ds=2026-03-02/part.parquet", ids=coded)
    _vectors(log, "v/ds=2026-03-03/part.parquet")
    _expected(log, *DAYS)
    log.imports("v/ds={ds}")


@refused("part.parquet", "item_id", "12.7")
def vectors_of_items_with_a_fraction(log: RawLog) -> None:
    _vectors(log, "v/ds=2026-03-02/part.parquet", ids=pa.array([12.7, 5.0]))
    log.imports("v/ds={ds}", ids="int64")


@refused("part.parquet", "item_id", "decimal")
def vectors_of_items_with_decimal_ids(log: RawLog) -> None:
    _vectors(log, "v/ds=2026-03-02/part.parquet", ids=pa.array([Decimal("1.0"), Decimal("2.0")]))
    log.imports("v/ds={ds}")


@refused("part.parquet", "item_id", "2026-03-02", "2026-03-03")
def vectors_whose_ids_change_their_type(log: RawLog) -> None:
    _vectors(log, "v/ds=2026-03-02/part.parquet", ids=pa.array([1, 2]))
    _vectors(log, "v/ds=2026-03-03/part.parquet", ids=pa.array(["1", "2"]))
    log.imports("v/ds={ds}")


@published
def vectors_of_several_list_types(log: RawLog) -> None:
    double = pa.array(VECTORS, pa.large_list(pa.float64()))
    _vectors(log, "v/ds=2026-03-02/part.parquet", vectors=double)
    _vectors(
        log, "v/ds=2026-03-03/part.parquet", vectors=pa.array(VECTORS, pa.list_(pa.float32(), 2))
    )
    _expected(log, *DAYS)
    log.imports("v/ds={ds}")


@refused("part.parquet", "embedding")
def vectors_with_a_null_in_them(log: RawLog) -> None:
    damaged = pa.array([[0.5, None], [2.0, 0.25]], pa.list_(pa.float32()))
    _vectors(log, "v/ds=2026-03-02/part.parquet", vectors=damaged)
    log.imports("v/ds={ds}")

"""Columns that are mapped as ids and hold something else."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

from tests.reader_cases.parquet_types import one_file, two_days, write_days
from tests.reader_cases.raw_log import (
    RawLog,
    impressions,
    in_job,
    numbered,
    published,
    refused,
    table,
    with_value,
    with_values,
    without,
)


@refused("2026-03-02", "2026-03-03", "visitor")
def ids_as_text_then_as_numbers(log: RawLog) -> None:
    first, second = two_days(log)
    write_days(
        log, with_values(first, "visitor", ["1", "2"]), with_values(second, "visitor", [1, 2])
    )


@refused("log.parquet", "visitor", "struct")
@in_job
def ids_that_are_structs(log: RawLog) -> None:
    records = impressions()
    one_file(log, [{**record, "visitor": {"id": record["visitor"]}} for record in records])


@refused("log.parquet", "visitor", "list")
def ids_that_are_lists(log: RawLog) -> None:
    one_file(log, [{**record, "visitor": [record["visitor"]]} for record in impressions()])


@refused("log.parquet", "visitor", "decimal")
def ids_that_are_decimals(log: RawLog) -> None:
    one_file(log, with_values(impressions(), "visitor", [Decimal("12.00"), Decimal("13.00")]))


@refused("log.parquet", "visitor", "bool")
def ids_that_are_true_or_false(log: RawLog) -> None:
    one_file(log, with_values(impressions(), "visitor", [True, False]))


@refused("log.parquet", "visitor", "timestamp")
def ids_that_are_times(log: RawLog) -> None:
    one_file(log, [{**record, "visitor": record["at"]} for record in impressions()])


def _float_ids(log: RawLog, values: list[float], kind: pa.DataType, **source: object) -> None:
    records = with_value(with_values(impressions(), "visitor", values), 3, visitor=None)
    log.good = [{**record, "visitor": int(record["visitor"])} for record in without(records, 3)]
    one_file(log, table(records, visitor=kind), **source)


@published
@in_job
def float_ids_that_are_whole_as_text(log: RawLog) -> None:
    _float_ids(log, [1_000_000.0, 1_000_001.0, -7.0, 0.0], pa.float64())


@published
def float_ids_that_are_whole_as_numbers(log: RawLog) -> None:
    records = with_values(numbered(impressions()), "visitor", [2.0**53 - 1, 0.0, -1.0])
    log.good = [{**record, "visitor": int(record["visitor"])} for record in records]
    one_file(log, records, ids="int64")


@refused("log.parquet", "visitor", "7.205759406317979e+17")
def float_ids_that_are_too_large(log: RawLog) -> None:
    _float_ids(log, [720575940631797901.0, 5.0], pa.float64())


@refused("log.parquet", "visitor", "16777216")
def float32_ids_that_are_too_large(log: RawLog) -> None:
    _float_ids(log, [16777217.0, 5.0], pa.float32())


@refused("log.parquet", "visitor", "3.7")
@in_job
def float_ids_with_a_fraction(log: RawLog) -> None:
    _float_ids(log, [3.7, 5.0], pa.float64())


@refused("log.parquet", "visitor", "inf")
def float_ids_that_are_infinite(log: RawLog) -> None:
    records = with_values(impressions(), "visitor", [5.0, float("inf")])
    one_file(log, records)


@published
def unsigned_ids_beyond_int64_as_text(log: RawLog) -> None:
    log.good = with_values(impressions(), "visitor", [2**64 - 1, 2**63, 5])
    one_file(log, table(log.good, visitor=pa.uint64()))


@refused("log.parquet", "visitor")
def unsigned_ids_beyond_int64_as_numbers(log: RawLog) -> None:
    records = with_values(impressions(), "visitor", [2**64 - 1, 2**63, 5])
    both = table([{**record, "product": 1} for record in records], visitor=pa.uint64())
    one_file(log, both, ids="int64")

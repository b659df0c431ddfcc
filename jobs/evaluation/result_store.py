"""The ``lis`` table: one partition and one row per result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date

import pyarrow as pa

from jobs.evaluation.result import LisResult, Slice
from jobs.lake import Lake, Partition

_TYPES = {
    "str": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "int | None": pa.int64(),
}


def _schema() -> pa.Schema:
    part = pa.struct([(field.name, _TYPES[str(field.type)]) for field in fields(Slice)])
    types = {**_TYPES, "tuple[Slice, ...]": pa.list_(part)}
    return pa.schema([(field.name, types[str(field.type)]) for field in fields(LisResult)])


SCHEMA = _schema()


def result_partition(
    scenario: str,
    ranker_version: str,
    first: date,
    last: date,
    preference: str,
    mode: str,
    horizon: int,
) -> Partition:
    """Where a result lies. One pooled over days lies at its last day, and names its first."""
    keys = (
        ("ranker", ranker_version),
        ("preference", preference),
        ("mode", mode),
        ("horizon", str(horizon)),
    )
    pooled = (("pooled_from", first.isoformat()),) if first != last else ()
    return Partition("lis", scenario, last, keys + pooled)


def stored_result(lake: Lake, partition: Partition, inputs: Mapping[str, str]) -> LisResult | None:
    """The result in a partition if it was made from these inputs, else None."""
    manifest = lake.manifest(partition)
    if manifest is None or dict(manifest.inputs) != dict(inputs):
        return None
    return LisResult.from_dict(lake.read(partition).to_pylist()[0])


def store_result(
    lake: Lake, partition: Partition, result: LisResult, inputs: Mapping[str, str]
) -> None:
    """Publish a result."""
    with lake.attempt([partition]) as attempt:
        table = pa.Table.from_pylist([result.to_dict()], schema=SCHEMA)
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs=inputs, schema=SCHEMA)


def read_results(
    lake: Lake, scenario: str, first: date | None = None, last: date | None = None
) -> list[LisResult]:
    """All results of a scenario whose days lie within first to last, single days before pooled.

    Results of all ranker versions are returned, side by side.
    """
    found = []
    for day in lake.days_with_any("lis", scenario):
        if (first is not None and day < first) or (last is not None and day > last):
            continue
        for keys in lake.keys_below("lis", scenario, day):
            pooled_from = dict(keys).get("pooled_from")
            if first is not None and pooled_from and date.fromisoformat(pooled_from) < first:
                continue
            result = lake.read(Partition("lis", scenario, day, keys)).to_pylist()[0]
            found.append(LisResult.from_dict(result))
    return sorted(
        found,
        key=lambda result: (
            result.is_pooled,
            result.as_of,
            result.preference,
            result.mode,
            result.horizon,
            result.ranker_version,
        ),
    )

"""The ``lis`` table: one partition and one row for each result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import TypeVar

import pyarrow as pa

from jobs.common.errors import InputError
from jobs.evaluation.result import LisResult
from jobs.lake import Lake, Partition
from jobs.lake.addresses import Keys, ranker_version
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command

ResultT = TypeVar("ResultT", bound=LisResult)

LIS = "lis"
_SECONDS = "seconds"
"""The only field that differs between equal runs. It lies in the manifest, not in the table."""
_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}

_SLICE = pa.struct(
    [
        ("name", pa.string()),
        ("value", pa.string()),
        ("rows", pa.int64()),
        ("users", pa.int64()),
        ("lis", pa.float64()),
        ("lis_ci_low", pa.float64()),
        ("lis_ci_high", pa.float64()),
        ("p_value", pa.float64()),
        ("stands_out", pa.bool_()),
    ]
)


def result_schema(kind: type[LisResult] = LisResult) -> pa.Schema:
    """Return the schema of the table: what identifies a result, its figures, its slices.

    It has every field of a result but ``seconds``, so that equal results have equal bytes.

    Args:
        kind: The class of the results.
    """
    described = [
        (field.name, _TYPES[str(field.type)])
        for field in fields(kind)
        if field.name not in ("figures", "slices", _SECONDS)
    ]
    measured = [
        (column, pa.int64() if figure.is_count else pa.float64())
        for figure in kind.declared_figures()
        for column in figure.columns
    ]
    return pa.schema([*described, *measured, ("slices", pa.list_(_SLICE))])


def result_columns() -> list[str]:
    """Return the names of all columns of a result as it is read: those of the table, and time."""
    return [*result_schema().names, _SECONDS]


def result_partition(
    scenario: str,
    ranker_version: str,
    first: date,
    last: date,
    preference: str,
    mode: str,
    horizon: int,
    table: str = LIS,
    further: Keys = (),
) -> Partition:
    """Return where a result lies.

    A result pooled over days lies at its last day, with its first day in the keys.

    Args:
        table: The table of results.
        further: Further keys, for results that these do not tell apart.
    """
    keys = (
        ("ranker", ranker_version),
        ("preference", preference),
        ("mode", mode),
        ("horizon", str(horizon)),
    )
    pooled = (("pooled_from", first.isoformat()),) if first != last else ()
    return Partition(table, scenario, last, keys + further + pooled)


def stored_result(
    lake: Lake, partition: Partition, inputs: Mapping[str, str], kind: type[ResultT]
) -> ResultT | None:
    """Return the result in a partition if it was made from these inputs, else None."""
    manifest = lake.manifest(partition)
    if manifest is None or dict(manifest.inputs) != dict(inputs):
        return None
    return read_result(lake, partition, kind)


def store_result(
    lake: Lake, partition: Partition, result: LisResult, inputs: Mapping[str, str]
) -> None:
    """Publish a result."""
    schema = result_schema(type(result))
    with lake.attempt([partition]) as attempt:
        content = result.to_dict()
        facts = {_SECONDS: content.pop(_SECONDS)}
        table = pa.Table.from_pylist([content], schema=schema)
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs=inputs, facts=facts, schema=schema)


def read_results(
    lake: Lake, scenario: str, first: date | None = None, last: date | None = None
) -> list[LisResult]:
    """Return the Leakage Impact Scores of a scenario: see ``read_table``."""
    return read_table(lake, LIS, LisResult, scenario, first, last)


def read_table(
    lake: Lake,
    table: str,
    kind: type[ResultT],
    scenario: str,
    first: date | None = None,
    last: date | None = None,
) -> list[ResultT]:
    """Return the results of a scenario whose days lie within a range, in all ranker versions.

    Args:
        lake: The lake to read.
        table: The table of results.
        kind: The class of its results.
        scenario: Name of the scenario.
        first: First day of the range; None for no limit.
        last: Last day of the range, included; None for no limit.

    Returns:
        Results of single days before pooled ones.
    """
    found = []
    for day in lake.days_with_any(table, scenario):
        if (first is not None and day < first) or (last is not None and day > last):
            continue
        for keys in lake.keys_below(table, scenario, day):
            pooled_from = dict(keys).get("pooled_from")
            if first is not None and pooled_from and date.fromisoformat(pooled_from) < first:
                continue
            found.append(read_result(lake, Partition(table, scenario, day, keys), kind))
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


def read_result(lake: Lake, partition: Partition, kind: type[ResultT]) -> ResultT:
    """Return the result in a partition that is published."""
    (content,) = lake.read(partition).to_pylist()
    manifest = lake.manifest(partition)
    # Earlier versions kept the time in the table.
    facts = {} if manifest is None else manifest.facts
    seconds = facts.get(_SECONDS, content.get(_SECONDS))
    return kind.from_dict({**content, _SECONDS: seconds})


def requested_results(
    results: Iterable[LisResult],
    scenario: Scenario,
    as_ofs: Sequence[date],
    horizons: Sequence[int] | None = None,
    preferences: Sequence[str] | None = None,
    modes: Sequence[str] | None = None,
) -> list[LisResult]:
    """Return the results of the scenario's ranker on these days, and pooled over exactly these.

    Args:
        results: Results to choose from.
        scenario: The scenario, whose ranker version counts.
        as_ofs: Evaluation dates, ascending.
        horizons: Horizons to keep; None for all.
        preferences: Kinds of preference data to keep; None for all.
        modes: Modes to keep; None for all.

    Raises:
        InputError: If there is no such result.
    """
    first, last = as_ofs[0], as_ofs[-1]
    pooled = f"{first}:{last}"
    dates = {pooled, *(day.isoformat() for day in as_ofs)}
    version = ranker_version(scenario)
    found = [
        result
        for result in results
        if result.as_of in dates
        and result.ranker_version == version
        and (horizons is None or result.horizon in horizons)
        and (preferences is None or result.preference in preferences)
        and (modes is None or result.mode in modes)
    ]
    if not found:
        raise InputError(
            f"no LIS of scenario {scenario.name} is stored for {pooled}: run "
            f"{lis_command('lis', scenario, as_of=pooled if first != last else first)}"
        )
    return found

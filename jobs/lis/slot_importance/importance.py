"""How much the ranker depends on each of its embedding slots: the ``importances`` table.

If a ranker has several ID slots, the most important one is the one to leak (arXiv 2508.04963).
Torch is loaded only to measure: reports read stored importances without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta

import pyarrow as pa

from jobs.common.code_digest import code_digest
from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.lake.addresses import ranker_keys, starting_ranker_days, starting_ranker_partition
from jobs.lake.manifest import digest_of
from jobs.lis.slot_importance.slot_importance import SlotImportance
from jobs.ranker.rows.read_day import require_day
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command

IMPORTANCE_DAYS = 7
"""Importance is measured on the held-out rows of this many days, T being the last."""

SCHEMA = pa.schema(
    [
        ("slot", pa.string()),
        ("importance", pa.float64()),
        ("se", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("rows", pa.int64()),
        ("users", pa.int64()),
        ("first", pa.date32()),
        ("last", pa.date32()),
    ]
)


def slot_importances(lake: Lake, scenario: Scenario, as_of: date) -> list[SlotImportance]:
    """Measure the importance of every slot on the ``IMPORTANCE_DAYS`` up to and including T.

    Each day d is scored by M_d; days without a trained ranker are left out. Publishes
    ``importances``; figures measured from the same inputs are read back.

    Returns:
        Importance of every slot, highest first.

    Raises:
        InputError: If no day has a trained ranker and held-out rows of both classes, or if item
            vectors are imported, so that no ranker is trained here.
    """
    if scenario.snapshots is not None:
        raise InputError(
            f"scenario {scenario.name} imports item vectors and trains no ranker, so slots have no "
            "importance: use slot item_id"
        )
    partition = _partition(scenario, as_of)
    days = _days(lake, scenario, as_of)
    inputs = _inputs(lake, scenario, days)
    manifest = lake.manifest(partition)
    if manifest is not None and dict(manifest.inputs) == inputs:
        return _read(lake, partition)

    from jobs.lis.slot_importance.permuted import permutation_importances

    importances = permutation_importances(lake, scenario, days)
    if not importances:
        raise InputError(
            f"scenario {scenario.name}: no day from {_first_day(as_of)} to {as_of} has a trained "
            "ranker and held-out rows of both labels, so slots have no importance: choose another "
            "day, or ingest more rows"
        )
    with lake.attempt([partition]) as attempt:
        table = pa.Table.from_pylist([asdict(one) for one in importances], schema=SCHEMA)
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs=inputs, schema=SCHEMA)
    return importances


def stored_importances(lake: Lake, scenario: Scenario, as_of: date) -> list[SlotImportance] | None:
    """Return the stored importances of a day, highest first; None if none were measured."""
    partition = _partition(scenario, as_of)
    return _read(lake, partition) if lake.is_published(partition) else None


def _partition(scenario: Scenario, as_of: date) -> Partition:
    return Partition("importances", scenario.name, as_of, ranker_keys(scenario))


def _read(lake: Lake, partition: Partition) -> list[SlotImportance]:
    return [SlotImportance(**row) for row in lake.read(partition).to_pylist()]


def _first_day(as_of: date) -> date:
    return as_of - timedelta(days=IMPORTANCE_DAYS - 1)


def _days(lake: Lake, scenario: Scenario, as_of: date) -> list[date]:
    """Days of the window with a ranker and rows; the newest ranker's day may have no rows yet."""
    return [
        day
        for day in starting_ranker_days(lake, scenario)
        if _first_day(as_of) <= day <= as_of
        and lake.is_published(Partition("impressions", scenario.name, day))
    ]


def _inputs(lake: Lake, scenario: Scenario, days: Sequence[date]) -> dict[str, str]:
    digests: list[str] = []
    for day in days:
        digests += [manifest.digest for manifest in require_day(lake, scenario, day).values()]
        remedy = f"run {lis_command('train', scenario)}"
        digests.append(lake.require(starting_ranker_partition(scenario, day), remedy).digest)
    rule = digest_of(code_digest(__name__), scenario.confidence)
    return {"days": digest_of([*map(str, days)], digests), "measure": rule}

"""How much the ranker rests on each of its embedding slots: the ``importances`` table.

Where a ranker has several ID slots, the most important one is the one to leak (arXiv 2508.04963).
Torch is loaded only where something must be measured: a report reads what is stored without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import pyarrow as pa

from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.lake.addresses import ranker_keys, starting_ranker_days, starting_ranker_partition
from jobs.lake.manifest import digest_of
from jobs.ranker.rows.read_day import require_day
from jobs.scenarios import Scenario

IMPORTANCE_DAYS = 7
"""The last days up to T whose held-out rows are measured."""
IMPORTANCE_REVISION = 1
"""Raised by hand when the same tables would give other figures: stored ones are then stale."""

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


@dataclass(frozen=True)
class SlotImportance:
    """The AUC that the ranker loses on held-out rows when a slot's ids are mixed among them.

    ``importance`` is the mean over permutations and days; its standard error and interval take
    users as independent and cover how permutations vary. Both are NaN where a class comes from a
    single user. ``rows`` and ``users`` are of the days that hold both classes, of which ``first``
    and ``last`` are the outermost.
    """

    slot: str
    importance: float
    se: float
    ci_low: float
    ci_high: float
    rows: int
    users: int
    first: date
    last: date


def slot_importances(lake: Lake, scenario: Scenario, as_of: date) -> list[SlotImportance]:
    """Importance of every slot on the ``IMPORTANCE_DAYS`` up to and including T, highest first.

    Each day d is scored by its own M_d, and days without a ranker that has learnt something are
    left out. Publishes ``importances``; what was measured from the same inputs is read back.

    Raises:
        InputError: no day has such a ranker and held-out rows of both classes, or item vectors
            are imported: then no ranker is at hand that could miss a slot.
    """
    if scenario.snapshots is not None:
        raise InputError(
            f"scenario {scenario.name} imports item vectors, and no ranker is trained that could "
            "miss a slot: use slot item_id"
        )
    partition = _partition(scenario, as_of)
    days = _days(lake, scenario, as_of)
    inputs = _inputs(lake, scenario, days)
    manifest = lake.manifest(partition)
    if manifest is not None and dict(manifest.inputs) == inputs:
        return _read(lake, partition)

    from jobs.lis.slot_importance.permuted import permutation_importances

    found = permutation_importances(lake, scenario, days)
    if not found:
        raise InputError(
            f"scenario {scenario.name}: no day from {_first_day(as_of)} to {as_of} has a ranker "
            "that has learnt something and held-out rows of both labels, so no slot can be called "
            "the most important; ask for an earlier or a later day, or ingest more rows"
        )
    with lake.attempt([partition]) as attempt:
        table = pa.Table.from_pylist([asdict(one) for one in found], schema=SCHEMA)
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs=inputs, schema=SCHEMA)
    return found


def stored_importances(lake: Lake, scenario: Scenario, as_of: date) -> list[SlotImportance] | None:
    """What is stored for a day, highest first; None where nothing was measured for it."""
    partition = _partition(scenario, as_of)
    return _read(lake, partition) if lake.is_published(partition) else None


def _partition(scenario: Scenario, as_of: date) -> Partition:
    return Partition("importances", scenario.name, as_of, ranker_keys(scenario))


def _read(lake: Lake, partition: Partition) -> list[SlotImportance]:
    return [SlotImportance(**row) for row in lake.read(partition).to_pylist()]


def _first_day(as_of: date) -> date:
    return as_of - timedelta(days=IMPORTANCE_DAYS - 1)


def _days(lake: Lake, scenario: Scenario, as_of: date) -> list[date]:
    """Days of the window that have a ranker and rows: the newest ranker may wait for its day."""
    return [
        day
        for day in starting_ranker_days(lake, scenario)
        if _first_day(as_of) <= day <= as_of
        and lake.is_published(Partition("impressions", scenario.name, day))
    ]


def _inputs(lake: Lake, scenario: Scenario, days: Sequence[date]) -> dict[str, str]:
    digests: list[str] = []
    for day in days:
        digests += [manifest.digest for manifest in require_day(lake, scenario, day)]
        way_out = f"run python -m jobs train --scenario {scenario.name}"
        digests.append(lake.require(starting_ranker_partition(scenario, day), way_out).digest)
    rule = digest_of(IMPORTANCE_REVISION, scenario.confidence)
    return {"days": digest_of([*map(str, days)], digests), "measure": rule}

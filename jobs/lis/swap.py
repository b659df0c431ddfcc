"""Swap mode: M_T scores day T with its own item table and with that of each M_{T+n}.

Source: arXiv 2508.04963; nothing is trained. The headline is on held-out rows: the later ranker
has trained on the others, so on those it remembers labels (reported as ``memorisation``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tqdm import tqdm

from jobs.lake import Lake, Partition, schemas
from jobs.lake.manifest import digest_of
from jobs.lis.measure import Measurement
from jobs.lis.result import LisResult
from jobs.lis.store import result_partition, store_result, stored_result
from jobs.preference import PreferenceKind
from jobs.ranker.score import BASELINE, DayScores, ItemTable, score_day
from jobs.ranker.version import ranker_version
from jobs.scenarios import Scenario
from jobs.version import code_version

MODE = "swap"
MEASURE_REVISION = 1
"""Raised by hand when the same scores would give other figures: stored results are then stale."""


@dataclass(frozen=True)
class _Target:
    """A result to be had: days, horizon, and what it follows from."""

    partition: Partition
    first: date
    last: date
    horizon: int
    inputs: Mapping[str, str]
    data_digest: str

    @property
    def is_pooled(self) -> bool:
        return self.first != self.last

    @property
    def as_of(self) -> str:
        return f"{self.first}:{self.last}" if self.is_pooled else self.first.isoformat()


def score_swap(
    lake: Lake,
    scenario: Scenario,
    kind: PreferenceKind,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Score days at all horizons, one pass over each day's rows; pooled too for several days.

    Publishes ``predictions`` and ``lis``. A result whose inputs have not changed is read back and
    not made again. Returns single days by day and horizon, then the pooled ones by horizon.

    Raises:
        InputError: an item table is not assembled, or the lineage does not reach T.
    """
    singles = [
        _single_target(lake, scenario, kind, as_of, horizon)
        for as_of in as_ofs
        for horizon in horizons
    ]
    targets = singles + [
        _pooled_target(scenario, kind, [t for t in singles if t.horizon == horizon])
        for horizon in horizons
        if len(as_ofs) > 1
    ]
    results = {
        target.partition: result
        for target in targets
        if (result := stored_result(lake, target.partition, target.inputs)) is not None
    }
    missing = [target for target in targets if target.partition not in results]
    needs_all_days = any(target.is_pooled for target in missing)
    days = [
        as_of
        for as_of in as_ofs
        if needs_all_days or any(target.first == as_of for target in missing)
    ]
    started = time.monotonic()
    pools = {horizon: Measurement() for horizon in horizons}
    for as_of in tqdm(days, desc="scoring days", unit="day", disable=len(days) < 2):
        day_started = time.monotonic()
        scores = _score_day(lake, scenario, kind, as_of, horizons)
        for target in (target for target in singles if target.first == as_of):
            _add(pools[target.horizon], scores, target.horizon)
            if target in missing:
                measured = Measurement()
                _add(measured, scores, target.horizon)
                seconds = time.monotonic() - day_started
                results[target.partition] = _store(lake, scenario, kind, target, measured, seconds)
    for target in (target for target in missing if target.is_pooled):
        seconds = time.monotonic() - started
        results[target.partition] = _store(
            lake, scenario, kind, target, pools[target.horizon], seconds
        )
    return [results[target.partition] for target in targets]


def variant(kind: str, horizon: int) -> str:
    """Name of a scored variant in ``predictions``."""
    return f"{kind}-{MODE}-{horizon}"


def _single_target(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, as_of: date, horizon: int
) -> _Target:
    name = scenario.name
    table = lake.require(
        kind.table(scenario, as_of, horizon), f"python -m jobs lis --scenario {name} assembles it"
    )
    checkpoint = lake.require(
        Partition("checkpoints", name, as_of), f"run python -m jobs train --scenario {name}"
    )
    data = digest_of(table.inputs["impressions"], table.inputs["history"], checkpoint.digest)
    inputs = {
        "data": data,
        "table": table.digest,
        "measure": digest_of(MEASURE_REVISION, scenario.threshold, scenario.confidence),
    }
    partition = result_partition(name, as_of, as_of, kind.name, MODE, horizon)
    return _Target(partition, as_of, as_of, horizon, inputs, data)


def _pooled_target(scenario: Scenario, kind: PreferenceKind, singles: Sequence[_Target]) -> _Target:
    first, last, horizon = singles[0].first, singles[-1].last, singles[0].horizon
    inputs = {"days": digest_of(*[dict(target.inputs) for target in singles])}
    partition = result_partition(scenario.name, first, last, kind.name, MODE, horizon)
    data = digest_of(*[target.data_digest for target in singles])
    return _Target(partition, first, last, horizon, inputs, data)


def _score_day(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, as_of: date, horizons: Sequence[int]
) -> DayScores:
    """Score a day at all horizons and publish its predictions."""
    # Spark stores vectors as lists of any length; the contract's type fixes it.
    contract = schemas.features(scenario, scenario.ranker.embedding_dim)
    tables = {
        variant(kind.name, horizon): ItemTable.from_arrow(
            lake.read(kind.table(scenario, as_of, horizon)).cast(contract)
        )
        for horizon in horizons
    }
    scores = score_day(lake, scenario, as_of, tables)
    schema = schemas.predictions(scenario)
    for name in scores.scores:
        partition = Partition("predictions", scenario.name, as_of, (("variant", name),))
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", scores.predictions(name).cast(schema))
            attempt.publish(partition, inputs={}, schema=schema)
    return scores


def _add(measured: Measurement, scores: DayScores, horizon: int) -> None:
    name = next(name for name in scores.scores if name.endswith(f"-{MODE}-{horizon}"))
    measured.add(
        scores.rows,
        scores.scores[BASELINE],
        scores.scores[name],
        scores.covered[name],
        scores.item_updates,
    )


def _store(
    lake: Lake,
    scenario: Scenario,
    kind: PreferenceKind,
    target: _Target,
    measured: Measurement,
    seconds: float,
) -> LisResult:
    result = LisResult(
        scenario=scenario.name,
        as_of=target.as_of,
        horizon=target.horizon,
        preference=kind.name,
        mode=MODE,
        seeds=1,
        ranker_version=ranker_version(scenario),
        data_digest=target.data_digest,
        leak_digest=target.inputs.get("table", target.inputs.get("days", "")),
        code_version=code_version(),
        seconds=round(seconds, 3),
        threshold=scenario.threshold,
        **measured.figures(scenario.threshold, scenario.confidence),
    )
    store_result(lake, target.partition, result, target.inputs)
    return result

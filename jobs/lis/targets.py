"""Which results a request asks for, and from scored days to these results.

Both modes share this: they differ in how a day is scored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tqdm import tqdm

from jobs.lake import Lake, Partition
from jobs.lake.manifest import digest_of
from jobs.lake.rankers import ranker_version
from jobs.lis.measure import Measurement
from jobs.lis.result import LisResult
from jobs.lis.scored import ScoredDay
from jobs.lis.store import result_partition, store_result, stored_result
from jobs.lis.unknown import what_is_unknown
from jobs.preference import Mode, PreferenceKind
from jobs.preference.kind import EvalRowsSeen
from jobs.scenarios import Scenario
from jobs.version import code_version

MEASURE_REVISION = 2
"""Raised by hand when the same scores would give other figures: stored results are then stale."""


@dataclass(frozen=True)
class MadeFrom:
    """Digests of what a day's scores follow from: the baseline's data, and the leaked tables."""

    data: str
    leak: str


@dataclass(frozen=True)
class Scoring:
    """What is scored in one go, and how.

    made_from: of a day and a horizon. score_day: a day at some horizons. seeds: rankers a variant.
    fit_days, lookback_days, eval_rows_seen: as results say them.
    """

    kind: PreferenceKind
    mode: Mode
    made_from: Callable[[date, int], MadeFrom]
    score_day: Callable[[date, Sequence[int]], Mapping[int, ScoredDay]]
    seeds: int = 1
    fit_days: int = 0
    lookback_days: int = 0
    eval_rows_seen: EvalRowsSeen = "no"


@dataclass(frozen=True)
class _Target:
    """A result to be had: days, horizon, and what it follows from."""

    partition: Partition
    first: date
    last: date
    horizon: int
    inputs: Mapping[str, str]
    made_from: MadeFrom

    @property
    def is_pooled(self) -> bool:
        return self.first != self.last

    @property
    def as_of(self) -> str:
        return f"{self.first}:{self.last}" if self.is_pooled else self.first.isoformat()


def evaluate(
    lake: Lake,
    scenario: Scenario,
    scoring: Scoring,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
) -> list[LisResult]:
    """Results of days at all horizons, one pass over the days; pooled too for several days.

    Publishes ``lis``. A result whose inputs have not changed is read back and not made again.
    Returns single days by day and horizon, then the pooled ones by horizon.
    """
    singles = [_single(scenario, scoring, day, horizon) for day in as_ofs for horizon in horizons]
    targets = singles + [
        _pooled(scenario, scoring, [t for t in singles if t.horizon == horizon])
        for horizon in horizons
        if len(as_ofs) > 1
    ]
    results = {
        target.partition: result
        for target in targets
        if (result := stored_result(lake, target.partition, target.inputs)) is not None
    }
    missing = [target for target in targets if target.partition not in results]
    wanted = sorted({target.horizon for target in missing})
    needs_all_days = any(target.is_pooled for target in missing)
    days = [
        day for day in as_ofs if needs_all_days or any(target.first == day for target in missing)
    ]
    started = time.monotonic()
    pools = {horizon: Measurement() for horizon in wanted}
    label = f"{scoring.kind.name}, {scoring.mode}"
    for day in tqdm(days, label, unit="day", mininterval=2, disable=len(days) < 2):
        day_started = time.monotonic()
        scored = scoring.score_day(day, wanted)
        for target in (target for target in singles if target.first == day):
            if target.horizon in wanted:
                pools[target.horizon].add(scored[target.horizon])
            if target in missing:
                measured = Measurement()
                measured.add(scored[target.horizon])
                seconds = time.monotonic() - day_started
                result = _stored(lake, scenario, scoring, target, measured, seconds)
                results[target.partition] = result
    for target in (target for target in missing if target.is_pooled):
        seconds = time.monotonic() - started
        result = _stored(lake, scenario, scoring, target, pools[target.horizon], seconds)
        results[target.partition] = result
    return [results[target.partition] for target in targets]


def _single(scenario: Scenario, scoring: Scoring, day: date, horizon: int) -> _Target:
    made_from = scoring.made_from(day, horizon)
    rule = digest_of(MEASURE_REVISION, scenario.threshold, scenario.confidence)
    inputs = {"data": made_from.data, "table": made_from.leak, "measure": rule}
    return _Target(
        _partition(scenario, scoring, day, day, horizon), day, day, horizon, inputs, made_from
    )


def _pooled(scenario: Scenario, scoring: Scoring, singles: Sequence[_Target]) -> _Target:
    first, last, horizon = singles[0].first, singles[-1].last, singles[0].horizon
    inputs = {"days": digest_of(*[dict(target.inputs) for target in singles])}
    made_from = MadeFrom(
        digest_of(*[target.made_from.data for target in singles]),
        digest_of(*[target.made_from.leak for target in singles]),
    )
    partition = _partition(scenario, scoring, first, last, horizon)
    return _Target(partition, first, last, horizon, inputs, made_from)


def _partition(
    scenario: Scenario, scoring: Scoring, first: date, last: date, horizon: int
) -> Partition:
    version = ranker_version(scenario)
    return result_partition(
        scenario.name, version, first, last, scoring.kind.name, scoring.mode, horizon
    )


def _stored(
    lake: Lake,
    scenario: Scenario,
    scoring: Scoring,
    target: _Target,
    measured: Measurement,
    seconds: float,
) -> LisResult:
    figures = measured.figures(scenario.threshold, scenario.confidence)
    result = LisResult(
        scenario=scenario.name,
        as_of=target.as_of,
        horizon=target.horizon,
        preference=scoring.kind.name,
        mode=scoring.mode,
        seeds=scoring.seeds,
        ranker_version=ranker_version(scenario),
        data_digest=target.made_from.data,
        leak_digest=target.made_from.leak,
        code_version=code_version(),
        seconds=round(seconds, 3),
        threshold=scenario.threshold,
        eval_rows_seen=scoring.eval_rows_seen,
        fit_days=scoring.fit_days,
        lookback_days=scoring.lookback_days,
        note=what_is_unknown(figures),
        **figures,
    )
    store_result(lake, target.partition, result, target.inputs)
    return result

"""Computes the requested results from scored days; modes differ in how a day is scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import numpy as np
from tqdm import tqdm

from jobs.common.code_digest import code_digest
from jobs.common.code_version import code_version
from jobs.evaluation.measurement import Measurement
from jobs.evaluation.missing_figures import missing_figures_note
from jobs.evaluation.result import Evaluation, LisResult
from jobs.evaluation.result_store import result_partition, store_result, stored_result
from jobs.evaluation.scored_day import BASELINE, ScoredDay
from jobs.lake import Lake, Partition
from jobs.lake.addresses import ranker_version
from jobs.lake.manifest import digest_of
from jobs.lis.result_table import LEAKAGE_IMPACT_SCORES, ResultTable
from jobs.lis.simple_models import SimpleModels
from jobs.preference import PreferenceKind
from jobs.preference.leak import Leak
from jobs.scenarios import EvalRowsSeen, Scenario

_MEASURING = ("jobs.evaluation.measurement", "jobs.evaluation.slices")
"""Modules that turn scores into figures; stored results become stale when their code changes."""


_FIT_ROWS_NOT_COVERED = (
    "intervals do not cover which users were fitted to: that needs retrain.seeds of 2 or more"
)


@dataclass(frozen=True)
class InputDigests:
    """Digests of what the scores of a day are computed from.

    Attributes:
        data: Digest of the data of the baseline.
        leak: Digest of the leaked tables.
    """

    data: str
    leak: str


@dataclass(frozen=True)
class Scoring:
    """How one mode scores days with some kinds of preference data.

    Attributes:
        kinds: The kinds to score.
        mode: The mode of the results.
        input_digests: Returns the digests of the scores of a day and a leak.
        score_day: Scores a day with some leaks.
        peers: The simple models that stand beside the rankers; None leaves them out.
        seeds: Rankers per variant.
        fits: Groups of fit users, of which each ranker of a variant leaves one out; 0 for none.
        fit_days: Value of the field of results.
        lookback_days: Returns the value of the field for a kind.
        eval_rows_seen: Returns the value of the field for a kind.
        table: The table of the results.
    """

    kinds: tuple[PreferenceKind, ...]
    mode: StrEnum
    input_digests: Callable[[date, Leak], InputDigests]
    score_day: Callable[[date, Sequence[Leak]], Mapping[Leak, ScoredDay]]
    peers: SimpleModels | None = None
    seeds: int = 1
    fits: int = 0
    fit_days: int = 0
    lookback_days: Callable[[PreferenceKind], int] = lambda _: 0
    eval_rows_seen: Callable[[PreferenceKind], EvalRowsSeen] = lambda kind: kind.eval_rows_seen
    table: ResultTable = LEAKAGE_IMPACT_SCORES


@dataclass(frozen=True)
class _Target:
    """A requested result: its days, its leak, and the digests of its inputs."""

    partition: Partition
    kind: PreferenceKind
    first: date
    last: date
    leak: Leak
    inputs: Mapping[str, str]
    input_digests: InputDigests

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
    """Compute the results of each day and leak, and for several days the pooled ones too.

    Days are scored in one pass. Results are published in the ``lis`` table; a stored result whose
    inputs have not changed is read back. The ``seconds`` of a result are its share of the time of
    its days.

    Args:
        lake: The lake to read and to write.
        scenario: The scenario to evaluate.
        scoring: The mode and kinds to score.
        as_ofs: Evaluation dates, ascending.
        horizons: Days of leak.

    Returns:
        The results of one kind after the other: single days by day and horizon, then pooled ones
        by horizon.
    """
    peers = {day: _peer_digest(scoring, day) for day in as_ofs}
    targets = [
        target
        for kind in scoring.kinds
        for target in _targets(scenario, scoring, kind, as_ofs, horizons, peers)
    ]
    results = {
        target.partition: result
        for target in targets
        if (result := stored_result(lake, target.partition, target.inputs, scoring.table.kind))
        is not None
    }
    missing = [target for target in targets if target.partition not in results]
    needed = {
        day: sorted({target.leak for target in missing if target.first <= day <= target.last})
        for day in as_ofs
    }
    days = [day for day in as_ofs if needed[day]]
    pools = {target.leak: scoring.table.measurement() for target in missing if target.is_pooled}
    seconds = dict.fromkeys(pools, 0.0)
    names = ", ".join(kind.name for kind in scoring.kinds)
    label = f"{names}, {scoring.mode}" if len(scoring.kinds) < 3 else scoring.mode
    for day in tqdm(days, label, unit="day", mininterval=2, disable=len(days) < 2):
        started = time.monotonic()
        scored = _with_peers(scoring, day, scoring.score_day(day, needed[day]))
        for leak in scored.keys() & pools.keys():
            pools[leak].add(scored[leak])
        alone = [target for target in missing if target.first == target.last == day]
        measured = {target.leak: scoring.table.measurement() for target in alone}
        for leak, measurement in measured.items():
            measurement.add(scored[leak])
        share = (time.monotonic() - started) / len(scored)
        for leak in scored.keys() & seconds.keys():
            seconds[leak] += share
        for target in alone:
            results[target.partition] = _stored(
                lake, scenario, scoring, target, measured[target.leak], share
            )
    for target in missing:
        if target.is_pooled:
            results[target.partition] = _stored(
                lake, scenario, scoring, target, pools[target.leak], seconds[target.leak]
            )
    return [results[target.partition] for target in targets]


def _targets(
    scenario: Scenario,
    scoring: Scoring,
    kind: PreferenceKind,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    peers: Mapping[date, str],
) -> list[_Target]:
    singles = [
        _single(scenario, scoring, kind, day, horizon, peers[day])
        for day in as_ofs
        for horizon in horizons
    ]
    if len(as_ofs) == 1:
        return singles
    return singles + [
        _pooled(scenario, scoring, [one for one in singles if one.leak.horizon == horizon])
        for horizon in horizons
    ]


def _single(
    scenario: Scenario, scoring: Scoring, kind: PreferenceKind, day: date, horizon: int, peers: str
) -> _Target:
    leak = Leak(kind.name, horizon)
    input_digests = scoring.input_digests(day, leak)
    rule = digest_of(code_digest(*_MEASURING), scenario.threshold, scenario.confidence)
    inputs = {**vars(input_digests), "peers": peers, "measure": rule}
    partition = _partition(scenario, scoring, day, day, kind, leak.horizon)
    return _Target(partition, kind, day, day, leak, inputs, input_digests)


def _pooled(scenario: Scenario, scoring: Scoring, singles: Sequence[_Target]) -> _Target:
    kind, leak = singles[0].kind, singles[0].leak
    first, last = singles[0].first, singles[-1].last
    inputs = {"days": digest_of(*[dict(target.inputs) for target in singles])}
    input_digests = InputDigests(
        digest_of(*[target.input_digests.data for target in singles]),
        digest_of(*[target.input_digests.leak for target in singles]),
    )
    partition = _partition(scenario, scoring, first, last, kind, leak.horizon)
    return _Target(partition, kind, first, last, leak, inputs, input_digests)


def _partition(
    scenario: Scenario,
    scoring: Scoring,
    first: date,
    last: date,
    kind: PreferenceKind,
    horizon: int,
) -> Partition:
    return result_partition(
        scenario.name,
        ranker_version(scenario),
        first,
        last,
        kind.name,
        scoring.mode,
        horizon,
        scoring.table.name,
        scoring.table.keys(kind),
    )


def _peer_digest(scoring: Scoring, day: date) -> str:
    return "" if scoring.peers is None else digest_of(dict(scoring.peers.inputs(day)))


def _with_peers(
    scoring: Scoring, day: date, scored: Mapping[Leak, ScoredDay]
) -> Mapping[Leak, ScoredDay]:
    """Add the scores of the simple models, which are the same for each leak and seed."""
    if scoring.peers is None:
        return scored
    peers = scoring.peers.scores(day)

    def added(one: ScoredDay) -> ScoredDay:
        shape = one.variants[BASELINE].shape
        repeated = {name: np.broadcast_to(scores, shape) for name, scores in peers.items()}
        return replace(one, variants={**one.variants, **repeated})

    return {leak: added(one) for leak, one in scored.items()}


def _note(scoring: Scoring, found: Evaluation) -> str:
    """What is missing from the figures, and what their intervals do not cover."""
    notes = [missing_figures_note(found)]
    if scoring.fit_days and not scoring.fits:
        notes.append(_FIT_ROWS_NOT_COVERED)
    return "; ".join(filter(None, notes))


def _stored(
    lake: Lake,
    scenario: Scenario,
    scoring: Scoring,
    target: _Target,
    measured: Measurement,
    seconds: float,
) -> LisResult:
    found = measured.result(scenario.threshold, scenario.confidence)
    result = LisResult(
        scenario=scenario.name,
        as_of=target.as_of,
        horizon=target.leak.horizon,
        preference=target.leak.preference,
        mode=scoring.mode.value,
        seeds=scoring.seeds,
        ranker_version=ranker_version(scenario),
        data_digest=target.input_digests.data,
        leak_digest=target.input_digests.leak,
        code_version=code_version(),
        seconds=round(seconds, 3),
        threshold=scenario.threshold,
        eval_rows_seen=scoring.eval_rows_seen(target.kind),
        fit_days=scoring.fit_days,
        lookback_days=scoring.lookback_days(target.kind),
        note=_note(scoring, found),
        figures=found.figures,
        verdict=found.verdict,
        verdict_reason=found.verdict_reason,
        slices=found.slices,
    )
    result = scoring.table.finished(result)
    store_result(lake, target.partition, result, target.inputs)
    return result

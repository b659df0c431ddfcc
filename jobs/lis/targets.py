"""The results that are asked for: where each lies, and the digests of all that it is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from jobs.common.code_digest import code_digest
from jobs.evaluation.result_store import result_partition
from jobs.evaluation.scored_day import ScoredDay
from jobs.lake import Partition
from jobs.lake.addresses import ranker_version
from jobs.lake.manifest import digest_of
from jobs.lis.result_table import LEAKAGE_IMPACT_SCORES, ResultTable
from jobs.lis.simple_models import SimpleModels
from jobs.preference import PreferenceKind
from jobs.preference.leak import Leak
from jobs.scenarios import EvalRowsSeen, Scenario

_MEASURING = ("jobs.evaluation.measurement", "jobs.evaluation.slices")
"""Modules that turn scores into figures; stored results become stale when their code changes."""


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
class Target:
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


def requested_targets(
    scenario: Scenario, scoring: Scoring, as_ofs: Sequence[date], horizons: Sequence[int]
) -> list[Target]:
    """Return the results of one kind after the other: single days, then pooled ones by horizon."""
    peers = {day: _peer_digest(scoring, day) for day in as_ofs}
    return [
        target
        for kind in scoring.kinds
        for target in _targets(scenario, scoring, kind, as_ofs, horizons, peers)
    ]


def _targets(
    scenario: Scenario,
    scoring: Scoring,
    kind: PreferenceKind,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    peers: Mapping[date, str],
) -> list[Target]:
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
) -> Target:
    leak = Leak(kind.name, horizon)
    input_digests = scoring.input_digests(day, leak)
    rule = digest_of(code_digest(*_MEASURING), scenario.threshold, scenario.confidence)
    inputs = {**vars(input_digests), "peers": peers, "measure": rule}
    partition = _partition(scenario, scoring, day, day, kind, leak.horizon)
    return Target(partition, kind, day, day, leak, inputs, input_digests)


def _pooled(scenario: Scenario, scoring: Scoring, singles: Sequence[Target]) -> Target:
    kind, leak = singles[0].kind, singles[0].leak
    first, last = singles[0].first, singles[-1].last
    inputs = {"days": digest_of(*[dict(target.inputs) for target in singles])}
    input_digests = InputDigests(
        digest_of(*[target.input_digests.data for target in singles]),
        digest_of(*[target.input_digests.leak for target in singles]),
    )
    partition = _partition(scenario, scoring, first, last, kind, leak.horizon)
    return Target(partition, kind, first, last, leak, inputs, input_digests)


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

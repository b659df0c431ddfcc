"""AUC Improvement Scores: rankers with aligned vectors, on the held-out rows of each day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.ais.ais_result import AIS_TABLE, AisResult, ais_keys
from jobs.ais.aligned_features import AlignedVectors
from jobs.ais.diagnosis import Measured, diagnose
from jobs.ais.exchange_rate import ais_per_point
from jobs.ais.lineage_scorer import LineageScorer
from jobs.ais.terms import AisMode, HeadName
from jobs.ais.without_bound import without_bound
from jobs.alignment.split import Split
from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.evaluation.result import LisResult
from jobs.evaluation.scored_day import ALIGNED, ScoredDay
from jobs.evaluation.slices import Values
from jobs.lake import Lake
from jobs.lake.addresses import (
    curated_partition,
    encoder_partition,
    encoder_version,
    starting_ranker_days,
)
from jobs.lis.fitted_modes import eval_rows_seen, side_information
from jobs.lis.fitted_scorer import FittedMode, FittedScorer
from jobs.lis.result_table import ResultTable
from jobs.lis.score_leaks import evaluate
from jobs.lis.simple_models import SimpleModels
from jobs.lis.targets import InputDigests, Scoring
from jobs.preference import PreferenceKind
from jobs.preference.kind import has_lookback
from jobs.preference.leak import Leak
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command

PREFERENCE_DATA = "preference data"
"""The slice by whether an item trained the encoder."""
_NOT_IN_IT = "not in it"
_SPLITS = {Split.TRAIN: "trained on", Split.VALIDATION: "validated on"}


def score_ais(
    lake: Lake,
    scenario: Scenario,
    mode: FittedMode,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    aligned_at: date,
    head: HeadName = HeadName.RAW,
) -> list[AisResult]:
    """Score each day with the vectors of aligned encoders; several days are pooled too.

    Rankers are fitted to rows of the fit fold from ``aligned_at`` on, which the encoders have not
    seen. Publishes ``predictions`` and ``ais``.

    Args:
        lake: Where tables are read and published.
        scenario: The scenario to score.
        mode: Probe or retrain mode.
        kinds: Kinds of preference data that encoders are aligned on.
        as_ofs: Days T, ascending.
        horizons: Horizons n of the bound, in days.
        aligned_at: Day of the encoders.
        head: How towers read vectors.

    Returns:
        Results of one kind after the other: single days by day and horizon, then pooled ones by
        horizon.

    Raises:
        InputError: If an encoder, its vectors or a leaked table is missing, or no day lies between
            the alignment and a day T.
    """
    source = AlignedVectors(lake, scenario, kinds, aligned_at, head)
    shared = side_information(scenario)
    scorer = FittedScorer(lake, scenario, mode, source, shared, aligned_at, source.identity)
    way = _Way(AisMode(mode.mode), scorer, mode.seeds, head, mode.fits)
    return _evaluated(lake, scenario, way, kinds, as_ofs, horizons, aligned_at)


def score_lineage_ais(
    lake: Lake,
    scenario: Scenario,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    aligned_at: date,
) -> list[AisResult]:
    """Score each day by lineages with and without vectors; several days are pooled too.

    Lineages are trained on the lineage fold from ``aligned_at`` on, as often as ``retrain.seeds``
    says. They have no bound, and nothing is leaked: the horizon of results is 0. Publishes
    ``predictions`` and ``ais``. Days that were scored before are read back.

    Args:
        lake: Where tables are read and published.
        scenario: The scenario to score.
        kinds: Kinds of preference data that encoders are aligned on.
        as_ofs: Days T, ascending.
        aligned_at: Day of the encoders.

    Returns:
        Results of one kind after the other: single days, then the pooled one.

    Raises:
        InputError: If an encoder or its vectors are missing, rows of a day or a ranker are not
            published, or item vectors are imported, so that there is no lineage.
    """
    seeds = scenario.retrain.seeds
    scorer = LineageScorer(lake, scenario, aligned_at, seeds)
    way = _Way(AisMode.LINEAGE, scorer, seeds)
    return _evaluated(lake, scenario, way, kinds, as_ofs, [0], aligned_at)


class _Scorer(Protocol):
    def input_digests(self, as_of: date, leak: Leak) -> InputDigests: ...

    def score_day(self, as_of: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]: ...

    def fit_days(self, as_of: date) -> int: ...


@dataclass(frozen=True)
class _Way:
    """A way of scoring days; see ``Scoring``."""

    mode: AisMode
    scorer: _Scorer
    seeds: int
    head: HeadName = HeadName.RAW
    fits: int = 0


def _evaluated(
    lake: Lake,
    scenario: Scenario,
    way: _Way,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    aligned_at: date,
) -> list[AisResult]:
    for kind in kinds:
        _require_encoder(lake, scenario, kind, as_ofs, aligned_at)
    _require_fit_days(lake, scenario, as_ofs[0], aligned_at)
    splits = {kind.name: _splits(lake, scenario, kind, aligned_at) for kind in kinds}

    def score_day(as_of: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]:
        scored = way.scorer.score_day(as_of, leaks)
        return {leak: _with_split(day, splits[leak.preference]) for leak, day in scored.items()}

    learnt = {kind.name: _learnt(lake, scenario, kind, aligned_at) for kind in kinds}
    version = encoder_version(scenario)

    def finished(result: LisResult) -> AisResult:
        pooled = DayRange.parse(result.as_of)
        days = [day for day in as_ofs if pooled.first <= day <= pooled.last]
        result = replace(result, fit_days=min(way.scorer.fit_days(day) for day in days))
        if way.mode == AisMode.LINEAGE:
            result = without_bound(result)
        return _finished(result, version, aligned_at, way.head, learnt[result.preference])

    scoring = Scoring(
        kinds=tuple(kinds),
        mode=way.mode,
        input_digests=way.scorer.input_digests,
        score_day=score_day,
        peers=SimpleModels(lake, scenario),
        seeds=way.seeds,
        fits=way.fits,
        fit_days=0 if way.mode == AisMode.LINEAGE else scenario.fit.days,
        lookback_days=lambda kind: scenario.lookback_days if has_lookback(kind) else 0,
        eval_rows_seen=lambda kind: eval_rows_seen(scenario, kind),
        table=ResultTable(
            name=AIS_TABLE,
            kind=AisResult,
            treatment=ALIGNED,
            keys=lambda _: ais_keys(version, aligned_at, way.head),
            finished=finished,
        ),
    )
    results = evaluate(lake, scenario, scoring, as_ofs, horizons)
    return [result for result in results if isinstance(result, AisResult)]


def _require_encoder(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, as_ofs: Sequence[date], aligned_at: date
) -> None:
    days = str(as_ofs[0]) if len(as_ofs) == 1 else f"{as_ofs[0]}:{as_ofs[-1]}"
    command = lis_command(
        "align", scenario, as_of=days, preference=kind.name, aligned_at=aligned_at
    )
    lake.require(encoder_partition(scenario, kind.name, aligned_at), f"run {command}")


def _require_fit_days(lake: Lake, scenario: Scenario, as_of: date, aligned_at: date) -> None:
    rankers = starting_ranker_days(lake, scenario)
    if not any(aligned_at <= day < as_of for day in rankers):
        raise InputError(
            f"as of {as_of}: no ranker lies between the alignment at {aligned_at} and this day, so "
            "there is nothing to fit to; ask for a later day, or align at an earlier one"
        )


def _splits(lake: Lake, scenario: Scenario, kind: PreferenceKind, aligned_at: date) -> pa.Table:
    partition = curated_partition(scenario, kind.name, aligned_at)
    return lake.read(partition, ["item_id", "split"])


def _with_split(day: ScoredDay, splits: pa.Table) -> ScoredDay:
    """The day with the slice ``PREFERENCE_DATA``."""
    index = pc.index_in(day.rows["item_id"].combine_chunks(), splits["item_id"].combine_chunks())
    names = splits["split"].combine_chunks().take(index).to_pylist()
    values: Values = np.array([_SPLITS.get(name, _NOT_IN_IT) for name in names], dtype=np.str_)
    return replace(day, slices={**day.slices, PREFERENCE_DATA: values})


@dataclass(frozen=True)
class _Learnt:
    """How well an encoder has learnt its targets; see ``AisResult``."""

    recall: float
    explained: float


def _learnt(lake: Lake, scenario: Scenario, kind: PreferenceKind, aligned_at: date) -> _Learnt:
    manifest = lake.manifest(encoder_partition(scenario, kind.name, aligned_at))
    assert manifest is not None
    facts = manifest.facts
    return _Learnt(float(facts["recall_mean"]), float(facts.get("explained", math.nan)))


def _finished(
    result: LisResult, version: str, aligned_at: date, head: HeadName, learnt: _Learnt
) -> AisResult:
    """The result as one of an encoder, with its exchange rate and its diagnosis."""
    values = {field.name: getattr(result, field.name) for field in fields(LisResult)}
    undiagnosed = AisResult(
        **values,
        encoder=version,
        aligned_at=aligned_at.isoformat(),
        head=head.value,
        recall=learnt.recall,
        explained=learnt.explained,
    )
    rate = ais_per_point(undiagnosed.ais_estimate, learnt.recall)
    figures = {**undiagnosed.figures, "ais_per_recall": rate}
    undiagnosed = replace(undiagnosed, figures=figures)
    finding = diagnose(
        Measured(
            ais=undiagnosed.ais_estimate,
            bound=undiagnosed.estimate,
            realised=undiagnosed.realised_estimate,
            placebo=undiagnosed.placebo_estimate,
            recall=learnt.recall,
            explained=learnt.explained,
            verdict=undiagnosed.verdict,
            verdict_reason=undiagnosed.verdict_reason,
            threshold=undiagnosed.threshold,
            rows_needed=undiagnosed.ais_rows_needed,
        )
    )
    return replace(undiagnosed, diagnosis=finding.diagnosis.value, diagnosis_reason=finding.reason)


def fitted_mode_of(scenario: Scenario, mode: AisMode) -> FittedMode:
    """The way in which probe or retrain mode fits rankers."""
    from jobs.lis.probe import Probe
    from jobs.lis.retrain import Retrain

    return Probe(scenario.fit.days) if mode == AisMode.PROBE else Retrain(scenario.retrain)

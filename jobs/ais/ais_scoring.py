"""How AUC Improvement Scores are computed, and what from: towers or lineages with vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.ais.ais_result import AIS_TABLE, AisResult, ais_keys
from jobs.ais.aligned_features import AlignedVectors
from jobs.ais.diagnosis import Measured, diagnose
from jobs.ais.exchange_rate import ais_per_point
from jobs.ais.lineages.lineage_scorer import LineageScorer
from jobs.ais.terms import AisMode, HeadName
from jobs.ais.without_bound import without_bound
from jobs.alignment.split import Split
from jobs.common.day_range import DayRange
from jobs.evaluation.result import LisResult
from jobs.evaluation.scored_day import ALIGNED, ScoredDay
from jobs.evaluation.slices import Values
from jobs.lake import Lake
from jobs.lake.addresses import curated_partition, encoder_partition, encoder_version
from jobs.lis.fitted_modes import eval_rows_seen, side_information
from jobs.lis.fitted_scorer import FittedMode, FittedScorer
from jobs.lis.result_table import ResultTable
from jobs.lis.simple_models import SimpleModels
from jobs.lis.targets import InputDigests, Scoring
from jobs.preference import PreferenceKind
from jobs.preference.kind import has_lookback
from jobs.preference.leak import Leak
from jobs.scenarios import Scenario

PREFERENCE_DATA = "preference data"
"""The slice by whether an item trained the encoder."""
_NOT_IN_IT = "not in it"
_SPLITS = {Split.TRAIN: "trained on", Split.VALIDATION: "validated on"}


class _Scorer(Protocol):
    def input_digests(self, as_of: date, leak: Leak) -> InputDigests: ...

    def score_day(self, as_of: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]: ...

    def fit_days(self, as_of: date) -> int: ...


@dataclass(frozen=True)
class Way:
    """How rankers are trained with vectors; the fields are those of ``Scoring``."""

    mode: AisMode
    scorer: _Scorer
    seeds: int
    head: HeadName = HeadName.RAW
    fits: int = 0


def fitted_way(
    lake: Lake,
    scenario: Scenario,
    mode: FittedMode,
    kinds: Sequence[PreferenceKind],
    aligned_at: date,
    head: HeadName,
) -> Way:
    """Towers or rankers that are fitted to rows of the fit fold from the alignment on."""
    source = AlignedVectors(lake, scenario, kinds, aligned_at, head)
    shared = side_information(scenario)
    scorer = FittedScorer(lake, scenario, mode, source, shared, aligned_at, source.identity)
    return Way(AisMode(mode.mode), scorer, mode.seeds, head, mode.fits)


def lineage_way(lake: Lake, scenario: Scenario, aligned_at: date) -> Way:
    """Lineages with and without vectors, trained from the alignment on.

    Raises:
        InputError: If item vectors are imported, so that there is no lineage.
    """
    seeds = scenario.retrain.seeds
    return Way(AisMode.LINEAGE, LineageScorer(lake, scenario, aligned_at, seeds), seeds)


def ais_scoring(
    lake: Lake,
    scenario: Scenario,
    way: Way,
    kinds: Sequence[PreferenceKind],
    as_ofs: Sequence[date],
    aligned_at: date,
) -> Scoring:
    """Return how days are scored with the vectors of aligned encoders. Nothing is read yet.

    Args:
        lake: Where tables are read and published.
        scenario: The scenario to score.
        way: How rankers are trained.
        kinds: Kinds of preference data that encoders are aligned on.
        as_ofs: Days T, ascending.
        aligned_at: Day of the encoders.
    """
    version = encoder_version(scenario)

    @cache
    def splits(preference: str) -> pa.Table:
        partition = curated_partition(scenario, preference, aligned_at)
        return lake.read(partition, ["item_id", "split"])

    def score_day(as_of: date, leaks: Sequence[Leak]) -> Mapping[Leak, ScoredDay]:
        scored = way.scorer.score_day(as_of, leaks)
        return {leak: _with_split(day, splits(leak.preference)) for leak, day in scored.items()}

    def finished(result: LisResult) -> AisResult:
        pooled = DayRange.parse(result.as_of)
        days = [day for day in as_ofs if pooled.first <= day <= pooled.last]
        result = replace(result, fit_days=min(way.scorer.fit_days(day) for day in days))
        if way.mode == AisMode.LINEAGE:
            result = without_bound(result)
        learnt = _learnt(lake, scenario, result.preference, aligned_at)
        return _finished(result, version, aligned_at, way.head, learnt)

    return Scoring(
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


def _learnt(lake: Lake, scenario: Scenario, preference: str, aligned_at: date) -> _Learnt:
    manifest = lake.manifest(encoder_partition(scenario, preference, aligned_at))
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

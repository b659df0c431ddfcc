"""Computes the requested results from scored days; modes differ in how a day is scored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from tqdm import tqdm

from jobs.common.code_version import code_version
from jobs.evaluation.measurement import Measurement
from jobs.evaluation.missing_figures import missing_figures_note
from jobs.evaluation.result import Evaluation, LisResult
from jobs.evaluation.result_store import store_result, stored_result
from jobs.evaluation.scored_day import BASELINE, ScoredDay
from jobs.lake import Lake
from jobs.lake.addresses import ranker_version
from jobs.lis.targets import Scoring, Target, requested_targets
from jobs.preference.leak import Leak
from jobs.scenarios import Scenario

_FIT_ROWS_NOT_COVERED = (
    "intervals do not cover which users were fitted to: that needs retrain.seeds of 2 or more"
)


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
    targets = requested_targets(scenario, scoring, as_ofs, horizons)
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
    target: Target,
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

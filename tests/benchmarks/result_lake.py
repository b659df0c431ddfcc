"""A lake of generated Leakage Impact Scores, written as the project writes its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from jobs.evaluation.figures import all_figures
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import result_partition, store_result
from jobs.evaluation.verdict.decision import decide_by_interval
from jobs.lake import Lake
from jobs.stats.estimate import Estimate

KINDS = (
    "id_embedding",
    "similar_items",
    "next_click",
    "future_popularity",
    "co_click_embedding",
    "content_vector",
    "semantic_ids",
    "watch_time",
)
MODES, HORIZONS = ("swap", "probe"), (7, 30)
THRESHOLD = 0.001
_FULL = {7: 0.012, 30: 0.018}
"""LIS of the best kind, by days of leak."""


def results(
    scenario: str,
    last: date,
    days: int,
    kinds: Sequence[str] = KINDS,
    rankers: Sequence[str] = ("dcn-0a1b2c3d4e", "dcn-5f6a7b8c9d"),
    seed: int = 0,
) -> Iterator[LisResult]:
    """Scores of consecutive days, all kinds, modes and horizons; the ranker changes on the way.

    Args:
        scenario: Name of the scenario.
        last: Newest evaluation day of the shortest horizon; a longer one ends as much earlier.
        days: Evaluation days of each horizon.
        kinds: Kinds of preference data, from the best to the worst.
        rankers: Versions, each for as many days.
        seed: Of the noise.
    """
    random = np.random.default_rng(seed)
    for place, kind in enumerate(kinds):
        for mode in MODES:
            for horizon in HORIZONS:
                gain = _FULL[horizon] * (0.55**place) * (1.0 if mode == "swap" else 0.8) - 0.0004
                wave = random.normal(0, 0.0006, days).cumsum() * 0.25
                for back in range(days):
                    share = (days - 1 - back) / days
                    value = gain + wave[back] + random.normal(0, 0.0003)
                    yield _result(
                        scenario,
                        last - timedelta(days=back + horizon - min(HORIZONS)),
                        kind,
                        mode,
                        horizon,
                        rankers[int(share * len(rankers))],
                        value,
                        0.0006 + 0.00008 * random.random(),
                    )


def _result(
    scenario: str,
    day: date,
    kind: str,
    mode: str,
    horizon: int,
    ranker: str,
    value: float,
    se: float,
) -> LisResult:
    estimate = Estimate(value, value - 1.96 * se, value + 1.96 * se, se)
    decision = decide_by_interval(estimate, None, THRESHOLD)
    z = abs(value - THRESHOLD) / se
    figures: dict[str, Any] = {one.name: one.missing for one in all_figures()}
    figures |= {
        "lis": estimate,
        "rows": 120_000,
        "users": 9_000,
        "positives": 14_000,
        "verdict_p_value": math.erfc(z / math.sqrt(2)),
        "rows_needed": None,
        "dates": 1,
        "dates_skipped": 0,
        "dates_closed": 0,
    }
    return LisResult(
        figures=figures,
        verdict=decision.verdict.value,
        verdict_reason=decision.reason,
        scenario=scenario,
        as_of=day.isoformat(),
        horizon=horizon,
        preference=kind,
        mode=mode,
        seeds=1,
        ranker_version=ranker,
        data_digest=f"{day}",
        leak_digest=f"{kind}-{day}",
        code_version="0.1.0",
        seconds=1.0,
        threshold=THRESHOLD,
    )


def store_all(lake: Lake, found: Iterator[LisResult]) -> int:
    """Publish results, and return how many they are."""
    count = 0
    for result in found:
        count += 1
        partition = result_partition(
            result.scenario,
            result.ranker_version,
            result.last_day,
            result.last_day,
            result.preference,
            result.mode,
            result.horizon,
        )
        store_result(lake, partition, result, {"data": result.data_digest})
    return count

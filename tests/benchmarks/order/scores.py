"""What the comparison of orders reads: results, and the scores of every held-out row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.ais.ais_result import AisResult, read_ais
from jobs.common.day_range import DayRange
from jobs.evaluation.predictions import predictions_partition
from jobs.evaluation.scored_day import ALIGNED, BASELINE, LEAKED
from jobs.lake import Lake
from jobs.lake.addresses import encoder_version, ranker_version
from jobs.scenarios import Fold, Mode, Scenario
from tests.benchmarks.order.agreement import Rank, ScoredRows, rank_correlations


@dataclass(frozen=True)
class Order:
    """Pooled results by kind, and how far their orders agree."""

    results: Sequence[AisResult]
    spearman: Rank
    kendall: Rank


def read_order(scenario: Scenario, days: DayRange, kinds: Sequence[str], horizon: int) -> Order:
    """Read the results of some kinds, and compare the orders of their LIS and AIS."""
    lake = Lake.from_environment()
    as_of = str(days.first) if days.first == days.last else f"{days.first}:{days.last}"
    version = encoder_version(scenario)
    found = {
        result.preference: result
        for result in read_ais(lake, scenario.name, days.first, days.last)
        if (result.as_of, result.horizon, result.way) == (as_of, horizon, Mode.PROBE)
        and result.ranker_version == ranker_version(scenario)
        and result.encoder == version
    }
    results = [found[kind] for kind in kinds]
    rows = _rows(lake, scenario, days, results)
    spearman, kendall = rank_correlations(rows, kinds)
    return Order(results, spearman, kendall)


def _rows(
    lake: Lake, scenario: Scenario, days: DayRange, results: Sequence[AisResult]
) -> list[ScoredRows]:
    numbers: dict[object, int] = {}
    scored = []
    for day in days.days:
        by_variant: dict[str, dict[str, np.ndarray]] = {BASELINE: {}, LEAKED: {}, ALIGNED: {}}
        labels = users = None
        for one in results:
            for variant, scores in by_variant.items():
                name = (
                    f"ais-{one.preference}-{one.encoder}-{one.aligned_at}-{one.mode}-"
                    f"{one.horizon}-{variant}"
                )
                table = lake.read(predictions_partition(scenario, day, name))
                table = table.filter(pc.equal(table["fold"], Fold.EVAL.value))
                scores[one.preference] = table["score"].to_numpy()
                labels, users = table["label"].to_numpy(), table["user_id"]
        assert labels is not None
        assert users is not None
        scored.append(
            ScoredRows(
                labels,
                _numbered(users, numbers),
                by_variant[BASELINE],
                by_variant[LEAKED],
                by_variant[ALIGNED],
            )
        )
    return scored


def _numbered(users: pa.ChunkedArray, numbers: dict[object, int]) -> np.ndarray:
    """The same number for a user on every day."""
    return np.array(
        [numbers.setdefault(user, len(numbers)) for user in users.to_pylist()], dtype=np.int64
    )

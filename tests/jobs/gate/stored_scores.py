"""Results in a lake, as the gate finds them."""

from __future__ import annotations

from datetime import date

from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import result_partition, store_result
from jobs.evaluation.verdict.decision import Evidence, decide, verdict_p_value
from jobs.lake import Lake
from jobs.lake.addresses import ranker_version
from tests.jobs.evaluation.verdict.comparisons import comparison
from tests.jobs.tracking.sample_results import SCENARIO, make_result

WORTH, LUCKY, OPEN, CAPTURED = 0.015, 0.0032, 0.0012, -0.004
"""Gains with a standard error of 0.001, against a threshold of 0.001; LUCKY is worth it alone."""


def score(gain: float, **changes: object) -> LisResult:
    """Return a result of the scenario's ranker whose verdict follows from its gain."""
    found = comparison(gain, 0.001)
    evidence = Evidence(found, 0.001, 0.95)
    decision = decide(evidence)
    values: dict[str, object] = {
        "lis": gain,
        "lis_ci_low": found.ci_low,
        "lis_ci_high": found.ci_high,
        "verdict": decision.verdict.value,
        "verdict_reason": decision.reason,
        "verdict_p_value": verdict_p_value(evidence),
        "ranker_version": ranker_version(SCENARIO),
    }
    return make_result(**{**values, **changes})


def store(lake: Lake, *results: LisResult) -> None:
    """Publish results where scoring publishes them."""
    for one in results:
        first, _, last = one.as_of.partition(":")
        days = date.fromisoformat(first), date.fromisoformat(last or first)
        where = result_partition(
            one.scenario, one.ranker_version, *days, one.preference, one.mode, one.horizon
        )
        store_result(lake, where, one, {"data": "d"})

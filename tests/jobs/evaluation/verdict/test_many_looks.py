"""Verdicts corrected for the number of looks."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.evaluation.result import LisResult
from jobs.evaluation.verdict.decision import Evidence, decide, verdict_p_value
from jobs.evaluation.verdict.many_looks import corrected_for_looks
from tests.jobs.evaluation.verdict.comparisons import comparison
from tests.jobs.tracking.sample_results import changed, make_result

LEVEL = 0.95


def result(gain: float, *, se: float = 0.001, **changes: object) -> LisResult:
    """Return a result whose verdict follows from its interval."""
    found = comparison(gain, se)
    evidence = Evidence(found, 0.001, LEVEL)
    decision = decide(evidence)
    return make_result(
        lis=gain,
        lis_se=se,
        lis_ci_low=found.ci_low,
        lis_ci_high=found.ci_high,
        verdict=decision.verdict.value,
        verdict_reason=decision.reason,
        verdict_p_value=verdict_p_value(evidence),
        **changes,
    )


def verdicts(results: list[LisResult]) -> list[str]:
    return [one.verdict for one in corrected_for_looks(results, LEVEL)]


def test_a_single_look_keeps_its_verdict() -> None:
    for gain in (0.0032, 0.004, -0.002, 0.002):
        (found,) = corrected_for_looks([result(gain)], LEVEL)
        assert repr(found) == repr(result(gain))
        assert found.looks == 1


def test_a_verdict_that_would_be_one_of_many_by_chance_is_inconclusive() -> None:
    # 2.2 standard errors above the threshold: p = 0.028 alone.
    kinds = [result(0.0032, preference="lucky")]
    kinds += [result(0.0012, preference=f"kind_{number}") for number in range(11)]
    found = corrected_for_looks(kinds, LEVEL)[0]
    assert kinds[0].verdict == "worth aligning"
    assert found.verdict == "inconclusive"
    assert found.looks == 12
    assert found.verdict_reason == (
        "inconclusive after correction for 12 looks; alone: worth aligning"
    )
    assert (found.lis_ci_low, found.lis_ci_high) == (kinds[0].lis_ci_low, kinds[0].lis_ci_high)


def test_a_strong_verdict_survives_and_eases_the_others() -> None:
    # Holm compares the smallest p-value with alpha / 2, and the other with alpha.
    assert verdicts([result(0.0032), result(0.01, horizon=30)]) == ["worth aligning"] * 2
    assert verdicts([result(0.0032), result(0.0020, horizon=30)]) == ["inconclusive"] * 2


def test_what_is_captured_is_corrected_too() -> None:
    assert verdicts([result(-0.0012), result(0.001, horizon=30)]) == ["inconclusive"] * 2


def test_dates_and_rankers_are_families_of_their_own() -> None:
    lucky = result(0.0032)
    others = [changed(lucky, as_of="2026-02-02"), changed(lucky, ranker_version="ranker-2")]
    assert verdicts([lucky, *others]) == ["worth aligning"] * 3
    pooled = changed(lucky, as_of="2026-02-01:2026-02-02")
    assert verdicts([lucky, pooled]) == ["worth aligning"] * 2


@pytest.mark.parametrize("verdict", ["too little data", "weak ranker", "feature not used"])
def test_a_withheld_verdict_is_no_look(verdict: str) -> None:
    withheld = changed(result(0.01, horizon=30), verdict=verdict, verdict_reason="a reason")
    found = corrected_for_looks([result(0.0032), withheld], LEVEL)
    assert [one.verdict for one in found] == ["worth aligning", verdict]
    assert [one.looks for one in found] == [1, 1]
    assert found[1].verdict_reason == "a reason"


def test_correction_can_be_repeated_and_undone() -> None:
    kinds = [result(0.0032), *[result(0.0012, horizon=number) for number in range(2, 6)]]
    once = corrected_for_looks(kinds, LEVEL)
    assert repr(corrected_for_looks(once, LEVEL)) == repr(once)
    alone = [corrected_for_looks([one], LEVEL)[0] for one in once]
    assert repr(alone) == repr(kinds)


def test_results_of_earlier_versions_keep_their_verdict() -> None:
    old = make_result()
    assert corrected_for_looks([old, changed(old, horizon=30)], LEVEL)[0].verdict == old.verdict


def test_families_of_nulls_are_wrong_once_in_twenty() -> None:
    # Twelve gains of exactly the threshold, in 400 families.
    random = np.random.default_rng(7)
    wrong = alone_wrong = 0
    for gains in 0.001 + 0.001 * random.standard_normal((400, 12)):
        family = [result(float(gain), horizon=number) for number, gain in enumerate(gains)]
        wrong += any(verdict != "inconclusive" for verdict in verdicts(family))
        alone_wrong += any(one.verdict != "inconclusive" for one in family)
    assert alone_wrong / 400 > 0.4
    assert wrong / 400 < 0.08

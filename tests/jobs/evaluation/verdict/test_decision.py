"""The rule of the verdict."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.evaluation.verdict.decision import (
    BY_INTERVAL,
    BY_WORTH,
    Evidence,
    Verdict,
    decide,
    decide_by_interval,
    deciding_comparison,
    verdict_p_value,
)
from jobs.stats.estimate import Estimate
from tests.jobs.evaluation.verdict.comparisons import comparison

GAIN = comparison(0.01)
GOOD = Evidence(
    lis=GAIN,
    threshold=0.001,
    level=0.95,
    coverage=0.9,
    leak_gain=comparison(0.008),
    placebo=comparison(0.0002),
    over_popularity=comparison(0.02),
    over_logistic=comparison(0.01),
    baseline_over_ranker=comparison(0.001),
)


def between(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0011, 0.0030, Verdict.WORTH_ALIGNING),
        (-0.0004, 0.0009, Verdict.ALREADY_CAPTURED),
        (-0.0020, -0.0012, Verdict.ALREADY_CAPTURED),
        (0.0002, 0.0030, Verdict.INCONCLUSIVE),
        (0.0010, 0.0030, Verdict.INCONCLUSIVE),
        (0.0002, 0.0010, Verdict.INCONCLUSIVE),
        (math.nan, 0.0030, Verdict.INCONCLUSIVE),
        (0.0011, math.nan, Verdict.INCONCLUSIVE),
    ],
)
def test_an_interval_against_the_threshold(low: float, high: float, expected: Verdict) -> None:
    assert decide_by_interval(between(low, high), None, 0.001).verdict is expected


def test_the_threshold_can_be_chosen() -> None:
    gain = between(0.002, 0.004)
    assert decide_by_interval(gain, None, 0.005).verdict is Verdict.ALREADY_CAPTURED
    assert decide_by_interval(gain, None, 0.0).verdict is Verdict.WORTH_ALIGNING


def test_verdicts_read_as_the_results_contract_spells_them() -> None:
    assert [str(verdict) for verdict in Verdict] == [
        "worth aligning",
        "already captured",
        "inconclusive",
        "feature not used",
        "too little data",
        "weak ranker",
        "placebo not zero",
    ]
    assert sorted(BY_WORTH) == sorted(Verdict)


def test_a_gain_that_is_to_be_had_today_is_not_worth_aligning() -> None:
    static = decide_by_interval(between(0.25, 0.30), Estimate(0.0, 0.0, 0.0), 0.001)
    assert static.verdict is Verdict.ALREADY_CAPTURED
    assert "what the future adds" in static.reason
    open_future = decide_by_interval(between(0.25, 0.30), between(-0.001, 0.004), 0.001)
    assert open_future.verdict is Verdict.INCONCLUSIVE
    future = decide_by_interval(between(0.25, 0.30), between(0.002, 0.004), 0.001)
    assert future.verdict is Verdict.WORTH_ALIGNING


def test_repairing_harm_of_the_data_of_today_is_not_worth_aligning() -> None:
    lis, repaired = between(-0.002, 0.0005), between(0.03, 0.04)
    assert decide_by_interval(lis, repaired, 0.001).verdict is Verdict.ALREADY_CAPTURED
    lis = between(-0.002, 0.003)
    assert decide_by_interval(lis, repaired, 0.001).verdict is Verdict.INCONCLUSIVE


def test_good_evidence_has_a_verdict() -> None:
    assert decide(GOOD).verdict is Verdict.WORTH_ALIGNING


def test_checks_whose_variants_are_missing_do_not_apply() -> None:
    assert decide(Evidence(GAIN, 0.001, 0.95)).verdict is Verdict.WORTH_ALIGNING


NEARLY = {"users_with_positive": 10, "users_with_negative": 10, "effective_users": 10.0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"users_with_positive": 9}, "9 users have a held-out click"),
        ({"users_with_negative": 9}, "9 a held-out row without one"),
        ({"effective_users": 9.96, "largest_user_share": 0.34}, "a single user has 34%"),
        ({"ci_low": math.nan, "ci_high": math.nan, "se": math.nan}, "no interval"),
        ({"difference": math.nan}, "both classes"),
    ],
)
def test_too_little_data_withholds_the_verdict(changes: dict[str, Any], words: str) -> None:
    found = decide(replace(GOOD, lis=replace(GAIN, **{**NEARLY, **changes})))
    assert found.verdict is Verdict.TOO_LITTLE_DATA
    assert words in found.reason
    assert decide(replace(GOOD, lis=replace(GAIN, **NEARLY))).verdict is Verdict.WORTH_ALIGNING


def test_a_certain_difference_of_two_users_is_no_verdict() -> None:
    # Two positives of two users: the interval is a point and p is 0.
    point = comparison(0.3, se=0.0, users_with_positive=2, positives=2)
    assert decide(Evidence(point, 0.001, 0.95)).verdict is Verdict.TOO_LITTLE_DATA


def test_data_that_covers_less_than_half_of_the_rows_has_no_verdict() -> None:
    for lis in (GAIN, comparison(0.0), comparison(0.0, se=0.0)):
        found = decide(replace(GOOD, lis=lis, coverage=0.49))
        assert found.verdict is Verdict.TOO_LITTLE_DATA
        assert "covers 49% of the held-out rows" in found.reason
    assert decide(replace(GOOD, coverage=0.5)).verdict is Verdict.WORTH_ALIGNING


def test_a_feature_that_changes_no_order_was_not_used() -> None:
    found = decide(replace(GOOD, lis=comparison(0.0, se=0.0)))
    assert found.verdict is Verdict.FEATURE_NOT_USED
    assert "no evidence against the data" in found.reason


@pytest.mark.parametrize("name", ["over_popularity", "over_logistic"])
def test_a_ranker_below_a_simple_model_by_more_than_noise_is_weak(name: str) -> None:
    found = decide(replace(GOOD, **{name: comparison(-0.0540)}))
    assert found.verdict is Verdict.WEAK_RANKER
    assert found.reason.startswith("the ranker is weaker than counting: AUC 0.6460")
    assert found.reason.endswith("tune it first")
    noise = decide(replace(GOOD, **{name: comparison(-0.0009)}))
    assert noise.verdict is Verdict.WORTH_ALIGNING


def test_a_trained_baseline_below_the_ranker_is_weak() -> None:
    found = decide(replace(GOOD, baseline_over_ranker=comparison(-0.16)))
    assert found.verdict is Verdict.WEAK_RANKER
    assert "the trained baseline is weaker than the ranker that it starts from" in found.reason
    assert "tune" not in found.reason


@pytest.mark.parametrize("gain", [0.0024, -0.0031])
def test_a_placebo_that_misses_zero_withholds_the_verdict(gain: float) -> None:
    found = decide(replace(GOOD, placebo=comparison(gain)))
    assert found.verdict is Verdict.PLACEBO_NOT_ZERO
    assert "one in 20 does so by chance" in found.reason


def test_checks_come_in_their_order() -> None:
    bad = replace(
        GOOD,
        lis=comparison(0.0, se=0.0, effective_users=3.0),
        over_popularity=comparison(-0.1),
        placebo=comparison(0.1),
    )
    expected = [
        Verdict.TOO_LITTLE_DATA,
        Verdict.FEATURE_NOT_USED,
        Verdict.WEAK_RANKER,
        Verdict.PLACEBO_NOT_ZERO,
        Verdict.WORTH_ALIGNING,
    ]
    repairs: list[dict[str, Any]] = [
        {},
        {"lis": comparison(0.0, se=0.0)},
        {"lis": GAIN},
        {"over_popularity": None},
        {"placebo": None},
    ]
    for verdict, repair in zip(expected, repairs, strict=True):
        bad = replace(bad, **repair)
        assert decide(bad).verdict is verdict


differences = st.floats(-0.02, 0.02)
errors = st.floats(1e-5, 0.01)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    lis=st.tuples(differences, errors),
    future=st.none() | st.tuples(differences, errors),
    level=st.sampled_from([0.8, 0.95, 0.99]),
    degrees=st.sampled_from([9.0, 50.0, 5e6]),
)
def test_the_p_value_is_small_exactly_where_the_intervals_decide(
    lis: tuple[float, float], future: tuple[float, float] | None, level: float, degrees: float
) -> None:
    evidence = Evidence(
        lis=comparison(*lis, level, degrees=degrees),
        leak_gain=None if future is None else comparison(*future, level, degrees=degrees),
        threshold=0.001,
        level=level,
    )
    p = verdict_p_value(evidence)
    decided = decide(evidence).verdict
    assert decided in BY_INTERVAL
    if abs(p - (1 - level)) > 1e-6:
        assert (decided is not Verdict.INCONCLUSIVE) == (p < 1 - level)
    assert deciding_comparison(evidence) in (evidence.lis, evidence.leak_gain)

"""What a point of recall is worth."""

from __future__ import annotations

import math

import pytest

from jobs.ais.ais_result import AisResult
from jobs.ais.exchange_rate import ais_per_point, slope
from jobs.reporting.ais_text import exchange_rate_sentences
from jobs.stats.estimate import Estimate
from tests.jobs.ais.sample_improvements import IMPROVEMENT, make_improvement


def results(ais: list[float], recalls: list[float]) -> list[AisResult]:
    return [
        make_improvement(recall=recall, figures={**IMPROVEMENT, "ais": Estimate(one)})
        for one, recall in zip(ais, recalls, strict=True)
    ]


def test_the_score_and_its_interval_are_divided_by_points_of_recall() -> None:
    found = ais_per_point(Estimate(0.010, -0.002, 0.022, 0.006), 0.20)
    assert found.value == pytest.approx(0.0005)
    assert (found.ci_low, found.ci_high) == pytest.approx((-0.0001, 0.0011))
    for recall in (math.nan, 0.0):
        assert not ais_per_point(Estimate(0.01, 0.0, 0.02), recall).has_interval


def test_over_encoders_it_is_the_slope_of_the_line() -> None:
    exact = results([0.001, 0.003, 0.005, 0.009], [0.1, 0.2, 0.3, 0.5])
    found = slope(exact, 0.95)
    assert found.value == pytest.approx(0.0002)
    assert found.ci_high - found.ci_low == pytest.approx(0, abs=1e-9)
    wide = slope(results([0.001, 0.006, 0.004, 0.009], [0.1, 0.2, 0.3, 0.5]), 0.95)
    assert wide.ci_low < 0.0002 < wide.ci_high
    [sentence] = exchange_rate_sentences(exact, 0.95)
    assert "over 4 encoders a point of recall comes with +0.0002 of AIS" in sentence


def test_two_encoders_or_one_recall_have_no_slope() -> None:
    for few in (results([0.001, 0.003], [0.1, 0.2]), results([0.001] * 4, [0.2] * 4)):
        assert not slope(few, 0.95).has_interval
        assert exchange_rate_sentences(few, 0.95) == []

"""What became of the bound: each diagnosis, and what withholds it."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jobs.ais.diagnosis import GOOD_RECALL, Diagnosis, Measured, diagnose
from jobs.alignment.training.recall import target_recall
from jobs.evaluation.verdict.decision import Verdict
from jobs.stats.estimate import Estimate

THRESHOLD = 0.001


def around(value: float, width: float = 0.0005) -> Estimate:
    return Estimate(value, value - width, value + width, width / 2)


def measured(**changes: Any) -> Measured:
    base = Measured(
        ais=around(0.008),
        bound=around(0.010),
        realised=Estimate(0.8, 0.7, 0.9),
        placebo=around(0.0),
        recall=0.7,
        verdict=Verdict.WORTH_ALIGNING.value,
        verdict_reason="the interval lies above",
        threshold=THRESHOLD,
        rows_needed=None,
    )
    return replace(base, **changes)


SMALL: dict[str, Any] = {"ais": around(0.002), "realised": Estimate(0.2, 0.1, 0.3)}


@pytest.mark.parametrize(
    ("changes", "diagnosis"),
    [
        ({}, Diagnosis.REALISED),
        ({"bound": around(0.0)}, Diagnosis.BOUND_TOO_LOW),
        ({"bound": around(0.001)}, Diagnosis.INCONCLUSIVE),
        (SMALL | {"recall": 0.1}, Diagnosis.LOST_IN_ALIGNMENT),
        (SMALL | {"recall": 0.9}, Diagnosis.LOST_IN_USE),
        (SMALL | {"recall": 0.1, "explained": 0.1}, Diagnosis.LOST_IN_ALIGNMENT),
        (SMALL | {"recall": 0.1, "explained": 0.9}, Diagnosis.LOST_IN_USE),
        (SMALL | {"recall": 0.9, "explained": 0.1}, Diagnosis.LOST_IN_USE),
        ({"explained": 0.05}, Diagnosis.REALISED),
        ({"bound": Estimate()}, Diagnosis.WITHHELD),
        (SMALL | {"recall": math.nan}, Diagnosis.INCONCLUSIVE),
        ({"ais": around(-0.002), "recall": 0.1}, Diagnosis.LOST_IN_ALIGNMENT),
        ({"ais": around(0.001)}, Diagnosis.INCONCLUSIVE),
        ({"placebo": around(0.004)}, Diagnosis.WITHHELD),
        ({"placebo": around(-0.004)}, Diagnosis.WITHHELD),
        ({"verdict": Verdict.WEAK_RANKER.value}, Diagnosis.WITHHELD),
        ({"ais": Estimate(0.008)}, Diagnosis.WITHHELD),
    ],
)
def test_each_diagnosis(changes: dict[str, Any], diagnosis: Diagnosis) -> None:
    found = diagnose(measured(**changes))
    assert found.diagnosis == diagnosis
    assert found.reason
    assert "nan" not in found.reason


def test_an_open_question_says_what_would_decide_it() -> None:
    wide = around(0.0005, 0.002)
    reason = diagnose(measured(ais=wide, rows_needed=60_000)).reason
    assert reason.endswith("about 60,000 held-out rows would tell it from 0")
    # No number of them would: what remains is the doubt of the fit.
    reason = diagnose(measured(ais=wide)).reason
    assert "held-out rows alone would not tell it from 0" in reason
    assert "fit.days" in reason
    # It is told from 0 already.
    assert "held-out" not in diagnose(measured(ais=around(0.001))).reason


def test_what_blames_alignment_or_use_shows_recall_and_what_vectors_explain() -> None:
    for recall in (0.1, 0.9):
        reason = diagnose(measured(**SMALL, recall=recall, explained=0.34)).reason
        assert f"recall of validation items is {recall:.2f}" in reason
        assert "34% of their targets' variance" in reason
        assert "+0.0020" in reason
    assert "variance" not in diagnose(measured(**SMALL, recall=0.1)).reason


def test_recall_is_low_among_items_that_are_alike_however_well_vectors_tell_them() -> None:
    """Why what vectors explain counts too: here they tell all but a hundredth of their targets."""
    generator = np.random.default_rng(0)
    groups = generator.normal(size=(10, 8))[np.arange(2000) % 10]
    targets = groups + 0.1 * generator.normal(size=groups.shape)
    explained = 1 - ((targets - groups) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum()
    vectors, truth = (
        torch.nn.functional.normalize(torch.from_numpy(one), dim=1) for one in (groups, targets)
    )
    recall = target_recall(vectors, truth, torch.arange(len(truth))).mean
    assert explained > 0.98
    assert recall < GOOD_RECALL
    found = diagnose(measured(**SMALL, recall=recall, explained=explained))
    assert found.diagnosis == Diagnosis.LOST_IN_USE


def test_an_open_score_says_how_many_rows_would_close_it() -> None:
    found = diagnose(measured(ais=around(0.001), rows_needed=80_000))
    assert "80,000" in found.reason


@given(
    st.floats(-0.01, 0.02),
    st.floats(0.0001, 0.01),
    st.floats(-0.01, 0.02),
    st.floats(0.0001, 0.01),
    st.floats(0, 1),
)
def test_nothing_is_blamed_without_ground(
    ais: float, ais_width: float, bound: float, bound_width: float, recall: float
) -> None:
    """Only an interval off the threshold blames the data, the alignment or the use."""
    given = measured(
        ais=around(ais, ais_width),
        bound=around(bound, bound_width),
        realised=Estimate(ais / bound if bound else math.nan),
        recall=recall,
    )
    found = diagnose(given).diagnosis
    if found in (Diagnosis.LOST_IN_ALIGNMENT, Diagnosis.LOST_IN_USE, Diagnosis.REALISED):
        assert given.bound.ci_low > THRESHOLD
        assert not given.ais.ci_low <= THRESHOLD <= given.ais.ci_high
    if found == Diagnosis.BOUND_TOO_LOW:
        assert given.bound.ci_high < THRESHOLD
    if found == Diagnosis.REALISED:
        assert given.ais.ci_low > THRESHOLD

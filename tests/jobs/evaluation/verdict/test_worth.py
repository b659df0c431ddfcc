"""What a gain is worth."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from jobs.evaluation.verdict.worth import value_of
from jobs.scenarios.worth import Worth
from jobs.stats.estimate import Estimate

WORTH = Worth(auc_point=120_000, alignment=40_000, unit="EUR")


def test_an_interval_is_worth_its_auc_points() -> None:
    found = value_of(Estimate(0.0075, 0.0040, 0.0110), WORTH)
    assert found is not None
    assert found.low == pytest.approx(48_000)
    assert found.high == pytest.approx(132_000)
    assert found.break_even == pytest.approx(0.01 / 3)
    assert found.share == pytest.approx(0.01 / 3 / 0.0075)


def test_a_loss_can_never_pay() -> None:
    found = value_of(Estimate(-0.002, -0.004, 0.0), WORTH)
    assert found is not None
    assert found.low == pytest.approx(-48_000)
    assert math.isnan(found.share)


def test_a_gain_without_an_interval_has_no_value() -> None:
    assert value_of(Estimate(0.01), WORTH) is None


@pytest.mark.parametrize("bad", [{"auc_point": 0}, {"alignment": -1}, {"auc_points": 5}])
def test_values_must_be_positive_and_known(bad: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Worth.model_validate({"auc_point": 1, "alignment": 1, **bad})

import math

import numpy as np
import pytest
from sklearn import metrics

from jobs.stats.calibration import CLIP, base_rate_entropy, compare_calibration, log_loss


def test_log_loss_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(0.001, 0.999, 5_000)
    labels = rng.random(5_000) < probabilities
    assert log_loss(labels, probabilities) == pytest.approx(
        metrics.log_loss(labels, probabilities), rel=1e-12
    )


def test_certain_and_wrong_costs_the_clip() -> None:
    assert log_loss([0, 1], [1.0, 0.0]) == pytest.approx(-math.log(CLIP))
    assert log_loss([1], [0.0], clip=0.01) == pytest.approx(-math.log(0.01))


def test_narrow_probabilities_are_summed_in_float64() -> None:
    probabilities = np.full(100_000, 0.1, dtype=np.float32)
    exact = -math.log(float(np.float32(0.1)))
    assert log_loss(np.ones(100_000), probabilities) == pytest.approx(exact, rel=1e-12)


def test_entropy_is_the_log_loss_of_the_base_rate() -> None:
    labels = np.array([1, 0, 0, 0, 0])
    assert base_rate_entropy(labels) == pytest.approx(log_loss(labels, np.full(5, 0.2)))


def test_predicting_the_base_rate_has_a_normalised_entropy_of_one() -> None:
    labels = np.array([1, 1, 0, 0, 0])
    result = compare_calibration(labels, np.full(5, 0.4), [0.9, 0.8, 0.1, 0.2, 0.3])
    assert result.ne_baseline == pytest.approx(1.0)
    assert result.ne_treatment < 1


def test_deltas_are_treatment_minus_baseline() -> None:
    labels = [1, 0, 0]
    better, worse = [0.7, 0.2, 0.2], [0.4, 0.4, 0.4]
    result = compare_calibration(labels, worse, better)
    assert result.logloss_delta == pytest.approx(log_loss(labels, better) - log_loss(labels, worse))
    assert result.logloss_delta < 0
    assert result.ne_delta == pytest.approx(result.logloss_delta / base_rate_entropy(labels))
    assert compare_calibration(labels, worse, worse).logloss_delta == 0.0


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_a_log_loss_but_no_normalised_entropy(label: int) -> None:
    result = compare_calibration([label] * 2, [0.5, 0.5], [0.6, 0.6])
    assert result.logloss_baseline == pytest.approx(math.log(2))
    assert math.isnan(result.ne_baseline)
    assert math.isnan(result.ne_delta)


def test_no_rows_give_nan() -> None:
    assert math.isnan(compare_calibration([], [], []).logloss_delta)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.inf])
def test_values_that_are_no_probabilities_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="sigmoid"):
        log_loss([1, 0], [0.5, value])

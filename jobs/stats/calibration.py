"""Log-loss and normalised entropy of predicted click probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jobs.stats.columns import checked_labels, checked_scores

CLIP = 1e-7
"""Nearest a probability may come to 0 or 1: about the resolution of float32 below 1."""


@dataclass(frozen=True)
class CalibrationComparison:
    """Log-loss (nats a row) and normalised entropy of two sets of probabilities.

    Normalised entropy is the log-loss as a share of the log-loss of the base rate; below 1
    is useful (He et al., 2014, "Practical Lessons from Predicting Clicks on Ads at Facebook").
    Deltas are leaked minus baseline, so a negative delta is an improvement. Everything is
    NaN without rows, and the normalised entropies are NaN when the rows hold one class.
    """

    logloss_baseline: float
    logloss_leaked: float
    logloss_delta: float
    ne_baseline: float
    ne_leaked: float
    ne_delta: float


def compare_calibration(
    labels: ArrayLike, baseline: ArrayLike, leaked: ArrayLike, clip: float = CLIP
) -> CalibrationComparison:
    """Compare two sets of probabilities of the same rows.

    labels: 0 or 1. baseline, leaked: probabilities of label 1. All have shape (rows,).
    Raises ValueError for malformed columns and for values outside [0, 1].
    """
    logloss_baseline = log_loss(labels, baseline, clip)
    logloss_leaked = log_loss(labels, leaked, clip)
    entropy = base_rate_entropy(labels)
    ne_baseline = logloss_baseline / entropy
    ne_leaked = logloss_leaked / entropy
    return CalibrationComparison(
        logloss_baseline=logloss_baseline,
        logloss_leaked=logloss_leaked,
        logloss_delta=logloss_leaked - logloss_baseline,
        ne_baseline=ne_baseline,
        ne_leaked=ne_leaked,
        ne_delta=ne_leaked - ne_baseline,
    )


def log_loss(labels: ArrayLike, probabilities: ArrayLike, clip: float = CLIP) -> float:
    """Return the mean negative log-likelihood in nats a row, computed in float64.

    labels: 0 or 1, shape (rows,). probabilities: of label 1, shape (rows,), kept `clip`
    away from 0 and 1. NaN without rows. Raises ValueError for malformed columns and for
    values outside [0, 1].
    """
    positive = checked_labels(labels)
    chance = checked_scores(probabilities, positive.size).astype(np.float64)
    if positive.size == 0:
        return math.nan
    if chance.min() < 0 or chance.max() > 1:
        raise ValueError("probabilities lie outside [0, 1]; apply the sigmoid to logits first")
    chance = np.clip(chance, clip, 1 - clip)
    of_label: NDArray[np.float64] = np.where(positive, chance, 1 - chance)
    return -float(np.log(of_label).mean())


def base_rate_entropy(labels: ArrayLike) -> float:
    """Return the log-loss, in nats a row, of predicting the base rate for every row.

    labels: 0 or 1, shape (rows,). NaN when the rows hold a single class or none.
    Raises ValueError for malformed labels.
    """
    positive = checked_labels(labels)
    positives = int(positive.sum())
    if positives in (0, positive.size):
        return math.nan
    rate = positives / positive.size
    return -(rate * math.log(rate) + (1 - rate) * math.log1p(-rate))

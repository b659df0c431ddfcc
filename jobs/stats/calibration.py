"""Log-loss and normalised entropy of predicted click probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jobs.stats.columns import checked_labels, checked_scores

CLIP = 1e-7
"""The smallest distance of a probability from 0 and 1: the resolution of float32 near 1."""


@dataclass(frozen=True)
class CalibrationComparison:
    """Log-loss (nats per row) and normalised entropy of two sets of probabilities.

    Normalised entropy is the log-loss divided by the log-loss of the base rate; useful values are
    below 1 (He et al., 2014, "Practical Lessons from Predicting Clicks on Ads at Facebook").
    Deltas are treatment minus baseline, so a negative delta is an improvement. Without rows all
    fields are NaN; with a single class the normalised entropies are NaN.
    """

    logloss_baseline: float
    logloss_treatment: float
    logloss_delta: float
    ne_baseline: float
    ne_treatment: float
    ne_delta: float


def compare_calibration(
    labels: ArrayLike, baseline: ArrayLike, treatment: ArrayLike, clip: float = CLIP
) -> CalibrationComparison:
    """Compare two sets of probabilities of the same rows.

    Args:
        labels: 0 or 1, shape (rows,).
        baseline: Probabilities of label 1, shape (rows,).
        treatment: Probabilities of label 1, shape (rows,).
        clip: The distance that probabilities are kept from 0 and 1.

    Raises:
        ValueError: If a column is malformed, or a probability lies outside [0, 1].
    """
    logloss_baseline = log_loss(labels, baseline, clip)
    logloss_treatment = log_loss(labels, treatment, clip)
    entropy = base_rate_entropy(labels)
    ne_baseline = logloss_baseline / entropy
    ne_treatment = logloss_treatment / entropy
    return CalibrationComparison(
        logloss_baseline=logloss_baseline,
        logloss_treatment=logloss_treatment,
        logloss_delta=logloss_treatment - logloss_baseline,
        ne_baseline=ne_baseline,
        ne_treatment=ne_treatment,
        ne_delta=ne_treatment - ne_baseline,
    )


def log_loss(labels: ArrayLike, probabilities: ArrayLike, clip: float = CLIP) -> float:
    """Return the mean negative log-likelihood in nats per row, in float64; NaN without rows.

    Args:
        labels: 0 or 1, shape (rows,).
        probabilities: Probabilities of label 1, shape (rows,).
        clip: The distance that probabilities are kept from 0 and 1.

    Raises:
        ValueError: If a column is malformed, or a probability lies outside [0, 1].
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
    """Return the log-loss, in nats per row, of predicting the base rate for every row.

    NaN when the rows hold a single class or none.

    Args:
        labels: 0 or 1, shape (rows,).

    Raises:
        ValueError: If the labels are malformed.
    """
    positive = checked_labels(labels)
    positives = int(positive.sum())
    if positives in (0, positive.size):
        return math.nan
    rate = positives / positive.size
    return -(rate * math.log(rate) + (1 - rate) * math.log1p(-rate))

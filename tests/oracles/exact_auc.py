"""Exact areas under the ROC curve to compare with: by one plain sort, and pair by pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jobs.stats.columns import checked_labels, checked_scores


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the share of (positive, negative) pairs in the right order; a tie counts half.

    The result is exact: the pairs are counted in integers and divided once. NaN when the rows hold
    a single class or none.

    Args:
        labels: 0 or 1, shape (rows,).
        scores: Numbers, shape (rows,); only their order matters.

    Raises:
        ValueError: If a column is malformed.
    """
    positive = checked_labels(labels)
    wins = doubled_wins(positive, checked_scores(scores, positive.size))
    positives = int(positive.sum())
    pairs = positives * (positive.size - positives)
    if pairs == 0:
        return math.nan
    return int(wins[positive].sum()) / (2 * pairs)


def doubled_wins(positive: NDArray[np.bool_], scores: NDArray[np.generic]) -> NDArray[np.int64]:
    """Count, for each row, twice the rows of the other class ordered correctly against it.

    A tie counts as half a win, so the doubled count is an integer. Divided by twice the number of
    negatives (for a positive row) or of positives (for a negative row) it is that row's
    structural component of DeLong et al. (1988), found with one sort as in Sun and Xu (2014).

    Args:
        positive: Whether the label is 1, shape (rows,).
        scores: Numbers without NaN, shape (rows,).

    Returns:
        The counts, shape (rows,).
    """
    order = np.argsort(scores)
    ordered = scores[order]
    rows = positive.size
    positives_below = np.zeros(rows + 1, dtype=np.int64)
    np.cumsum(positive[order], out=positives_below[1:])

    edges = np.concatenate(([0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, [rows]))
    start, end = edges[:-1], edges[1:]
    # Rows of a tie lie below its upper edge and not below its lower one. Adding the counts at both
    # edges therefore counts rows outside the tie twice, and rows of the tie once.
    positives_at_edges = positives_below[start] + positives_below[end]
    positive_wins = (start + end) - positives_at_edges
    negative_wins = 2 * positives_below[-1] - positives_at_edges

    tie = np.empty(rows, dtype=np.int64)
    tie[order] = np.repeat(np.arange(start.size), end - start)
    wins: NDArray[np.int64] = np.where(positive, positive_wins[tie], negative_wins[tie])
    return wins


def auc_pair_by_pair(labels: Sequence[bool], scores: Sequence[int]) -> float:
    """Return the AUC as a fraction of pairs, visited one by one; NaN without both classes."""
    won, pairs = Fraction(0), 0
    for label, score in zip(labels, scores, strict=True):
        for other_label, other_score in zip(labels, scores, strict=True):
            if label and not other_label:
                pairs += 1
                won += Fraction(1 + (score > other_score) - (score < other_score), 2)
    return float(won / pairs) if pairs else math.nan

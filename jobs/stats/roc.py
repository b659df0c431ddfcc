"""The ROC curve of a score, thinned to as many points as a plot can show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jobs.stats.columns import checked_labels, checked_scores


@dataclass(frozen=True)
class RocCurve:
    """Vertices of a ROC curve from (0, 0) to (1, 1), ascending, both of shape (points,)."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]


def roc_curve(labels: ArrayLike, scores: ArrayLike, points: int = 400) -> RocCurve:
    """Return at most ``points`` vertices of the curve, spread evenly along it.

    Args:
        labels: 0 or 1, shape (rows,).
        scores: Numbers, shape (rows,); tied rows form one vertex.
        points: The highest number of vertices.

    Raises:
        ValueError: If a column is malformed, the rows hold a single class, or ``points`` is below
            two.
    """
    if points < 2:
        raise ValueError(f"a curve needs two points or more, not {points}")
    positive = checked_labels(labels)
    values = checked_scores(scores, positive.size)
    positives = int(positive.sum())
    if positives in (0, positive.size):
        raise ValueError("a ROC curve needs rows of both classes")

    order = np.argsort(values)[::-1]
    ranked = values[order]
    tie_ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), positive.size - 1)
    true = np.concatenate(([0], np.cumsum(positive[order])[tie_ends])) / positives
    false = np.concatenate(([0], np.cumsum(~positive[order])[tie_ends]))
    false = false / (positive.size - positives)
    if true.size > points:
        # The sum of both rates grows from 0 to 2 along the curve, on steep and on flat parts.
        kept = np.searchsorted(true + false, np.linspace(0, 2, points))
        kept = np.unique(np.clip(kept, 0, true.size - 1))
        true, false = true[kept], false[kept]
    return RocCurve(false_positive_rate=false, true_positive_rate=true)

"""Compares two scores of the same rows that come as arrays, without a lake or a scenario."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from jobs.evaluation.measurement import Measurement
from jobs.evaluation.result import Evaluation
from jobs.evaluation.scored_day import BASELINE, TREATMENT, ScoredDay
from jobs.evaluation.slices import most_frequent
from jobs.evaluation.verdict.decision import THRESHOLD
from jobs.stats.columns import checked_labels


def compare_scores(
    labels: ArrayLike,
    users: ArrayLike | pa.Array,
    baseline: ArrayLike,
    treatment: ArrayLike,
    *,
    days: ArrayLike | None = None,
    slices: Mapping[str, ArrayLike] | None = None,
    threshold: float = THRESHOLD,
    level: float = 0.95,
) -> Evaluation:
    """Measure the figures and the verdict of a treatment against a baseline.

    All rows count as held out. Figures that need a lineage, a placebo or coverage are missing, and
    so are log-loss and normalised entropy if a score lies outside [0, 1].

    Args:
        labels: 0 or 1, shape (rows,).
        users: Integer or string ids, shape (rows,).
        baseline: Scores, shape (rows,), or (seeds, rows) with several seeds.
        treatment: Scores of the same shape.
        days: The day of each row, shape (rows,). Rows are compared within a day only, and the
            differences of days are pooled. Without days, all rows are compared with each other.
        slices: The value of each row by slice name, shape (rows,).
        threshold: The AUC difference that counts as significant.
        level: Coverage of the intervals, between 0 and 1.

    Raises:
        ValueError: If there are no rows, a column is malformed, or the level lies outside (0, 1).
    """
    columns = {name: np.asarray(values).astype(np.str_) for name, values in (slices or {}).items()}
    whole = scored_rows(labels, users, baseline, treatment, columns)
    rows = whole.rows.num_rows
    if not rows:
        raise ValueError("there are no rows to compare")
    day_of_row = np.zeros(rows, np.int8) if days is None else np.asarray(days)
    if day_of_row.shape != (rows,):
        raise ValueError(f"days have shape {day_of_row.shape}, labels have shape ({rows},)")
    measurement = Measurement()
    for day in np.unique(day_of_row):
        measurement.add(whole.chosen(day_of_row == day))
    return measurement.result(threshold, level)


def scored_rows(
    labels: ArrayLike,
    users: ArrayLike | pa.Array,
    baseline: ArrayLike,
    treatment: ArrayLike,
    slices: Mapping[str, NDArray[np.str_]] | None = None,
) -> ScoredDay:
    """Return held-out rows as ``Measurement.add`` takes them; arguments as ``compare_scores``.

    Raises:
        ValueError: If shapes do not agree, or labels are not 0 or 1.
    """
    positive = checked_labels(labels)
    ids = users if isinstance(users, pa.Array) else pa.array(np.asarray(users))
    if len(ids) != positive.size:
        raise ValueError(f"users have {len(ids)} rows, labels have {positive.size}")
    scores = {
        name: np.atleast_2d(np.asarray(values, dtype=np.float64))
        for name, values in (("baseline", baseline), ("treatment", treatment))
    }
    for name, values in scores.items():
        if values.ndim != 2 or values.shape != (len(scores["baseline"]), positive.size):
            raise ValueError(
                f"{name} has shape {values.shape}, not (seeds, rows) = "
                f"({len(scores['baseline'])}, {positive.size})"
            )
    return ScoredDay(
        rows=pa.table({"user_id": ids, "label": positive.astype(np.int8)}),
        variants={BASELINE: scores["baseline"], TREATMENT: scores["treatment"]},
        slices={name: most_frequent(values) for name, values in (slices or {}).items()},
        are_probabilities=all(
            bool(((values >= 0) & (values <= 1)).all()) for values in scores.values()
        ),
    )

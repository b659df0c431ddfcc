"""Notes on what a result lacks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.evaluation.measurement import Measurement
from jobs.evaluation.missing_figures import missing_figures_note
from jobs.evaluation.scored_day import ScoredDay


def day(rows: int, *, label: int | None = None, covered: bool = True) -> ScoredDay:
    random = np.random.default_rng(rows)
    labels = random.integers(0, 2, rows) if label is None else np.full(rows, label)
    table = pa.table({"user_id": random.integers(0, 30, rows), "label": labels.astype(np.int8)})
    scores = {name: random.random((1, rows)) for name in ("baseline", "leaked")}
    return ScoredDay(table, scores, np.full(rows, covered))


def note(*days: ScoredDay) -> str:
    measurement = Measurement()
    for each in days:
        measurement.add(each)
    return missing_figures_note(measurement.result(0.001, 0.95), has_seen_rows=False)


def test_a_closed_day_is_told_apart_from_a_day_of_one_class() -> None:
    assert note(day(200), day(0)) == "1 of 2 days have no held-out row, and are left out"
    assert note(day(200), day(90, label=1)) == (
        "1 of 2 days have held-out rows of a single class, and are left out"
    )
    assert note(day(0)) == "no LIS: there is no held-out row"
    assert note(day(90, label=0)).startswith("no LIS: 0 of 90 held-out rows are clicks")


def test_a_whole_result_lacks_nothing() -> None:
    assert note(day(200)) == ""
    assert note(day(200, covered=False)) == "the leaked table covers no held-out row"

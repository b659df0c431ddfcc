"""Predictions of a production system are read as they stand, or refused in one line."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.common.errors import InputError
from jobs.sources.prediction_columns import PredictionColumns
from jobs.sources.prediction_file import PredictionFile

AS_OF = date(2026, 3, 1)
ROWS: dict[str, Any] = {
    "user": ["a", "a", "b", "c"],
    "label": [1, 0, 0, 1],
    "baseline": [0.2, 0.1, 0.4, 0.3],
    "treatment": [0.3, 0.1, 0.2, 0.4],
}


def written(folder: Path, **changes: Any) -> str:
    """A file of four rows, with columns added, replaced, or left out where None."""
    columns = {name: values for name, values in (ROWS | changes).items() if values is not None}
    path = folder / "scores [new].parquet"
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_rows_are_grouped_by_day_in_ascending_order(tmp_path: Path) -> None:
    days = ["2026-03-02", "2026-03-01", "2026-03-02", "2026-03-01"]
    first, second = PredictionFile(written(tmp_path, day=days))
    assert (first.day, second.day) == (date(2026, 3, 1), date(2026, 3, 2))
    assert first.users.to_pylist() == ["a", "c"]
    np.testing.assert_array_equal(first.labels, [0, 1])
    np.testing.assert_array_equal(second.baseline, [[0.2, 0.4]])
    np.testing.assert_array_equal(second.treatment, [[0.3, 0.2]])


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us", tz="UTC"), pa.timestamp("ns")])
def test_days_may_be_dates_or_timestamps(tmp_path: Path, kind: pa.DataType) -> None:
    days = pa.array([date(2026, 3, 1)] * 4, pa.date32()).cast(pa.timestamp("us")).cast(kind)
    [day] = PredictionFile(written(tmp_path, day=days))
    assert day.day == AS_OF


def test_a_file_without_days_needs_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column 'day': give the day .* --as-of"):
        PredictionFile(written(tmp_path))
    [day] = PredictionFile(written(tmp_path), as_of=AS_OF)
    assert day.day == AS_OF


def test_seeds_are_stacked_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    doubled = {name: values * 2 for name, values in ROWS.items()}
    doubled["baseline"] = [0.2, 0.1, 0.4, 0.3, 0.6, 0.5, 0.8, 0.7]
    path = written(tmp_path, **doubled, seed=[7] * 4 + [3] * 4)
    [day] = PredictionFile(path, as_of=AS_OF)
    np.testing.assert_array_equal(day.baseline, [[0.6, 0.5, 0.8, 0.7], [0.2, 0.1, 0.4, 0.3]])
    assert day.treatment.shape == (2, 4)


def test_seeds_of_other_rows_are_refused(tmp_path: Path) -> None:
    doubled = {name: values * 2 for name, values in ROWS.items()}
    doubled["label"] = [1, 0, 0, 1, 0, 1, 0, 1]
    path = written(tmp_path, **doubled, seed=[0] * 4 + [1] * 4)
    with pytest.raises(InputError, match=r"column 'seed': on 2026-03-01 .* sort every seed alike"):
        list(PredictionFile(path, as_of=AS_OF))


def test_further_columns_of_words_are_slices_and_measurements_are_not(tmp_path: Path) -> None:
    path = written(tmp_path, country=["de", None, "fr", "de"], dwell=[0.1, 0.2, 0.3, 0.4])
    [day] = PredictionFile(path, as_of=AS_OF)
    assert day.slices.keys() == {"country"}
    assert day.slices["country"].tolist() == ["de", "unknown", "fr", "de"]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = written(tmp_path, user=None, uid=[1, 1, 2, 3])
    [day] = PredictionFile(path, PredictionColumns(user="uid"), AS_OF)
    assert day.users.to_pylist() == [1, 1, 2, 3]


def test_what_is_not_used_is_not_read_and_types_may_be_those_of_any_program(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        user=[1.0, 2.0, 2.0, 3.0],
        baseline=pa.array(np.array(ROWS["baseline"], "float16")),
        treatment=[2**60, 1, 0, 3],
        label=None,
        **{" label": pa.array([True, False, False, True])},
        day=pa.array(["2026-03-01"] * 4).dictionary_encode(),
        seed=pa.array(["a"] * 4, pa.string_view()),
        place=pa.array(["x", None, "y", "x"]).dictionary_encode(),
        score=[{"a": 1}] * 4,
        clock=pa.array([1] * 4, pa.time64("ns")),
        vector=[[0.5]] * 4,
    )
    [day] = PredictionFile(path)
    assert day.users.to_pylist() == [1, 2, 2, 3]
    assert day.labels.tolist() == [1, 0, 0, 1]
    assert day.treatment[0, 0] == float(2**60)
    assert {name: values.tolist() for name, values in day.slices.items()} == {
        "place": ["x", "unknown", "y", "x"]
    }
    with pytest.raises(InputError, match=r"'score' is struct.*: slice by words or numbers"):
        PredictionFile(path, slices=["score"])


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = PredictionFile(path, as_of=AS_OF).digest
    assert PredictionFile(path, as_of=AS_OF).digest == before
    assert PredictionFile(written(tmp_path, label=[0, 0, 0, 1]), as_of=AS_OF).digest != before


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user": None}, "no column 'user': it has label, baseline, treatment"),
        ({"user": ["a", None, "b", "c"]}, "'user' is null in 1 rows"),
        ({"user": [1.0, 2.5, 3.0, 4.0]}, "'user' is double and holds 2.5, which has a fraction"),
        ({"user": [{"id": 1}] * 4}, "'user' is struct.*, which is no id"),
        ({"user": ["a", "", "b", "c"]}, "'user' is null in 1 rows"),
        ({"day": pa.array([0] * 4, pa.timestamp("us", "Asia/Kolkata"))}, "whose day is meant"),
        ({"day": [20260301] * 4}, "'day' is int64: write days as YYYY-MM-DD"),
        ({" label": [1, 0, 0, 1], "label": None, "label ": [0] * 4}, "2 columns are named 'label'"),
        ({"label": [1, 0, -1, -1]}, "'label' holds -1 in 2 rows"),
        ({"label": ["1", "0", "0", "1"]}, "'label' is string"),
        ({"label": [1, 0, None, 1]}, "'label' is null in 1 rows"),
        ({"baseline": [0.1, float("nan"), 0.2, 0.3]}, "'baseline' is not finite in 1 rows"),
        ({"treatment": ["a", "b", "c", "d"]}, "'treatment' is string"),
        ({"day": ["2026-03-01", "01.03.2026", "2026-03-01", "2026-03-01"]}, "holds '01.03.2026'"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(InputError, match=reason) as refused:
        PredictionFile(path, as_of=None if "day" in changes else AS_OF)
    assert str(refused.value).startswith(path)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_is_not_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        PredictionFile(str(tmp_path / "none.parquet"), as_of=AS_OF)
    text = tmp_path / "text.parquet"
    text.write_text("user,label")
    with pytest.raises(InputError, match="is not a Parquet file that can be read"):
        PredictionFile(str(text), as_of=AS_OF)


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    empty = {name: pa.array(values).slice(0, 0) for name, values in ROWS.items()}
    with pytest.raises(InputError, match="has no rows"):
        PredictionFile(written(tmp_path, **empty), as_of=AS_OF)

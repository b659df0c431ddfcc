from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.errors import InputError
from jobs.sources.contract.texts import as_text, rows_as_json, without_null_words


def test_words_that_stand_for_a_null() -> None:
    words = (r"\N", "NULL")
    stored = ["a", r"\N", " NULL ", "null", "", None]
    for values in (pa.array(stored), pa.array(stored).dictionary_encode()):
        assert without_null_words(values, words).to_pylist() == ["a", None, None, "null", "", None]
    assert without_null_words(pa.array(stored), ()).to_pylist() == stored
    assert without_null_words(pa.array([1]), words).to_pylist() == [1]


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        (pa.array(["a", None]), pa.string(), ["a", None]),
        (pa.array([3, None]), pa.int64(), ["3", None]),
        (pa.array([3.0, float("nan")]), pa.int64(), ["3", None]),
        (pa.array([3.0, 0.5, None]), pa.float64(), ["3.0", "0.5", None]),
        (pa.array([0.1], pa.float32()), pa.float32(), ["0.1"]),
        (pa.array([True]), pa.bool_(), ["true"]),
        (
            pa.array([datetime(2026, 1, 5, 10), datetime(2026, 1, 5, 0, 0, 0, 120000)]),
            pa.timestamp("us"),
            ["2026-01-05 10:00:00", "2026-01-05 00:00:00.12"],
        ),
        (pa.nulls(1), pa.string(), [None]),
    ],
)
def test_values_as_text(values: pa.Array, kind: pa.DataType, texts: list[str | None]) -> None:
    assert as_text(values, kind, "f").to_pylist() == texts


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_nested_values_are_no_text(value: Any) -> None:
    values = pa.array([value])
    with pytest.raises(InputError, match=r"f is .*: map a column of text, numbers or dates"):
        as_text(values, values.type, "f")


KINDS = {
    'odd "name"\\': (pa.string(), st.text(st.characters(exclude_categories=["Cs"]))),
    "number": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "float": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "flag": (pa.bool_(), st.booleans()),
}
VALUES = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in KINDS.items()})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_rows_as_json_are_read_back(rows: list[dict[str, Any]]) -> None:
    columns = {
        name: pa.array([row[name] for row in rows], kind) for name, (kind, _) in KINDS.items()
    }
    texts = rows_as_json(columns, len(rows)).to_pylist()
    kept = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert [json.loads(text) for text in texts] == kept


def test_rows_as_json_of_other_types() -> None:
    columns = {
        "time": pa.array([datetime(2026, 1, 5, tzinfo=UTC)]),
        "ids": pa.array([[1, 2]]),
        "coded": pa.array(["x"]).dictionary_encode(),
    }
    [text] = rows_as_json(columns, 1).to_pylist()
    assert text == '{"time":"2026-01-05 00:00:00+00:00","ids":[1, 2],"coded":"x"}'

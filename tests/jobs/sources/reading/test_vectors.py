"""Vectors of any type of list equal those of a plain loop, or the first bad item is named."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.errors import InputError
from jobs.sources.reading.vectors import as_vectors

FLOATS = (pa.float16(), pa.float32(), pa.float64())
WHOLE = (pa.int8(), pa.int64(), pa.uint16())
LISTS = (pa.list_, pa.large_list, pa.list_view, pa.large_list_view)
LARGEST = float(np.finfo(np.float32).max)


@st.composite
def stored_vectors(draw: st.DrawFn) -> pa.Array:
    """An array of lists, which may be a part of a longer one."""
    if draw(st.booleans()):
        kind = draw(st.sampled_from(WHOLE))
        number = st.integers(0, 127)
    else:
        kind = draw(st.sampled_from(FLOATS))
        odd = [math.nan, math.inf, 1e300 if kind == pa.float64() else 0.0]
        number = st.one_of(st.floats(-8, 8, width=16), st.sampled_from(odd))
    element = number if draw(st.booleans()) else st.one_of(number, st.none())
    length = draw(st.integers(1, 3))
    if is_fixed := draw(st.booleans()):
        vector = st.lists(element, min_size=length, max_size=length)
        list_type = pa.list_(kind, length)
    else:
        vector = st.lists(element, max_size=length)
        list_type = draw(st.sampled_from(LISTS))(kind)
    values = draw(st.lists(vector if is_fixed else st.one_of(vector, st.none()), max_size=6))
    if kind == pa.float16():
        values = [value and [x if x is None else np.float16(x) for x in value] for value in values]
    start = draw(st.integers(0, len(values)))
    return pa.array(values, list_type).slice(start)


def is_bad(vector: list[float | None] | None) -> bool:
    return not vector or any(x is None or not abs(float(x)) <= LARGEST for x in vector)


@given(stored_vectors())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_vectors_equal_those_of_a_loop(values: pa.Array) -> None:
    vectors = values.to_pylist()
    items = pa.array([f"item-{number}" for number in range(len(values))], pa.string())
    bad = [number for number, vector in enumerate(vectors) if is_bad(vector)]
    if not bad:
        expected = [[float(np.float32(x)) for x in vector] for vector in vectors]
        found = as_vectors(values, items, "a.parquet: column 'v'")
        assert found.type == pa.list_(pa.float32())
        assert found.to_pylist() == expected
        return
    # Vectors without numbers are looked for first.
    missing = [number for number in bad if not vectors[number]]
    with pytest.raises(
        InputError, match=rf"^a\.parquet: column 'v': .*\(item item-{(missing or bad)[0]}\)$"
    ):
        as_vectors(values, items, "a.parquet: column 'v'")

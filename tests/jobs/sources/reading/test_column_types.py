from itertools import permutations

import pyarrow as pa
import pytest

from jobs.common.errors import InputError
from jobs.sources.reading.column_types import as_type, common_type


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([pa.int8(), pa.uint32(), pa.int64()], pa.int64()),
        ([pa.int32(), pa.float64(), pa.null()], pa.int64()),
        ([pa.float16(), pa.float32()], pa.float32()),
        ([pa.float32(), pa.float64()], pa.float64()),
        ([pa.string(), pa.large_string(), pa.string_view(), pa.null()], pa.string()),
        ([pa.dictionary(pa.int8(), pa.string()), pa.binary()], pa.string()),
        ([pa.timestamp("ns"), pa.timestamp("ms"), pa.timestamp("us")], pa.timestamp("us")),
        (
            [pa.timestamp("s", tz="Asia/Tokyo"), pa.timestamp("us", tz="UTC")],
            pa.timestamp("us", "UTC"),
        ),
        ([pa.date32(), pa.date64()], pa.date32()),
        ([pa.list_(pa.float32()), pa.list_(pa.float16(), 2)], pa.list_(pa.float32())),
        ([pa.bool_(), pa.bool_()], pa.bool_()),
    ],
)
def test_types_that_all_files_can_be_read_as(
    kinds: list[pa.DataType], expected: pa.DataType
) -> None:
    for order in permutations(kinds):
        assert common_type("x", {f"f{n}": kind for n, kind in enumerate(order)}) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.string(), pa.int64()),
        (pa.bool_(), pa.int8()),
        (pa.timestamp("us"), pa.timestamp("us", tz="UTC")),
        (pa.timestamp("us"), pa.date32()),
        (pa.timestamp("us"), pa.int64()),
        (pa.decimal128(9, 2), pa.float64()),
        (pa.list_(pa.float32()), pa.list_(pa.string())),
        (pa.struct([("a", pa.int8())]), pa.string()),
    ],
)
def test_other_types_are_refused_with_both_files(first: pa.DataType, second: pa.DataType) -> None:
    with pytest.raises(InputError) as caught:
        common_type("x", {"a.parquet": pa.null(), "b.parquet": first, "c.parquet": second})
    line = str(caught.value)
    assert line.startswith(f"c.parquet: column 'x' is {second}, but {first} in b.parquet")
    assert "\n" not in line


def test_floats_become_whole_numbers_only_if_nothing_is_lost() -> None:
    values = pa.array([1.0, None, float("nan"), -3.0, 2.0**53 - 1])
    read = as_type(values, pa.int64(), "f")
    assert read.to_pylist() == [1, None, None, -3, 2**53 - 1]
    for value in (1.5, 2.0**53, float("inf")):
        with pytest.raises(InputError, match=r"^f is double and holds .*: export whole numbers"):
            as_type(pa.array([1.0, value]), pa.int64(), "f")


def test_values_take_the_common_type() -> None:
    coded = pa.array(["a", None, "a"]).dictionary_encode()
    assert as_type(coded, pa.string(), "f").to_pylist() == ["a", None, "a"]
    late = pa.array([1_767_225_600_000_000_999], pa.timestamp("ns"))
    assert as_type(late, pa.timestamp("us"), "f").cast(pa.int64()).to_pylist() == [
        1_767_225_600_000_000
    ]
    assert as_type(pa.nulls(2), pa.int64(), "f").to_pylist() == [None, None]
    with pytest.raises(InputError, match="f: Invalid UTF8"):
        as_type(pa.array([b"\xff"]), pa.string(), "f")

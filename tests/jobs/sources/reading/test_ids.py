from typing import Any

import pyarrow as pa
import pytest

from jobs.common.errors import InputError
from jobs.sources.reading.ids import as_ids, whole_numbers

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array(["a", "", None, " b"]), ["a", None, None, " b"]),
        (pa.array([b"a", b""], pa.large_binary()), ["a", None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array(["a", "a"]).dictionary_encode(), ["a", "a"]),
        (pa.array([1, None], pa.int8()), ["1", None]),
        (pa.array([2**64 - 1], pa.uint64()), [str(2**64 - 1)]),
        (pa.array([1000000.0, None, NAN]), ["1000000", None, None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_ids_as_text(values: pa.Array, texts: list[str | None]) -> None:
    assert as_ids(values, "string", "f").to_pylist() == texts


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (pa.array(["1", " 3", "", "x", None, "+5", "-4"]), [1, 3, None, None, None, 5, -4]),
        (pa.array([1, None], pa.uint16()), [1, None]),
        (pa.array([7.0, None, NAN]), [7, None, None]),
        (pa.nulls(1), [None]),
    ],
)
def test_ids_as_whole_numbers(values: pa.Array, numbers: list[int | None]) -> None:
    assert as_ids(values, "int64", "f").to_pylist() == numbers


def test_whole_numbers_in_text_are_exact() -> None:
    texts = [str(2**63 - 1), str(2**63), str(-(2**63)), "7.0", "1.5", "1e3", f"{2**53}.0", "0x1"]
    assert whole_numbers(pa.array(texts)).to_pylist() == [
        *(2**63 - 1, None, -(2**63), 7),
        *(None, None, None, None),
    ]


@pytest.mark.parametrize("ids", ["string", "int64"])
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (pa.array([1.0, 3.7]), r"is double and holds 3\.7, which has a fraction"),
        (pa.array([7.2e17]), r"is double and holds 7\.2e\+17, which is beyond 2\^53"),
        (pa.array([2.0**24], pa.float32()), r"is float and holds 16777216\.0, .* beyond 2\^24"),
        (pa.array([{"id": "u"}]), "is struct<id: string>, which is no id"),
        (pa.array([[1]]), "is list<item: int64>, which is no id"),
        (pa.array([True]), "is bool, which is no id"),
        (pa.array([1], pa.decimal128(5, 0)), r"is decimal128\(5, 0\), which is no id"),
        (pa.array([1], pa.timestamp("s")), r"is timestamp\[s\], which is no id"),
    ],
)
def test_what_is_no_id_is_refused(values: pa.Array, problem: str, ids: Any) -> None:
    with pytest.raises(InputError, match=f"^a.parquet: column 'uid' {problem}"):
        as_ids(values, ids, "a.parquet: column 'uid'")

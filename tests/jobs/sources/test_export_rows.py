"""Rows of exported vectors and of custom tables: as they were written, or refused by their value.

Spark only groups and writes these rows, so they are read here without it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.common.errors import InputError
from jobs.scenarios import ImportedSnapshots, PreferenceTable, Scenario
from jobs.sources.exported_vectors import ExportRows, export_table, find_exports
from jobs.sources.preference_files import TableRows, find_table
from tests.jobs.sources.logs import table_source

GOOD: dict[str, Any] = {"item_id": ["a", "b"], "embedding": [[0.5, 1.0], [2.0, 0.25]]}
EXPECTED = [("a", [0.5, 1.0]), ("b", [2.0, 0.25])]
NUMBERS = {**GOOD, "item_id": [1, 2]}
Table = Mapping[str, Any]


def scenario(ids: str) -> Scenario:
    return Scenario(name="tiny", source=table_source(ids=ids))


def write(folder: Path, tables: Mapping[str, Table]) -> None:
    for name, table in tables.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            pq.write_table(pa.table(dict(table)), stream)


def imported(
    folder: Path, tables: Mapping[str, Table], ids: str = "string", **options: Any
) -> list[dict[str, Any]]:
    """The rows of exported tables in the order of their files."""
    write(folder, tables)
    options = {"path": "v/ds={ds}", **options}
    source = ImportedSnapshots.model_validate(options)
    exports = find_exports(source, str(folder))
    table = export_table(source, exports.files(exports.paths))
    return rows_of(ExportRows(table, scenario(ids), exports.day_of()))


def tabled(
    folder: Path, tables: Mapping[str, Table], ids: str = "string", **options: Any
) -> list[dict[str, Any]]:
    """The rows of a custom table in the order of its files."""
    write(folder, tables)
    options = {"name": "mine", "path": str(folder), "vector": "embedding", **options}
    if "items" in options:
        del options["vector"]
    source = PreferenceTable.model_validate(options)
    return rows_of(TableRows(find_table(source).rows, source, scenario(ids)))


def rows_of(reader: ExportRows | TableRows) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for part in reader.table.parts:
        for batch in reader.batches(part):
            rows += batch.to_pylist()
    refusals = [row["refusal"] for row in rows if row["refusal"] is not None]
    if refusals:
        raise InputError(min(refusals))
    return rows


def pairs(rows: list[dict[str, Any]], value: str = "embedding") -> list[tuple[Any, Any]]:
    return [(row["item_id"], row[value]) for row in rows]


half = pa.array([np.array(v, "float16") for v in GOOD["embedding"]], pa.list_(pa.float16()))
READ_AS_WRITTEN: dict[str, Table] = {
    "dictionary ids": {**GOOD, "item_id": pa.array(["a", "b"]).dictionary_encode()},
    "large strings": {**GOOD, "item_id": pa.array(["a", "b"], pa.large_string())},
    "string views": {**GOOD, "item_id": pa.array(["a", "b"], pa.string_view())},
    "bytes": {**GOOD, "item_id": pa.array([b"a", b"b"])},
    "half floats": {**GOOD, "embedding": half},
    "doubles": {**GOOD, "embedding": pa.array(GOOD["embedding"], pa.list_(pa.float64()))},
    "fixed size": {**GOOD, "embedding": pa.array(GOOD["embedding"], pa.list_(pa.float32(), 2))},
    "large lists": {**GOOD, "embedding": pa.array(GOOD["embedding"], pa.large_list(pa.float32()))},
    "list views": {**GOOD, "embedding": pa.array(GOOD["embedding"], pa.list_view(pa.float64()))},
    "other order": {"embedding": GOOD["embedding"], "z": [1, 2], "item_id": ["a", "b"]},
    "blank in header": {" item_id": ["a", "b"], "embedding ": GOOD["embedding"]},
    "odd columns": {
        **GOOD,
        "ITEM_ID": ["x", "y"],
        "clock": pa.array([1, 2], pa.time64("us")),
        "score": pa.array(np.array([1, 2], "float16")),
        "a.b`c": [1, 2],
        "_metadata": ["x", "y"],
        "nested": [{"embedding": [1]}] * 2,
    },
}


@pytest.mark.parametrize("name", READ_AS_WRITTEN)
def test_a_table_of_any_program_is_read_as_written(tmp_path: Path, name: str) -> None:
    rows = imported(tmp_path, {"v/ds=2026-01-05/a.parquet": READ_AS_WRITTEN[name]})
    assert pairs(rows) == EXPECTED
    assert {(row["ds"], row["updates"]) for row in rows} == {("2026-01-05", 0)}
    dated = {**READ_AS_WRITTEN[name], "available_at": [date(2026, 1, 5)] * 2}
    assert pairs(tabled(tmp_path / "t", {"a.parquet": dated}), "value") == EXPECTED


@pytest.mark.parametrize("compression", ["brotli", "zstd", "gzip", "lz4", "none"])
def test_compressions_are_read(tmp_path: Path, compression: str) -> None:
    (tmp_path / "v").mkdir()
    pq.write_table(pa.table(GOOD), tmp_path / "v/ds=2026-01-05.parquet", compression=compression)
    assert pairs(imported(tmp_path, {}, path="v/ds={ds}.parquet")) == EXPECTED


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pa.array([1, 2], pa.int32()), pa.array([3, 4], pa.int64())),
        (pa.array([1, 2], pa.uint8()), pa.array([3.0, 4.0])),
        (pa.array([1.0, 2.0], pa.float32()), pa.array([3, 4])),
    ],
    ids=str,
)
@pytest.mark.parametrize("ids", ["string", "int64"])
def test_ids_of_other_types_in_other_files_are_the_same_ids(
    tmp_path: Path, first: pa.Array, second: pa.Array, ids: str
) -> None:
    tables = {
        "v/ds=2026-01-05/a.parquet": {**GOOD, "item_id": first},
        "v/ds=2026-01-05/b.parquet": {**GOOD, "item_id": second},
        "v/ds=2026-01-06/_SUCCESS": GOOD,
    }
    rows = imported(tmp_path, tables, ids)
    expected = [1, 2, 3, 4] if ids == "int64" else ["1", "2", "3", "4"]
    assert [row["item_id"] for row in rows] == expected


def test_empty_part_files_are_skipped(tmp_path: Path) -> None:
    none = {name: pa.array([], pa.null()) for name in GOOD}
    tables = {"v/ds=2026-01-05/a.parquet": none, "v/ds=2026-01-05/b.parquet": GOOD}
    (tmp_path / "v/ds=2026-01-05").mkdir(parents=True)
    (tmp_path / "v/ds=2026-01-05/c.parquet").write_bytes(b"")
    assert pairs(imported(tmp_path, tables)) == EXPECTED


@pytest.mark.parametrize(
    ("values", "days"),
    [
        (["2026-01-05", "2026-01-06T00:00:00Z"], ["2026-01-05", "2026-01-06"]),
        (pa.array([date(2026, 1, 5)] * 2, pa.date64()), ["2026-01-05"] * 2),
        (pa.array([datetime(2026, 1, 5)] * 2, pa.timestamp("s")), ["2026-01-05"] * 2),
        (pa.array(["2026-01-05"] * 2).dictionary_encode(), ["2026-01-05"] * 2),
        (
            pa.array([datetime(2026, 1, 5, tzinfo=UTC)] * 2, pa.timestamp("ns", "Asia/Kolkata")),
            ["2026-01-05"] * 2,
        ),
    ],
    ids=["text", "date64", "seconds", "dictionary", "zone"],
)
def test_a_column_of_days_is_read(tmp_path: Path, values: Any, days: list[str]) -> None:
    rows = imported(tmp_path, {"v/a.parquet": {**GOOD, "day": values}}, path="v", as_of="day")
    assert [row["ds"] for row in rows] == days


NOT_THE_START = r"is not the start of a day in UTC.* \(item b\)"
MOMENTS: dict[str, tuple[Any, str]] = {
    "late": (
        pa.array([datetime(2026, 1, 6), datetime(2026, 1, 6, 23, 50)]),
        r"2026-01-06 23:50:00.* " + NOT_THE_START,
    ),
    "another midnight": (
        pa.array(
            [datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 5, 18, 30, tzinfo=UTC)],
            pa.timestamp("us", "Asia/Kolkata"),
        ),
        "2026-01-05 18:30:00.* " + NOT_THE_START,
    ),
    "a nanosecond late": (
        pa.array([0, 1], pa.timestamp("ns")),
        r"1970-01-01 00:00:00\.000000001Z " + NOT_THE_START,
    ),
    "late in text": (["2026-01-06", "2026-01-06 23:50"], "2026-01-06 23:50 " + NOT_THE_START),
    "zone in text": (
        ["2026-01-06", "2026-01-06T00:00:00+05:30"],
        r"2026-01-06T00:00:00\+05:30 " + NOT_THE_START,
    ),
    "null": (["2026-01-06", None], r"null is not a date \(item b\)"),
    "no day": (["2026-01-06", "2026-02-30"], r"2026-02-30 is not a date YYYY-MM-DD \(item b\)"),
    "day first": (["2026-01-06", "06.01.2026"], r"06.01.2026 is not a date YYYY-MM-DD"),
    "digits": (["2026-01-06", "20260106"], "20260106 is not a date YYYY-MM-DD"),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_a_moment_is_not_cut_to_its_day(tmp_path: Path, name: str) -> None:
    values, line = MOMENTS[name]
    with pytest.raises(InputError, match=rf"a\.parquet: column 'day': {line}"):
        imported(tmp_path, {"v/a.parquet": {**GOOD, "day": values}}, path="v", as_of="day")


REFUSED: dict[str, tuple[Table, str]] = {
    "fraction": (
        {**NUMBERS, "item_id": [1.0, 2.5]},
        "column 'item_id' is double and holds 2.5, which has a fraction",
    ),
    "beyond 2^53": (
        {**NUMBERS, "item_id": [1.0, 2.0**53]},
        r"column 'item_id' is double and holds 9007199254740992.0, which is beyond 2\^53",
    ),
    "null id": ({**GOOD, "item_id": ["a", None]}, "column 'item_id': null is not an item id"),
    "float null id": (
        {**NUMBERS, "item_id": pa.array([1.0, math.nan])},
        "column 'item_id': nan is not an item id",
    ),
    "empty id": ({**GOOD, "item_id": ["a", ""]}, "column 'item_id': '' is not an item id"),
    "word for a null": ({**GOOD, "item_id": ["a", "nan"]}, "column 'item_id': nan is not an item"),
    "decimal": (
        {**GOOD, "item_id": [Decimal("1.0"), Decimal("2.0")]},
        r"column 'item_id' is decimal128\(2, 1\), which is no id",
    ),
    "struct": (
        {**GOOD, "item_id": [{"id": 1}] * 2},
        r"column 'item_id' is struct<.*which is no id",
    ),
    "nan": (
        {**GOOD, "embedding": [[0.5, 1.0], [math.nan, 0.0]]},
        r"column 'embedding': \[nan, 0.0\] has an element that is not a finite .* \(item b\)",
    ),
    "too large for float32": (
        {**GOOD, "embedding": [[0.5, 1.0], [1e300, 0.0]]},
        r"column 'embedding': \[1e\+300, 0.0\] has an element that is not a finite .*\(item b\)",
    ),
    "null element": (
        {**GOOD, "embedding": pa.array([[0.5, 1.0], [None, 0.0]], pa.list_(pa.float32(), 2))},
        r"column 'embedding': \[None, 0.0\] has an element that is not .*\(item b\)",
    ),
    "null vector": (
        {**GOOD, "embedding": [[0.5, 1.0], None]},
        r"column 'embedding': null is not a vector \(item b\)",
    ),
    "decimals in a vector": (
        {**GOOD, "embedding": [[Decimal("0.5")]] * 2},
        "column 'embedding' is list<.*, must hold lists of numbers",
    ),
    "text in a vector": (
        {**GOOD, "embedding": ["[0.5, 1.0]", "[2.0, 0.25]"]},
        "column 'embedding' is string, must hold lists of numbers",
    ),
    "matrix": (
        {**GOOD, "embedding": [[[0.5]], [[1.0]]]},
        "column 'embedding' is list<.*, must hold lists of numbers",
    ),
    "beside names with blanks": (
        {**GOOD, "item_id ": ["c", "d"], " item_id": ["e", "f"], "item_id": ["a", None]},
        "column 'item_id': null is not an item id",
    ),
    "other case": (
        {"Item_ID": ["a", "b"], "embedding": GOOD["embedding"]},
        "no column 'item_id' .*'Item_ID' differs in case",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_id_or_no_vector_is_refused(tmp_path: Path, name: str) -> None:
    table, line = REFUSED[name]
    with pytest.raises(InputError, match=rf"^{tmp_path}/v/ds=2026-01-05/a\.parquet: {line}") as one:
        imported(tmp_path, {"v/ds=2026-01-05/a.parquet": table})
    assert "\n" not in str(one.value)
    dated = {**table, "available_at": [date(2026, 1, 5)] * 2}
    with pytest.raises(InputError, match=rf"^{tmp_path}/t/a\.parquet: {line}"):
        tabled(tmp_path / "t", {"a.parquet": dated})


@pytest.mark.parametrize("name", ["a.parquet", "a.parquet.gz", "a.csv"])
def test_a_file_that_is_cut_or_packed_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path, {f"v/ds=2026-01-05/{name}": GOOD})
    path = tmp_path / "v/ds=2026-01-05" / name
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(InputError, match=rf"{name} is not a complete Parquet file \(truncated\?\)"):
        imported(tmp_path, {})


@pytest.mark.parametrize(
    ("alike", "expected"),
    [
        ([[1, 2], []], [["1", "2"], []]),
        (pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float64(), 2)), [["1", "2"], ["3", "4"]]),
        (pa.array([["x"], ["y", "x"]], pa.list_view(pa.string())), [["x"], ["y", "x"]]),
    ],
    ids=["whole", "floats", "views"],
)
def test_lists_of_items_are_ids(tmp_path: Path, alike: Any, expected: list[list[str]]) -> None:
    table = {"item_id": ["a", "b"], "alike": alike, "available_at": [date(2026, 1, 5)] * 2}
    rows = tabled(tmp_path, {"a.parquet": table}, items="alike")
    assert [row["value"] for row in rows] == expected


@pytest.mark.parametrize(
    ("alike", "line"),
    [
        ([["1"], ["2", "x"]], r"\['2', 'x'\] has a value that is not an item id \(item 2\)"),
        ([["1"], ["2", None]], r"\['2', None\] has a value that is not an item id \(item 2\)"),
        ([["1"], None], r"null is not a list \(item 2\)"),
        ([[1.0], [2.5]], " is double and holds 2.5, which has a fraction"),
        ([[Decimal("1")], []], "is decimal.*, which is no id"),
        ([1, 2], "is int64, must hold lists of item ids"),
    ],
)
def test_a_list_of_something_else_is_refused(tmp_path: Path, alike: Any, line: str) -> None:
    table = {"item_id": [1, 2], "alike": alike, "available_at": [date(2026, 1, 5)] * 2}
    with pytest.raises(InputError, match=f"column 'alike':? ?{line}"):
        tabled(tmp_path, {"a.parquet": table}, ids="int64", items="alike")


@pytest.mark.parametrize(
    ("moments", "line"),
    [
        (["2026-01-05", "05.01.2026 10:00"], "05.01.2026 10:00 is not a timestamp"),
        (["2026-01-05", "2026-13-01"], "2026-13-01 is not a timestamp"),
        (["2026-01-05", None], r"null is not a timestamp \(item b\)"),
        ([1767225600, 1767225600], "is int64, must hold dates"),
    ],
)
def test_a_moment_that_cannot_be_read_is_refused(tmp_path: Path, moments: Any, line: str) -> None:
    with pytest.raises(InputError, match=f"column 'available_at':? {line}"):
        tabled(tmp_path, {"a.parquet": {**GOOD, "available_at": moments}})

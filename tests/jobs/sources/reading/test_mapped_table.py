"""Columns are found in the header of each file, and types compared over all files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios import CsvFormat, ParquetFormat
from jobs.scenarios.sources import Column
from jobs.sources.log_location import RawFiles
from jobs.sources.reading import mapped_table
from jobs.sources.reading.header import find_column
from jobs.sources.reading.mapped_table import MappedTable, map_columns


def table(folder: Path, columns: dict[str, Column], form: str = "parquet") -> MappedTable:
    names = tuple(sorted(path.name for path in folder.iterdir()))
    kind = ParquetFormat() if form == "parquet" else CsvFormat(header=form == "csv")
    return map_columns(kind, RawFiles(Storage(str(folder)), names), columns)


def values(found: MappedTable, role: str) -> list[object]:
    return [
        value
        for part in found.parts
        for batch in found.batches(part)
        for value in batch.values[role].to_pylist()
    ]


def test_each_file_is_read_by_its_own_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("uid,iid\nu1,i1\n")
    (tmp_path / "b.csv").write_text("iid, uid,more\ni2,u2,x\n")
    found = table(tmp_path, {"user_id": "uid", "item_id": "iid"}, "csv")
    assert values(found, "user_id") == ["u1", "u2"]
    assert values(found, "item_id") == ["i1", "i2"]


@pytest.mark.parametrize(
    ("names", "column", "position"),
    [
        (["a", "b"], "b", 1),
        (["a", " b "], "b", 1),
        (["B", "b"], "b", 1),
        (["b", " b"], " b", 1),
        (["a", "b"], 0, 0),
    ],
)
def test_a_column_is_found(names: list[str], column: Column, position: int) -> None:
    assert find_column("f", names, column, "ts") == position


@pytest.mark.parametrize(
    ("names", "column", "problem"),
    [
        (["a", "A"], "b", r"f: no column 'b' for ts; it has a, A: correct"),
        (["a", "B"], "b", r"no column 'b' for ts; it has a, B \('B' differs in case or blanks\)"),
        (["b", "a", "b"], "b", r"f: 2 columns are named 'b' \(positions 0 and 2\)"),
        (["a"], 1, "no column 1 for ts"),
        (["a"], -1, "no column -1 for ts"),
    ],
)
def test_a_missing_or_ambiguous_column_is_refused(
    names: list[str], column: Column, problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        find_column("f", names, column, "ts")


def test_a_position_is_the_same_column_in_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("uid,iid\nu1,i1\n")
    (tmp_path / "b.csv").write_text("iid,uid\ni2,u2\n")
    with pytest.raises(InputError, match=r"b.csv: column 0 is 'iid', but 'uid' in .*a.csv"):
        table(tmp_path, {"user_id": 0}, "csv")
    assert values(table(tmp_path, {"user_id": 0}, "bare"), "user_id") == ["uid", "u1", "iid", "i2"]


def test_only_mapped_columns_matter(tmp_path: Path) -> None:
    first = pa.table({"uid": ["a"], "x": [1], "t": pa.array([1], pa.time64("us"))})
    second = pa.table({"x": ["one"], "uid": ["b"], "h": pa.array([np.float16(1)])})
    for name, content in (("a", first), ("b", second)):
        pq.write_table(content, tmp_path / name)
    assert values(table(tmp_path, {"user_id": "uid"}), "user_id") == ["a", "b"]
    with pytest.raises(InputError, match=r"b: column 'x' is string, but int64 in .*a: export all"):
        table(tmp_path, {"user_id": "x"})


def test_files_without_rows_are_left_out(tmp_path: Path) -> None:
    pq.write_table(pa.table({"uid": pa.array([], pa.null())}), tmp_path / "a")
    (tmp_path / "b").touch()
    with pytest.raises(InputError, match="a has no rows: replace it"):
        table(tmp_path, {"user_id": "uid"})
    pq.write_table(pa.table({"uid": [1]}), tmp_path / "c")
    found = table(tmp_path, {"user_id": "uid"})
    assert [part.path for part in found.parts] == ["c"]


def test_a_large_file_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped_table, "_PART_ROWS", 20)
    pq.write_table(pa.table({"uid": range(95)}), tmp_path / "a", row_group_size=10)
    found = table(tmp_path, {"user_id": "uid"})
    assert [part.groups for part in found.parts] == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
    assert values(found, "user_id") == list(range(95))


def test_labels_may_have_fractions_in_some_files(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a")
    pq.write_table(pa.table({"x": [2.5]}), tmp_path / "b")
    assert table(tmp_path, {"label": "x"}).types["label"] == pa.float64()
    assert table(tmp_path, {"user_id": "x"}).types["user_id"] == pa.int64()

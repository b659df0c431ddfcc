"""Exported item tables are found by day, and their columns are checked before a job starts."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios import ImportedSnapshots
from jobs.sources.exported_vectors import EVERY_DAY, export_table, find_exports
from jobs.sources.log_location import RawFiles

BY_COLUMN = ImportedSnapshots(path="tables", updates="n", as_of="day")
GOOD = {"item_id": [1], "embedding": [[1.0, 2.0]], "n": [3], "day": ["2026-01-01"]}


@pytest.fixture
def make_files(tmp_path: Path) -> Path:
    names = [
        "ds=2026-01-02/a.parquet",
        "ds=2026-01-02/more/b.parquet",
        "ds=2026-01-01/a.parquet",
        "ds=2026-01-01/_SUCCESS",
        "ds=2026-01-01/.hidden/a.parquet",
        "daily/a.parquet",
        "other/ds=2026-01-03/a.parquet",
    ]
    for name in names:
        path = tmp_path / "exports" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "exports/ds={ds}",
            {
                "2026-01-01": ("ds=2026-01-01/a.parquet",),
                "2026-01-02": ("ds=2026-01-02/a.parquet", "ds=2026-01-02/more/b.parquet"),
            },
        ),
        (
            "exports/ds={ds}/a.parquet",
            {
                "2026-01-01": ("ds=2026-01-01/a.parquet",),
                "2026-01-02": ("ds=2026-01-02/a.parquet",),
            },
        ),
        ("exports/other/ds={ds}/a.parquet", {"2026-01-03": ("ds=2026-01-03/a.parquet",)}),
    ],
)
def test_files_are_found_by_day(
    make_files: Path, path: str, expected: dict[str, tuple[str, ...]]
) -> None:
    assert find_exports(ImportedSnapshots(path=path), str(make_files)).paths == expected
    whole = find_exports(ImportedSnapshots(path=f"{make_files}/{path}"))
    assert whole.paths == expected


@pytest.mark.parametrize("path", ["exports/other", "exports/other/ds=2026-01-03/a.parquet"])
def test_a_file_or_a_folder_may_have_all_days(make_files: Path, path: str) -> None:
    found = find_exports(ImportedSnapshots(path=path, as_of="day"), str(make_files))
    [names] = [found.files(found.paths).names()]
    assert list(found.paths) == [EVERY_DAY]
    assert names == [str(make_files / "exports/other/ds=2026-01-03/a.parquet")]


def test_a_digest_depends_on_contents_and_options(make_files: Path) -> None:
    source = ImportedSnapshots(path="exports/ds={ds}")
    before = find_exports(source, str(make_files)).digests(source)
    (make_files / "exports/ds=2026-01-02/a.parquet").write_bytes(b"changed")
    after = find_exports(source, str(make_files)).digests(source)
    assert before["2026-01-01"] == after["2026-01-01"]
    assert before["2026-01-02"] != after["2026-01-02"]
    other = source.model_copy(update={"vector": "v"})
    assert find_exports(source, str(make_files)).digests(other)["2026-01-01"] not in before.values()


def test_a_variable_in_the_path_is_expanded(
    make_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ImportedSnapshots(path="$EXPORT_FOLDER/ds={ds}")
    monkeypatch.delenv("EXPORT_FOLDER", raising=False)
    with pytest.raises(InputError, match=r"\$EXPORT_FOLDER.* is not set"):
        find_exports(source)
    monkeypatch.setenv("EXPORT_FOLDER", str(make_files / "exports"))
    assert len(find_exports(source).paths) == 2


@pytest.mark.parametrize("path", ["gone/ds={ds}", "exports/hour={ds}", "exports/ds={ds}/gone"])
def test_a_missing_export_is_refused(make_files: Path, path: str) -> None:
    with pytest.raises(InputError, match="no exported snapshots at"):
        find_exports(ImportedSnapshots(path=path), str(make_files))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("ds=2026-02-30", "2026-02-30 is not a date; rename it"),
        ("ds=tomorrow", "'tomorrow' is not YYYY-MM-DD; rename it, move it away"),
        ("ds=__HIVE_DEFAULT_PARTITION__", "'__HIVE_DEFAULT_PARTITION__' is not YYYY-MM-DD"),
    ],
)
def test_a_name_without_a_day_is_refused(make_files: Path, name: str, line: str) -> None:
    (make_files / "exports" / name).write_bytes(b"")
    with pytest.raises(InputError, match=line):
        find_exports(ImportedSnapshots(path="exports/ds={ds}"), str(make_files))


@pytest.mark.parametrize("options", [{"path": "tables"}, {"path": "ds={ds}", "as_of": "day"}])
def test_the_day_comes_from_the_path_or_a_column(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs the day of each row"):
        ImportedSnapshots(**options)


def check(tmp_path: Path, *tables: Mapping[str, object]) -> None:
    for number, table in enumerate(tables):
        pq.write_table(pa.table(dict(table)), tmp_path / f"{number}.parquet")
    paths = tuple(f"{number}.parquet" for number in range(len(tables)))
    export_table(BY_COLUMN, RawFiles(Storage(str(tmp_path)), paths))


def test_good_columns_pass(tmp_path: Path) -> None:
    check(tmp_path, GOOD, {**GOOD, "more": [1]})


def test_columns_may_have_other_types_in_other_files(tmp_path: Path) -> None:
    """By name and not by place, with types that a common one can hold; empty files count not."""
    half = pa.array([[0.5]], pa.list_(pa.float16()))
    whole: dict[str, object] = {"item_id": [2.0], "embedding": half, "n": [None], "day": ["a"]}
    coded = {**GOOD, "day": pa.array(["2026-01-01"]).dictionary_encode()}
    none = {name: pa.array([], pa.float64()) for name in GOOD}
    check(tmp_path, GOOD, dict(reversed(whole.items())), coded, none)
    (tmp_path / "3.parquet").write_bytes(b"")
    export_table(BY_COLUMN, RawFiles(Storage(str(tmp_path)), ("0.parquet", "3.parquet")))


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({k: v for k, v in GOOD.items() if k != "embedding"}, "no column 'embedding'"),
        ({**GOOD, "item_id": [{"id": 1}]}, r"column 'item_id' is struct.*, but int64 in"),
        ({**GOOD, "item_id": ["1"]}, "column 'item_id' is string, but int64 in .*0.parquet"),
        ({**GOOD, "embedding": [1.5]}, r"column 'embedding' is double, but list<"),
        ({**GOOD, "embedding": [["a"]]}, r"column 'embedding' is list<.*string>, but list<"),
        ({**GOOD, "n": ["3"]}, "column 'n' is string, but int64 in"),
        ({**GOOD, "day": [20260101]}, "column 'day' is int64, but string in"),
    ],
)
def test_a_column_of_another_type_is_named(
    tmp_path: Path, table: dict[str, object], line: str
) -> None:
    with pytest.raises(InputError, match=line) as refused:
        check(tmp_path, GOOD, table)
    assert str(tmp_path / "1.parquet") in str(refused.value)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({**GOOD, "item_id": [Decimal("1")]}, r"column 'item_id' is decimal.*, which is no id"),
        ({**GOOD, "item_id": [[1]]}, r"column 'item_id' is list<.*, which is no id"),
        ({**GOOD, "embedding": [1.5]}, "column 'embedding' is double, must hold lists of numbers"),
        ({**GOOD, "embedding": [["a"]]}, r"column 'embedding' is .*, must hold lists of numbers"),
        ({**GOOD, "n": ["3"]}, "column 'n' is string, must hold whole numbers"),
        ({**GOOD, "day": [20260101]}, "column 'day' is int64, must hold dates"),
    ],
)
def test_a_column_that_cannot_hold_its_values_is_named(
    tmp_path: Path, table: dict[str, object], line: str
) -> None:
    with pytest.raises(InputError, match=rf"0\.parquet: {line}"):
        check(tmp_path, table)


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "0.parquet").write_text("item_id,embedding\n")
    files = RawFiles(Storage(str(tmp_path)), ("0.parquet",))
    with pytest.raises(InputError, match=r"0\.parquet is not a complete Parquet file"):
        export_table(BY_COLUMN, files)

"""Names of files and folders are taken as they are written, wherever a path can be given."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.common.errors import InputError
from jobs.lake.storage import Storage
from jobs.scenarios import ImportedSnapshots, PreferenceTable
from jobs.sources.exported_vectors import EVERY_DAY, find_exports
from jobs.sources.log_location import item_files, log_files
from jobs.sources.log_source import file_day
from jobs.sources.prediction_file import PredictionFile
from jobs.sources.preference_files import find_table
from tests.jobs.sources.logs import table_source

DAY = date(2026, 1, 5)
NAMES = (
    "with blank",
    "br[1]ac{k,e}ts",
    "2026-01-05T00:00:00",
    "dt=2026-01-05 00%3A00%3A00",
    "100%",
    "%20",
    "a#b?c*d",
    "back\\slash",
    "ünïコード",
    "~",
    "$",
    'it\'s "quoted"',
    "a+b&c=d;e,f",
)
PREDICTIONS = pa.table(
    {"user": ["u"], "label": [1], "baseline": [0.5], "treatment": [0.5], "day": ["2026-01-05"]}
)
Place = Callable[[Path, str], str]


def put(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"item_id": [1], "v": [[0.5]], "available_at": [DAY]})
    pq.write_table(table, path.open("wb"))
    return str(path)


def in_lake(root: Path, name: str) -> str:
    storage = Storage(str(root / name))
    storage.replace(f"{name}/x", b"")
    assert storage.folders("") == [name]
    assert storage.files(name) == ["x"]
    return storage.absolute(f"{name}/x")


def in_log(root: Path, name: str) -> str:
    put(root / name / "log" / name / f"{name}.parquet")
    [found] = log_files(table_source(path=f"log/{name}"), str(root / name)).names()
    return found


def in_log_file(root: Path, name: str) -> str:
    path = put(root / name / f"{name}.parquet")
    assert log_files(table_source(path=f"{name}.parquet"), path).names() == [path]
    [found] = log_files(table_source(path=path), "elsewhere").names()
    return found


def in_days(root: Path, name: str) -> str:
    put(root / name / f"{name}2026-01-05{name}" / name / "a.parquet")
    source = table_source(path=f"./{name}//{name}{{ds}}{name}/{name}/")
    [found] = log_files(source, str(root)).names()
    assert file_day(source, found) == DAY
    return found


def in_items(root: Path, name: str) -> str:
    put(root / name / f"{name}.parquet")
    files = item_files(table_source(items={"path": name, "item_id": "item"}), f"{root}/")
    assert files is not None
    [found] = files.names()
    return found


def in_exports(root: Path, name: str) -> str:
    put(root / name / f"{name} 2026-01-05{name}.parquet")
    path = f"{root}/{name}/{name} {{ds}}{name}.parquet".replace("$", "${DOLLAR}")
    exports = find_exports(ImportedSnapshots(path=path))
    assert list(exports.paths) == ["2026-01-05"]
    everything = find_exports(ImportedSnapshots(path=name, as_of="d"), str(root))
    [found] = everything.files([EVERY_DAY]).names()
    assert exports.files(exports.paths).names() == [found]
    return found


def in_preference_table(root: Path, name: str) -> str:
    path = put(root / name / name / "a.parquet")
    for given_path in (root / name, path):
        written = str(given_path).replace("$", "${DOLLAR}")
        files = find_table(PreferenceTable(name="mine", path=written, vector="v"))
        [found] = [files.storage.absolute(file.path) for file in files.files]
    return found


def in_predictions(root: Path, name: str) -> str:
    path = root / name / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(PREDICTIONS, path.open("wb"))
    [day] = PredictionFile(str(path))
    assert day.day == DAY
    return str(path)


PLACES: tuple[Place, ...] = (
    in_lake,
    in_log,
    in_log_file,
    in_days,
    in_items,
    in_exports,
    in_preference_table,
    in_predictions,
)


@pytest.fixture(autouse=True)
def dollar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of variables are taken literally too."""
    monkeypatch.setenv("DOLLAR", "$")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_taken_as_written(tmp_path: Path, place: Place, name: str) -> None:
    found = place(tmp_path, name)
    assert Path(found).is_file()
    assert found.startswith(f"{tmp_path}/{name}/")


@given(
    name=st.text(
        st.characters(codec="utf-8", exclude_characters="/\0$", exclude_categories=["Cc"]),
        min_size=1,
        max_size=12,
    ).filter(lambda name: name[0] not in "._" and not name.endswith(("._COPYING_", "_$folder$")))
)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_name_is_taken_as_written(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.mktemp("any")
    for place in PLACES:
        assert Path(place(root / place.__name__, name)).is_file()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "%20"])
def test_a_uri_of_a_file_may_be_written_either_way(tmp_path: Path, name: str) -> None:
    """As Spark and Hadoop write it, with every character as it is, or with escapes."""
    path = tmp_path / name / "a.parquet"
    put(path)
    uris = [path.as_uri(), f"file://{path}", f"file:{path}", f"file://localhost{path}"]
    assert [Storage(uri).absolute("") for uri in uris] == [str(path)] * 4
    assert Storage((tmp_path / name).as_uri()).data_files("") == ["a.parquet"]
    new = tmp_path / name / "new" / "lake"
    assert Storage(new.as_uri()).root == str(new)
    with pytest.raises(InputError, match="'data' is taken as a host: write file:///folder"):
        Storage("file://data/log")


def test_a_path_may_be_relative_to_the_folder_or_to_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Storage("a/./b//").root == f"{tmp_path}/a/b"
    assert Storage("~/a").root == f"{tmp_path}/home/a"
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    assert Storage("link/../b").root == f"{tmp_path}/far/b"
    put(tmp_path / "~" / "b")
    assert Storage("~/b").root == f"{tmp_path}/~/b"
    assert Storage("./~/a").root == f"{tmp_path}/~/a"
    assert Storage("/").absolute("") == "/"
    assert Storage("/").absolute("a") == "/a"


def test_links_are_followed_once_and_keep_their_names(tmp_path: Path) -> None:
    put(tmp_path / "far" / "ds=2026-01-05" / "a.parquet")
    put(tmp_path / "one.parquet")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "log").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "ds=2026-01-05" / "b.parquet").symlink_to(tmp_path / "one.parquet")
    (tmp_path / "far" / "ds=2026-01-05" / "back").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "ds=2026-01-05" / "self").symlink_to(".")
    source = table_source(path="log/ds={ds}")
    day = tmp_path / "raw" / "log" / "ds=2026-01-05"
    found = [str(day / "a.parquet"), str(day / "b.parquet")]
    assert log_files(source, str(tmp_path / "raw")).names() == found
    assert [file_day(source, name) for name in found] == [DAY, DAY]
    (tmp_path / "link").symlink_to(tmp_path / "raw")
    assert log_files(source, str(tmp_path / "link")).names() == [
        name.replace("/raw/", "/link/") for name in found
    ]


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    put(tmp_path / "ds=2026-01-05" / "a.parquet")
    (tmp_path / "ds=2026-01-05" / ".lock").symlink_to("nobody")
    files = log_files(table_source(path="ds={ds}"), str(tmp_path))
    assert files.paths == ("ds=2026-01-05/a.parquet",)
    (tmp_path / "ds=2026-01-06").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"ds=2026-01-06 is a link to .*gone, which is not there"):
        log_files(table_source(path="ds={ds}"), str(tmp_path))


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    with pytest.raises(InputError, match=r"caf.*: its name is not in UTF-8: rename it"):
        log_files(table_source(path=""), str(tmp_path))


def test_what_hadoop_keeps_beside_the_data_is_left_out(tmp_path: Path) -> None:
    kept = ["_c=1/part-0.parquet", "ds=2026-01-05/part-00000-5b.c000.snappy.parquet"]
    left = ["_SUCCESS", "_temporary/0/a", ".part.crc", ".hive/a", "a._COPYING_", "ds=1_$folder$"]
    for name in (*kept, *left, *(f"ds=2026-01-05/{name}" for name in left)):
        put(tmp_path / name)
    assert list(log_files(table_source(path=""), str(tmp_path)).paths) == kept


def test_a_log_may_be_in_a_folder_that_is_named_as_the_folder_above(tmp_path: Path) -> None:
    put(tmp_path / "log" / "log" / "a.parquet")
    put(tmp_path / "log" / "items.parquet")
    [name] = log_files(table_source(path="log"), str(tmp_path / "log")).names()
    assert name == f"{tmp_path}/log/log/a.parquet"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ds={ds}", "ds=__HIVE_DEFAULT_PARTITION__"),
        ("ds={ds}", "ds=null"),
        ("{ds}", "20260105"),
        ("log-{ds}.parquet", "log-2026-01-05 (1).parquet"),
    ],
)
def test_a_partition_without_a_day_is_refused(tmp_path: Path, path: str, name: str) -> None:
    put(tmp_path / path.replace("{ds}", "2026-01-06"))
    put(tmp_path / name)
    for other in ("notes.txt", "archive", "_SUCCESS"):
        put(tmp_path / other)
    with pytest.raises(InputError, match=r"is not YYYY-MM-DD; rename it") as refused:
        log_files(table_source(path=path), str(tmp_path))
    assert f"{tmp_path}/{name}" in str(refused.value)


def test_the_day_may_be_in_a_path_twice(tmp_path: Path) -> None:
    put(tmp_path / "2026-01-05" / "events-2026-01-05.parquet")
    source = table_source(path="{ds}/events-{ds}.parquet")
    [name] = log_files(source, str(tmp_path)).names()
    assert file_day(source, name) == DAY

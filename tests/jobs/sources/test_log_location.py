import re
from datetime import date
from pathlib import Path

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.errors import InputError
from jobs.scenarios import Scenario
from jobs.sources.log_location import (
    day_pattern,
    days_of_log,
    item_files,
    log_files,
    raw_location,
)
from tests.jobs.sources.logs import table_source

BY_DAY = table_source(path="log/ds={ds}")
JANUARY_30, JANUARY_31, FEBRUARY_2 = date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 2)


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(root: Path, *arguments: object, path: str = "log/ds={ds}") -> list[str]:
    files = log_files(table_source(path=path), str(root), *arguments)  # type: ignore[arg-type]
    return [name.removeprefix(f"{root}/") for name in files.names()]


@pytest.fixture
def by_day(tmp_path: Path) -> Path:
    touch(
        tmp_path,
        "log/ds=2026-02-02/part-0.parquet",
        "log/ds=2026-01-30/part-1.parquet",
        "log/ds=2026-01-30/part-0.parquet",
        "log/ds=2026-01-30/_SUCCESS",
        "log/ds=2026-01-30/.part-0.parquet.crc",
        "log/ds=2026-01-31/hour=07/part-0.parquet",
        "log/_temporary/part-9.parquet",
    )
    return tmp_path


def test_days_of_the_log_are_those_with_a_path(by_day: Path) -> None:
    assert days_of_log(BY_DAY, str(by_day)) == [JANUARY_30, JANUARY_31, FEBRUARY_2]
    assert days_of_log(BY_DAY, f"{by_day}/nowhere") == []


def test_files_of_the_log_are_those_of_the_requested_days(by_day: Path) -> None:
    first = ["log/ds=2026-01-30/part-0.parquet", "log/ds=2026-01-30/part-1.parquet"]
    second = ["log/ds=2026-01-31/hour=07/part-0.parquet"]
    third = ["log/ds=2026-02-02/part-0.parquet"]
    assert found(by_day) == first + second + third
    assert found(by_day, JANUARY_31) == second + third
    assert found(by_day, None, JANUARY_30) == first
    assert found(by_day, JANUARY_31, date(2026, 2, 1)) == second


def test_a_day_missing_in_the_log_is_refused(by_day: Path) -> None:
    with pytest.raises(InputError, match="no data from 2026-02-01 to 2026-02-01 at") as caught:
        found(by_day, date(2026, 2, 1), date(2026, 2, 1))
    assert str(by_day) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_log_may_have_one_file_per_day(tmp_path: Path) -> None:
    touch(tmp_path, "log-2026-01-30.csv.gz", "log-2026-01-31.csv.gz", "items.csv")
    path = "log-{ds}.csv.gz"
    assert found(tmp_path, JANUARY_31, path=path) == ["log-2026-01-31.csv.gz"]
    assert days_of_log(table_source(path=path), str(tmp_path)) == [JANUARY_30, JANUARY_31]


def test_the_day_may_be_followed_by_further_folders(tmp_path: Path) -> None:
    touch(tmp_path, "feed/2026-01-30/clicks/a.parquet", "feed/2026-01-30/other/b.parquet")
    path = "feed/{ds}/clicks"
    assert found(tmp_path, path=path) == ["feed/2026-01-30/clicks/a.parquet"]


def test_a_folder_with_an_invalid_day_is_named(by_day: Path) -> None:
    touch(by_day, "log/ds=2026-02-30/part-0.parquet")
    with pytest.raises(InputError, match=r"ds=2026-02-30: 2026-02-30 is not a date"):
        days_of_log(BY_DAY, str(by_day))


@given(st.dates())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_pattern_of_days_finds_the_day_in_a_path(day: date) -> None:
    source = table_source(path="feed.v1/ds={ds}/log")
    matched = re.search(day_pattern(source), f"s3://bucket/feed.v1/ds={day.isoformat()}/log/a.csv")
    assert matched is not None
    assert matched[1] == day.isoformat()
    assert re.search(day_pattern(source), f"feedxv1/ds={day.isoformat()}/log/a.csv") is None


def test_a_file_may_be_named_in_full_or_by_its_folder(tmp_path: Path) -> None:
    touch(tmp_path, "ratings.dat", "movies.dat")
    assert found(tmp_path, path="ratings.dat") == ["ratings.dat"]
    source = table_source(path="ratings.dat")
    assert log_files(source, f"{tmp_path}/ratings.dat").names() == [f"{tmp_path}/ratings.dat"]
    assert log_files(source, f"{tmp_path}/").names() == [f"{tmp_path}/ratings.dat"]


def test_a_relative_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "log.parquet")
    monkeypatch.chdir(tmp_path)
    assert log_files(table_source(), "log.parquet").names() == [str(tmp_path / "log.parquet")]


@pytest.mark.parametrize("raw", ["gone", "gone/deeper.parquet", "empty"])
def test_a_missing_log_is_refused_with_a_hint(tmp_path: Path, raw: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=f"no log at {tmp_path}/{raw}: give --raw PATH"):
        log_files(table_source(), f"{tmp_path}/{raw}")


def test_item_files_are_below_the_raw_path(tmp_path: Path) -> None:
    touch(tmp_path, "items/ds=2026-01-30/a.parquet", "log.parquet")
    source = table_source(items={"path": "items", "item_id": "item"})
    files = item_files(source, str(tmp_path))
    assert files is not None
    assert files.names() == [f"{tmp_path}/items/ds=2026-01-30/a.parquet"]
    assert item_files(table_source(), str(tmp_path)) is None
    missing = table_source(items={"path": "gone", "item_id": "item"})
    with pytest.raises(InputError, match=r"no items at .*gone: correct source\.items\.path"):
        item_files(missing, str(tmp_path))


def test_a_log_in_object_storage_is_found(bucket: str) -> None:
    store, name = boto3.client("s3"), bucket.removeprefix("s3://")
    for day in ("2026-01-31", "2026-01-30"):
        store.put_object(Bucket=name, Key=f"feed/log/ds={day}/part-0.parquet", Body=b"x")
    raw = f"{bucket}/feed"
    assert days_of_log(BY_DAY, raw) == [JANUARY_30, JANUARY_31]
    assert log_files(BY_DAY, raw, JANUARY_31).names() == [
        f"{name}/feed/log/ds=2026-01-31/part-0.parquet"
    ]
    with pytest.raises(InputError, match="no data from 2026-02-02"):
        log_files(BY_DAY, raw, FEBRUARY_2)
    with pytest.raises(InputError, match=f"no log at {bucket}/nowhere"):
        log_files(table_source(), f"{bucket}/nowhere")


def scenario(raw: str | None) -> Scenario:
    return Scenario(name="tiny", source=table_source(raw=raw))


def test_the_raw_path_comes_from_option_then_scenario_then_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIS_RAW", str(tmp_path))
    monkeypatch.setenv("FEED", "s3://bucket/feed")
    assert raw_location(scenario("$FEED/log"), "given") == "given"
    assert raw_location(scenario("$FEED/log")) == "s3://bucket/feed/log"
    assert raw_location(scenario(None)) == f"{tmp_path}/tiny"
    monkeypatch.delenv("LIS_RAW")
    monkeypatch.setenv("LIS_DATA", "/data")
    assert raw_location(scenario(None)) == "/data/raw/tiny"


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(InputError, match=r"'\$NOT_SET/log' has a variable that is not set"):
        raw_location(scenario("$NOT_SET/log"))

"""What a listing tells of raw files, and when they count as changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import boto3
import pytest

from jobs.scenarios import Scenario, TableSource
from jobs.sources.raw_state import RawState, list_raw_files

DAY, OTHER = date(2026, 1, 1), date(2026, 1, 2)
A_MINUTE = 60


@pytest.fixture
def source(make_scenario: Callable[..., Scenario]) -> TableSource:
    found = make_scenario(path="ds={ds}").source
    assert isinstance(found, TableSource)
    return found


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for day in (DAY, OTHER):
        write(tmp_path / "raw", day, "part.csv", "one row")
    return tmp_path / "raw"


def write(raw: Path, day: date, name: str, text: str) -> Path:
    path = raw / f"ds={day}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def later(path: Path) -> None:
    moment = path.stat().st_mtime + A_MINUTE
    os.utime(path, (moment, moment))


def test_a_file_more_or_less_or_longer_is_a_change_of_its_day_alone(
    source: TableSource, raw: Path
) -> None:
    before = list_raw_files(source, str(raw))
    write(raw, DAY, "late.csv", "a row more")

    after = list_raw_files(source, str(raw))

    assert after.of(DAY).change_since(before.of(DAY)) == (
        "its raw files were 1 (7 bytes) when it was ingested, and are 2 (17 bytes) now"
    )
    assert after.of(OTHER).change_since(before.of(OTHER)) is None
    assert before.of(DAY).change_since(after.of(DAY)) is not None
    write(raw, OTHER, "part.csv", "one row, and one more")
    assert list_raw_files(source, str(raw)).of(OTHER).change_since(before.of(OTHER)) is not None


def test_a_file_written_again_at_its_length_is_a_change_but_not_a_copy_of_the_log(
    source: TableSource, raw: Path
) -> None:
    before = list_raw_files(source, str(raw)).of(DAY)
    later(raw / f"ds={DAY}" / "part.csv")

    rewritten = list_raw_files(source, str(raw)).of(DAY)
    raw.rename(raw.with_name("moved"))
    moved = list_raw_files(source, str(raw.with_name("moved"))).of(DAY)

    assert rewritten.change_since(before) == "its raw files were written again"
    assert moved.change_since(before) is None


def test_files_that_are_gone_are_no_change(source: TableSource, raw: Path) -> None:
    before = list_raw_files(source, str(raw)).of(DAY)
    (raw / f"ds={DAY}" / "part.csv").unlink()

    emptied = list_raw_files(source, str(raw)).of(DAY)
    (raw / f"ds={DAY}").rmdir()
    gone = list_raw_files(source, str(raw)).of(DAY)

    assert emptied.files == gone.files == 0
    assert emptied.change_since(before) is None
    assert gone.change_since(before) is None
    assert before.change_since(gone) is not None


def test_files_that_are_still_being_written_are_none(source: TableSource, raw: Path) -> None:
    before = list_raw_files(source, str(raw)).of(DAY)
    write(raw, DAY, "_temporary", "half a row")
    write(raw, DAY, ".part.csv.crc", "1234")

    assert list_raw_files(source, str(raw)).of(DAY).change_since(before) is None


def test_every_day_of_a_log_without_days_in_its_path_has_the_state_of_all_files(
    make_scenario: Callable[..., Scenario], raw: Path
) -> None:
    source = make_scenario(path="").source
    assert isinstance(source, TableSource)
    before = list_raw_files(source, str(raw))
    write(raw, OTHER, "more.csv", "a row more")

    after = list_raw_files(source, str(raw))

    assert before.of(DAY) == before.of(OTHER)
    assert before.of(DAY).files == 2
    assert after.of(DAY).change_since(before.of(DAY)) is not None


def test_objects_in_a_bucket_are_listed_as_files_are(source: TableSource, bucket: str) -> None:
    client, name = boto3.client("s3"), bucket.removeprefix("s3://")
    client.put_object(Bucket=name, Key=f"ds={DAY}/part.csv", Body=b"one row")

    before = list_raw_files(source, bucket).of(DAY)
    again = list_raw_files(source, bucket).of(DAY)
    client.put_object(Bucket=name, Key=f"ds={DAY}/late.csv", Body=b"a row more")
    after = list_raw_files(source, bucket).of(DAY)

    assert isinstance(before, RawState)
    assert (before.files, before.size, before.location) == (1, 7, bucket)
    assert again == before
    assert after.change_since(before) is not None

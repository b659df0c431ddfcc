"""Histories equal those of a plain loop, and days are built again when they are stale."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs.common.errors import AuditError, InputError
from jobs.ingest.click_history import RECENT_CLICKS, build_history
from jobs.lake import Lake, Partition, schemas
from jobs.scenarios import Fold, Scenario
from tests.oracles import history_loop
from tests.oracles.history_loop import items_before

Row = dict[str, Any]
MakeScenario = Callable[..., Scenario]
Bytes = Callable[..., dict[str, bytes]]
YEAR_END = date(2027, 12, 30)
LEAP_DAY = date(2028, 2, 27)
FOLDS = tuple(Fold)


def random_log(first: date, days: int = 4, rows: int = 60, seed: int = 0) -> list[Row]:
    """A log with few different times, so that many rows tie, also at both ends of a day.

    User 5 of six is active on the first and the last day only.
    """
    generator = np.random.default_rng(seed)
    seconds = (0, 0.000001, 3600, 3600, 86_399, 86_399.999999)
    log: list[Row] = []
    for number in range(days):
        start = datetime.combine(first + timedelta(days=number), datetime.min.time(), UTC)
        for _ in range(rows):
            user = int(generator.integers(6))
            is_away = user == 5 and 0 < number < days - 1
            log.append(
                {
                    "impression_id": len(log) * 37 % 1009,
                    "user_id": 4 if is_away else user,
                    "item_id": int(generator.integers(100, 120)),
                    "ts": start + timedelta(seconds=seconds[generator.integers(len(seconds))]),
                    "label": int(generator.integers(2)),
                    "fold": FOLDS[generator.integers(3)].value,
                    "place": "home",
                }
            )
    return log


def publish(lake: Lake, scenario: Scenario, log: list[Row]) -> list[date]:
    """Publish the impressions of each day that has rows, and return the days."""
    days = sorted({row["ts"].date() for row in log})
    for day in days:
        publish_day(lake, scenario, day, [row for row in log if row["ts"].date() == day])
    return days


def publish_day(lake: Lake, scenario: Scenario, day: date, rows: list[Row]) -> None:
    schema = schemas.impressions(scenario)
    ordered = sorted(rows, key=lambda row: (row["ts"], row["impression_id"]))
    partition = Partition("impressions", scenario.name, day)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.Table.from_pylist(ordered, schema))
        attempt.publish(partition, inputs={}, schema=schema)


def assert_equals_the_loop(lake: Lake, log: list[Row], length: int) -> None:
    for day in sorted({row["ts"].date() for row in log}):
        published = lake.read(Partition("history", "tiny", day)).to_pylist()
        assert published == history_loop.history(log, day, length)


@pytest.mark.parametrize(
    ("first", "length", "seed"),
    [(YEAR_END, 1, 0), (LEAP_DAY, 3, 1), (YEAR_END, 20, 2), (LEAP_DAY, 200, 3)],
)
def test_histories_equal_those_of_a_loop_over_all_clicks(
    lake: Lake, make_scenario: MakeScenario, first: date, length: int, seed: int
) -> None:
    scenario, log = make_scenario(length=length), random_log(first, seed=seed)
    days = publish(lake, scenario, log)
    assert build_history(lake, scenario, days[-1]) == days
    assert_equals_the_loop(lake, log, length)
    expected = schemas.history(scenario)
    assert lake.read(Partition("history", "tiny", days[0])).schema.names == expected.names


@pytest.mark.slow
def test_a_range_equals_its_days(
    tmp_path: Path, make_scenario: MakeScenario, published_bytes: Bytes
) -> None:
    scenario, log = make_scenario(length=3), random_log(YEAR_END)
    at_once, by_day = Lake(str(tmp_path / "at-once")), Lake(str(tmp_path / "by-day"))
    days = publish(at_once, scenario, log)
    publish(by_day, scenario, log)
    build_history(at_once, scenario, days[-1])
    for day in days:
        assert build_history(by_day, scenario, day) == [day]
    assert published_bytes(at_once, "history") == published_bytes(by_day, "history")
    end = Partition(RECENT_CLICKS, "tiny", days[-1])
    assert at_once.manifest(end) == by_day.manifest(end)
    assert build_history(at_once, scenario, days[-1]) == []


@pytest.mark.slow
def test_only_days_from_a_late_row_on_are_built_again(
    tmp_path: Path, make_scenario: MakeScenario, published_bytes: Bytes
) -> None:
    scenario, log = make_scenario(length=3), random_log(LEAP_DAY)
    lake, afresh = Lake(str(tmp_path / "lake")), Lake(str(tmp_path / "afresh"))
    days = publish(lake, scenario, log)
    for day in days:
        build_history(lake, scenario, day)
    before = inodes(lake, days[0])
    late = {**log[0], "impression_id": 5000, "label": 1}
    late["ts"] = datetime.combine(days[1], datetime.min.time(), UTC) + timedelta(seconds=5)
    log.append(late)
    publish_day(lake, scenario, days[1], [row for row in log if row["ts"].date() == days[1]])
    assert build_history(lake, scenario, days[-1]) == days[1:]
    assert inodes(lake, days[0]) == before
    publish(afresh, scenario, log)
    build_history(afresh, scenario, days[-1])
    assert published_bytes(lake, "history") == published_bytes(afresh, "history")
    assert_equals_the_loop(lake, log, 3)


def inodes(lake: Lake, day: date) -> dict[str, tuple[int, int]]:
    folder = Path(lake.storage.absolute(Partition("history", "tiny", day).path))
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in sorted(folder.iterdir())}


def test_recent_clicks_replace_the_days_before(
    lake: Lake, make_scenario: MakeScenario, published_bytes: Bytes
) -> None:
    """A new day is built from the recent clicks of the day before, without older impressions."""
    scenario, log = make_scenario(length=3), random_log(YEAR_END)
    days = publish(lake, scenario, log)
    build_history(lake, scenario, days[-2])
    data = Path(lake.storage.absolute(Partition("impressions", "tiny", days[0]).path))
    next(data.glob("part-*")).unlink()
    assert build_history(lake, scenario, days[-1]) == days[-1:]
    published = lake.read(Partition("history", "tiny", days[-1])).to_pylist()
    assert published == history_loop.history(log, days[-1], 3)


@pytest.mark.slow
def test_without_recent_clicks_the_days_before_are_read_again(
    lake: Lake, make_scenario: MakeScenario
) -> None:
    scenario, log = make_scenario(length=3), random_log(YEAR_END)
    days = publish(lake, scenario, log)
    for day in days[:-1]:
        build_history(lake, scenario, day)
    for day in days[1:-1]:
        shutil.rmtree(lake.storage.absolute(Partition(RECENT_CLICKS, "tiny", day).path))
    assert build_history(lake, scenario, days[-1]) == days[-1:]
    assert_equals_the_loop(lake, log, 3)


def test_recent_clicks_are_the_last_of_every_user(lake: Lake, make_scenario: MakeScenario) -> None:
    scenario, log = make_scenario(length=3), random_log(YEAR_END)
    days = publish(lake, scenario, log)
    build_history(lake, scenario, days[-1])
    partition = Partition(RECENT_CLICKS, "tiny", days[-1])
    found = {row["user_id"]: row for row in lake.read(partition).to_pylist()}
    end = datetime.combine(days[-1] + timedelta(days=1), datetime.min.time(), UTC)
    for user in {row["user_id"] for row in log}:
        at_the_end = {"user_id": user, "ts": end}
        for column, folds in (("clicks", FOLDS), ("lineage_clicks", [Fold.LINEAGE])):
            clicks = [click["item_id"] for click in found[user][column]]
            assert clicks == items_before(at_the_end, log, 3, folds)
    newest = max(row["ts"] for row in log if row["label"])
    window = lake.require(partition, "").window
    assert window is not None
    assert window.max_ts == newest.isoformat(timespec="microseconds")


def test_a_changed_length_makes_every_day_stale(lake: Lake, make_scenario: MakeScenario) -> None:
    log = random_log(YEAR_END)
    days = publish(lake, make_scenario(length=3), log)
    build_history(lake, make_scenario(length=3), days[-1])
    assert build_history(lake, make_scenario(length=5), days[-1]) == days
    assert_equals_the_loop(lake, log, 5)


def test_a_click_after_the_day_is_not_published(lake: Lake, make_scenario: MakeScenario) -> None:
    """Impressions of a later day stored under an earlier one fail the audit of the window."""
    scenario, log = make_scenario(), random_log(YEAR_END, days=2)
    misplaced = [row for row in log if row["ts"].date() == YEAR_END + timedelta(days=1)]
    publish_day(lake, scenario, YEAR_END, misplaced)
    with pytest.raises(AuditError, match="outside its window"):
        build_history(lake, scenario, YEAR_END)
    assert lake.days("history", "tiny") == []


def test_empty_days_have_empty_histories(lake: Lake, make_scenario: MakeScenario) -> None:
    scenario = make_scenario()
    days = [YEAR_END, YEAR_END + timedelta(days=1)]
    for day in days:
        publish_day(lake, scenario, day, [])
    assert build_history(lake, scenario, days[-1]) == days
    assert lake.read(Partition("history", "tiny", days[0])).num_rows == 0


def test_without_ingested_days_the_error_names_the_command(
    lake: Lake, make_scenario: MakeScenario
) -> None:
    with pytest.raises(InputError, match="lis ingest --scenario tiny"):
        build_history(lake, make_scenario(), YEAR_END)

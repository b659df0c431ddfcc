"""What is kept of how the raw files of ingested days were."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.ingest.late_days import RAW_STATES, keep_raw_states, kept_raw_state
from jobs.lake import Lake
from jobs.scenarios import Scenario
from jobs.sources.raw_state import RawListing, RawState

DAYS = [date(2026, 1, 30) + timedelta(days=number) for number in range(4)]
NONE = RawState("/raw", files=0, size=0, sizes="", times="")


def state(size: int) -> RawState:
    return RawState("/raw", files=1, size=size, sizes=str(size), times=str(size))


def listing(size: int) -> RawListing:
    return RawListing({day: state(size + number) for number, day in enumerate(DAYS)}, NONE)


@pytest.fixture
def scenario(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario()


def files(lake: Lake) -> list[Path]:
    return sorted(Path(lake.uri).glob(f"{RAW_STATES}/**/*.json"))


def test_days_of_a_month_share_a_file(lake: Lake, scenario: Scenario) -> None:
    for day in DAYS:
        keep_raw_states(lake, scenario, listing(1), [day])
    assert [path.name for path in files(lake)] == ["2026-01.json", "2026-02.json"]
    kept = [kept_raw_state(lake, scenario, day) for day in DAYS]
    assert kept == [state(1), state(2), state(3), state(4)]


def test_a_day_that_is_ingested_again_leaves_the_others(lake: Lake, scenario: Scenario) -> None:
    keep_raw_states(lake, scenario, listing(1), DAYS)
    keep_raw_states(lake, scenario, listing(10), DAYS[1:3])
    kept = [kept_raw_state(lake, scenario, day) for day in DAYS]
    assert kept == [state(1), state(11), state(12), state(4)]
    assert kept_raw_state(lake, scenario, DAYS[0] - timedelta(days=1)) is None


def test_of_a_damaged_file_nothing_is_known(
    lake: Lake, scenario: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    keep_raw_states(lake, scenario, listing(1), DAYS)
    damaged, _ = files(lake)
    damaged.write_text(damaged.read_text()[:-20])
    with caplog.at_level(logging.WARNING, logger="jobs"):
        assert kept_raw_state(lake, scenario, DAYS[0]) is None
    assert caplog.messages == [
        f"{damaged} is damaged: how the raw files of its days were is not known"
    ]
    assert kept_raw_state(lake, scenario, DAYS[-1]) == state(4)
    keep_raw_states(lake, scenario, listing(5), DAYS[:1])
    assert kept_raw_state(lake, scenario, DAYS[0]) == state(5)

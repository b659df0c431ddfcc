from datetime import date, timedelta

import pyarrow as pa
import pytest

from jobs.lake import Lake, Partition
from jobs.lake.chain import chain_digests

FIRST = date(2026, 2, 26)
DAYS = 5


def publish(lake: Lake, offset: int, value: int, scenario: str = "tiny") -> None:
    partition = Partition("impressions", scenario, FIRST + timedelta(days=offset))
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"value": [value]}))
        attempt.publish(partition, inputs={})


@pytest.fixture
def log(lake: Lake) -> Lake:
    for offset in range(DAYS):
        publish(lake, offset, offset)
    return lake


@pytest.mark.parametrize("changed", range(DAYS))
def test_a_changed_day_changes_its_digest_and_all_later_ones(log: Lake, changed: int) -> None:
    before = chain_digests(log, "tiny")
    publish(log, changed, 99)
    after = chain_digests(log, "tiny")
    assert list(after) == [FIRST + timedelta(days=offset) for offset in range(DAYS)]
    differs = [before[day] != after[day] for day in after]
    assert differs == [offset >= changed for offset in range(DAYS)]


def test_a_day_that_arrives_late_changes_all_later_ones(lake: Lake) -> None:
    for offset in (0, 1, 3):
        publish(lake, offset, offset)
    before = chain_digests(lake, "tiny")
    publish(lake, 2, 2)
    after = chain_digests(lake, "tiny")
    assert [before[day] == after[day] for day in before] == [True, True, False]


def test_a_day_published_again_with_equal_rows_changes_nothing(log: Lake) -> None:
    before = chain_digests(log, "tiny")
    publish(log, 1, 1)
    assert chain_digests(log, "tiny") == before


def test_days_with_equal_rows_have_different_digests(lake: Lake) -> None:
    for offset in range(3):
        publish(lake, offset, 7)
    assert len(set(chain_digests(lake, "tiny").values())) == 3


def test_scenarios_have_separate_chains(log: Lake) -> None:
    before = chain_digests(log, "tiny")
    publish(log, 0, 42, scenario="other")
    assert chain_digests(log, "tiny") == before
    assert list(chain_digests(log, "other")) == [FIRST]


def test_an_empty_log_has_no_digests(lake: Lake) -> None:
    assert chain_digests(lake, "tiny") == {}

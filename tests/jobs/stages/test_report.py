"""The report stage: what it reads of the lake."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.common.day_range import DayRange
from jobs.evaluation.result_store import read_results, result_partition, store_result
from jobs.lake import Lake, Partition
from jobs.lake.addresses import ranker_version
from jobs.scenarios import Mode
from jobs.stages.report import changed_verdicts, stored_results, write_report
from jobs.stages.request import DueScores, ScoreRequest, requested_kinds
from tests.jobs.tracking.sample_results import SCENARIO, make_result

AS_OF = date(2026, 6, 1)


class CountingLake(Lake):
    """Records which partitions are read."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.partitions_read: list[Partition] = []

    def read(self, partition: Partition, *arguments: object, **options: object) -> object:
        self.partitions_read.append(partition)
        return super().read(partition, *arguments, **options)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountingLake:
    monkeypatch.setenv("LIS_DATA", str(tmp_path))
    return CountingLake(str(tmp_path / "lake"))


def store(lake: Lake, day: date) -> None:
    version = ranker_version(SCENARIO)
    result = make_result(as_of=day.isoformat(), ranker_version=version)
    partition = result_partition(
        SCENARIO.name, version, day, day, result.preference, result.mode, result.horizon
    )
    store_result(lake, partition, result, {})


def test_a_report_reads_90_days_however_long_the_feed(lake: CountingLake) -> None:
    for days in (0, 1, 90, 91, 300):
        store(lake, AS_OF - timedelta(days=days))

    page = write_report(lake, SCENARIO, DayRange.of_day(AS_OF))

    assert sorted(partition.ds for partition in lake.partitions_read) == [
        AS_OF - timedelta(days=days) for days in (90, 1, 0)
    ]
    assert "LIS by day" in page.read_text()


def test_results_are_shown_corrected_for_their_number_and_stored_alone(lake: CountingLake) -> None:
    version = ranker_version(SCENARIO)
    for horizon, p_value in ((7, 0.03), (30, 0.9)):
        result = make_result(
            as_of=AS_OF.isoformat(),
            ranker_version=version,
            horizon=horizon,
            verdict_p_value=p_value,
        )
        partition = result_partition(
            SCENARIO.name, version, AS_OF, AS_OF, result.preference, result.mode, horizon
        )
        store_result(lake, partition, result, {})
    days, kinds = DayRange.of_day(AS_OF), requested_kinds(SCENARIO, ["id_embedding"], [Mode.SWAP])

    both = stored_results(lake, ScoreRequest(SCENARIO, DueScores(days, (7, 30)), kinds))
    (alone,) = stored_results(lake, ScoreRequest(SCENARIO, DueScores(days, (7,)), kinds))
    page = write_report(lake, SCENARIO, days).read_text()

    assert [(one.verdict, one.looks) for one in both] == [("inconclusive", 2)] * 2
    assert (alone.verdict, alone.looks) == ("worth aligning", 1)
    assert "inconclusive after correction for 2 looks; alone: worth aligning" in page
    assert {one.verdict for one in read_results(lake, SCENARIO.name)} == {"worth aligning"}


def test_a_verdict_that_changed_is_told_once_and_not_again_with_a_later_horizon(
    lake: CountingLake,
) -> None:
    version = ranker_version(SCENARIO)
    for horizon in (7, 30):
        for days, verdict in ((1, "inconclusive"), (0, "worth aligning")):
            day = AS_OF - timedelta(days=days)
            gain = {"inconclusive": 0.0, "worth aligning": 0.011}[verdict]
            result = make_result(
                as_of=day.isoformat(),
                ranker_version=version,
                horizon=horizon,
                lis_ci_low=gain,
                verdict=verdict,
                verdict_p_value=0.0001,
            )
            partition = result_partition(
                SCENARIO.name, version, day, day, result.preference, result.mode, horizon
            )
            store_result(lake, partition, result, {})
    days, kinds = DayRange.of_day(AS_OF), requested_kinds(SCENARIO, ["id_embedding"], [Mode.SWAP])
    [change] = changed_verdicts(lake, ScoreRequest(SCENARIO, DueScores(days, (7,)), kinds))
    assert (change.before.verdict, change.after.verdict) == ("inconclusive", "worth aligning")
    assert change.after.horizon == 7

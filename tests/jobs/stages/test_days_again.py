"""Which days a run reads again, and which stored scores it computes again."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.common.day_range import DayRange, day_ranges, ranges_of, shown_ranges
from jobs.common.errors import InputError
from jobs.evaluation.result_store import result_partition
from jobs.lake import Lake, Partition
from jobs.lake.addresses import ranker_version
from jobs.scenarios import Scenario, SimulatedSource
from jobs.stages.request import parse_due
from jobs.stages.run_plan import RunPlan, plan_run, with_days_again

SCENARIO = Scenario(name="tiny", source=SimulatedSource(), horizons=(2, 5))
FIRST = date(2026, 1, 1)
TODAY = date(2026, 1, 20)


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def publish(lake: Lake, partition: Partition) -> None:
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"value": [1]}))
        attempt.publish(partition, inputs={})


def store(lake: Lake, first: int, last: int, horizon: int, **keys: str) -> None:
    known = {"ranker": ranker_version(SCENARIO), "preference": "id_embedding", "mode": "swap"}
    found = {**known, **keys}
    publish(
        lake,
        result_partition(
            "tiny",
            found["ranker"],
            day(first),
            day(last),
            found["preference"],
            found["mode"],
            horizon,
        ),
    )


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Nineteen days, and the scores that daily runs have made of them."""
    lake = Lake(str(tmp_path_factory.mktemp("again") / "lake"))
    for number in range(1, 20):
        publish(lake, Partition("impressions", "tiny", day(number)))
    for number in range(10, 18):
        store(lake, number, number, horizon=2)
    for number in range(10, 15):
        store(lake, number, number, horizon=5)
    store(lake, 13, 15, horizon=2)
    store(lake, 16, 16, horizon=5, ranker="dcn-other")
    store(lake, 9, 9, horizon=5, mode="probe")
    return lake


def planned(
    lake: Lake, again: DayRange | None = None, late: tuple[date, ...] = (), **options: object
) -> RunPlan:
    plan = plan_run(lake, SCENARIO, TODAY, **options)  # type: ignore[arg-type]
    return with_days_again(plan, lake, SCENARIO, again, late)


def test_nothing_is_read_again_where_nothing_is_late(ready: Lake) -> None:
    plan = planned(ready)
    assert plan == plan_run(ready, SCENARIO, TODAY)
    assert (plan.first_day, plan.day, plan.again, plan.late) == (TODAY, TODAY, (), ())


def test_scores_that_rest_on_a_late_day_are_computed_again_each_by_itself(ready: Lake) -> None:
    plan = planned(ready, late=(day(17), day(18)))

    assert plan.late == (DayRange(day(17), day(18)),)
    # T = 18 and T = 15 are those of the day. A score of T rests on the days before T+n.
    assert [score.due for score in plan.scores] == [
        ("2@2026-01-18",),
        ("5@2026-01-15",),
        ("2@2026-01-16", "2@2026-01-17"),
        ("5@2026-01-13", "5@2026-01-14"),
    ]
    assert all(
        len(due.days) == 1 for score in plan.scores for due in parse_due(",".join(score.due))
    )


def test_days_that_a_user_names_are_read_again_however_old(ready: Lake) -> None:
    plan = planned(ready, DayRange(day(3), day(4)), late=(day(4), day(18)))

    assert plan.again == (DayRange(day(3), day(4)),)
    assert plan.late == (DayRange.of_day(day(18)),)
    scored = {(score.horizon, len(score.alone)) for score in plan.scores if score.alone}
    assert scored == {(2, 8), (5, 5)}


def test_a_day_that_the_run_reads_anyway_is_not_read_twice(ready: Lake) -> None:
    assert planned(ready, late=(TODAY,)).late == ()


def test_of_many_scores_the_newest_are_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready: Lake
) -> None:
    monkeypatch.setattr("jobs.stages.run_plan._MOST_SCORED_AGAIN", 3)
    plan = planned(ready, DayRange.of_day(day(3)))
    assert [score.due for score in plan.scores if score.alone] == [
        ("2@2026-01-15", "2@2026-01-16", "2@2026-01-17"),
        ("5@2026-01-12", "5@2026-01-13", "5@2026-01-14"),
    ]


def test_a_day_that_is_not_ingested_cannot_be_ingested_again(ready: Lake) -> None:
    with pytest.raises(InputError, match=r"2026-01-20 is not ingested.*2026-01-01 to 2026-01-19"):
        planned(ready, DayRange(day(18), day(20)))


def test_the_plan_travels_as_the_stages_read_it(ready: Lake) -> None:
    content = planned(ready, DayRange(day(3), day(4)), late=(day(6), day(8))).to_dict()
    assert json.loads(json.dumps(content)) == content
    assert day_ranges(content["again"]) == (DayRange(day(3), day(4)),)
    assert day_ranges(content["late"]) == (DayRange.of_day(day(6)), DayRange.of_day(day(8)))
    assert content["scores"][0]["due"] == "2@2026-01-18"


def test_ranges_hold_exactly_the_days_and_are_read_as_they_are_shown() -> None:
    days = [day(9), day(1), day(2), day(5), day(1)]
    found = ranges_of(days)
    assert found == (DayRange(day(1), day(2)), DayRange.of_day(day(5)), DayRange.of_day(day(9)))
    assert day_ranges(shown_ranges(found)) == found
    assert day_ranges("") == ranges_of([]) == ()

import json
from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.lake.addresses import checkpoint_partition, ranker_version
from jobs.scenarios import Mode, RankerOptions, Scenario, SimulatedSource
from jobs.stages.run_plan import plan_run

CATCH_UP = 45
SCENARIO = Scenario(name="tiny", source=SimulatedSource(), catch_up_days=CATCH_UP)
DAY = date(2026, 3, 20)
dates = st.dates(date(1970, 6, 1), date(2199, 6, 1))
leaks = st.lists(st.integers(0, 60), min_size=1, max_size=4, unique=True).map(tuple)
examples = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    # The lake of these tests stays empty, so examples cannot meet in it.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def days(count: int) -> timedelta:
    return timedelta(days=count)


def ingest(lake: Lake, *ingested: date) -> None:
    publish(lake, *(Partition("impressions", "tiny", day) for day in ingested))


def train(lake: Lake, scenario: Scenario, *trained: date) -> None:
    publish(lake, *(checkpoint_partition(scenario, day) for day in trained))


def publish(lake: Lake, *partitions: Partition) -> None:
    for partition in partitions:
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-0.parquet", pa.table({"value": [1]}))
            attempt.publish(partition, inputs={})


@given(dates, leaks)
@examples
def test_a_day_scores_the_day_that_lies_a_horizon_back(
    lake: Lake, day: date, horizons: tuple[int, ...]
) -> None:
    plan = plan_run(lake, SCENARIO, day, horizons=horizons)
    assert plan.day == day
    assert [score.horizon for score in plan.scores] == list(horizons)
    for score in plan.scores:
        assert score.days == DayRange.of_day(day - days(score.horizon))
        assert score.waits_for is None
    assert plan.due == plan.scores


@given(dates, leaks)
@examples
def test_a_new_lineage_starts_some_days_before_the_first_score(
    lake: Lake, day: date, horizons: tuple[int, ...]
) -> None:
    plan = plan_run(lake, SCENARIO, day, horizons=horizons)
    assert plan.first_day == day - days(max(horizons) + CATCH_UP)


@given(dates, st.integers(0, 40), leaks)
@examples
def test_chosen_days_bring_in_no_day_that_they_do_not_need(
    lake: Lake, first: date, length: int, horizons: tuple[int, ...]
) -> None:
    last = first + days(length)
    plan = plan_run(lake, SCENARIO, DAY, DayRange(first, last), horizons)
    # M_{T+n} has trained on the days before T+n; scoring T needs T itself.
    assert plan.day == max(last + days(n) - days(1) if n else last for n in horizons)
    assert plan.first_day == first - days(CATCH_UP)
    assert {score.days for score in plan.scores} == {DayRange(first, last)}
    assert plan.due == plan.scores


@given(dates, st.integers(0, 40), leaks, st.integers(0, 90))
@examples
def test_a_horizon_past_the_end_of_the_log_waits_for_its_last_day(
    lake: Lake, first: date, length: int, horizons: tuple[int, ...], in_log: int
) -> None:
    last, log_last = first + days(length), first + days(in_log)
    plan = plan_run(lake, SCENARIO, DAY, DayRange(first, last), horizons, log_span=(None, log_last))
    assert plan.day <= log_last
    for score in plan.scores:
        needed = last + days(max(score.horizon, 1) - 1)
        assert score.waits_for == (needed if needed > log_last else None)


@given(dates, dates, dates, leaks)
@examples
def test_no_day_is_brought_in_that_the_log_does_not_hold(
    lake: Lake, day: date, one: date, other: date, horizons: tuple[int, ...]
) -> None:
    span = (min(one, other), max(one, other))
    if day < span[0]:
        with pytest.raises(InputError, match="lies before"):
            plan_run(lake, SCENARIO, day, horizons=horizons, log_span=span)
        return
    plan = plan_run(lake, SCENARIO, day, horizons=horizons, log_span=span)
    assert span[0] <= plan.first_day <= plan.day == min(day, span[1])


@given(dates, leaks, st.booleans(), st.integers(1, 80))
@examples
def test_a_plan_is_the_same_after_it_travelled_between_tasks(
    lake: Lake, day: date, horizons: tuple[int, ...], chosen: bool, ingested: int
) -> None:
    as_of = DayRange(day, day + days(3)) if chosen else None
    span = (day - days(ingested), day + days(5))
    preferences, modes = ("id_embedding", "other"), (Mode.SWAP, Mode.RETRAIN)
    plan = plan_run(lake, SCENARIO, day, as_of, horizons, preferences, modes, span)
    assert (plan.preferences, plan.modes) == (preferences, modes)
    travelled = json.loads(json.dumps(plan.to_dict()))
    assert travelled == plan.to_dict()
    assert travelled["day"] == plan.day.isoformat()
    assert [DayRange.parse(score["as_of"]) for score in travelled["scores"]] == [
        score.days for score in plan.scores
    ]


def test_a_plan_travels_as_plain_values(lake: Lake) -> None:
    plan = plan_run(lake, SCENARIO, DAY, horizons=(30, 7), log_span=(DAY - days(20), DAY))
    ranker = ranker_version(SCENARIO)
    assert plan.to_dict() == {
        "day": "2026-03-20",
        "first_day": "2026-02-28",
        "reason": f"day 2026-03-20; the lineage of {ranker} starts on 2026-02-28",
        "scores": [
            {
                "as_of": "2026-02-18",
                "horizon": 30,
                "waits_for": "2026-03-31",
                "due": "30@2026-02-18",
            },
            {
                "as_of": "2026-03-13",
                "horizon": 7,
                "waits_for": None,
                "due": "7@2026-03-13",
            },
        ],
        "preferences": ["id_embedding"],
        "modes": ["swap"],
        "again": "",
        "late": "",
    }


def test_ingest_begins_at_the_first_missing_day(lake: Lake) -> None:
    start = DAY - days(10)
    ingest(lake, *(start + days(offset) for offset in (0, 1, 2, 4, 5)))
    assert plan_run(lake, SCENARIO, DAY, horizons=(1,)).first_day == start + days(3)
    ingest(lake, start + days(3))
    assert plan_run(lake, SCENARIO, DAY, horizons=(1,)).first_day == start + days(6)


def test_a_day_that_is_there_already_is_ingested_again(lake: Lake) -> None:
    ingest(lake, *(DAY - days(offset) for offset in range(4)))
    plan = plan_run(lake, SCENARIO, DAY, horizons=(1,))
    assert (plan.first_day, plan.day) == (DAY, DAY)


def test_another_scenarios_days_do_not_count(lake: Lake) -> None:
    partition = Partition("impressions", "other", DAY)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"value": [1]}))
        attempt.publish(partition, inputs={})
    assert plan_run(lake, SCENARIO, DAY, horizons=(1,)).first_day == DAY - days(1 + CATCH_UP)


@pytest.mark.parametrize("day", [date(2024, 3, 1), date(2026, 1, 1), date(2025, 12, 31)])
def test_leap_days_month_and_year_ends(lake: Lake, day: date) -> None:
    plan = plan_run(lake, SCENARIO, day, horizons=(1, 366))
    expected = {
        date(2024, 3, 1): [date(2024, 2, 29), date(2023, 3, 1)],
        date(2026, 1, 1): [date(2025, 12, 31), date(2024, 12, 31)],
        date(2025, 12, 31): [date(2025, 12, 30), date(2024, 12, 30)],
    }
    assert [score.days.first for score in plan.scores] == expected[day]


def test_a_score_on_the_lineages_first_day_waits_until_the_next_can_be_scored(lake: Lake) -> None:
    start = DAY - days(7)
    ingest(lake, start)
    scores = plan_run(lake, SCENARIO, DAY, horizons=(6, 7, 8)).scores
    assert [score.waits_for for score in scores] == [None, DAY + days(1), DAY + days(2)]
    for score in scores[1:]:
        assert score.waits_for is not None
        later = plan_run(lake, SCENARIO, score.waits_for, horizons=(score.horizon,))
        assert later.due == later.scores
        sooner = plan_run(lake, SCENARIO, score.waits_for - days(1), horizons=(score.horizon,))
        assert sooner.due == ()


@pytest.mark.parametrize("offset", [0, -1, -100])
def test_days_before_the_first_trained_ranker_are_refused(lake: Lake, offset: int) -> None:
    ingest(lake, DAY - days(1), DAY)
    first = DAY - days(1) + days(offset)
    with pytest.raises(InputError, match=r"starts on 2026-03-19.*ask for 2026-03-20 or later"):
        plan_run(lake, SCENARIO, DAY, DayRange(first, DAY), (7,))


def test_the_lineage_starts_where_the_current_ranker_version_does(lake: Lake) -> None:
    start, later = DAY - days(9), DAY - days(4)
    other = SCENARIO.model_copy(update={"ranker": RankerOptions(seed=5)})
    ingest(lake, start, *(later + days(offset) for offset in range(4)))
    train(lake, other, later, DAY)
    assert plan_run(lake, SCENARIO, DAY, horizons=(1,)).first_day == start + days(1)
    assert plan_run(lake, other, DAY, horizons=(1,)).first_day == DAY
    assert plan_run(lake, SCENARIO, DAY, DayRange(later, DAY), (1,)).due
    with pytest.raises(InputError, match=r"starts on 2026-03-16.*ask for 2026-03-17 or later"):
        plan_run(lake, other, DAY, DayRange(later, DAY), (1,))
    waiting = plan_run(lake, other, DAY, horizons=(4, 3)).scores
    assert [score.waits_for for score in waiting] == [later + days(5), None]


def test_a_day_before_the_lineage_is_refused(lake: Lake) -> None:
    ingest(lake, DAY)
    with pytest.raises(
        InputError, match="2026-03-19 lies before the lineage's first day 2026-03-20"
    ):
        plan_run(lake, SCENARIO, DAY - days(1), horizons=(7,))


@pytest.mark.parametrize("horizons", [(-1,), (7, 7), (7, -2)])
def test_horizons_that_are_no_days_of_leak_are_refused(
    lake: Lake, horizons: tuple[int, ...]
) -> None:
    with pytest.raises(InputError, match="needs distinct days of leak, each 0 or more"):
        plan_run(lake, SCENARIO, DAY, horizons=horizons)


@pytest.mark.parametrize(
    ("as_of", "horizons"),
    [(None, (4_000_000,)), (None, (10**12,)), (DayRange.of_day(date.max), (7,))],
)
def test_dates_outside_the_calendar_are_refused(
    lake: Lake, as_of: DayRange | None, horizons: tuple[int, ...]
) -> None:
    with pytest.raises(InputError, match="calendar"):
        plan_run(lake, SCENARIO, DAY, as_of, horizons)


def test_the_scenario_gives_what_is_left_out(lake: Lake) -> None:
    plan = plan_run(lake, SCENARIO, DAY)
    assert tuple(score.horizon for score in plan.scores) == SCENARIO.horizons
    assert plan.preferences == SCENARIO.preferences
    assert plan.modes == SCENARIO.modes
    chosen = plan_run(lake, SCENARIO, DAY, preferences=["other"], modes=[Mode.RETRAIN])
    assert (chosen.preferences, chosen.modes) == (("other",), ("retrain",))

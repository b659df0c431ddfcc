"""The first task checks the form, waits for its turn, and hands on the values for the others."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowRescheduleException

from jobs.common.day_range import DayRange
from jobs.lake import Lake, Partition
from plugins.lis_plugin.refusal import InputRefused
from plugins.lis_plugin.resolve import ResolveDateOperator

OTHER, OWN = "scheduled__2026-01-09", "manual__2026-01-10"


@dataclass
class TaskInstance:
    """What the server tells a task about its DAG's runs; records what the task pushes.

    Args:
        states: State of each task of other runs that have begun, by run.
        ended: State of those runs that have ended.
        has_waited: Whether the task was rescheduled before.
    """

    states: dict[str, dict[str, str | None]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    has_waited: bool = False
    pushed: dict[str, Any] = field(default_factory=dict)
    dag_id: str = "d"
    run_id: str = OWN

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_dr_count(self, dag_id: str, states: list[str]) -> int:
        assert (dag_id, states) == (self.dag_id, ["running"])
        return 1 + len(self.states.keys() - self.ended.keys())

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        return self.ended.get(run_id, "running")

    def get_task_states(
        self, dag_id: str, task_ids: list[str] | None = None, run_ids: list[str] | None = None
    ) -> dict[str, dict[str, str | None]]:
        own = {OWN: {"t": "running", "last": None}}
        return {
            run: {name: state for name, state in tasks.items() if not task_ids or name in task_ids}
            for run, tasks in {**self.states, **own}.items()
            if not run_ids or run in run_ids
        }

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return datetime.now(UTC) if self.has_waited else None


def run(
    feed: Path,
    ti: TaskInstance | None = None,
    run_after: datetime = datetime(2026, 1, 10, 2, tzinfo=UTC),
    **params: Any,
) -> list[dict[str, Any]]:
    """A scheduled run of 9 January, or with a form one by hand."""
    with DAG(dag_id="d", schedule=None):
        task = ResolveDateOperator(task_id="t", scenario=str(feed))
        task.set_downstream(BaseOperator(task_id="last"))
    context: Any = {
        "ti": ti or TaskInstance(),
        "params": params,
        "dag_run": SimpleNamespace(
            run_after=run_after, run_type="manual" if params else "scheduled"
        ),
        "logical_date": datetime(2026, 1, 9, 2, tzinfo=UTC),
    }
    if params:
        del context["logical_date"]
    planned: list[dict[str, Any]] = task.execute(context)
    return planned


@pytest.fixture
def feed_on_demand(tiny_feed: Path) -> Path:
    tiny_feed.write_text(tiny_feed.read_text() + "schedule: {cron: null}\n")
    return tiny_feed


EMPTY: dict[str, Any] = dict.fromkeys(
    ("as_of", "since", "horizons", "preferences", "modes", "reingest")
)


def ingest_nothing_on(days: DayRange) -> None:
    """Publish empty days."""
    lake = Lake.from_environment()
    for day in days:
        partition = Partition("impressions", "tiny_feed", day)
        with lake.attempt([partition]) as attempt:
            attempt.publish(partition, inputs={})


def as_of_and_horizon(planned: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(score["as_of"], score["horizon"]) for score in planned]


def test_a_scheduled_run_scores_each_horizon_as_of_another_day(tiny_feed: Path) -> None:
    ti = TaskInstance()
    planned = run(tiny_feed, ti)
    assert [(s["preference"], s["as_of"], s["horizon"], s["waits_for"]) for s in planned] == [
        ("id_embedding", "2026-01-07", 2, None),
        ("id_embedding", "2026-01-04", 5, None),
    ]
    assert ti.pushed["due"] == ["2@2026-01-07", "5@2026-01-04"]
    assert ti.pushed["plan"]["day"] == "2026-01-09"


def raw_file(day: date) -> None:
    """Put a raw file where the run looks for those of a day."""
    folder = Path(os.environ["LIS_DATA"]) / f"raw/tiny_feed/impressions/ds={day}"
    folder.mkdir(parents=True)
    (folder / "part.parquet").write_bytes(b"rows")


def test_a_run_reads_the_days_of_its_window_again_whose_raw_files_have_changed(
    tiny_feed: Path,
) -> None:
    """Those of days before the window stay as they were ingested."""
    ingest_nothing_on(DayRange(date(2026, 1, 1), date(2026, 1, 8)))
    for number in (4, 6, 8):
        raw_file(date(2026, 1, number))
    ti = TaskInstance()

    run(tiny_feed, ti)

    assert (ti.pushed["plan"]["late"], ti.pushed["plan"]["again"]) == ("2026-01-06,2026-01-08", "")
    assert ti.pushed["plan"]["first_day"] == "2026-01-09"
    tiny_feed.write_text(tiny_feed.read_text() + "schedule: {late_days: 0}\n")
    run(tiny_feed, ti)
    assert ti.pushed["plan"]["late"] == ""


def test_the_form_names_days_to_ingest_again(tiny_feed: Path) -> None:
    ingest_nothing_on(DayRange(date(2026, 1, 1), date(2026, 1, 8)))
    ti = TaskInstance()

    run(tiny_feed, ti, reingest="2026-01-02:2026-01-03")

    assert ti.pushed["plan"]["again"] == "2026-01-02:2026-01-03"
    with pytest.raises(InputRefused, match="error: reingest: 2025-12-31 is not ingested"):
        run(tiny_feed, ti, reingest="2025-12-31:2026-01-03")


def test_the_form_chooses_dates_horizons_and_preferences(tiny_feed: Path) -> None:
    as_of, preferences = "2026-01-03:2026-01-05", ["next_click", "id_embedding"]
    ti = TaskInstance()
    planned = run(
        tiny_feed, ti, as_of=as_of, horizons=["1,2"], preferences=preferences, modes=["retrain"]
    )
    assert [(s["preference"], s["as_of"], s["horizon"]) for s in planned] == [
        ("next_click", as_of, 1),
        ("next_click", as_of, 2),
        ("id_embedding", as_of, 1),
        ("id_embedding", as_of, 2),
    ]
    assert ti.pushed["plan"]["preferences"] == preferences
    assert ti.pushed["plan"]["modes"] == ["retrain"]


def test_an_empty_form_makes_no_more_of_a_feed_on_demand_than_its_horizons_need(
    feed_on_demand: Path,
) -> None:
    ti = TaskInstance()
    planned = run(feed_on_demand, ti, **EMPTY)
    days = ti.pushed["plan"]["first_day"], ti.pushed["plan"]["day"]
    assert days == ("2026-01-01", "2026-01-08")
    assert as_of_and_horizon(planned) == [("2026-01-06", 2), ("2026-01-03", 5)]


def test_an_empty_form_scores_the_newest_day_in_the_lake(feed_on_demand: Path) -> None:
    ingest_nothing_on(DayRange(date(2026, 1, 1), date(2026, 1, 11)))
    ti = TaskInstance()
    planned = run(feed_on_demand, ti, **EMPTY)
    assert ti.pushed["plan"]["day"] == "2026-01-11"
    assert as_of_and_horizon(planned) == [("2026-01-09", 2), ("2026-01-06", 5)]


@pytest.mark.parametrize(
    ("day", "refused"), [(date(2025, 11, 10), False), (date(2025, 1, 10), True)]
)
def test_a_schedule_that_is_switched_on_again_does_not_fill_years(
    day: date, refused: bool, tiny_feed: Path
) -> None:
    tiny_feed.write_text(tiny_feed.read_text() + "schedule: {start: 2025-01-01}\n")
    ingest_nothing_on(DayRange.of_day(day))
    if refused:
        with pytest.raises(InputRefused, match="the lake ends on 2025-01-10, 364 days before"):
            run(tiny_feed)
    else:
        assert run(tiny_feed)
    # By hand it is what the user asks for.
    assert run(tiny_feed, **EMPTY)


def test_an_empty_form_of_a_daily_scenario_scores_through_yesterday(tiny_feed: Path) -> None:
    assert as_of_and_horizon(run(tiny_feed, **EMPTY)) == [("2026-01-07", 2), ("2026-01-04", 5)]


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ({"as_of": "2026-01-05:2026-01-03"}, "as_of: the range .* ends before it begins"),
        ({"as_of": "2026-02-30"}, "as_of: '2026-02-30' is not a date"),
        ({"as_of": "2027-01-01"}, "as_of: 2027-01-01 is not over: the newest complete day is"),
        ({"as_of": "2026-01-01"}, "as of 2026-01-01: the lineage of tiny_feed starts on"),
        ({"horizons": ["7d"]}, "horizons: '7d': write distinct days of leak"),
        ({"horizons": [9_999_999]}, "horizons: '9999999' is not a number of days"),
        ({"since": "2026-01-20", "as_of": "2026-01-05"}, "since: 2026-01-20 lies after 2026-01-09"),
        ({"preferences": ["next_clik"]}, "unknown preference data 'next_clik': did you mean"),
        ({"preferences": ["next_click"], "modes": ["swap"]}, "preference data next_click cannot"),
    ],
)
@pytest.mark.parametrize("states", [{}, {OTHER: {"t": "success", "last": None}}])
def test_a_form_that_cannot_be_used_is_refused_in_one_line_whoever_is_at_work(
    form: dict[str, Any], line: str, states: dict[str, Any], tiny_feed: Path
) -> None:
    with pytest.raises(InputRefused, match=f"^error: {line}") as refused:
        run(tiny_feed, TaskInstance(states), **form)
    assert "\n" not in str(refused.value)


def test_evaluation_days_without_any_horizon_that_is_due_are_refused(
    feed_on_demand: Path,
) -> None:
    newest = datetime.now(UTC).date() - timedelta(days=1)
    form = {"as_of": newest.isoformat(), "horizons": [5, 30]}
    due = newest - timedelta(days=4)
    with pytest.raises(InputRefused, match=f"log ends on {newest}; choose {due} or an earlier day"):
        run(feed_on_demand, **form, run_after=datetime.now(UTC))


def test_the_slot_to_leak_may_be_chosen_later(tiny_feed: Path) -> None:
    tiny_feed.write_text(tiny_feed.read_text() + "slot: auto\n")
    assert len(run(tiny_feed)) == 2


def test_a_run_waits_for_the_one_that_is_at_work_and_names_it(
    tiny_feed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    states = {OTHER: {"t": "success", "train": "running", "score": None, "last": None}}
    for ti in (TaskInstance(states), TaskInstance(states, has_waited=True)):
        with pytest.raises(AirflowRescheduleException):
            run(tiny_feed, ti)
        assert f"waits for run {OTHER} (train is running)" in capsys.readouterr().out
        assert not ti.pushed


@pytest.mark.parametrize(
    "ti",
    [
        TaskInstance({OTHER: {"t": "up_for_reschedule", "last": None}}),
        TaskInstance({OTHER: {"t": "success", "last": "upstream_failed"}}, {OTHER: "failed"}),
        TaskInstance({OTHER: {"t": "success", "last": "success"}}),
        TaskInstance(
            {
                OTHER: {"t": "success", "last": None},
                "third": {"t": "running", "last": None},
            },
            {OTHER: "failed"},
        ),
    ],
    ids=["waits too", "failed", "about to end", "ended without its last task"],
)
def test_it_waits_for_no_other_run(ti: TaskInstance, tiny_feed: Path) -> None:
    assert run(tiny_feed, ti)

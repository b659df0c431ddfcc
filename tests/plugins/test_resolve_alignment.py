"""The first task of an alignment: what it plans, refuses and waits for, on a lake of results."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

from jobs.cli.main import main
from jobs.common.day_range import DayRange
from jobs.lake import Lake, Partition
from jobs.lake.addresses import (
    checkpoint_partition,
    encoder_partition,
    gate_partition,
    ranker_version,
    snapshot_partition,
)
from jobs.scenarios import Scenario, load_scenario
from plugins.lis_plugin.refusal import InputRefused
from plugins.lis_plugin.resolve_alignment import ResolveAlignmentOperator
from tests.jobs.gate.stored_scores import CAPTURED, WORTH, score, store

SOURCE = ("lis_daily__tiny_feed", "scheduled__2026-02-08")
FIRST, LAST = date(2026, 1, 1), date(2026, 2, 8)
"""The days in the lake; the scenario leaks 2 and 5 days, and fits to 28."""


@dataclass
class TaskInstance:
    """What the server tells a task about runs; records what the task pushes.

    Args:
        source: State of the run that has made the results.
    """

    source: str = "success"
    pushed: dict[str, Any] = field(default_factory=dict)
    dag_id: str = "d"
    run_id: str = "asset_triggered__2026-02-09"

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_dr_count(self, dag_id: str, states: list[str]) -> int:
        assert (dag_id, states) == (self.dag_id, ["running"])
        return 1

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        assert (dag_id, run_id) == SOURCE
        return self.source

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return None


@pytest.fixture(scope="module")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a store for all tests, because making one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture(autouse=True)
def tracking(mlflow_store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_store)


@pytest.fixture
def scenario(tiny_feed: Path) -> Scenario:
    return load_scenario(str(tiny_feed))


@pytest.fixture(scope="module")
def days_of_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with days of impressions, rankers and snapshots without rows."""
    folder = tmp_path_factory.mktemp("days")
    source = {"reader": "simulated"}
    scenario = Scenario.model_validate({"name": "tiny_feed", "source": source, "context": ["hour"]})
    lake = Lake(str(folder))
    for day in DayRange(FIRST, LAST + timedelta(days=1)):
        publish(lake, checkpoint_partition(scenario, day))
        publish(lake, snapshot_partition(scenario, day))
        if day <= LAST:
            publish(lake, Partition("impressions", scenario.name, day))
    return folder


@pytest.fixture
def lake(days_of_lake: Path) -> Lake:
    lake = Lake.from_environment()
    shutil.copytree(days_of_lake, lake.uri)
    return lake


def publish(lake: Lake, partition: Partition) -> None:
    with lake.attempt([partition]) as attempt:
        attempt.publish(partition, inputs={})


def scored(lake: Lake, scenario: Scenario, gain: float, day: str, **changes: object) -> None:
    version = ranker_version(scenario)
    store(lake, score(gain, scenario=scenario.name, ranker_version=version, as_of=day, **changes))


def run(
    feed: Path, ti: TaskInstance | None = None, *, by_hand: bool = True, **params: Any
) -> list[dict[str, Any]]:
    """A run by hand without a logical date, or one that new results have started."""
    with DAG(dag_id="d", schedule=None):
        task = ResolveAlignmentOperator(task_id="t", scenario=str(feed))
        task.set_downstream(BaseOperator(task_id="last"))
    event = SimpleNamespace(source_dag_id=SOURCE[0], source_run_id=SOURCE[1])
    empty = dict.fromkeys(("as_of", "preferences", "aligned_at", "force"))
    context: Any = {
        "ti": ti or TaskInstance(),
        "params": {**empty, **params},
        "dag_run": SimpleNamespace(run_type="manual" if by_hand else "asset_triggered"),
        "triggering_asset_events": {} if by_hand else {"lis": [event]},
    }
    planned: list[dict[str, Any]] = task.execute(context)
    return planned


def short(planned: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(one["preference"], one["as_of"], one["aligned_at"]) for one in planned]


def test_new_results_align_what_passes_as_of_the_newest_date(
    lake: Lake, scenario: Scenario, tiny_feed: Path
) -> None:
    scored(lake, scenario, WORTH, "2026-02-05", preference="next_click")
    scored(lake, scenario, WORTH, "2026-02-06")
    scored(lake, scenario, CAPTURED, "2026-02-06", preference="similar_items")
    ti = TaskInstance()
    # What was scored on older dates alone is left to the form.
    assert short(run(tiny_feed, ti, by_hand=False)) == [
        ("id_embedding", "2026-02-06", "2026-01-09")
    ]
    # The data of day T + 5 has not arrived, so that its LIS bounds nothing.
    assert ti.pushed["plan"] == {
        "as_of": "2026-02-06",
        "horizons": "2",
        "preferences": "id_embedding",
    }
    # What is not aligned is a decision too.
    refused = gate_partition(scenario, "similar_items", date(2026, 2, 6))
    assert lake.read(refused).column("decision").to_pylist() == ["refused"]


def test_an_encoder_of_a_week_ago_is_kept_by_a_run_that_results_have_started(
    lake: Lake, scenario: Scenario, tiny_feed: Path
) -> None:
    scored(lake, scenario, WORTH, "2026-02-06")
    scored(lake, scenario, WORTH, "2026-02-06", preference="next_click")
    for day in (12, 29, 30):
        publish(lake, encoder_partition(scenario, "id_embedding", date(2026, 1, day)))
    assert short(run(tiny_feed, by_hand=False)) == [
        ("id_embedding", "2026-02-06", "2026-01-30"),
        ("next_click", "2026-02-06", "2026-01-09"),
    ]
    # Six days old: rankers have too few days to be fitted to.
    publish(lake, encoder_partition(scenario, "id_embedding", date(2026, 1, 31)))
    assert short(run(tiny_feed, by_hand=False))[0][2] == "2026-01-30"
    # By hand, one is aligned for the evaluation day.
    assert short(run(tiny_feed))[0][2] == "2026-01-09"


def test_an_encoder_that_is_there_is_evaluated_whatever_the_gate_says_of_the_date(
    lake: Lake, scenario: Scenario, tiny_feed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored(lake, scenario, CAPTURED, "2026-02-06")
    scored(lake, scenario, CAPTURED, "2026-02-06", preference="next_click")
    publish(lake, encoder_partition(scenario, "id_embedding", date(2026, 1, 12)))
    assert short(run(tiny_feed, by_hand=False)) == [("id_embedding", "2026-02-06", "2026-01-12")]
    assert lake.read(gate_partition(scenario, "next_click", date(2026, 2, 6))).num_rows == 1
    # Its own task decides, records the decision, and goes on.
    gate = ["stage", "gate", "--scenario", str(tiny_feed), "--as-of", "2026-02-06"]
    assert main([*gate, "--preference", "id_embedding", "--aligned-at", "2026-01-12"]) == 0
    assert "Nothing is aligned, as the encoder of 2026-01-12 is there." in capsys.readouterr().out
    recorded = lake.read(gate_partition(scenario, "id_embedding", date(2026, 2, 6)))
    assert recorded.column("decision").to_pylist() == ["refused"]
    # One that would be aligned is refused, and so is a run by hand.
    assert main([*gate, "--preference", "id_embedding", "--aligned-at", "2026-01-13"]) == 2
    with pytest.raises(InputRefused, match="no preference data passes the gate"):
        run(tiny_feed)


def test_new_results_that_pass_no_gate_skip_the_run_and_say_why(
    lake: Lake, scenario: Scenario, tiny_feed: Path
) -> None:
    scored(lake, scenario, CAPTURED, "2026-02-06")
    with pytest.raises(
        AirflowSkipException,
        match=r"^no preference data passes the gate as of 2026-02-06: id_embedding: LIS -0\.0040",
    ):
        run(tiny_feed, by_hand=False)
    with pytest.raises(InputRefused, match=r"^error: no preference data passes .* in force$"):
        run(tiny_feed)


def test_it_waits_for_the_run_whose_scores_count_together(
    lake: Lake, scenario: Scenario, tiny_feed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored(lake, scenario, CAPTURED, "2026-02-06")
    scored(lake, scenario, WORTH, "2026-02-06", preference="next_click")
    ti = TaskInstance(source="running")
    with pytest.raises(AirflowRescheduleException):
        run(tiny_feed, ti, by_hand=False)
    assert "waits for run scheduled__2026-02-08 of lis_daily__tiny_feed" in capsys.readouterr().out
    assert not ti.pushed
    assert not lake.days_with_any("gate", scenario.name)
    # A run that has failed after some scores does not hold back the others.
    assert len(run(tiny_feed, TaskInstance(source="failed"), by_hand=False)) == 1


def test_the_form_chooses_days_data_and_encoder(
    lake: Lake, scenario: Scenario, tiny_feed: Path
) -> None:
    ti = TaskInstance()
    form = {
        "as_of": "2026-01-30:2026-02-02",
        "preferences": ["next_click, id_embedding", "next_click"],
        "aligned_at": "2026-01-20",
        "force": "a first look",
    }
    # Named data goes to the gate, which ends the run in its own task.
    assert short(run(tiny_feed, ti, **form)) == [
        ("next_click", "2026-01-30:2026-02-02", "2026-01-20"),
        ("id_embedding", "2026-01-30:2026-02-02", "2026-01-20"),
    ]
    assert ti.pushed["plan"]["horizons"] == "2,5"
    assert not lake.days_with_any("gate", scenario.name)


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ({"as_of": "2026-02-30"}, "as_of: '2026-02-30' is not a date"),
        ({"as_of": "2026-02-05:2026-02-03"}, "as_of: the range .* ends before it begins"),
        ({"aligned_at": "soon"}, "aligned_at: 'soon' is not a date"),
        ({"force": "it is cheap"}, "force: name the data that the reason is for, in preferences"),
        ({"heads": ["row"]}, "heads: unknown head 'row': available: raw, similarity, codes"),
        ({"preferences": ["next_clik"]}, "unknown preference data 'next_clik': did you mean"),
        (
            {"as_of": "2026-02-01", "preferences": ["next_click"], "aligned_at": "2026-02-01"},
            "aligned_at: an encoder of 2026-02-01 would know the evaluation day 2026-02-01",
        ),
        (
            {"as_of": "2026-03-01", "preferences": ["next_click"]},
            r"as of 2026-03-01: .* needs the ranker of",
        ),
        ({}, "no LIS of the present ranker of tiny_feed is stored: trigger the DAG lis_daily__"),
        ({"as_of": "2026-02-01"}, "no LIS .* is stored as of 2026-02-01 or earlier: .* --as-of"),
    ],
)
def test_a_form_that_cannot_be_used_is_refused_in_one_line(
    form: dict[str, Any], line: str, lake: Lake, tiny_feed: Path
) -> None:
    with pytest.raises(InputRefused, match=f"^error: {line}") as refused:
        run(tiny_feed, **form)
    assert "\n" not in str(refused.value)

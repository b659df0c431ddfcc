"""Who is told what, through a real command."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from jobs.scenarios import load_scenario
from plugins.lis_plugin import dag_parts
from plugins.lis_plugin.notify import Event, Message, run_late, run_timed_out, send, task_failed
from plugins.lis_plugin.operators import LisStageOperator
from plugins.lis_plugin.refusal import InputRefused

KEEP = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write(sys.stdin.read())"
TASK = SimpleNamespace(dag_id="lis_daily__feed", run_id="manual", task_id="score")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which the command appends what it is told."""
    file = tmp_path / "told.jsonl"
    monkeypatch.setenv("LIS_NOTIFY", shlex.join([sys.executable, "-c", KEEP, str(file)]))
    return file


def messages(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_failed_task_is_told_in_one_line_without_passwords(told: Path) -> None:
    refused = InputRefused("error: cannot use\nhttp://someone:s3cret@host/runs")
    context: Any = {"ti": TASK, "exception": refused}
    task_failed(context)
    assert messages(told) == [
        {
            "event": "failure",
            "dag": "lis_daily__feed",
            "run": "manual",
            "task": "score",
            "text": "error: cannot use http://host/runs",
        }
    ]


def test_a_run_that_took_too_long_is_told_and_one_whose_task_failed_is_not_again(
    told: Path,
) -> None:
    dag = DAG("lis_daily__feed", schedule=None, dagrun_timeout=timedelta(hours=72))
    for reason in ("task_failure", "timed_out"):
        context: Any = {"dag": dag, "run_id": "manual", "reason": reason}
        run_timed_out(context)
    [message] = messages(told)
    assert (message["event"], message["task"]) == ("failure", "")
    assert message["text"] == "the run was ended after 3 days, 0:00:00"


def test_a_late_run_is_told_with_what_the_triggerer_knows(told: Path) -> None:
    run = {"dag_id": "lis_daily__feed", "dag_run_id": "scheduled"}
    due = {"deadline_time": "2026-02-01 08:00:00+00:00"}
    asyncio.run(run_late(context={"dag_run": run, "deadline": due}))
    [message] = messages(told)
    assert (message["event"], message["run"]) == ("late", "scheduled")
    assert "was due by 2026-02-01 08:00:00" in message["text"]


def test_a_change_of_verdict_that_a_stage_announces_is_told(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    (stage / "sitecustomize.py").write_text(
        "import os, sys\nif 'report' in sys.orig_argv:\n"
        "    print('verdict_change=id_embedding, swap, n = 7: a as of T, b as of U', flush=True)\n"
        "    os._exit(0)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(stage))
    context: Any = {"ti": TASK}
    LisStageOperator(task_id="report", stage="report", arguments=[]).execute(context)
    [message] = messages(told)
    assert message["event"] == "verdict change"
    assert message["text"] == "id_embedding, swap, n = 7: a as of T, b as of U"


@pytest.mark.parametrize("command", ["false", "/no/such/program", "'unbalanced"])
def test_a_command_that_fails_fails_nothing_else(
    command: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LIS_NOTIFY", command)
    send(Message(Event.LATE, "dag", "run", "text"))
    assert "the command of LIS_NOTIFY has not taken" in caplog.text


def test_runs_have_a_deadline_if_there_is_someone_to_tell(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load_scenario("simulated_feed")
    schedule = scenario.schedule.model_copy(update={"late_hours": 6.5})
    scenario = scenario.model_copy(update={"schedule": schedule})
    with DAG("lis_daily__feed", schedule=None, **dag_parts.options(scenario)) as dag:
        LisStageOperator(task_id="report", stage="report", arguments=[])
    assert dag.deadline is not None
    [deadline] = dag.deadline
    assert deadline.interval == timedelta(hours=6.5)
    assert deadline.callback.path == "plugins.lis_plugin.notify.run_late"
    assert dag.get_task("report").on_failure_callback
    monkeypatch.delenv("LIS_NOTIFY")
    assert dag_parts.options(scenario)["deadline"] is None
    assert send(Message(Event.LATE, "dag", "run", "text")) is None

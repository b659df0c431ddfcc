"""Which commands the operators run, and how a task ends. All processes are real."""

import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from jobs.common.outcome import ExitCode
from jobs.spark.jvm_options import jvm_options
from plugins.lis_plugin.links import MlflowRunLink, checked_link
from plugins.lis_plugin.operators import LisScoreOperator, LisStageOperator
from plugins.lis_plugin.refusal import InputRefused, NoAnswer, NoRetryIfRefused
from plugins.lis_plugin.spark_operator import LisSparkOperator
from plugins.lis_plugin.task_process import last_message

WAITING = {"as_of": "2026-01-05", "horizon": 7, "waits_for": "2026-01-12"}
NO_CONTEXT: Any = {}


def test_a_stage_runs_to_its_end(tiny_feed: Path, tmp_path: Path) -> None:
    days = ["--start", "2026-01-01", "--end", "2026-01-02"]
    arguments = ["--scenario", str(tiny_feed), *days]
    LisStageOperator(task_id="t", stage="simulate", arguments=arguments).execute(NO_CONTEXT)
    assert any((tmp_path / "data" / "raw" / "tiny_feed").rglob("*2026-01-02*"))


@pytest.mark.parametrize("operator", [LisStageOperator, LisSparkOperator])
def test_refused_input_fails_without_a_retry_and_with_the_line(operator: Any) -> None:
    task = operator(task_id="t", stage="train", arguments=["--scenario", "no_such_feed"])
    with pytest.raises(InputRefused, match=r"^error: unknown scenario 'no_such_feed'") as refused:
        task.execute(NO_CONTEXT)
    assert NoRetryIfRefused().evaluate(refused.value).action == RetryAction.FAIL


def test_any_other_failure_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text("import os; os._exit(7)")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    task = LisStageOperator(task_id="t", stage="train", arguments=[])
    with pytest.raises(AirflowException, match="stage train ended with 7") as caught:
        task.execute(NO_CONTEXT)
    assert NoRetryIfRefused().evaluate(caught.value).action == RetryAction.DEFAULT


@pytest.mark.parametrize("operator", [LisStageOperator, LisSparkOperator])
def test_a_service_that_does_not_answer_is_tried_again_and_named_in_a_line(
    operator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = tmp_path / "ended"
    ended.mkdir()
    line = "error: the store does not answer"
    (ended / "sitecustomize.py").write_text(
        f"import os, sys\nif 'stage' in sys.orig_argv:\n"
        f"    os.write(2, b'{line}\\n')\n    os._exit({ExitCode.UNAVAILABLE.value})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(ended))
    task = operator(task_id="t", stage="train", arguments=[])
    with pytest.raises(NoAnswer, match=f"^{line}$") as caught:
        task.execute(NO_CONTEXT)
    assert NoRetryIfRefused().evaluate(caught.value).action == RetryAction.DEFAULT


@pytest.mark.parametrize("operator", [LisStageOperator, LisScoreOperator, LisSparkOperator])
def test_a_horizon_that_is_not_due_is_skipped_and_names_the_awaited_day(operator: Any) -> None:
    task = operator(task_id="t", stage="score", arguments=[], planned=WAITING)
    with pytest.raises(AirflowSkipException, match="waits for the data of 2026-01-12"):
        task.execute(NO_CONTEXT)


@pytest.mark.parametrize("operator", [LisStageOperator, LisSparkOperator])
def test_arguments_are_rendered_with_the_planned_score_of_the_task(operator: Any) -> None:
    task = operator(
        task_id="t",
        stage="score",
        arguments=["--as-of", "{{ task.planned['as_of'] }}", "--until", "{{ day }}"],
        planned={"as_of": "{{ day }}:2026-01-09", "horizon": 7, "waits_for": None},
    )
    task.render_template_fields({"task": task, "day": "2026-01-08"})
    rendered = getattr(task, "application_args", None) or ["stage", task.stage, *task.arguments]
    assert rendered == [
        *("stage", "score"),
        *("--as-of", "2026-01-08:2026-01-09"),
        *("--until", "2026-01-08"),
    ]


def test_the_spark_command_names_this_interpreter_and_the_connection() -> None:
    task = LisSparkOperator(task_id="t", stage="ingest", arguments=["--scenario", "simulated_feed"])
    command = task._get_hook()._build_spark_submit_command(task.application)
    assert command[:3] == ["spark-submit", "--master", "local[*]"]
    assert command[-4:] == ["stage", "ingest", "--scenario", "simulated_feed"]
    assert Path(command[-5]).parts[-2:] == ("jobs", "__main__.py")


@pytest.mark.parametrize("python", [None, "/of/the/cluster"])
def test_a_task_on_a_cluster_uses_its_python_and_no_loopback(
    python: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", '{"conn_type": "spark", "host": "yarn"}')
    if python is not None:
        monkeypatch.setenv("PYSPARK_PYTHON", python)
    hook = LisSparkOperator(task_id="t", stage="ingest", arguments=[])._hook_for_master()
    command = hook._build_spark_submit_command("main.py")
    assert command[:3] == ["spark-submit", "--master", "yarn"]
    assert not [word for word in command if "127.0.0.1" in word]
    assert hook._env["PYSPARK_PYTHON"] == (python or sys.executable)


def test_a_local_task_listens_on_loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", "/of/another/spark")
    hook = LisSparkOperator(task_id="t", stage="ingest", arguments=[])._hook_for_master()
    command = hook._build_spark_submit_command("main.py")
    assert {"spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1"} <= set(command)
    assert hook._env["PYSPARK_PYTHON"] == sys.executable


def test_a_master_that_does_not_answer_is_tried_again_before_a_jvm_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    host = f'"host": "spark://127.0.0.1:{port}"'
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", f'{{"conn_type": "spark", {host}}}')
    task = LisSparkOperator(task_id="t", stage="ingest", arguments=[])
    with pytest.raises(NoAnswer, match=f"spark://127.0.0.1:{port} does not answer") as caught:
        task.execute(NO_CONTEXT)
    assert NoRetryIfRefused().evaluate(caught.value).action == RetryAction.DEFAULT


def test_the_spark_command_names_the_packages_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIS_SPARK_PACKAGES", "org.apache.hadoop:hadoop-aws:3.5.0")
    task = LisSparkOperator(task_id="t", stage="ingest", arguments=[])
    command = task._get_hook()._build_spark_submit_command(task.application)
    at = command.index("--packages")
    assert command[at + 1] == "org.apache.hadoop:hadoop-aws:3.5.0"


def test_options_of_the_jvm_that_a_user_has_set_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-XX:Tier4CompileThreshold=15000 -Dmine=1")
    *before, compiled, mine = jvm_options("-Dours=1").split()
    assert (compiled, mine) == ("-XX:Tier4CompileThreshold=15000", "-Dmine=1")
    assert "-XX:Tier4CompileThreshold=300000" in before
    assert "-Dours=1" in before


def test_the_link_opens_the_run_that_the_task_logged() -> None:
    task = LisScoreOperator(task_id="t", stage="score", arguments=[])
    key: Any = SimpleNamespace()
    assert MlflowRunLink().get_link(task, ti_key=key) == ""
    task.mlflow_url = "http://127.0.0.1:5000/#/experiments/1/runs/abc"
    assert MlflowRunLink().get_link(task, ti_key=key) == task.mlflow_url
    assert [link.name for link in task.operator_extra_links] == ["MLflow run"]


@pytest.mark.parametrize("value", [None, "", "javascript:alert(1)", "file:///etc/passwd", 7])
def test_nothing_but_a_web_page_is_linked(value: object) -> None:
    assert checked_link(value) == ""


def test_the_last_message_of_a_job_is_not_of_sparks_log() -> None:
    lines = ["starting", "error: no log", "26/01/31 12:00:00 INFO ShutdownHookManager: bye", ""]
    assert last_message(lines) == "error: no log"
    assert last_message([]) == "the job gave no reason"

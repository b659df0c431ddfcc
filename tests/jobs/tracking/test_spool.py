"""What MLflow does not take waits in the lake, and is logged once. Real stores that fail."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from jobs.ais.ais_result import AIS_TABLE, ais_keys
from jobs.ais.terms import HeadName
from jobs.cli.main import main
from jobs.common.errors import InputError, ServiceUnavailable
from jobs.common.outcome import ExitCode
from jobs.evaluation.result_store import result_partition, store_result
from jobs.gate.decide import GateDecision, gate_decision
from jobs.lake import Lake
from jobs.tracking import store_errors
from jobs.tracking.runs import KIND, Kind
from jobs.tracking.spool.entries import FOLDER, Entry, EntryKind, ResultAddress, Spool
from jobs.tracking.spool.log_spooled import (
    log_gate_decision,
    log_improvements,
    log_scores,
    log_spooled,
)
from jobs.tracking.store import experiment
from tests.jobs.ais.sample_improvements import make_improvement
from tests.jobs.gate.stored_scores import CAPTURED, OPEN, WORTH, score, store
from tests.jobs.tracking.sample_results import SCENARIO, changed, publish_predictions
from tests.jobs.tracking.unavailable import (
    locked_database,
    no_server,
    server_with_errors,
    silent_server,
)

Unavailable = Callable[[Path], AbstractContextManager[str]]
DIES_AFTER_LOGGING = """
import os
from jobs.lake import Lake
from jobs.tracking.spool.entries import Spool
from jobs.tracking.spool.log_spooled import log_spooled
from tests.jobs.tracking.sample_results import SCENARIO
Spool.remove = lambda *given: os._exit(9)
log_spooled(Lake.from_environment(), SCENARIO)
"""


@pytest.fixture
def lake(empty_lake: Lake) -> Iterator[Lake]:
    """The lake beside the store; each test leaves nothing that waits."""
    yield empty_lake
    assert waiting(empty_lake) == []


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The scenario as a file."""
    path = tmp_path_factory.mktemp("scenario") / "small_feed.yaml"
    path.write_text("source: {reader: simulated}\ntitle: Small feed\n")
    return str(path)


@contextmanager
def tracking_uri(uri: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        # Not the patience of a user: that of the project is in its own constants.
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setattr(store_errors, "_SECONDS_TO_ANSWER", 1)
        yield


def waiting(lake: Lake) -> list[EntryKind]:
    return [entry.kind for entry in Spool(lake, "small_feed").entries()]


def runs_of(client: MlflowClient, as_of: str, kind: Kind) -> list[Run]:
    number = experiment(client, "lis/small_feed")
    found = client.search_runs([number], f"params.as_of = '{as_of}'")
    return [run for run in found if run.data.tags.get(KIND) == kind]


def logged_times(client: MlflowClient, run: Run) -> set[int]:
    """How often its metrics were logged."""
    return {len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics}


@pytest.mark.parametrize(
    ("unavailable", "reason"),
    [
        (no_server, "[Errno 111] Connection refused"),
        (server_with_errors, "too many 500 error responses"),
        (silent_server, "timed out"),
        (locked_database, "another program has locked the database"),
    ],
)
def test_a_store_that_does_not_answer_delays_nothing_and_gets_each_run_once(
    client: MlflowClient,
    lake: Lake,
    file: str,
    unavailable: Unavailable,
    reason: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = score(OPEN, as_of="2026-07-01", preference=unavailable.__name__)
    store(lake, result)
    start = time.monotonic()
    with unavailable(Path(os.environ["LIS_DATA"])) as uri, tracking_uri(uri):
        with caplog.at_level(logging.WARNING, "jobs"):
            assert log_scores(lake, SCENARIO, [result]) == []
        assert main(["log", "--scenario", file]) == ExitCode.UNAVAILABLE
    assert time.monotonic() - start < 10
    [warning] = [one.getMessage() for one in caplog.records if one.name == "jobs"]
    error = f"cannot use MLFLOW_TRACKING_URI={uri}: {reason}"
    assert warning == (
        f"not logged to MLflow yet: {error}. It waits in the lake; once MLflow takes it, run lis "
        "log --scenario small_feed"
    )
    [line] = [one for one in capsys.readouterr().err.splitlines() if one.startswith("error")]
    assert line == f"error: {error}; run the same command again when it answers"
    assert waiting(lake) == [EntryKind.SCORES]

    assert main(["log", "--scenario", file]) == ExitCode.DONE
    assert "/#/experiments/" in capsys.readouterr().out
    for _ in range(2):
        [run] = [
            run
            for run in runs_of(client, "2026-07-01", Kind.SCORE)
            if run.data.params["preference"] == unavailable.__name__
        ]
        assert run.data.metrics["lis"] == OPEN
        assert logged_times(client, run) == {1}
        assert waiting(lake) == []
        assert main(["log", "--scenario", file]) == ExitCode.DONE
    assert caplog.messages[-1] == "small_feed: nothing waits to be logged to MLflow"


def test_a_report_is_made_without_a_store_and_kept_in_it_later(
    client: MlflowClient, lake: Lake, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    week, month = (score(WORTH, as_of="2026-07-02", horizon=n) for n in (7, 30))
    store(lake, week, month)
    arguments = [
        "--scenario",
        file,
        "--as-of",
        "2026-07-02",
        "--horizons",
        "7,30",
        "--mode",
        "swap",
    ]
    with no_server(Path()) as uri, tracking_uri(uri):
        log_scores(lake, SCENARIO, [week])
        assert main(["stage", "report", *arguments, "--preference", "id_embedding"]) == 0
    page = Path(capsys.readouterr().out.splitlines()[-1])
    assert waiting(lake) == [EntryKind.SCORES, EntryKind.REPORT]
    assert main(["log", "--scenario", file]) == ExitCode.DONE
    [parent] = runs_of(client, "2026-07-02", Kind.ALL_SCORES)
    assert parent.info.status == "FINISHED"
    kept = client.download_artifacts(parent.info.run_id, "report.html")
    assert Path(kept).read_text() == page.read_text()
    scores = runs_of(client, "2026-07-02", Kind.SCORE)
    assert sorted(run.data.params["horizon"] for run in scores) == ["30", "7"]
    assert all(logged_times(client, run) == {1} for run in [parent, *scores])


def test_a_deleted_experiment_keeps_what_waits_until_it_is_restored(
    client: MlflowClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gone_feed.yaml"
    path.write_text("source: {reader: simulated}\n")
    scenario = SCENARIO.model_copy(update={"name": "gone_feed"})
    lake = Lake.from_environment()
    result = score(WORTH, scenario="gone_feed", as_of="2026-07-03")
    store(lake, result)
    number = experiment(client, "lis/gone_feed")
    client.delete_experiment(number)
    assert log_scores(lake, scenario, [result]) == []
    assert main(["log", "--scenario", str(path)]) == ExitCode.BAD_INPUT
    message = capsys.readouterr().err
    assert "error: 1 of 1 entries are not logged: MLflow experiment 'lis/gone_feed'" in message
    assert f"mlflow experiments restore -x {number}" in message
    client.restore_experiment(number)
    assert main(["log", "--scenario", str(path)]) == ExitCode.DONE
    found = client.search_runs([number], "params.as_of = '2026-07-03'")
    assert [run.data.tags[KIND] for run in found] == [Kind.SCORE]


def test_the_figures_that_the_lake_has_when_the_store_is_back_are_logged(
    client: MlflowClient, lake: Lake
) -> None:
    first = score(OPEN, as_of="2026-07-04")
    newer = changed(first, lis=0.02)
    with no_server(Path()) as uri, tracking_uri(uri):
        for result in (first, newer, newer):
            store(lake, result)
            log_scores(lake, SCENARIO, [result])
    assert waiting(lake) == [EntryKind.SCORES] * 2
    log_spooled(lake, SCENARIO)
    [run] = runs_of(client, "2026-07-04", Kind.SCORE)
    assert run.data.metrics["lis"] == 0.02
    assert logged_times(client, run) == {1}


def test_verdicts_are_corrected_for_the_results_that_were_shown_together(
    client: MlflowClient, lake: Lake
) -> None:
    pair = [
        score(WORTH, as_of="2026-07-05", horizon=n, verdict_p_value=p)
        for n, p in ((7, 0.03), (30, 0.9))
    ]
    store(lake, *pair)
    with no_server(Path()) as uri, tracking_uri(uri):
        log_scores(lake, SCENARIO, pair)
    log_spooled(lake, SCENARIO)
    found = runs_of(client, "2026-07-05", Kind.SCORE)
    assert {run.data.tags["lis.looks"] for run in found} == {"2"}


def test_improvements_and_decisions_wait_too(client: MlflowClient, lake: Lake) -> None:
    ground, aligned = score(CAPTURED, as_of="2026-07-06"), make_improvement(as_of="2026-07-06")
    day = date(2026, 7, 6)
    keys = ais_keys(aligned.encoder, aligned.aligned_day, HeadName(aligned.head))
    version = aligned.ranker_version
    where = result_partition(
        "small_feed", version, day, day, "id_embedding", "probe", 7, AIS_TABLE, keys
    )
    store(lake, ground)
    store_result(lake, where, aligned, {})
    decision = gate_decision(lake, SCENARIO, "id_embedding", day)
    assert GateDecision.from_dict(json.loads(json.dumps(decision.to_dict()))) == decision
    with no_server(Path()) as uri, tracking_uri(uri):
        assert log_improvements(lake, SCENARIO, [aligned]) == []
        assert log_gate_decision(lake, SCENARIO, decision) is None
    assert waiting(lake) == [EntryKind.AIS, EntryKind.GATE]
    log_spooled(lake, SCENARIO)
    [improvement] = runs_of(client, "2026-07-06", Kind.AIS)
    assert improvement.data.metrics["ais"] == aligned.ais
    [gate] = runs_of(client, "2026-07-06", Kind.GATE)
    assert gate.data.params["decision"] == "refused"
    # Decided again, it is the same run.
    again = log_gate_decision(lake, SCENARIO, decision)
    assert again is not None
    assert (again.run_id, again.written) == (gate.info.run_id, False)


def test_an_entry_that_is_refused_holds_no_other_up(client: MlflowClient, lake: Lake) -> None:
    day = date(2026, 7, 7)
    bad, good = (
        score(WORTH, as_of=day.isoformat(), horizon=n, ranker_version="ranker-1") for n in (8, 9)
    )
    publish_predictions(lake, day, "baseline", seed=1)
    publish_predictions(lake, day, "id_embedding-swap-8", seed=2, first_id=5)
    store(lake, bad, good)
    for result in (bad, good):
        log_scores(lake, SCENARIO, [result])
    with pytest.raises(InputError, match=r"1 of 1 entries are not logged: .*not on the same rows"):
        log_spooled(lake, SCENARIO)
    finished = [
        run for run in runs_of(client, day.isoformat(), Kind.SCORE) if run.info.status == "FINISHED"
    ]
    assert [run.data.params["horizon"] for run in finished] == ["9"]
    [left] = Spool(lake, "small_feed").entries()
    Spool(lake, "small_feed").remove(left)
    Spool(lake, "small_feed").remove(left)


def test_entries_are_files_of_their_content_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    result = score(WORTH, as_of="2026-07-08")
    store(lake, result)
    spool = Spool(lake, "small_feed")
    entry = Entry(EntryKind.SCORES, (ResultAddress.of(lake, result),))
    spool.add(entry)
    folder = tmp_path / "lake" / FOLDER / "scenario=small_feed"
    [file] = folder.iterdir()
    written = file.read_bytes()
    spool.add(entry)
    assert [one.read_bytes() for one in folder.iterdir()] == [written]
    assert spool.entries() == [entry]
    # What a kill leaves while a file is written is no entry.
    (folder / ".half-written.json").write_bytes(written[:20])
    assert spool.entries() == [entry]
    file.write_bytes(written[:20])
    with pytest.raises(InputError, match=rf"{file} is damaged: remove it"):
        spool.entries()


@pytest.mark.fault
def test_a_kill_after_logging_doubles_nothing(client: MlflowClient, lake: Lake) -> None:
    result = score(WORTH, as_of="2026-07-09")
    store(lake, result)
    with no_server(Path()) as uri, tracking_uri(uri):
        log_scores(lake, SCENARIO, [result])
    killed = subprocess.run([sys.executable, "-c", DIES_AFTER_LOGGING], check=False)
    assert killed.returncode == 9
    assert waiting(lake) == [EntryKind.SCORES]
    [run] = runs_of(client, "2026-07-09", Kind.SCORE)
    [again] = log_spooled(lake, SCENARIO)
    assert (again.run_id, again.written) == (run.info.run_id, False)
    [run] = runs_of(client, "2026-07-09", Kind.SCORE)
    assert logged_times(client, run) == {1}


@pytest.mark.fault
def test_a_server_that_is_killed_gets_each_run_once_when_it_is_back(tmp_path: Path) -> None:
    lake, scenario = Lake(str(tmp_path / "lake")), SCENARIO
    results = [score(WORTH, as_of="2026-07-10", horizon=n) for n in (7, 14, 30)]
    store(lake, *results)
    with no_server(tmp_path) as uri, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        patch.setenv("LIS_DATA", str(tmp_path))
        with mlflow_server(tmp_path, uri):
            assert log_scores(lake, scenario, results[:1])
        start = time.monotonic()
        assert log_scores(lake, scenario, results[1:2]) == []
        assert time.monotonic() - start < 15
        with pytest.raises(ServiceUnavailable, match="MLFLOW_TRACKING_URI"):
            log_spooled(lake, scenario)
        with mlflow_server(tmp_path, uri):
            assert log_scores(lake, scenario, results[2:])
            assert len(log_spooled(lake, scenario)) == 1
            client = MlflowClient(tracking_uri=uri)
            found = runs_of(client, "2026-07-10", Kind.SCORE)
            assert sorted(run.data.params["horizon"] for run in found) == ["14", "30", "7"]
            assert all(logged_times(client, run) == {1} for run in found)
    assert waiting(lake) == []


@contextmanager
def mlflow_server(folder: Path, uri: str) -> Iterator[None]:
    """A server of MLflow, which is killed at the end."""
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    options = ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--serve-artifacts"]
    options += ["--artifacts-destination", str(folder / "artifacts")]
    options += ["--host", "127.0.0.1", "--port", uri.rpartition(":")[2]]
    process = subprocess.Popen([*command, *options], start_new_session=True, cwd=folder)
    try:
        wait_for(uri, process)
        yield
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def wait_for(uri: str, process: subprocess.Popen[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        for _ in range(120):
            assert process.poll() is None
            try:
                MlflowClient(tracking_uri=uri).search_experiments(max_results=1)
            except Exception:
                time.sleep(0.5)
            else:
                return
    raise AssertionError("the server has not come up")

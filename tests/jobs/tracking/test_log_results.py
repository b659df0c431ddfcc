"""Contract of jobs.tracking.log_results, on a real SQLite store."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from jobs.common.errors import AuditError
from jobs.evaluation.verdict.many_looks import corrected_for_looks
from jobs.lake import Lake
from jobs.scenarios.worth import Worth
from jobs.tracking.log_results import log_results, log_single_results
from jobs.tracking.run_notes import parent_note
from jobs.tracking.runs import KEY, PARENT, open_run
from jobs.tracking.store import experiment, prepare_store, store_lock
from tests.jobs.tracking.sample_results import SCENARIO, changed, make_result, publish_predictions

DAY = date(2026, 2, 1)

LOG_ONE = """
import sys
from jobs.lake import Lake
from jobs.tracking.log_results import log_results
from tests.jobs.tracking.sample_results import SCENARIO, make_result
log_results(Lake.from_environment(), SCENARIO, [
    make_result(horizon=int(sys.argv[1]), as_of="2026-03-05", leak_digest=sys.argv[1] * 64)
])
"""
DIES_AT_ITS_FILES = """
import os
from mlflow import MlflowClient
MlflowClient.log_artifacts = lambda *given: os._exit(9)
"""


@pytest.fixture(scope="module")
def lake(empty_lake: Lake) -> Lake:
    publish_predictions(empty_lake, DAY, "baseline", seed=1)
    publish_predictions(empty_lake, DAY, "id_embedding-swap-7", seed=2)
    publish_predictions(empty_lake, DAY, "id_embedding-swap-8", seed=2, first_id=5)
    return empty_lake


def runs_of(client: MlflowClient, as_of: str) -> list[Run]:
    number = experiment(client, "lis/small_feed")
    return list(client.search_runs([number], f"params.as_of = '{as_of}'"))


def files_of(client: MlflowClient, run_id: str) -> set[str]:
    return {file.path for file in client.list_artifacts(run_id)}


def test_the_run_of_a_result_has_figures_note_inputs_and_plots_below_its_parent(
    client: MlflowClient, lake: Lake
) -> None:
    result = make_result()
    parent, score = log_results(lake, SCENARIO, [result], report_html="<p>all of it</p>")
    assert score.parent_run_id == parent.run_id
    assert score.name == "id_embedding · n=7 · swap · 2026-02-01"
    run = client.get_run(score.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["data_digest"] == "d" * 64
    assert run.data.metrics["lis"] == 0.015
    assert next(iter(run.data.metrics)) == "lis"
    assert run.info.run_name == score.name
    assert score.url.endswith(f"/runs/{score.run_id}?workflowType=machine_learning")
    assert "rows_needed" not in run.data.metrics
    assert run.data.tags[PARENT] == parent.run_id
    assert run.data.tags["lis.verdict"] == "worth aligning"
    note = run.data.tags["mlflow.note.content"]
    assert "Worth aligning: leaking the item-ID embeddings" in note
    assert "+0.0110 to +0.0190" in note
    assert "days before 2026-02-08" in note
    assert files_of(client, score.run_id) == {"result.json", "roc.png"}
    inputs = {i.dataset.name: i.dataset.digest for i in run.inputs.dataset_inputs}
    assert inputs["impressions"] == "d" * 36
    assert inputs["leaked id_embedding"] == "e" * 36
    assert set(inputs) >= {"predictions baseline", "predictions id_embedding-swap-7"}

    top = client.get_run(parent.run_id)
    assert top.info.status == "FINISHED"
    assert top.data.metrics["lis/id_embedding-swap-7"] == 0.015
    assert files_of(client, parent.run_id) == {
        "results.json",
        "lis_by_horizon.png",
        "report.html",
    }
    stored = Path(client.download_artifacts(parent.run_id, "report.html")).read_text()
    assert stored == "<p>all of it</p>"


def test_a_retrain_result_has_gains_and_its_own_baseline(client: MlflowClient, lake: Lake) -> None:
    publish_predictions(lake, DAY, "id_embedding-retrain-7", seed=3)
    gains = {
        f"{gain}{end}": 0.001 * number
        for number, gain in enumerate(("unleaked_gain", "leak_gain", "placebo"), start=1)
        for end in ("", "_ci_low", "_ci_high")
    }
    result = make_result(mode="retrain", seeds=3, seed_sd=0.0004, fit_days=28, **gains)
    _, score = log_results(lake, SCENARIO, [result])
    run = client.get_run(score.run_id)
    assert score.name == "id_embedding · n=7 · retrain · 2026-02-01"
    assert {name: run.data.metrics[name] for name in gains} == gains
    assert run.data.metrics["seed_sd"] == 0.0004
    assert run.data.params["fit_days"] == "28"
    assert run.data.params["eval_rows_seen"] == "no"
    assert "the placebo gains +0.0030" in run.data.tags["mlflow.note.content"]
    # The swapped ranker's baseline is another one, and must not be drawn beside it.
    assert files_of(client, score.run_id) == {"result.json"}
    publish_predictions(lake, DAY, "id_embedding-retrain-7-baseline", seed=4)
    _, again = log_results(lake, SCENARIO, [changed(result, seconds=2.5)])
    assert files_of(client, again.run_id) == {"result.json", "roc.png"}


def test_the_note_of_very_many_results_fits_into_a_tag(client: MlflowClient) -> None:
    results = [
        make_result(
            as_of="2026-03-09",
            preference=f"a_kind_with_a_long_name_{kind}",
            mode=mode,
            horizon=n,
            eval_rows_seen="unknown",
            leak_digest=f"{kind}{mode}{n}",
        )
        for kind in range(6)
        for mode in ("swap", "retrain")
        for n in (7, 30)
    ]
    note = parent_note(SCENARIO, results)
    run_id = client.create_run(experiment(client, "lis/notes")).info.run_id
    client.set_tag(run_id, "mlflow.note.content", note)
    assert client.get_run(run_id).data.tags["mlflow.note.content"] == note
    assert "Worth aligning: 24 of 24 results" in note
    assert note.endswith("no evidence against the data.")


def test_the_longest_sentences_fit_into_a_tag() -> None:
    worth = Worth(auc_point=1_234_567, alignment=1_234_567, unit="hours of a cluster")
    scenario = SCENARIO.model_copy(update={"worth": worth})
    gains = {
        f"{gain}{end}": value
        for gain in ("unleaked_gain", "leak_gain", "placebo")
        for end, value in (("", 0.012), ("_ci_low", 0.011), ("_ci_high", 0.013))
    }
    results = [
        make_result(
            as_of="2026-03-11",
            preference=f"a_kind_with_a_long_name_{kind}",
            mode="retrain",
            eval_rows_seen="yes",
            **gains,
        )
        for kind in range(6)
    ]
    assert len(parent_note(scenario, results)) < 8_000
    assert "more in the table" in parent_note(scenario, results)


def test_a_run_has_the_verdict_that_holds_together_and_scoring_again_keeps_it(
    client: MlflowClient, lake: Lake
) -> None:
    alone = [
        make_result(as_of="2026-03-12", horizon=n, leak_digest=f"{n}", verdict_p_value=p)
        for n, p in ((7, 0.03), (30, 0.9))
    ]
    shown = corrected_for_looks(alone, SCENARIO.confidence)
    log_single_results(lake, SCENARIO, alone)
    parent, week, _ = log_results(lake, SCENARIO, shown)
    for run_id, tag in (
        (week.run_id, "lis.verdict"),
        (parent.run_id, "lis.verdict.id_embedding-swap-7"),
    ):
        assert client.get_run(run_id).data.tags[tag] == "inconclusive"
    run = client.get_run(week.run_id)
    assert run.data.tags["lis.looks"] == "2"
    assert all(
        len(client.get_metric_history(run.info.run_id, name)) == 1 for name in run.data.metrics
    )
    assert "after correction for 2 looks" in run.data.tags["lis.verdict_reason"]
    assert "after correction for 2 looks" in run.data.tags["mlflow.note.content"]
    assert not any(one.written for one in log_single_results(lake, SCENARIO, alone))
    assert not any(one.written for one in log_results(lake, SCENARIO, shown))


def test_logging_the_same_again_changes_nothing(client: MlflowClient, lake: Lake) -> None:
    results = [make_result(as_of="2026-03-01", horizon=n) for n in (7, 30)]
    first = log_results(lake, SCENARIO, results, "<p></p>")
    before = {run.info.run_id: run.to_dictionary() for run in runs_of(client, "2026-03-01")}
    again = log_results(lake, SCENARIO, results, "<p></p>")
    assert all(run.written for run in first)
    assert not any(run.written for run in again)
    assert [run.run_id for run in again] == [run.run_id for run in first]
    after = {run.info.run_id: run.to_dictionary() for run in runs_of(client, "2026-03-01")}
    assert after == before
    assert len(client.get_metric_history(first[1].run_id, "lis")) == 1


def test_a_horizon_that_becomes_due_later_joins_the_run_of_its_date(
    client: MlflowClient, lake: Lake
) -> None:
    week = log_results(lake, SCENARIO, [make_result(as_of="2026-03-02")])
    month = log_results(
        lake, SCENARIO, [make_result(as_of="2026-03-02", horizon=30, leak_digest="f" * 64)]
    )
    assert month[0].run_id == week[0].run_id
    assert month[0].written
    path = client.download_artifacts(month[0].run_id, "results.json")
    assert [item["horizon"] for item in json.loads(Path(path).read_text())] == [7, 30]
    note = client.get_run(month[0].run_id).data.tags["mlflow.note.content"]
    assert "7 days later" in note
    assert "30 days later" in note


def test_a_parent_stays_open_until_its_results_are_summarised(
    client: MlflowClient, lake: Lake
) -> None:
    results = [make_result(as_of="2026-03-10")]
    (alone,) = log_single_results(lake, SCENARIO, results)
    assert alone.parent_run_id is not None
    assert client.get_run(alone.run_id).info.status == "FINISHED"
    assert client.get_run(alone.parent_run_id).info.status == "RUNNING"
    parent, score = log_results(lake, SCENARIO, results, "<p></p>")
    assert (parent.run_id, score.run_id) == (alone.parent_run_id, alone.run_id)
    assert (parent.written, score.written) == (True, False)
    assert client.get_run(parent.run_id).info.status == "FINISHED"
    # Scored again, nothing is opened anew.
    assert not any(run.written for run in log_single_results(lake, SCENARIO, results))
    assert client.get_run(parent.run_id).info.status == "FINISHED"


def test_recomputed_figures_of_the_same_identity_replace_the_old(
    client: MlflowClient, lake: Lake
) -> None:
    result = make_result(as_of="2026-03-03", verdict="inconclusive", rows_needed=10)
    _, first = log_results(lake, SCENARIO, [result])
    newer = changed(result, lis=0.02, verdict="worth aligning", rows_needed=None)
    parent, second = log_results(lake, SCENARIO, [newer])
    assert second.run_id == first.run_id
    run = client.get_run(second.run_id)
    assert run.data.metrics["lis"] == 0.02
    assert math.isnan(run.data.metrics["rows_needed"])
    assert run.data.tags["lis.verdict"] == "worth aligning"
    assert len(client.get_metric_history(second.run_id, "lis_seen")) == 1
    assert client.get_run(parent.run_id).data.metrics["lis/id_embedding-swap-7"] == 0.02


def test_a_run_of_an_earlier_version_is_completed_and_renamed(
    client: MlflowClient, lake: Lake
) -> None:
    result = make_result(as_of="2026-03-13")
    parent, score = log_results(lake, SCENARIO, [result])
    for run, name in ((parent, "2026-03-13 · ranker-1"), (score, "2026-03-13 · id_embedding")):
        client.update_run(run.run_id, name=name)
        client.set_tag(run.run_id, "lis.content", "as of version 0.1")
        client.delete_tag(run.run_id, "mlflow.source.name")
    again = log_results(lake, SCENARIO, [result])
    assert [run.run_id for run in again] == [parent.run_id, score.run_id]
    for run in (client.get_run(one.run_id) for one in again):
        assert run.data.tags["mlflow.source.name"] == "lis"
        assert all(
            len(client.get_metric_history(run.info.run_id, name)) == 1 for name in run.data.metrics
        )
    names = {client.get_run(run.run_id).info.run_name for run in again}
    assert names == {"2026-03-13 · swap · ranker-1", "id_embedding · n=7 · swap · 2026-03-13"}


@pytest.mark.parametrize(
    ("field", "value", "own_parent"),
    [
        ("ranker_version", "ranker-2", True),
        ("data_digest", "0" * 64, True),
        ("leak_digest", "0" * 64, False),
        ("mode", "retrain", False),
        ("seeds", 3, False),
        ("threshold", 0.002, False),
    ],
)
def test_another_identity_is_another_run(
    client: MlflowClient, lake: Lake, field: str, value: object, own_parent: bool
) -> None:
    result = make_result(as_of="2026-03-04")
    before = log_results(lake, SCENARIO, [result])
    after = log_results(lake, SCENARIO, [changed(result, **{field: value})])
    assert after[1].run_id != before[1].run_id
    assert (after[0].run_id != before[0].run_id) == own_parent


def test_a_pooled_result_has_its_own_parent_and_no_roc(client: MlflowClient, lake: Lake) -> None:
    pooled = make_result(as_of="2026-02-01:2026-02-03", dates=3)
    parent, score = log_results(lake, SCENARIO, [pooled])
    assert parent.name.startswith("2026-02-01:2026-02-03")
    assert files_of(client, score.run_id) == {"result.json"}


def test_a_result_without_figures_is_logged_without_them(client: MlflowClient, lake: Lake) -> None:
    nothing = make_result(
        as_of="2026-03-06",
        verdict="inconclusive",
        **dict.fromkeys(("lis", "lis_ci_low", "lis_ci_high", "lis_seen", "p_value"), math.nan),
    )
    _, score = log_results(lake, SCENARIO, [nothing])
    assert "lis" not in client.get_run(score.run_id).data.metrics
    assert client.get_run(score.run_id).data.metrics["rows"] == 20_000


def test_predictions_on_different_rows_are_refused_and_leave_no_twin(
    client: MlflowClient, lake: Lake
) -> None:
    with pytest.raises(AuditError, match="not on the same rows"):
        log_results(lake, SCENARIO, [make_result(horizon=8)])


def test_names_cannot_become_markup_or_filter(client: MlflowClient, lake: Lake) -> None:
    odd = make_result(as_of="2026-03-07", preference="my 'own' | <b>data</b>")
    first = log_results(lake, SCENARIO, [odd])
    again = log_results(lake, SCENARIO, [odd])
    assert [run.run_id for run in again] == [run.run_id for run in first]
    note = client.get_run(first[1].run_id).data.tags["mlflow.note.content"]
    assert "<b>" not in note
    assert "\\| &lt;b&gt;" in note


@pytest.mark.fault
def test_processes_that_meet_an_empty_store_at_once_share_one_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIS_DATA", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("LIS_LAKE", raising=False)
    processes = [
        subprocess.Popen([sys.executable, "-c", LOG_ONE, n], stderr=subprocess.PIPE)
        for n in ("3", "7", "7")
    ]
    errors = [process.communicate()[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert [path.name for path in (tmp_path / "mlflow").glob("mlflow.db*")] == ["mlflow.db"]
    with sqlite3.connect(tmp_path / "mlflow" / "mlflow.db") as database:
        names = database.execute("select name from experiments order by name").fetchall()
    assert names == [("Default",), ("lis/small_feed",)]
    client = prepare_store()
    runs = runs_of(client, "2026-03-05")
    parents = [run for run in runs if run.data.tags["lis.kind"] == "run"]
    assert len(parents) == 1
    assert {run.info.status for run in runs} == {"FINISHED"}
    below = [run for run in runs if run.data.tags.get(PARENT) == parents[0].info.run_id]
    assert len(below) == len(runs) - 1 == 3
    scores = [run for run in below if run.data.tags["lis.kind"] == "score"]
    assert sorted(run.data.params["horizon"] for run in scores) == ["3", "7"]
    assert all(len(client.get_metric_history(r.info.run_id, "lis")) == 1 for r in scores)
    assert {key for key in parents[0].data.metrics if key.startswith("lis/")} == {
        "lis/id_embedding-swap-3",
        "lis/id_embedding-swap-7",
    }


@pytest.mark.fault
def test_a_killed_log_is_completed_by_the_next(client: MlflowClient, lake: Lake) -> None:
    script = DIES_AT_ITS_FILES + LOG_ONE.replace("2026-03-05", "2026-03-08")
    killed = subprocess.run([sys.executable, "-c", script, "7"], env=os.environ, check=False)
    assert killed.returncode == 9
    (left,) = runs_of(client, "2026-03-08")
    assert left.info.status == "RUNNING"

    result = make_result(horizon=7, as_of="2026-03-08", leak_digest="7" * 64)
    parent, score = log_results(lake, SCENARIO, [result])
    assert score.run_id == left.info.run_id
    assert left.data.tags[PARENT] == parent.run_id
    assert len(runs_of(client, "2026-03-08")) == 2
    assert client.get_run(score.run_id).info.status == "FINISHED"
    assert files_of(client, score.run_id) == {"result.json"}
    assert len(client.get_metric_history(score.run_id, "lis")) == 1


def test_twins_made_by_another_machine_become_one(client: MlflowClient) -> None:
    number = experiment(client, "lis/small_feed")
    oldest = client.create_run(number, start_time=1, tags={KEY: "twins"})
    client.create_run(number, start_time=2, tags={KEY: "twins"})
    with store_lock():
        kept = open_run(client, number, "twins", "any", {})
    assert kept.info.run_id == oldest.info.run_id
    assert len(client.search_runs([number], f"tags.`{KEY}` = 'twins'")) == 1

"""Decisions of the gate in a real MLflow store, and the command that takes them."""

from __future__ import annotations

from datetime import date

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from jobs.cli.main import main
from jobs.common.outcome import ExitCode
from jobs.gate.decide import gate_decision
from jobs.lake import Lake
from jobs.lake.addresses import gate_partition
from jobs.tracking.log_gate import log_decision
from jobs.tracking.log_results import log_results
from jobs.tracking.runs import KIND, NOTE, PARENT, Kind
from jobs.tracking.store import experiment
from tests.jobs.gate.stored_scores import OPEN, WORTH, score, store
from tests.jobs.tracking.sample_results import SCENARIO


def below(client: MlflowClient, parent_id: str) -> list[Run]:
    number = experiment(client, "lis/small_feed")
    return list(client.search_runs([number], f"tags.`{PARENT}` = '{parent_id}'"))


def of_kind(runs: list[Run], kind: Kind) -> list[Run]:
    return [run for run in runs if run.data.tags.get(KIND) == kind]


def test_a_decision_is_logged_once_below_the_run_that_it_rests_on(
    client: MlflowClient, empty_lake: Lake
) -> None:
    result = score(OPEN, as_of="2026-04-01")
    store(empty_lake, result)
    parent, scored = log_results(empty_lake, SCENARIO, [result])
    day = date(2026, 4, 1)
    refused = gate_decision(empty_lake, SCENARIO, "id_embedding", day)
    forced = gate_decision(empty_lake, SCENARIO, "id_embedding", day, "a <b>cheap</b> try")
    logged = [log_decision(empty_lake, SCENARIO, one) for one in (refused, forced, refused)]
    assert [one is not None and one.written for one in logged] == [True, True, False]
    found = of_kind(below(client, parent.run_id), Kind.GATE)
    assert {run.info.run_id for run in found} == {one.run_id for one in logged if one}
    by_decision = {run.data.params["decision"]: run for run in found}
    assert set(by_decision) == {"refused", "forced"}
    run = by_decision["forced"]
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "gate forced · id_embedding · 2026-04-01"
    assert run.data.metrics["lis"] == OPEN
    assert run.data.tags["lis.forced_because"] == "a <b>cheap</b> try"
    assert run.data.tags["lis.score_run"] == scored.run_id
    assert "Forced because: a &lt;b&gt;cheap" in run.data.tags[NOTE]
    # The run of the date has its scores alone as results.
    again, *_ = log_results(empty_lake, SCENARIO, [result])
    assert (again.run_id, again.written) == (parent.run_id, False)


def test_a_result_that_was_not_logged_is_logged_with_the_decision(
    client: MlflowClient, empty_lake: Lake
) -> None:
    store(empty_lake, score(WORTH, as_of="2026-04-02"))
    decision = gate_decision(empty_lake, SCENARIO, "id_embedding", date(2026, 4, 2))
    logged = log_decision(empty_lake, SCENARIO, decision)
    assert logged is not None
    assert logged.parent_run_id is not None
    found = below(client, logged.parent_run_id)
    assert len(of_kind(found, Kind.SCORE)) == len(of_kind(found, Kind.GATE)) == 1


def test_without_a_result_there_is_no_run(client: MlflowClient, empty_lake: Lake) -> None:
    decision = gate_decision(empty_lake, SCENARIO, "next_click", date(2026, 4, 3))
    assert log_decision(empty_lake, SCENARIO, decision) is None


def test_the_command_prints_the_decision_and_its_ground_or_ends_with_one_line(
    client: MlflowClient,
    empty_lake: Lake,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path_factory.mktemp("gate") / "small_feed.yaml"
    path.write_text("source: {reader: simulated}\ntitle: Small feed\n")
    store(empty_lake, score(WORTH, as_of="2026-04-05"))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["gate", "--scenario", str(path), *arguments])
        return code, *capsys.readouterr()

    day = ("--as-of", "2026-04-05")
    code, out, err = run(*day, "--preference", "id_embedding")
    assert code == ExitCode.DONE
    assert out.startswith("id_embedding as of 2026-04-05: passed: LIS +0.0150 (+")
    assert "MLflow: http" in err

    code, out, err = run(*day, "--preference", "id_embedding,next_click,similar_items")
    assert (code, out) == (ExitCode.BAD_INPUT, "")
    last = err.splitlines()[-1]
    assert last.startswith("error: the gate is closed: next_click: no LIS of it is stored")
    assert "similar_items: no LIS" in last
    assert f"run lis lis --scenario {path} --as-of 2026-04-05 --preference similar_items" in last
    assert empty_lake.is_published(gate_partition(SCENARIO, "next_click", date(2026, 4, 5)))

    code, out, err = run(*day, "--preference", "next_click", "--force", "it is new")
    assert code == ExitCode.DONE
    assert out.startswith("next_click as of 2026-04-05: forced because it is new: no LIS")

    code, out, err = run(*day, "--preference", "next_click", "--force", " ")
    assert code == ExitCode.BAD_INPUT
    assert err.startswith("error: force: the reason is blank")
    code, out, err = run(*day, "--preference", "id_embeding")
    assert code == ExitCode.BAD_INPUT
    assert "did you mean 'id_embedding'?" in err

"""AUC Improvement Scores in a real MLflow store."""

from __future__ import annotations

from mlflow import MlflowClient

from jobs.lake import Lake, Partition
from jobs.tracking.log_ais import log_ais
from jobs.tracking.log_results import log_results
from jobs.tracking.runs import KIND, NOTE, PARENT, Kind
from tests.jobs.ais.sample_improvements import make_improvement
from tests.jobs.tracking.sample_results import SCENARIO, make_result

AS_OF = "2026-05-01"


def test_an_improvement_is_logged_once_below_the_scores_of_its_date(
    client: MlflowClient, empty_lake: Lake
) -> None:
    result = make_improvement(as_of=AS_OF)
    keys = (
        ("ranker", result.ranker_version),
        ("preference", result.preference),
        ("encoder", result.encoder),
    )
    partition = Partition("encoders", result.scenario, result.aligned_day, keys)
    with empty_lake.attempt([partition]) as attempt:
        attempt.write_bytes("alignment.json", b"{}")
        epochs = [{"epoch": 0, "recall_mean": 0.1}, {"epoch": 1, "recall_mean": 0.2, "loss": 3.0}]
        attempt.publish(partition, inputs={}, facts={"by_epoch": epochs})
    bound = make_result(as_of=AS_OF, mode="probe")
    parent, _ = log_results(empty_lake, SCENARIO, [bound])
    [logged] = log_ais(empty_lake, SCENARIO, [result])
    assert logged.parent_run_id == parent.run_id
    run = client.get_run(logged.run_id)
    assert run.data.tags[PARENT] == parent.run_id
    assert run.data.tags[KIND] == Kind.AIS
    assert run.data.metrics["ais"] == result.ais
    assert run.data.metrics["realised"] == result.realised
    assert run.data.tags["lis.diagnosis"] == "realised"
    assert "+0.0110" in run.data.tags[NOTE]
    history = client.get_metric_history(logged.run_id, "recall_mean")
    assert [(point.step, point.value) for point in history] == [(0, 0.1), (1, 0.2)]
    [again] = log_ais(empty_lake, SCENARIO, [result])
    assert (again.run_id, again.written) == (logged.run_id, False)


def test_each_head_has_a_run_of_its_own(client: MlflowClient, empty_lake: Lake) -> None:
    both = [make_improvement(as_of="2026-05-03", head=head) for head in ("raw", "codes")]
    raw, codes = log_ais(empty_lake, SCENARIO, both)
    assert raw.run_id != codes.run_id
    assert client.get_run(codes.run_id).data.params["head"] == "codes"
    assert "probe, codes" in codes.name
    assert [one.run_id for one in log_ais(empty_lake, SCENARIO, both)] == [raw.run_id, codes.run_id]


def test_without_scores_of_the_date_its_run_is_finished_too(
    client: MlflowClient, empty_lake: Lake
) -> None:
    [logged] = log_ais(empty_lake, SCENARIO, [make_improvement(as_of="2026-05-02")])
    assert logged.parent_run_id is not None
    assert client.get_run(logged.parent_run_id).info.status == "FINISHED"

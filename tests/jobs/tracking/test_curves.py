"""Contract of jobs.tracking.curves: what MLflow draws over horizons and days."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities import Run

from jobs.evaluation.result import LisResult
from jobs.lake import Lake
from jobs.tracking.curves import log_by_day
from jobs.tracking.experiment_page import open_experiment
from jobs.tracking.log_results import log_results
from jobs.tracking.store import store_lock
from tests.jobs.tracking.sample_results import SCENARIO, make_result

ABOUT = SCENARIO.model_copy(update={"name": "curves"})


def result(as_of: str, horizon: int, lis: float) -> LisResult:
    return make_result(
        scenario="curves", as_of=as_of, horizon=horizon, lis=lis, leak_digest=f"{as_of}{horizon}"
    )


def add_day(client: MlflowClient, one: LisResult) -> None:
    number = open_experiment(client, ABOUT)
    with store_lock():
        log_by_day(client, number, [one])


def curves(client: MlflowClient, kind: str) -> list[Run]:
    number = open_experiment(client, ABOUT)
    return list(client.search_runs([number], f"tags.`lis.kind` = '{kind}'"))


def points(client: MlflowClient, run: Run, metric: str = "lis") -> dict[int, float]:
    held = client.get_metric_history(run.info.run_id, metric)
    assert len({one.step for one in held}) == len(held)
    return {one.step: one.value for one in held}


def test_a_date_has_a_curve_over_its_horizons_and_a_late_one_joins_it(
    client: MlflowClient, empty_lake: Lake
) -> None:
    day = "2026-04-01"
    parent, *_ = log_results(empty_lake, ABOUT, [result(day, 7, 0.01)])
    assert not curves(client, "by horizon")
    log_results(empty_lake, ABOUT, [result(day, 30, 0.03), result(day, 0, 0.0)])
    (curve,) = curves(client, "by horizon")
    assert curve.info.run_name == "id_embedding · swap · 2026-04-01 · by horizon"
    assert curve.info.status == "FINISHED"
    assert curve.data.tags["mlflow.parentRunId"] == parent.run_id
    assert next(iter(curve.data.metrics)) == "lis"
    assert points(client, curve) == {0: 0.0, 7: 0.01, 30: 0.03}
    assert points(client, curve, "lis_ci_low") == dict.fromkeys((0, 7, 30), 0.011)


def test_each_day_adds_its_point_once(client: MlflowClient) -> None:
    def of_five(run: Run) -> bool:
        return run.data.params["horizon"] == "5"

    for day, lis in (("2026-05-02", 0.02), ("2026-05-01", 0.01), ("2026-05-02", 0.02)):
        add_day(client, result(day, 5, lis))
    (curve,) = filter(of_five, curves(client, "by day"))
    assert curve.info.run_name == "id_embedding · n=5 · swap · by day"
    may = datetime(2026, 5, 1, tzinfo=UTC)
    first = int(may.timestamp()) // 86_400
    assert points(client, curve) == {first: 0.01, first + 1: 0.02}
    history = client.get_metric_history(curve.info.run_id, "lis")
    assert min(one.timestamp for one in history) == may.timestamp() * 1000
    # What a list of runs shows is the newest day, whichever came last.
    assert curve.data.metrics["lis"] == 0.02
    before = curve.to_dictionary()
    add_day(client, result("2026-05-01", 5, 0.01))
    (again,) = filter(of_five, curves(client, "by day"))
    assert again.to_dictionary() == before


def test_a_value_computed_again_replaces_its_point_and_no_other(client: MlflowClient) -> None:
    for day, lis in (("2026-06-01", 0.01), ("2026-06-02", 0.02), ("2026-06-01", 0.05)):
        add_day(client, result(day, 6, lis))
    (curve,) = (run for run in curves(client, "by day") if run.data.params["horizon"] == "6")
    assert sorted(points(client, curve).values()) == [0.02, 0.05]


def test_days_that_are_pooled_are_points_and_not_runs(
    client: MlflowClient, empty_lake: Lake
) -> None:
    single = [result(f"2026-07-0{day}", 9, day / 100) for day in (1, 2)]
    logged = log_results(
        empty_lake, ABOUT, [result("2026-07-01:2026-07-02", 9, 0.015)], None, single
    )
    assert len(logged) == 2
    (curve,) = (run for run in curves(client, "by day") if run.data.params["horizon"] == "9")
    assert sorted(points(client, curve).values()) == [0.01, 0.02]


def test_a_missing_value_is_no_point(client: MlflowClient) -> None:
    add_day(client, result("2026-08-01", 11, math.nan))
    (curve,) = (run for run in curves(client, "by day") if run.data.params["horizon"] == "11")
    assert "lis" not in curve.data.metrics
    assert curve.data.metrics["auc_baseline"] == 0.7

"""Popularity and the logistic regression on a log whose statistics come from a plain loop."""

from __future__ import annotations

import logging
import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jobs.common.errors import InputError
from jobs.evaluation.predictions import predictions_partition
from jobs.lake import Lake, Partition, schemas
from jobs.lis import simple_models
from jobs.lis.simple_models import (
    LOGISTIC,
    POPULARITY,
    SCORED_FOLDS,
    CountedRows,
    LogisticModel,
    SimpleModels,
    counted_rows,
)
from jobs.ranker.rows.read_day import SEEN_ROWS, read_day
from jobs.ranker.rows.statistics import dense_statistics
from jobs.scenarios import Scenario
from tests.jobs.counted_log import DAYS, FIELDS, FIRST, counted, make_log, make_scenario, publish

SCENARIO = make_scenario()
LOG = make_log()
STATISTICS = counted(LOG)
T = DAYS[-2]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    publish(lake, SCENARIO, LOG, STATISTICS)
    return lake


def scored_rows(lake: Lake, day: date) -> list[int]:
    chunks = read_day(lake, SCENARIO, day, SCORED_FOLDS, SEEN_ROWS)
    return [number for chunk in chunks for number in chunk.impressions["impression_id"].to_pylist()]


def test_popularity_is_the_rate_of_the_log_item_and_context(lake: Lake) -> None:
    scores = SimpleModels(lake, SCENARIO).scores(T)[POPULARITY]
    by_id = {row["impression_id"]: row for row in STATISTICS}
    rows = [by_id[number] for number in scored_rows(lake, T)]
    assert len(rows) == len(scores) > 30
    for row, score in zip(rows, scores, strict=True):
        rate = (row["clicks_ever"] + 1) / (row["impressions_ever"] + 2)
        prior = 2 / (rate * (1 - rate))
        log_odds = math.log(rate / (1 - rate))
        total = log_odds
        for field in ("item_id", "place"):
            clicks = row[f"{field}_clicks_28d"] + prior * rate
            others = row[f"{field}_impressions_28d"] - row[f"{field}_clicks_28d"]
            total += math.log(clicks / (others + prior * (1 - rate))) - log_odds
        assert score == pytest.approx(1 / (1 + math.exp(-total)), rel=1e-6)


def test_the_regression_is_that_of_scikit_learn_on_the_lineage_rows_before(lake: Lake) -> None:
    scores = SimpleModels(lake, SCENARIO).scores(T)[LOGISTIC]
    schema = schemas.statistics(SCENARIO)
    before = [
        number
        for number, row in enumerate(LOG)
        if row["ts"].date() < T and row["fold"] == "lineage"
    ]
    wanted = set(scored_rows(lake, T))
    scored = [number for number, row in enumerate(LOG) if row["impression_id"] in wanted]
    fit, score = (
        dense_statistics(
            pa.RecordBatch.from_pylist([STATISTICS[number] for number in numbers], schema), FIELDS
        ).astype(np.float64)
        for numbers in (before, scored)
    )
    reference = make_pipeline(
        StandardScaler(), LogisticRegression(solver="lbfgs", tol=1e-10, max_iter=10_000)
    )
    reference.fit(fit, [LOG[number]["label"] for number in before])
    np.testing.assert_allclose(scores, reference.predict_proba(score)[:, 1], atol=2e-5)


def test_only_labels_of_the_lineage_before_the_day_count(lake: Lake, tmp_path: Path) -> None:
    flipped = [
        {**row, "label": 1 - row["label"]}
        if row["fold"] != "lineage" or row["ts"].date() >= T
        else row
        for row in LOG
    ]
    other = Lake(str(tmp_path / "flipped"))
    publish(other, SCENARIO, flipped, STATISTICS)
    ours, theirs = SimpleModels(lake, SCENARIO).scores(T), SimpleModels(other, SCENARIO).scores(T)
    for name in (POPULARITY, LOGISTIC):
        assert ours[name].tobytes() == theirs[name].tobytes()


def test_a_lineage_label_before_the_day_counts(lake: Lake, tmp_path: Path) -> None:
    flipped = [
        {**row, "label": 1 - row["label"]} if row["ts"].date() == DAYS[2] else row for row in LOG
    ]
    other = Lake(str(tmp_path / "flipped"))
    publish(other, SCENARIO, flipped, counted(flipped))
    ours, theirs = SimpleModels(lake, SCENARIO).scores(T), SimpleModels(other, SCENARIO).scores(T)
    for name in (POPULARITY, LOGISTIC):
        assert not np.allclose(ours[name], theirs[name])


def files_below(lake: Lake) -> dict[Path, tuple[bytes, int]]:
    files = Path(lake.storage.absolute("predictions")).rglob("*")
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files if path.is_file()}


def test_stored_scores_are_read_back(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = SimpleModels(lake, SCENARIO).scores(T)
    before = files_below(lake)
    monkeypatch.setattr(simple_models, "read_day", None)
    again = SimpleModels(lake, SCENARIO).scores(T)
    assert files_below(lake) == before
    assert [again[name].tobytes() for name in ours] == [ours[name].tobytes() for name in ours]


def test_the_same_log_gives_the_same_bytes(lake: Lake) -> None:
    SimpleModels(lake, SCENARIO).scores(T)
    before = files_below(lake)
    for name in (POPULARITY, LOGISTIC):
        lake.storage.remove(predictions_partition(SCENARIO, T, name).path)
    # A window that has moved forward has read its days one at a time.
    models = SimpleModels(lake, SCENARIO)
    for day in DAYS[3 : DAYS.index(T) + 1]:
        models.scores(day)
    after = files_below(lake)
    assert {path: after[path][0] for path in before} == {
        path: content for path, (content, _) in before.items()
    }


def test_scores_are_made_again_where_a_past_day_has_changed(lake: Lake) -> None:
    before = SimpleModels(lake, SCENARIO).scores(T)[LOGISTIC]
    changed = [{**row, "label": int(row["item_id"] > 3)} for row in LOG]
    earlier = [row["ts"].date() == DAYS[4] for row in LOG]
    publish(
        lake,
        SCENARIO,
        [row for row, chosen in zip(changed, earlier, strict=True) if chosen],
        [row for row, chosen in zip(STATISTICS, earlier, strict=True) if chosen],
    )
    assert not np.allclose(SimpleModels(lake, SCENARIO).scores(T)[LOGISTIC], before)


def test_each_past_day_is_read_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[date] = []

    def count(lake: Lake, scenario: Scenario, day: date) -> CountedRows:
        read.append(day)
        return counted_rows(lake, scenario, day)

    monkeypatch.setattr(simple_models, "counted_rows", count)
    models = SimpleModels(lake, SCENARIO)
    for day in DAYS:
        models.scores(day)
    assert sorted(read) == DAYS[:-1]


def test_a_week_is_enough_where_days_are_long(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SimpleModels(lake, SCENARIO).training_days(T) == DAYS[:-2]
    monkeypatch.setattr(simple_models, "MOST_ROWS", 70)
    assert SimpleModels(lake, SCENARIO).training_days(T) == DAYS[3:-2]
    monkeypatch.setattr(simple_models, "MOST_DAYS", 2)
    assert SimpleModels(lake, SCENARIO).training_days(T) == DAYS[8:-2]


def test_a_long_day_is_sampled_stably(lake: Lake) -> None:
    everything = counted_rows(lake, SCENARIO, T)
    once, again = (counted_rows(lake, SCENARIO, T, 20) for _ in range(2))
    assert 5 < len(once.labels) < len(everything.labels)
    assert once.statistics.tobytes() == again.statistics.tobytes()
    rows = {row.tobytes() for row in everything.statistics}
    assert all(row.tobytes() in rows for row in once.statistics)


def test_the_first_day_has_no_rows_to_train_on(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "jobs"):
        scores = SimpleModels(lake, SCENARIO).scores(FIRST)[LOGISTIC]
    assert len(scores) == len(scored_rows(lake, FIRST))
    assert set(scores) == {0.5}
    assert "no training rows of both classes" in caplog.text


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_give_the_base_rate(label: int) -> None:
    rows = CountedRows(np.ones((4, 2), np.float32), np.full(4, label, np.int8))
    model = LogisticModel.fitted([rows])
    assert model.is_constant
    assert model.scores(np.zeros((3, 2), np.float32)).tolist() == [label] * 3


def test_a_day_without_rows_is_scored(lake: Lake) -> None:
    empty = DAYS[-1] + timedelta(days=1)
    for name in ("impressions", "history", "statistics"):
        schema: pa.Schema = getattr(schemas, name)(SCENARIO)
        partition = Partition(name, SCENARIO.name, empty)
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", schema.empty_table())
            attempt.publish(partition, inputs={}, schema=schema)
    assert all(len(values) == 0 for values in SimpleModels(lake, SCENARIO).scores(empty).values())


def test_a_day_without_statistics_names_the_command(lake: Lake) -> None:
    lake.storage.remove(Partition("statistics", SCENARIO.name, T).path)
    with pytest.raises(InputError, match=f"lis ingest .* --start {T} --end {T}"):
        SimpleModels(lake, SCENARIO).scores(T)


def test_scores_do_not_depend_on_what_the_ranker_reads(lake: Lake) -> None:
    ours = SimpleModels(lake, SCENARIO).scores(T)
    other = make_scenario(history_length=0, statistics=False)
    theirs = SimpleModels(lake, other).scores(T)
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)

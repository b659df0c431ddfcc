"""Fitted modes, from a log to results; one day of the feed is empty, one has a single user."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from jobs.cli.parser import build_parser
from jobs.common.day_range import DayRange
from jobs.common.errors import InputError
from jobs.evaluation.predictions import predictions_partition, variant_name
from jobs.evaluation.result import LisResult
from jobs.evaluation.result_store import result_partition
from jobs.ingest.click_history import build_history
from jobs.ingest.impression_statistics import build_statistics
from jobs.ingest.publish_log import ingest
from jobs.lake import Lake, Partition
from jobs.lake.addresses import feature_partition, ranker_version
from jobs.lis.fitted_modes import score_fitted
from jobs.lis.fitted_scorer import FittedMode
from jobs.lis.probe import Probe
from jobs.lis.retrain import Retrain
from jobs.preference import preference_kind
from jobs.preference.leak import Leak
from jobs.ranker.lineage import extend_lineage
from jobs.scenarios import Mode, Scenario
from jobs.snapshots.export import build_snapshots
from jobs.stages.assemble import assemble_features
from jobs.stages.request import DueScores, ScoreRequest, requested_kinds
from tests.jobs.feed import EMPTY_DAY, FEED_DAYS, LONELY_DAY, feed_scenario, write_feed
from tests.jobs.lis.stored import flip, rewrite, state, without_seconds

pytestmark = pytest.mark.usefixtures("spark")

AS_OFS = FEED_DAYS[3:7]
"""The first of them has no rows, and the third has those of one user."""

T = FEED_DAYS[4]
HORIZONS = (0, 2)
SEEDS = {"retrain": 2, "probe": 10}
VARIANTS = ("baseline", "known", "leaked", "placebo")
KINDS = ("id_embedding", "next_click", "content_vector")


def make_scenario(days: int = 4, **retrain: Any) -> Scenario:
    options = {"seeds": SEEDS["retrain"], "epochs": 2, "batch_size": 16, "rate": 0.02}
    ranker = {"embedding_dim": 4, "hidden_units": [8], "history_length": 3, "batch_size": 16}
    ranker |= {"dense_rate": 0.005, "precision": "fp32"}
    return feed_scenario(ranker=ranker, fit={"days": days}, retrain={**options, **retrain})


SCENARIO = make_scenario()


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of eight days with rankers, and with the tables of three kinds."""
    folder = tmp_path_factory.mktemp("retrain")
    write_feed(folder)
    lake = Lake(str(folder / "lake"))
    ingest(lake, SCENARIO, str(folder))
    build_history(lake, SCENARIO, FEED_DAYS[-1])
    build_statistics(lake, SCENARIO, FEED_DAYS[-1])
    extend_lineage(lake, SCENARIO, FEED_DAYS[-1], progress=False)
    build_snapshots(lake, SCENARIO, FEED_DAYS[-1])
    due = DueScores(DayRange(AS_OFS[0], AS_OFS[-1]), HORIZONS)
    kinds = requested_kinds(SCENARIO, KINDS, [Mode.RETRAIN, Mode.PROBE])
    assemble_features(lake, ScoreRequest(SCENARIO, due, kinds))
    return folder / "lake"


@pytest.fixture(scope="module", params=["retrain", "probe"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def scored(mode: str, assembled: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The assembled lake with all results. No test changes it."""
    folder = tmp_path_factory.mktemp("scored") / "lake"
    shutil.copytree(assembled, folder)
    lake = Lake(str(folder))
    for name in KINDS:
        score(mode, lake, name, AS_OFS, HORIZONS)
    return lake


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path | Lake], Lake]:
    """A copy of a lake, for a test to change."""

    def copy(of: Path | Lake) -> Lake:
        source = Path(of.storage.absolute("")) if isinstance(of, Lake) else of
        shutil.copytree(source, tmp_path / "lake")
        return Lake(str(tmp_path / "lake"))

    return copy


def score(
    mode: str,
    lake: Lake,
    name: str,
    as_ofs: Sequence[date],
    horizons: Sequence[int],
    scenario: Scenario = SCENARIO,
) -> list[LisResult]:
    modes: list[FittedMode] = [Retrain(scenario.retrain), Probe(scenario.fit.days)]
    [fitted_mode] = [one for one in modes if one.mode == mode]
    kinds = [preference_kind(name, scenario)]
    return score_fitted(lake, scenario, fitted_mode, kinds, as_ofs, horizons)


def partition_of(mode: str, name: str, day: date, horizon: int, variant: str) -> Partition:
    return predictions_partition(SCENARIO, day, variant_name(Leak(name, horizon), mode, variant))


def scores_of(
    mode: str, lake: Lake, name: str, day: date, horizon: int, variant: str
) -> NDArray[np.float64]:
    """Stored seed scores of a variant, (rows, seeds)."""
    lists = lake.read(partition_of(mode, name, day, horizon, variant))["seed_scores"].to_pylist()
    return np.array(lists).reshape(len(lists), SEEDS[mode])


def all_scores(mode: str, lake: Lake, name: str, day: date = T) -> dict[str, list[list[float]]]:
    return {
        f"{variant} {horizon}": scores_of(mode, lake, name, day, horizon, variant).tolist()
        for variant in VARIANTS
        for horizon in HORIZONS
    }


@pytest.mark.parametrize("name", KINDS)
def test_results_are_of_days_and_of_all_pooled(mode: str, scored: Lake, name: str) -> None:
    results = score(mode, scored, name, AS_OFS, HORIZONS)
    pooled = f"{AS_OFS[0]}:{AS_OFS[-1]}"
    expected = [(day.isoformat(), horizon) for day in AS_OFS for horizon in HORIZONS]
    expected += [(pooled, horizon) for horizon in HORIZONS]
    assert [(result.as_of, result.horizon) for result in results] == expected
    for result in results:
        assert (result.preference, result.mode, result.seeds) == (name, mode, SEEDS[mode])
        # Of the three kinds only next_click looks at a window of behaviour.
        lookback = SCENARIO.lookback_days if name == "next_click" else 0
        assert (result.fit_days, result.lookback_days) == (4, lookback)
        assert result.eval_rows_seen == "no"
    for result in results[-2:]:
        singles = [one for one in results[:-2] if one.horizon == result.horizon]
        assert result.rows == sum(one.rows for one in singles) > 0
        assert result.dates == sum(one.dates for one in singles)
        assert np.isfinite([result.lis, result.unleaked_gain, result.leak_gain]).all()
        assert np.isfinite([result.placebo, result.lis_seen]).all()


@pytest.mark.parametrize("name", KINDS)
def test_gains_are_differences_of_auc_on_held_out_rows(mode: str, scored: Lake, name: str) -> None:
    """The reference: the AUC of each seed from stored predictions, then their mean."""
    results = score(mode, scored, name, [T], HORIZONS)
    for result in results:
        auc = {}
        for variant in VARIANTS:
            rows = scored.read(partition_of(mode, name, T, result.horizon, variant))
            held_out = np.array(rows["fold"].to_pylist()) == "eval"
            labels = rows["label"].to_numpy()[held_out]
            scores = scores_of(mode, scored, name, T, result.horizon, variant)[held_out]
            auc[variant] = np.mean([roc_auc_score(labels, of_seed) for of_seed in scores.T])
        found = (result.lis, result.unleaked_gain, result.leak_gain, result.placebo)
        expected = (
            auc["leaked"] - auc["baseline"],
            auc["known"] - auc["baseline"],
            auc["leaked"] - auc["known"],
            auc["placebo"] - auc["baseline"],
        )
        assert found == pytest.approx(expected, abs=1e-12)
        assert result.rows == len(labels)


@pytest.mark.parametrize("name", KINDS)
def test_predictions_cover_the_held_out_and_seen_rows_of_the_day(
    mode: str, scored: Lake, name: str
) -> None:
    for day in AS_OFS:
        impressions = scored.read(Partition("impressions", SCENARIO.name, day)).to_pylist()
        ids = [row["impression_id"] for row in impressions if row["fold"] != "fit"]
        for horizon in HORIZONS:
            for variant in VARIANTS:
                rows = scored.read(partition_of(mode, name, day, horizon, variant))
                assert rows["impression_id"].to_pylist() == ids
                assert bool(ids) == (day != EMPTY_DAY)
                probabilities = scores_of(mode, scored, name, day, horizon, variant)
                assert ((probabilities > 0) & (probabilities < 1)).all()


def test_seeds_differ_and_the_ranker_without_a_next_click_is_the_baseline(
    mode: str, scored: Lake
) -> None:
    """No next click is known on the day itself; a feature that helps no ranker is left out."""
    found = {
        variant: np.concatenate(
            [scores_of(mode, scored, "next_click", day, 2, variant) for day in AS_OFS]
        )
        for variant in VARIANTS
    }
    if mode == "retrain":
        assert all((of_seeds[:, 0] != of_seeds[:, 1]).any() for of_seeds in found.values())
    assert np.array_equal(found["baseline"], found["known"])


def test_the_baseline_does_not_depend_on_the_leak(mode: str, scored: Lake) -> None:
    for day in AS_OFS:
        first, *others = [
            scores_of(mode, scored, name, day, horizon, "baseline")
            for name in KINDS
            for horizon in HORIZONS
        ]
        for other in others:
            # Stacks of another width are multiplied in another order.
            np.testing.assert_allclose(other, first, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_horizon_zero_leaks_nothing(mode: str, scored: Lake, name: str) -> None:
    for result in score(mode, scored, name, AS_OFS, [0]):
        if result.dates:
            assert result.leak_gain == 0.0
            assert result.lis == result.unleaked_gain
    for day in AS_OFS:
        known = scores_of(mode, scored, name, day, 0, "known")
        assert np.array_equal(known, scores_of(mode, scored, name, day, 0, "leaked"))


def test_content_that_does_not_change_leaks_nothing(mode: str, scored: Lake) -> None:
    name = "content_vector"
    for result in score(mode, scored, name, AS_OFS, [2]):
        assert result.leak_gain == 0.0 or not result.dates
    for day in AS_OFS:
        known = scores_of(mode, scored, name, day, 2, "known")
        assert np.array_equal(known, scores_of(mode, scored, name, day, 2, "leaked"))


def test_a_second_call_changes_no_file(
    mode: str, scored: Lake, copied: Callable[[Path | Lake], Lake]
) -> None:
    lake = copied(scored)
    before = state(lake, "predictions", "lis")
    first = score(mode, scored, "next_click", AS_OFS, HORIZONS)
    again = score(mode, lake, "next_click", AS_OFS, HORIZONS)
    np.testing.assert_equal(without_seconds(again), without_seconds(first))
    assert [result.seconds for result in again] == [result.seconds for result in first]
    assert state(lake, "predictions", "lis") == before


def test_removed_results_are_measured_from_stored_predictions(
    mode: str, scored: Lake, copied: Callable[[Path | Lake], Lake]
) -> None:
    lake = copied(scored)
    before = state(lake, "predictions")
    first = score(mode, scored, "next_click", AS_OFS, HORIZONS)
    lake.storage.remove("lis")
    again = score(mode, lake, "next_click", AS_OFS, HORIZONS)
    np.testing.assert_equal(without_seconds(again), without_seconds(first))
    assert state(lake, "predictions") == before
    version = ranker_version(SCENARIO)
    for first_day, last_day in [*((day, day) for day in AS_OFS), (AS_OFS[0], AS_OFS[-1])]:
        partition = result_partition(
            SCENARIO.name, version, first_day, last_day, "next_click", mode, 2
        )
        assert lake.is_published(partition)


def test_an_interrupted_run_continues_with_the_same_bytes(
    mode: str, scored: Lake, assembled: Path, copied: Callable[[Path | Lake], Lake]
) -> None:
    """Half of the days first, then all; compared with all in one run."""
    lake = copied(assembled)
    score(mode, lake, "next_click", AS_OFS[1:3], [2])
    of_half = state(lake, "predictions")
    results = score(mode, lake, "next_click", AS_OFS, HORIZONS)
    after = state(lake, "predictions")
    assert {path: after[path] for path in of_half} == of_half
    expected = score(mode, scored, "next_click", AS_OFS, HORIZONS)
    np.testing.assert_equal(without_seconds(results), without_seconds(expected))
    for day in AS_OFS:
        assert all_scores(mode, lake, "next_click", day) == all_scores(
            mode, scored, "next_click", day
        )


@pytest.mark.parametrize("fold", ["eval", "fit"])
@pytest.mark.parametrize("name", ["id_embedding", "next_click"])
def test_labels_of_the_day_itself_change_no_score(
    mode: str, scored: Lake, copied: Callable[[Path | Lake], Lake], name: str, fold: str
) -> None:
    lake = copied(scored)
    before = score(mode, lake, name, [T], HORIZONS)
    rewrite(lake, SCENARIO.name, "impressions", T, flip(fold))
    after = score(mode, lake, name, [T], HORIZONS)
    assert all_scores(mode, lake, name) == all_scores(mode, scored, name)
    for one, other in zip(before, after, strict=True):
        assert one.data_digest != other.data_digest
        # All held-out labels are flipped, so every AUC becomes one minus itself.
        sign = -1 if fold == "eval" else 1
        assert other.lis == pytest.approx(sign * one.lis, abs=1e-12)
        assert (other.auc_baseline == one.auc_baseline) is (fold == "fit")


@pytest.mark.parametrize(("fold", "moves"), [("fit", True), ("eval", False)])
def test_only_labels_of_the_fit_fold_of_earlier_days_are_fitted_to(
    mode: str, scored: Lake, copied: Callable[[Path | Lake], Lake], fold: str, moves: bool
) -> None:
    lake = copied(scored)
    rewrite(lake, SCENARIO.name, "impressions", FEED_DAYS[2], flip(fold))
    score(mode, lake, "next_click", [T], HORIZONS)
    found = all_scores(mode, lake, "next_click") != all_scores(mode, scored, "next_click")
    # Towers of probe mode may use no feature of this feed, whatever the labels.
    assert found is moves or mode == "probe"
    assert not (found and fold == "eval")


def test_other_options_are_fitted_again(
    mode: str, scored: Lake, copied: Callable[[Path | Lake], Lake]
) -> None:
    lake = copied(scored)
    changes = ({"rate": 0.05}, {"days": 1, "epochs": 3})
    for options in changes if mode == "retrain" else changes[1:]:
        score(mode, lake, "next_click", [LONELY_DAY], [2], make_scenario(**options))
        partition = partition_of(mode, "next_click", LONELY_DAY, 2, "leaked")
        before, after = (one.require(partition, "score").inputs for one in (scored, lake))
        assert before != after
        if mode == "retrain":
            found = scores_of(mode, lake, "next_click", LONELY_DAY, 2, "leaked")
            assert not np.array_equal(
                found, scores_of(mode, scored, "next_click", LONELY_DAY, 2, "leaked")
            )


@pytest.mark.parametrize("name", KINDS)
def test_the_ranker_itself_stands_beside_its_fits(mode: str, scored: Lake, name: str) -> None:
    """Its scores are the same whatever was leaked, and read back as they were computed."""
    partition = predictions_partition(SCENARIO, T, "ranker")
    own = np.array(scored.read(partition)["score"].to_pylist())
    held_out = np.array(scored.read(partition)["fold"].to_pylist()) == "eval"
    labels = scored.read(partition)["label"].to_numpy()[held_out]
    for result in score(mode, scored, name, [T], HORIZONS):
        assert result.auc_ranker == pytest.approx(roc_auc_score(labels, own[held_out]), abs=1e-12)
        assert np.isfinite([result.auc_popularity, result.auc_logistic]).all()


@pytest.mark.parametrize("name", ["id_embedding", "next_click"])
def test_empty_tables_add_no_auc(
    mode: str, scored: Lake, copied: Callable[[Path | Lake], Lake], name: str
) -> None:
    """As on days before any behaviour was recorded."""
    lake = copied(scored)
    for day in FEED_DAYS[1:5]:
        partition = feature_partition(SCENARIO, name, day, 0)
        empty = lake.read(partition).slice(0, 0)
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", empty)
            attempt.publish(partition, inputs={}, schema=empty.schema)
    none, two = score(mode, lake, name, [T], HORIZONS)
    assert (none.lis, none.unleaked_gain, none.leak_gain, none.placebo) == (0, 0, 0, 0)
    assert none.coverage == 0
    assert two.unleaked_gain == 0
    assert two.leak_gain == two.lis
    leaked = scores_of(mode, lake, name, T, 2, "leaked")
    np.testing.assert_allclose(
        leaked, scores_of(mode, scored, name, T, 2, "leaked"), rtol=0, atol=1e-6
    )


def test_an_empty_fit_fold_is_rejected(mode: str, scored: Lake) -> None:
    scenario = make_scenario(days=1)
    assert FEED_DAYS[FEED_DAYS.index(EMPTY_DAY) + 1] == T
    with pytest.raises(
        InputError, match=r"no row of the fit fold in the 1 days? before"
    ) as rejected:
        score(mode, scored, "next_click", [T], [2], scenario)
    assert "fit.days" in str(rejected.value)


def test_a_table_that_is_not_assembled_is_rejected(mode: str, scored: Lake) -> None:
    with pytest.raises(InputError, match=r"features/.*horizon=1.*: run ") as error:
        score(mode, scored, "next_click", [T], [1])
    command = str(error.value).partition("run lis ")[2].split()
    assert build_parser().parse_args(command).horizons == (1,)

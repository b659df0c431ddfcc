import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from jobs.evaluation.figures import all_figures, flat_values
from jobs.evaluation.measurement import Measurement
from jobs.evaluation.scored_day import RowGroup, ScoredDay
from jobs.scenarios import Fold
from jobs.stats.auc_difference import PairedComparison, compare
from jobs.stats.pooled_difference import PooledDifference

THRESHOLD, LEVEL = 0.001, 0.95
Day = dict[str, Any]


def make_day(rows: int = 300, seed: int = 0, users: int = 40) -> Day:
    """Scored rows of a day; the leak helps, and more on seen rows than on held-out ones."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, rows).astype(np.int8)
    fold = random.choice(["lineage", "fit", "eval"], rows, p=[0.4, 0.2, 0.4])
    leak = np.where(fold == Fold.LINEAGE, 1.5, 0.5) * label
    baseline = random.normal(size=rows) + 0.5 * label
    return {
        "label": label,
        "user_id": random.integers(0, users, rows),
        "fold": fold,
        "baseline": 1 / (1 + np.exp(-baseline)),
        "leaked": 1 / (1 + np.exp(-baseline - leak - 0.3 * random.normal(size=rows))),
        "covered": random.random(rows) < 0.9,
        "device": random.choice(["phone", "desk"], rows),
    }


def chosen(day: Day, mask: np.ndarray) -> Day:
    return {name: values[mask] for name, values in day.items()}


def held_out(day: Day) -> Day:
    return chosen(day, day["fold"] == Fold.EVAL)


def columns(day: Day) -> tuple[np.ndarray, ...]:
    return day["label"], day["baseline"], day["leaked"], day["user_id"]


VARIANTS = ("baseline", "leaked", "known", "placebo", "ranker", "popularity", "logistic")


def scored(day: Day) -> ScoredDay:
    rows = pa.table(
        {
            "user_id": pa.array(day["user_id"]),
            "label": pa.array(day["label"], pa.int8()),
            "fold": pa.array(day["fold"].astype(object), pa.string()),
        }
    )
    variants = {name: np.atleast_2d(day[name]) for name in VARIANTS if name in day}
    return ScoredDay(rows, variants, day["covered"], {"device": day["device"]})


def measured(*days: Day) -> dict[str, Any]:
    measurement = Measurement()
    for day in days:
        measurement.add(scored(day))
    found = measurement.result(THRESHOLD, LEVEL)
    return {**flat_values(found.figures), "verdict": found.verdict, "slices": found.slices}


HEADLINE = {
    "rows": "rows",
    "users": "users",
    "positives": "positives",
    "auc_baseline": "auc_baseline",
    "auc_leaked": "auc_treatment",
    "lis": "difference",
    "lis_se": "se",
    "lis_ci_low": "ci_low",
    "lis_ci_high": "ci_high",
    "p_value": "p_value",
    "seed_sd": "seed_sd",
}


def assert_headline(figures: dict[str, Any], expected: PairedComparison) -> None:
    """Equal bit for bit, where a NaN is equal to a NaN."""
    found = {name: figures[name] for name in HEADLINE}
    assert repr(found) == repr({name: getattr(expected, of) for name, of in HEADLINE.items()})


def test_a_single_day_is_the_comparison_of_its_held_out_rows() -> None:
    day = make_day()
    figures = measured(day)
    expected = compare(*columns(held_out(day)), level=LEVEL)
    assert_headline(figures, expected)
    rows = held_out(day)
    assert figures["auc_baseline"] == pytest.approx(roc_auc_score(rows["label"], rows["baseline"]))
    assert (figures["dates"], figures["dates_skipped"]) == (1, 0)


def test_memorisation_is_what_seen_rows_gain_beyond_held_out_ones() -> None:
    day = make_day(rows=2_000)
    figures = measured(day)
    seen = compare(*columns(chosen(day, day["fold"] == Fold.LINEAGE))).difference
    assert figures["lis_seen"] == seen
    assert figures["memorisation"] == seen - figures["lis"] > 0.05


def test_rows_of_the_fit_fold_do_not_count() -> None:
    day = make_day()
    without = chosen(day, day["fold"] != "fit")
    assert repr(measured(day)) == repr(measured(without))


@pytest.mark.parametrize("count", [2, 5])
def test_several_days_are_the_pooled_difference(count: int) -> None:
    days = [make_day(rows=100 + 50 * seed, seed=seed) for seed in range(count)]
    figures = measured(*days)
    pooled = PooledDifference()
    for day in days:
        pooled.add(*columns(held_out(day)))
    expected = pooled.result(LEVEL)
    assert_headline(figures, expected)
    assert figures["dates"] == count


def test_other_figures_are_means_over_held_out_rows() -> None:
    days = [make_day(rows=200, seed=1), make_day(rows=700, seed=2)]
    figures = measured(*days)
    rows = [held_out(day) for day in days]
    weights = [len(part["label"]) for part in rows]
    deltas = [
        log_loss(part["label"], part["leaked"]) - log_loss(part["label"], part["baseline"])
        for part in rows
    ]
    covered = np.concatenate([part["covered"] for part in rows])
    assert figures["logloss_delta"] == pytest.approx(np.average(deltas, weights=weights))
    assert figures["coverage"] == pytest.approx(covered.mean())
    assert figures["gauc_leaked"] > figures["gauc_baseline"]


def test_the_same_scores_give_exactly_zero_and_no_evidence_against_the_data() -> None:
    days = [make_day(seed=seed) for seed in range(3)]
    for day in days:
        day["leaked"] = day["baseline"]
    for figures in (measured(days[0]), measured(*days)):
        assert figures["lis"] == figures["lis_seen"] == figures["memorisation"] == 0.0
        assert figures["lis_ci_low"] == figures["lis_ci_high"] == 0.0
        assert figures["p_value"] == 1.0
        assert figures["logloss_delta"] == figures["ne_delta"] == 0.0
        assert figures["verdict"] == "feature not used"
        assert figures["rows_needed"] is None
        assert all(
            part.estimate.value == 0.0 or part.estimate.value != part.estimate.value
            for part in figures["slices"]
        )


@pytest.mark.parametrize("label", [0, 1])
def test_a_day_of_one_class_has_no_score_and_no_verdict(label: int) -> None:
    day = make_day()
    day["label"] = np.full_like(day["label"], label)
    figures = measured(day)
    assert math.isnan(figures["lis"])
    assert math.isnan(figures["p_value"])
    assert math.isnan(figures["ne_delta"])
    assert figures["verdict"] == "too little data"
    assert figures["rows_needed"] is None
    assert figures["rows"] == int((day["fold"] == Fold.EVAL).sum())
    assert (figures["dates"], figures["dates_skipped"]) == (0, 1)
    assert not math.isnan(figures["logloss_delta"])


@pytest.mark.parametrize("folds", [["lineage", "fit"], ["fit"], []])
def test_a_day_without_held_out_rows_has_no_score(folds: list[str]) -> None:
    day = make_day()
    figures = measured(chosen(day, np.isin(day["fold"], folds)))
    assert (figures["rows"], figures["users"], figures["positives"]) == (0, 0, 0)
    for name in ("lis", "lis_ci_low", "gauc_leaked", "logloss_delta", "coverage", "memorisation"):
        assert math.isnan(figures[name])
    assert figures["verdict"] == "too little data"
    assert figures["rows_needed"] is None
    assert figures["slices"] == ()


def test_days_without_held_out_rows_or_of_one_class_do_not_shift_the_others() -> None:
    good, empty, one_class = make_day(seed=1), make_day(seed=2), make_day(seed=3)
    empty = chosen(empty, np.zeros(300, dtype=bool))
    one_class["label"] = np.zeros_like(one_class["label"])
    figures, alone = measured(empty, good, one_class), measured(good)
    for name in ("lis", "auc_baseline", "auc_leaked", "lis_seen", "gauc_leaked", "ne_delta"):
        assert figures[name] == alone[name]
    assert (figures["dates"], figures["dates_skipped"], figures["dates_closed"]) == (1, 1, 1)


def test_every_declared_figure_is_measured() -> None:
    measurement = Measurement()
    measurement.add(scored(make_day()))
    found = measurement.result(THRESHOLD, LEVEL)
    assert list(found.figures) == [figure.name for figure in all_figures()]
    assert found.lis_ci_low == found.figures["lis"].ci_low  # type: ignore[union-attr]
    with pytest.raises(AttributeError, match="no attribute 'lis_ci'"):
        _ = found.lis_ci


def test_rows_without_folds_are_all_held_out_and_need_no_coverage() -> None:
    day = held_out(make_day(rows=900))
    with_folds = scored(day)
    without = ScoredDay(with_folds.rows.drop(["fold"]), with_folds.variants)
    figures = []
    for each in (with_folds, without):
        measurement = Measurement()
        measurement.add(each)
        figures.append(flat_values(measurement.result(THRESHOLD, LEVEL).figures))
    assert math.isnan(figures[1].pop("coverage"))
    del figures[0]["coverage"]
    assert repr(figures[1]) == repr(figures[0])


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    day = make_day()
    day["leaked"] = 7 * day["leaked"]
    measurement = Measurement()
    measurement.add(replace(scored(day), are_probabilities=False))
    found = measurement.result(THRESHOLD, LEVEL)
    assert math.isnan(found.logloss_delta)
    assert math.isnan(found.ne_delta)
    assert found.gauc_leaked > found.gauc_baseline


def test_slices_part_the_held_out_rows() -> None:
    day = make_day(rows=3_000)
    figures = measured(day)
    assert [part.value for part in figures["slices"]] == ["desk", "phone"]
    assert sum(part.rows for part in figures["slices"]) == figures["rows"]
    rows = held_out(day)
    desk = compare(*columns(chosen(rows, rows["device"] == "desk")))
    assert figures["slices"][0].estimate.value == desk.difference
    assert figures["slices"][0].users == desk.users


def with_seeds(day: Day, seeds: int) -> Day:
    """The day as scored by several rankers of each variant."""
    random = np.random.default_rng(9)
    chance = {
        "baseline": day["baseline"],
        "leaked": day["leaked"],
        "known": 0.5 * (day["baseline"] + day["leaked"]),
        "placebo": day["baseline"],
    }
    noisy = {
        name: np.clip(values + 0.05 * random.normal(size=(seeds, values.size)), 0, 1)
        for name, values in chance.items()
    }
    return {**day, **noisy}


def of_seed(day: Day, seed: int) -> Day:
    return {name: values[seed] if values.ndim == 2 else values for name, values in day.items()}


def test_every_figure_is_the_mean_over_seeds() -> None:
    day = with_seeds(make_day(rows=2_000), 3)
    figures = measured(day)
    alone = [measured(of_seed(day, seed)) for seed in range(3)]
    for name in (
        "auc_baseline",
        "auc_leaked",
        "lis",
        "lis_seen",
        "memorisation",
        "unleaked_gain",
        "leak_gain",
        "placebo",
        "gauc_baseline",
        "gauc_leaked",
        "logloss_delta",
        "ne_delta",
        "coverage",
    ):
        assert figures[name] == pytest.approx(np.mean([one[name] for one in alone])), name
    assert figures["seed_sd"] == pytest.approx(np.std([one["lis"] for one in alone], ddof=1))
    assert figures["rows"] == alone[0]["rows"]


def test_unleaked_gain_and_leak_gain_add_up_to_the_lis() -> None:
    figures = measured(*[with_seeds(make_day(rows=900, seed=seed), 2) for seed in range(2)])
    assert figures["unleaked_gain"] + figures["leak_gain"] == pytest.approx(figures["lis"])
    assert figures["unleaked_gain_ci_low"] < figures["unleaked_gain"] < figures["lis"]
    assert figures["placebo_ci_low"] < 0 < figures["placebo_ci_high"]
    assert figures["lis_seen_ci_low"] < figures["lis_seen"] < figures["lis_seen_ci_high"]


def test_without_their_variants_gains_and_placebo_are_missing() -> None:
    figures = measured(make_day())
    for name in ("unleaked_gain", "leak_gain", "placebo", "placebo_ci_low", "seed_sd"):
        assert math.isnan(figures[name])


def test_days_with_other_numbers_of_seeds_cannot_be_pooled() -> None:
    with pytest.raises(ValueError, match="2 and 3 seeds"):
        measured(with_seeds(make_day(), 2), with_seeds(make_day(), 3))


def test_user_ids_may_be_strings() -> None:
    day = make_day()
    texts = np.array([f"user-{user}" for user in day["user_id"]], dtype=object)
    assert repr(measured({**day, "user_id": texts})) == repr(measured(day))


def beside(day: Day, seeds: int = 1) -> Day:
    """The day with the ranker and two simple models, the same for all seeds."""
    random = np.random.default_rng(4)
    noise = {"ranker": 0.0, "popularity": 0.3, "logistic": 0.1}
    return day | {
        name: np.broadcast_to(
            np.clip(day["baseline"].reshape(-1, day["label"].size)[0] + sd * noisy, 0, 1),
            (seeds, day["label"].size),
        )
        for (name, sd), noisy in zip(
            noise.items(), random.normal(size=(3, day["label"].size)), strict=True
        )
    }


def test_the_ranker_stands_beside_simple_models_on_the_same_rows() -> None:
    day = beside(make_day(rows=2_000))
    figures, rows = measured(day), held_out(make_day(rows=2_000))
    kept = day["fold"] == Fold.EVAL
    for name in ("ranker", "popularity", "logistic"):
        expected = roc_auc_score(rows["label"], day[name][0, kept])
        assert figures[f"auc_{name}"] == pytest.approx(expected, abs=1e-12)
    over = compare(
        rows["label"], day["popularity"][0, kept], day["ranker"][0, kept], rows["user_id"]
    )
    assert figures["ranker_over_popularity"] == over.difference
    assert figures["ranker_over_popularity_ci_low"] == over.ci_low
    assert figures["baseline_over_ranker"] == 0.0


def test_simple_models_are_measured_once_however_many_seeds_there_are() -> None:
    day = make_day(rows=900)
    figures = measured(beside(with_seeds(day, 4), 4))
    for name in ("auc_ranker", "auc_popularity", "auc_logistic", "baseline_over_ranker"):
        assert not math.isnan(figures[name])
    one = measured(beside(of_seed(with_seeds(day, 4), 0)))
    for end in ("", "_ci_low", "_ci_high"):
        name = f"ranker_over_popularity{end}"
        assert figures[name] == one[name]


def test_scores_repeated_for_all_seeds_are_not_copied() -> None:
    day = scored(beside(with_seeds(make_day(), 3), 3))
    rows = day.part(RowGroup.HELD_OUT, {"ranker"})
    assert rows.variants["ranker"].shape == rows.variants["baseline"].shape
    assert rows.variants["ranker"].strides[0] == 0
    np.testing.assert_array_equal(
        rows.variants["ranker"], day.variants["ranker"][:, day.members(RowGroup.HELD_OUT)]
    )


def test_a_ranker_that_is_weaker_than_counting_has_no_verdict() -> None:
    day = make_day(rows=4_000, users=400)
    day |= {"ranker": day["baseline"], "popularity": day["leaked"], "logistic": day["baseline"]}
    assert measured({**day, "popularity": day["baseline"]})["verdict"] == "worth aligning"
    assert measured(day)["verdict"] == "weak ranker"


def test_coverage_below_half_has_no_verdict() -> None:
    day = make_day(rows=4_000, users=400)
    day["covered"] = np.zeros(4_000, np.bool_)
    assert measured(day)["verdict"] == "too little data"


def test_the_uncertainty_of_the_fit_rows_belongs_to_the_interval() -> None:
    day = with_seeds(make_day(rows=2_000, users=200), 4)
    widths = []
    for fits in (0, 4):
        measurement = Measurement()
        measurement.add(replace(scored(day), fits=fits))
        found = measurement.result(THRESHOLD, LEVEL)
        widths.append(found.lis_ci_high - found.lis_ci_low)
    assert widths[1] > widths[0]

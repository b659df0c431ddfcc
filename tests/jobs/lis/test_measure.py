import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from jobs.lis.measure import HELD_OUT, SEEN, Measurement, update_buckets
from jobs.lis.paired import compare
from jobs.lis.pooled import PooledDifference
from jobs.lis.result import LisResult

THRESHOLD, LEVEL = 0.001, 0.95
Day = dict[str, Any]


def make_day(rows: int = 300, seed: int = 0, users: int = 40) -> Day:
    """Scored rows of a day; the leak helps, and more on seen rows than on held-out ones."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, rows).astype(np.int8)
    fold = random.choice(["lineage", "fit", "eval"], rows, p=[0.4, 0.2, 0.4])
    leak = np.where(fold == SEEN, 1.5, 0.5) * label
    baseline = random.normal(size=rows) + 0.5 * label
    return {
        "label": label,
        "user_id": random.integers(0, users, rows),
        "fold": fold,
        "baseline": 1 / (1 + np.exp(-baseline)),
        "leaked": 1 / (1 + np.exp(-baseline - leak - 0.3 * random.normal(size=rows))),
        "covered": random.random(rows) < 0.9,
        "item_updates": random.integers(0, 3_000, rows),
    }


def chosen(day: Day, mask: np.ndarray) -> Day:
    return {name: values[mask] for name, values in day.items()}


def held_out(day: Day) -> Day:
    return chosen(day, day["fold"] == HELD_OUT)


def columns(day: Day) -> tuple[np.ndarray, ...]:
    return day["label"], day["baseline"], day["leaked"], day["user_id"]


def measured(*days: Day) -> dict[str, Any]:
    measurement = Measurement()
    for day in days:
        rows = pa.table(
            {
                "user_id": pa.array(day["user_id"], pa.int64()),
                "label": pa.array(day["label"], pa.int8()),
                "fold": pa.array(day["fold"].astype(object), pa.string()),
            }
        )
        measurement.add(rows, day["baseline"], day["leaked"], day["covered"], day["item_updates"])
    return measurement.figures(THRESHOLD, LEVEL)


HEADLINE = {
    "rows": "rows",
    "users": "users",
    "positives": "positives",
    "auc_baseline": "auc_baseline",
    "auc_leaked": "auc_leaked",
    "lis": "difference",
    "lis_se": "se",
    "lis_ci_low": "ci_low",
    "lis_ci_high": "ci_high",
    "p_value": "p_value",
}


def test_a_single_day_is_the_comparison_of_its_held_out_rows() -> None:
    day = make_day()
    figures = measured(day)
    expected = compare(*columns(held_out(day)), level=LEVEL)
    assert {name: figures[name] for name in HEADLINE} == {
        name: getattr(expected, field) for name, field in HEADLINE.items()
    }
    rows = held_out(day)
    assert figures["auc_baseline"] == pytest.approx(roc_auc_score(rows["label"], rows["baseline"]))
    assert (figures["dates"], figures["dates_skipped"]) == (1, 0)


def test_memorisation_is_what_seen_rows_gain_beyond_held_out_ones() -> None:
    day = make_day(rows=2_000)
    figures = measured(day)
    seen = compare(*columns(chosen(day, day["fold"] == SEEN))).difference
    assert figures["lis_seen"] == seen
    assert figures["memorisation"] == seen - figures["lis"] > 0.05


def test_rows_of_the_fit_fold_count_for_nothing() -> None:
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
    assert {name: figures[name] for name in HEADLINE} == {
        name: getattr(expected, field) for name, field in HEADLINE.items()
    }
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


def test_the_same_scores_give_exactly_zero_and_are_captured_already() -> None:
    days = [make_day(seed=seed) for seed in range(3)]
    for day in days:
        day["leaked"] = day["baseline"]
    for figures in (measured(days[0]), measured(*days)):
        assert figures["lis"] == figures["lis_seen"] == figures["memorisation"] == 0.0
        assert figures["lis_ci_low"] == figures["lis_ci_high"] == 0.0
        assert figures["p_value"] == 1.0
        assert figures["logloss_delta"] == figures["ne_delta"] == 0.0
        assert figures["verdict"] == "already captured"
        assert figures["rows_needed"] is None
        assert all(part.lis == 0.0 or math.isnan(part.lis) for part in figures["slices"])


@pytest.mark.parametrize("label", [0, 1])
def test_a_day_of_one_class_has_no_score_and_no_verdict(label: int) -> None:
    day = make_day()
    day["label"] = np.full_like(day["label"], label)
    figures = measured(day)
    assert math.isnan(figures["lis"])
    assert math.isnan(figures["p_value"])
    assert math.isnan(figures["ne_delta"])
    assert figures["verdict"] == "inconclusive"
    assert figures["rows_needed"] is None
    assert figures["rows"] == int((day["fold"] == HELD_OUT).sum())
    assert (figures["dates"], figures["dates_skipped"]) == (0, 1)
    assert not math.isnan(figures["logloss_delta"])


@pytest.mark.parametrize("folds", [["lineage", "fit"], ["fit"], []])
def test_a_day_without_held_out_rows_has_no_score(folds: list[str]) -> None:
    day = make_day()
    figures = measured(chosen(day, np.isin(day["fold"], folds)))
    assert (figures["rows"], figures["users"], figures["positives"]) == (0, 0, 0)
    for name in ("lis", "lis_ci_low", "gauc_leaked", "logloss_delta", "coverage", "memorisation"):
        assert math.isnan(figures[name])
    assert figures["verdict"] == "inconclusive"
    assert figures["rows_needed"] is None
    assert figures["slices"] == ()


def test_days_without_held_out_rows_or_of_one_class_do_not_shift_the_others() -> None:
    good, empty, one_class = make_day(seed=1), make_day(seed=2), make_day(seed=3)
    empty = chosen(empty, np.zeros(300, dtype=bool))
    one_class["label"] = np.zeros_like(one_class["label"])
    figures, alone = measured(empty, good, one_class), measured(good)
    for name in ("lis", "auc_baseline", "auc_leaked", "lis_seen", "gauc_leaked", "ne_delta"):
        assert figures[name] == alone[name]
    assert (figures["dates"], figures["dates_skipped"]) == (1, 2)


def test_figures_are_fields_of_a_result() -> None:
    assert set(measured(make_day())) <= set(LisResult.__dataclass_fields__)


def test_slices_part_the_held_out_rows_by_what_the_ranker_knew_of_the_item() -> None:
    day = make_day(rows=3_000)
    day["item_updates"] = np.resize([1_000, 0, 999, 100, 99, 10, 9, 1], 3_000)
    figures = measured(day)
    assert [part.value for part in figures["slices"]] == ["0", "1-9", "10-99", "100-999", "1000+"]
    assert sum(part.rows for part in figures["slices"]) == figures["rows"]
    rows = held_out(day)
    cold = compare(*columns(chosen(rows, rows["item_updates"] == 0)))
    assert figures["slices"][0].lis == cold.difference
    assert figures["slices"][0].users == cold.users


@pytest.mark.parametrize(
    ("updates", "bucket"),
    [
        (0, "0"),
        (1, "1-9"),
        (9, "1-9"),
        (10, "10-99"),
        (99, "10-99"),
        (100, "100-999"),
        (999, "100-999"),
        (1_000, "1000+"),
        (2**62, "1000+"),
    ],
)
def test_edges_of_the_update_buckets(updates: int, bucket: str) -> None:
    assert update_buckets(np.array([updates])).tolist() == [bucket]


@given(st.lists(st.integers(0, 2**40), max_size=20))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_a_bucket_is_named_by_the_number_of_digits(updates: list[int]) -> None:
    names = {1: "1-9", 2: "10-99", 3: "100-999"}
    expected = ["0" if n == 0 else names.get(len(str(n)), "1000+") for n in updates]
    assert update_buckets(np.array(updates, dtype=np.int64)).tolist() == expected


def test_user_ids_may_be_strings() -> None:
    day = make_day()
    texts = np.array([f"user-{user}" for user in day["user_id"]], dtype=object)
    rows = pa.table({"user_id": texts, "label": day["label"], "fold": day["fold"].astype(object)})
    measurement = Measurement()
    measurement.add(rows, day["baseline"], day["leaked"], day["covered"], day["item_updates"])
    assert repr(measurement.figures(THRESHOLD, LEVEL)) == repr(measured(day))

"""The LIS of parts of the rows, pooled over days."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from jobs.evaluation.result import Slice
from jobs.evaluation.slice_measurement import MOST_VALUES, SliceMeasurement, p_value_of_departure
from jobs.stats.auc_contributions import contributions
from jobs.stats.auc_difference import compare
from jobs.stats.estimate import Estimate
from jobs.stats.pooled_difference import PooledDifference

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def make_day(rows: int = 600, seed: int = 0) -> Columns:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    baseline = random.normal(size=(2, rows)) + 0.3 * labels
    leaked = baseline + 0.4 * random.normal(size=(2, rows))
    return labels, baseline, leaked, random.integers(0, 40, rows)


def taken(day: Columns, rows: np.ndarray) -> Columns:
    return day[0][rows], day[1][:, rows], day[2][:, rows], day[3][rows]


def measured(*days: tuple[dict[str, np.ndarray], Columns]) -> tuple[Slice, ...]:
    measurement, whole = SliceMeasurement(), PooledDifference()
    for slices, day in days:
        measurement.add(slices, *day)
        whole.add(*day)
    return measurement.result(whole, 0.95)


def test_a_part_is_the_comparison_of_its_rows() -> None:
    day = make_day()
    device = np.random.default_rng(1).choice(["phone", "desk"], 600)
    for part in measured(({"device": device}, day)):
        alone = compare(*taken(day, device == part.value))
        assert repr(part.estimate) == repr(Estimate(alone.difference, alone.ci_low, alone.ci_high))
        assert (part.rows, part.users) == (alone.rows, alone.users)


def test_days_are_pooled_and_a_part_may_lack_a_day() -> None:
    days = [make_day(seed=seed) for seed in range(2)]
    parts = np.array(["a", "b"] * 300), np.array(["b"] * 600)
    a, b = measured(*[({"part": part}, day) for part, day in zip(parts, days, strict=True)])
    both = PooledDifference()
    for part, day in zip(parts, days, strict=True):
        both.add(*taken(day, part == "b"))
    assert b.estimate.value == both.result().difference
    assert a.rows == 300


def test_values_come_in_their_natural_order() -> None:
    values = ["30+", "unknown", "0", "7-29", "1-6"]
    found = measured(({"item age in days": np.resize(values, 600)}, make_day()))
    assert [part.value for part in found] == ["0", "1-6", "7-29", "30+", "unknown"]
    found = measured(({"hour": np.resize(["10", "other", "9", "1"], 600)}, make_day()))
    assert [part.value for part in found] == ["1", "9", "10", "other"]


def test_a_part_of_one_class_or_one_user_has_rows_and_no_figures() -> None:
    labels, baseline, leaked, users = make_day()
    kind = np.where(labels == 1, "clicked", "rest").astype("<U9")
    kind[users == 7] = "one user"
    found = {
        part.value: part for part in measured(({"kind": kind}, (labels, baseline, leaked, users)))
    }
    assert found["clicked"].rows == (kind == "clicked").sum()
    assert math.isnan(found["clicked"].estimate.value)
    assert found["one user"].users == 1
    assert math.isnan(found["one user"].estimate.ci_low)
    assert not any(part.stands_out for part in found.values())


def test_values_stay_few_over_any_number_of_days() -> None:
    days = [
        ({"name": np.resize([f"d{d}-{v}" for v in range(8)], 600)}, make_day(seed=d))
        for d in range(4)
    ]
    found = measured(*days)
    assert len(found) == MOST_VALUES
    assert found[-1].value == "other"
    assert sum(part.rows for part in found) == 4 * 600


def test_a_part_that_is_the_whole_does_not_depart_from_it() -> None:
    (part,) = measured(({"all": np.full(600, "rows")}, make_day()))
    assert part.p_value == 1.0
    assert not part.stands_out


def test_the_spread_of_a_departure_agrees_with_a_bootstrap_of_users() -> None:
    day = make_day(rows=900, seed=11)
    _, baseline, leaked, users = day
    chosen = np.random.default_rng(4).random(900) < 0.3
    baseline[1], leaked[1] = baseline[0], leaked[0]  # equal seeds: users are all that varies
    part, whole = contributions(*taken(day, chosen)), contributions(*day)
    departure = float((part.differences - whole.differences).mean())
    score = norm.isf(p_value_of_departure(part, whole) / 2)
    random = np.random.default_rng(5)
    rows_of = [np.flatnonzero(users == user) for user in range(40)]
    drawn = []
    for _ in range(400):
        rows = np.concatenate([rows_of[user] for user in random.integers(0, 40, 40)])
        again = taken(day, rows)
        inside = compare(*taken(again, chosen[rows])).difference
        drawn.append(inside - compare(*again).difference)
    assert abs(departure) / score == pytest.approx(np.std(drawn), rel=0.15)


def test_a_part_of_another_kind_stands_out_and_null_parts_do_not() -> None:
    labels, baseline, leaked, users = make_day(rows=6_000, seed=5)
    part = np.resize([f"p{index}" for index in range(10)], 6_000)
    null = measured(({"part": part}, (labels, baseline, leaked, users)))
    assert not any(one.stands_out for one in null)
    turned = np.where(part == "p3", -baseline, leaked)
    found = measured(({"part": part}, (labels, baseline, turned, users)))
    assert {one.value: one.stands_out for one in found}["p3"]
    assert min(found, key=lambda one: one.p_value).value == "p3"


def test_of_many_null_parts_hardly_ever_one_stands_out() -> None:
    alarms = uncorrected = 0
    for world in range(60):
        day = make_day(rows=800, seed=world)
        part = np.random.default_rng(world + 5_000).choice([f"p{index}" for index in range(8)], 800)
        # A leak that adds noise lowers the AUC; drawing both anew makes them exchangeable.
        labels, baseline, _, users = day
        other = np.random.default_rng(world + 9_000).normal(size=baseline.shape) + 0.3 * labels
        found = measured(({"part": part}, (labels, baseline, other, users)))
        alarms += any(one.stands_out for one in found)
        uncorrected += any(one.p_value < 0.05 for one in found)
    assert alarms <= 8
    assert uncorrected >= 2 * max(alarms, 4), (uncorrected, alarms)

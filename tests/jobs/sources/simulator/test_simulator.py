"""The simulated feed: determinism, the impression contract, and its known truth."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from jobs.sources.simulator import (
    SimulatorOptions,
    alive_items,
    generate_day,
    generate_items,
)
from jobs.sources.simulator.clicks import click_bias
from jobs.sources.simulator.day import CHUNK_ROWS
from jobs.sources.simulator.items import items_alive, items_born
from jobs.sources.simulator.sampling import WeightedSampler
from jobs.sources.simulator.streams import day_number
from jobs.sources.simulator.world import users

START = date(2025, 3, 3)


def make_options(**changes: Any) -> SimulatorOptions:
    return SimulatorOptions.model_validate({"start": START, "rows_per_day": 2_000, **changes})


def whole_day(options: SimulatorOptions, day: date) -> tuple[pa.Table, pa.Table]:
    chunks = list(generate_day(options, day))
    impressions = pa.concat_tables(chunk.impressions for chunk in chunks)
    return impressions, pa.concat_tables(chunk.truth for chunk in chunks)


def column(table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = table[name].to_numpy()
    return values


def microseconds(table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = table[name].cast(pa.int64()).to_numpy()
    return values


@pytest.fixture(scope="module")
def sample() -> tuple[SimulatorOptions, pa.Table, pa.Table]:
    """50,000 impressions with default options."""
    options = make_options(rows_per_day=50_000)
    return options, *whole_day(options, START)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**63 - 1),
    rows=st.integers(1, 400),
    people=st.integers(1, 50),
    births=st.integers(1, 5),
    categories=st.integers(1, 16),
    dimensions=st.integers(1, 5),
    idiosyncratic=st.floats(0, 1),
    exploration=st.floats(0, 1),
    offset=st.integers(-50, 5_000),
)
def test_every_impression_meets_the_contract(
    seed: int,
    rows: int,
    people: int,
    births: int,
    categories: int,
    dimensions: int,
    idiosyncratic: float,
    exploration: float,
    offset: int,
) -> None:
    options = make_options(
        seed=seed,
        rows_per_day=rows,
        users=people,
        new_items_per_day=births,
        categories=categories,
        taste_dimensions=dimensions,
        vector_dimensions=dimensions,
        idiosyncratic_share=idiosyncratic,
        exploration=exploration,
    )
    day = START + timedelta(days=offset)
    impressions, truth = whole_day(options, day)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    times = impressions["ts"].to_pylist()

    assert len(times) == rows
    assert times == sorted(times)
    assert midnight <= times[0]
    assert times[-1] < midnight + timedelta(days=1)
    assert len(set(impressions["impression_id"].to_pylist())) == rows
    assert set(impressions["user_id"].to_pylist()) <= set(range(people))
    assert set(impressions["label"].to_pylist()) <= {0, 1}
    assert set(impressions["slot"].to_pylist()) <= set(range(10))
    assert set(impressions["device"].to_pylist()) <= {"phone", "desktop", "tablet", "tv"}
    assert all(0 <= p <= 1 for p in truth["click_probability"].to_pylist())
    assert truth.select(["impression_id", "ts"]) == impressions.select(["impression_id", "ts"])
    born = {row["item_id"]: row["first_seen"] for row in alive_items(options, day).to_pylist()}
    assert all(
        timedelta(0) <= ts - born[item] < timedelta(days=28)
        for item, ts in zip(impressions["item_id"].to_pylist(), times, strict=True)
    )


def test_columns_have_the_documented_types() -> None:
    impressions, truth = whole_day(make_options(), START)
    ts = pa.timestamp("us", "UTC")
    assert impressions.schema.types == [
        pa.int64(),
        pa.int64(),
        pa.int64(),
        ts,
        pa.int8(),
        pa.string(),
        pa.int32(),
    ]
    assert truth.schema.types == [pa.int64(), ts, pa.float64()]
    items = generate_items(make_options(vector_dimensions=5), START)
    assert items.schema.types == [
        pa.int64(),
        ts,
        pa.string(),
        pa.string(),
        pa.list_(pa.float32(), 5),
    ]
    assert items.num_rows == 60
    assert all(len(title.split()) == 3 for title in items["title"].to_pylist())


def test_chunks_are_bounded_and_in_order() -> None:
    options = make_options(rows_per_day=2 * CHUNK_ROWS + 10)
    chunks = [chunk.impressions for chunk in generate_day(options, START)]
    assert [chunk.num_rows for chunk in chunks] == [CHUNK_ROWS, CHUNK_ROWS, 10]
    assert not chunks[0]["user_id"].equals(chunks[1]["user_id"])
    whole = pa.concat_tables(chunks)
    assert (np.diff(microseconds(whole, "ts")) >= 0).all()
    assert (np.diff(column(whole, "impression_id")) == 1).all()
    first = next(generate_day(make_options(rows_per_day=100_000_000), START))
    assert first.impressions.num_rows == first.truth.num_rows == CHUNK_ROWS


def test_ids_are_unique_over_days_and_the_seed_changes_the_feed() -> None:
    options = make_options()
    days = [START + timedelta(days=offset) for offset in range(40)]
    ids = np.concatenate([column(whole_day(options, day)[0], "impression_id") for day in days])
    assert len(np.unique(ids)) == 40 * options.rows_per_day
    items = np.concatenate([column(generate_items(options, day), "item_id") for day in days])
    assert len(np.unique(items)) == 40 * options.new_items_per_day
    other, _ = whole_day(make_options(seed=8), START)
    assert not other["user_id"].equals(whole_day(options, START)[0]["user_id"])


def test_items_are_born_and_die() -> None:
    options = make_options(new_items_per_day=500)
    births = column(generate_items(options, START), "item_id")
    alive = [
        np.isin(births, column(alive_items(options, START + timedelta(days=age)), "item_id")).sum()
        for age in range(-1, 29)
    ]
    assert alive[0] == 0
    assert alive[1:4] == [500] * 3
    assert alive[-1] == 0
    assert sorted(alive[1:], reverse=True) == alive[1:]
    assert sum(alive) / 500 == pytest.approx(options.item_life_days, abs=1.0)


def test_the_true_probability_ranks_well_and_is_calibrated(
    sample: tuple[SimulatorOptions, pa.Table, pa.Table],
) -> None:
    options, impressions, truth = sample
    label, probability = column(impressions, "label"), column(truth, "click_probability")
    assert 0.77 < roc_auc_score(label, probability) < 0.83
    assert label.mean() == pytest.approx(options.click_rate, abs=0.02)
    for part in np.array_split(np.argsort(probability), 10):
        error = np.sqrt((probability[part] * (1 - probability[part])).sum()) / len(part)
        assert abs(label[part].mean() - probability[part].mean()) < 4 * error


def test_item_popularity_alone_ranks_worse_than_taste(
    sample: tuple[SimulatorOptions, pa.Table, pa.Table],
) -> None:
    options, impressions, _ = sample
    items = items_alive(options, day_number(START))
    quality = items.traits[np.searchsorted(items.item_id, column(impressions, "item_id")), -1]
    assert 0.6 < roc_auc_score(column(impressions, "label"), quality) < 0.7


def test_probability_is_the_logistic_of_taste_quality_and_context(
    sample: tuple[SimulatorOptions, pa.Table, pa.Table],
) -> None:
    options, impressions, truth = sample
    items = items_alive(options, day_number(START))
    traits = dict(zip(items.item_id.tolist(), items.traits.astype(float), strict=True))
    tastes = users(options).tastes.astype(float)
    effects: dict[tuple[int, str, int], list[float]] = {}
    rows = zip(impressions.to_pylist(), truth["click_probability"].to_pylist(), strict=True)
    for row, probability in rows:
        logit = np.log(probability / (1 - probability))
        context = (row["ts"].hour, row["device"], row["slot"])
        match = float(tastes[row["user_id"]] @ traits[row["item_id"]])
        effects.setdefault(context, []).append(logit - match - click_bias(options))
    assert max(np.ptp(values) for values in effects.values()) < 1e-4
    at_nine = {key[1:]: values[0] for key, values in effects.items() if key[0] == 21}
    assert at_nine["phone", 0] == pytest.approx(0.4, abs=1e-4)
    assert at_nine["phone", 9] == pytest.approx(0.4 - 0.72, abs=1e-4)
    assert at_nine["desktop", 0] == pytest.approx(0.15, abs=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_content_explains_the_rest_of_the_idiosyncratic_share(share: float) -> None:
    options = make_options(idiosyncratic_share=share, new_items_per_day=5_000)
    items = items_born(options, day_number(START))
    traits = items.traits.astype(float)
    content = np.column_stack([items.vector, np.ones(len(traits))]).astype(float)
    residual = traits - content @ np.linalg.lstsq(content, traits, rcond=None)[0]
    explained = 1 - residual.var(axis=0) / traits.var(axis=0)
    assert explained == pytest.approx(1 - share, abs=0.04)
    assert traits.var(axis=0) == pytest.approx(1, abs=0.1)


def test_click_rate_does_not_depend_on_the_other_options() -> None:
    for changes in ({"click_rate": 0.05}, {"taste_strength": 3.0}, {"idiosyncratic_share": 0.0}):
        options = make_options(rows_per_day=20_000, new_items_per_day=500, **changes)
        truth = whole_day(options, START)[1]
        mean = column(truth, "click_probability").mean()
        assert mean == pytest.approx(options.click_rate, rel=0.1)


def test_users_are_unequally_active(sample: tuple[SimulatorOptions, pa.Table, pa.Table]) -> None:
    options, impressions, _ = sample
    counts = np.bincount(column(impressions, "user_id"), minlength=options.users)
    top_tenth = np.sort(counts)[-options.users // 10 :].sum() / counts.sum()
    assert 0.4 < top_tenth < 0.7
    assert (counts > 0).mean() > 0.9


def test_full_exploration_shows_items_uniformly() -> None:
    options = make_options(exploration=1.0, rows_per_day=100_000)
    shown = column(whole_day(options, START)[0], "item_id")
    counts = np.unique(shown, return_counts=True)[1]
    assert len(counts) == alive_items(options, START).num_rows
    expected = len(shown) / len(counts)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - len(counts)) < 4 * np.sqrt(2 * len(counts))


def test_the_policy_uses_content_and_promotion_but_not_the_idiosyncratic_part(
    sample: tuple[SimulatorOptions, pa.Table, pa.Table],
) -> None:
    options, impressions, _ = sample
    items = items_alive(options, day_number(START))
    item = np.searchsorted(items.item_id, column(impressions, "item_id"))
    taste = users(options).tastes[column(impressions, "user_id")]
    expected = (taste * items.expected_traits[item]).sum(axis=1)
    hidden = (taste * (items.traits - items.expected_traits)[item])[:, :-1].sum(axis=1)
    assert expected.mean() > 0.1
    assert abs(hidden.mean()) < 0.03
    counts = np.bincount(item, minlength=len(items.item_id))
    assert np.corrcoef(np.log(counts + 1), items.promotion)[0, 1] > 0.7


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=40).filter(lambda w: sum(w) > 1))
def test_sampler_draws_in_proportion_to_weights(weights: list[float]) -> None:
    share = np.array(weights) / sum(weights)
    drawn = WeightedSampler(np.array(weights)).draw(np.random.default_rng(1), 20_000)
    frequency = np.bincount(drawn, minlength=len(weights)) / len(drawn)
    rounding = 1 / (16 * len(weights))
    assert frequency[share == 0].sum() == 0
    assert (np.abs(frequency - share) < rounding + 5 * np.sqrt((share + rounding) / 20_000)).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"rows_per_day": 0},
        {"idiosyncratic_share": 1.1},
        {"click_rate": 0.0},
        {"item_life_days": 30},
        {"categories": 17},
        {"taste_strength": float("inf")},
        {"start": date(1970, 1, 1)},
        {"rows": 5},
    ],
)
def test_options_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_options(**changes)

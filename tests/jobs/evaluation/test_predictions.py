from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from jobs.evaluation.predictions import (
    predictions_partition,
    publish_predictions,
    read_seed_scores,
    seed_scores,
    variant_name,
)
from jobs.lake import Lake, schemas
from jobs.lake.addresses import ranker_version
from jobs.preference.leak import Leak
from jobs.scenarios import RankerOptions, Scenario, SimulatedSource

DAY = date(2026, 1, 5)
SCENARIO = Scenario(name="tiny", source=SimulatedSource(), context=("device",))
INPUTS = {"data": "a", "leak": "b"}


def day_rows(count: int) -> pa.Table:
    numbers = list(range(count))
    columns: dict[str, list[Any]] = {
        "impression_id": numbers,
        "user_id": [number // 2 for number in numbers],
        "item_id": [100 + number for number in numbers],
        "label": [number % 2 for number in numbers],
        "fold": ["eval"] * count,
        "device": ["phone"] * count,
        "history_clicks": numbers,
    }
    schema = schemas.predictions(SCENARIO)
    return pa.table(
        {name: pa.array(values, schema.field(name).type) for name, values in columns.items()}
    )


def publish(
    lake: Lake, scores: NDArray[np.float64], covered: NDArray[np.bool_], name: str = "k-retrain-7"
) -> None:
    count = scores.shape[1]
    publish_predictions(
        lake,
        SCENARIO,
        DAY,
        day_rows(count),
        np.arange(count),
        {name: (scores, covered)},
        INPUTS,
    )


@pytest.mark.parametrize(
    ("mode", "variant", "name"),
    [
        ("swap", "baseline", "baseline"),
        ("swap", "leaked", "clicks-swap-7"),
        ("retrain", "baseline", "clicks-retrain-7-baseline"),
        ("retrain", "leaked", "clicks-retrain-7"),
        ("retrain", "known", "clicks-retrain-7-known"),
        ("retrain", "placebo", "clicks-retrain-7-placebo"),
    ],
)
def test_names_of_variants(mode: str, variant: str, name: str) -> None:
    assert variant_name(Leak("clicks", 7), mode, variant) == name


@pytest.mark.parametrize("seeds", [1, 3])
def test_scores_come_back_seed_by_seed(lake: Lake, seeds: int) -> None:
    scores = np.random.default_rng(0).random((seeds, 5))
    covered = np.array([True, False, True, True, False])
    publish(lake, scores, covered)
    table = read_seed_scores(lake, predictions_partition(SCENARIO, DAY, "k-retrain-7"), INPUTS)
    assert table is not None
    assert np.array_equal(seed_scores(table, seeds), scores)
    assert table["score"].to_pylist() == scores.mean(axis=0).tolist()
    assert table["covered"].to_pylist() == covered.tolist()
    assert table["item_updates"].to_pylist() == list(range(5))
    assert table.drop(["score", "seed_scores", "covered", "item_updates"]).equals(day_rows(5))


def test_the_table_has_the_columns_of_its_contract(lake: Lake) -> None:
    publish(lake, np.full((2, 3), 0.5), np.ones(3, np.bool_))
    table = lake.read(predictions_partition(SCENARIO, DAY, "k-retrain-7"))
    assert table.schema.equals(schemas.predictions(SCENARIO))


def test_a_day_without_rows_comes_back_with_every_seed(lake: Lake) -> None:
    publish(lake, np.empty((3, 0)), np.empty(0, np.bool_))
    table = read_seed_scores(lake, predictions_partition(SCENARIO, DAY, "k-retrain-7"), INPUTS)
    assert table is not None
    assert table.num_rows == 0
    assert seed_scores(table, 3).shape == (3, 0)


def test_scores_of_other_inputs_and_of_other_variants_are_not_read(lake: Lake) -> None:
    publish(lake, np.full((1, 2), 0.5), np.ones(2, np.bool_))
    stored = predictions_partition(SCENARIO, DAY, "k-retrain-7")
    assert read_seed_scores(lake, stored, {**INPUTS, "leak": "c"}) is None
    other = predictions_partition(SCENARIO, DAY, "k-retrain-7-known")
    assert read_seed_scores(lake, other, INPUTS) is None


def test_ranker_versions_have_separate_partitions() -> None:
    other = SCENARIO.model_copy(update={"ranker": RankerOptions(seed=5)})
    ours = predictions_partition(SCENARIO, DAY, "baseline")
    assert ours.keys == (("ranker", ranker_version(SCENARIO)), ("variant", "baseline"))
    assert ours.path != predictions_partition(other, DAY, "baseline").path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ranker.model.ranker import new_ranker
from jobs.ranker.model.training_settings import (
    LARGEST_BATCH,
    SMALLEST_BATCH,
    STEPS_A_DAY,
    TrainingSettings,
    training_settings,
)
from jobs.scenarios import RankerOptions, Scenario


@pytest.mark.parametrize(
    ("rows", "batch_size"),
    [(0, 16), (1, 16), (250, 16), (1_400, 32), (5_000, 128), (50_000, 2048), (10**7, 4096)],
)
def test_the_batch_follows_the_rows_of_the_day(rows: int, batch_size: int) -> None:
    assert training_settings(RankerOptions(), rows).batch_size == batch_size


@given(rows=st.integers(0, 10**9))
def test_a_day_has_about_the_same_number_of_steps_within_the_limits(rows: int) -> None:
    batch_size = training_settings(RankerOptions(), rows).batch_size
    assert SMALLEST_BATCH <= batch_size <= LARGEST_BATCH
    assert batch_size & (batch_size - 1) == 0
    if SMALLEST_BATCH < batch_size < LARGEST_BATCH:
        assert STEPS_A_DAY / 1.5 < rows / batch_size < STEPS_A_DAY * 1.5


@pytest.mark.parametrize("rows", [1, 10**6])
def test_what_the_scenario_gives_wins(rows: int) -> None:
    given = {
        "batch_size": 7,
        "epochs": 5,
        "embedding_rate": 0.25,
        "dense_rate": 0.5,
        "embedding_decay": 0.0,
    }
    assert training_settings(RankerOptions(**given), rows) == TrainingSettings(**given)
    only_epochs = training_settings(RankerOptions(epochs=5), rows)
    assert only_epochs.epochs == 5
    assert only_epochs.batch_size == training_settings(RankerOptions(), rows).batch_size


def test_a_ranker_trains_with_the_settings_of_its_day(scenario: Scenario) -> None:
    options = scenario.ranker.model_copy(update={"batch_size": None, "dense_rate": 0.02})
    ranker = new_ranker(scenario.model_copy(update={"ranker": options}))
    for rows in (250, 100_000):
        ranker.prepare_training(rows)
        assert ranker.settings == training_settings(options, rows)
        assert [group["lr"] for group in ranker.optimizer.param_groups] == [0.02]

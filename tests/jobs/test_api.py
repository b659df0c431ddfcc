"""The interface for notebooks, on a small lake of results and predictions."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.api import (
    DayRange,
    Lake,
    build_report,
    compare_scores,
    load_scenario,
    read_predictions,
    read_results,
)
from jobs.common.errors import InputError
from jobs.evaluation.predictions import publish_predictions, variant_name
from jobs.evaluation.result_store import result_columns, result_partition, store_result
from jobs.evaluation.scored_day import BASELINE, LEAKED
from jobs.lake import schemas
from jobs.lake.addresses import ranker_version
from jobs.preference.leak import Leak
from jobs.scenarios import Mode, Scenario
from tests.jobs.tracking.sample_results import make_result

DAY = date(2026, 1, 20)
LEAK = Leak("id_embedding", 7)
ROWS = 400


@pytest.fixture
def scenario() -> Scenario:
    return load_scenario("simulated_feed")


@pytest.fixture
def lake(tmp_path: Path, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The lake of the environment, with one result and its predictions."""
    monkeypatch.setenv("LIS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "data"))
    lake = Lake.from_environment()
    version = ranker_version(scenario)
    result = make_result(scenario=scenario.name, as_of=str(DAY), ranker_version=version)
    partition = result_partition(
        scenario.name, version, DAY, DAY, LEAK.preference, Mode.SWAP, LEAK.horizon
    )
    store_result(lake, partition, result, {"data": "a"})
    generator = np.random.default_rng(2)
    columns = {
        "impression_id": np.arange(ROWS),
        "user_id": generator.integers(0, 50, ROWS),
        "item_id": generator.integers(0, 90, ROWS),
        "label": generator.integers(0, 2, ROWS),
        "fold": generator.choice(["eval", "lineage"], ROWS),
        **dict.fromkeys(scenario.context, np.repeat("a", ROWS)),
        "history_clicks": np.arange(ROWS),
    }
    schema = schemas.predictions(scenario)
    rows = pa.table(
        {name: pa.array(v).cast(schema.field(name).type) for name, v in columns.items()}
    )
    scores = {
        variant_name(LEAK, Mode.SWAP, variant): (
            generator.random((1, ROWS)),
            np.ones(ROWS, np.bool_),
        )
        for variant in (BASELINE, LEAKED)
    }
    publish_predictions(lake, scenario, DAY, rows, np.arange(ROWS), scores, {})
    return lake


def test_results_are_a_frame_of_the_columns_of_the_table(scenario: Scenario, lake: Lake) -> None:
    results = read_results(scenario)
    assert list(results.columns) == result_columns()
    assert results["lis"].tolist() == [0.015]
    assert read_results(scenario, first=date(2026, 1, 21)).empty
    assert list(read_results(scenario, last=date(2026, 1, 1)).columns) == list(results.columns)


def test_predictions_hold_both_scores_of_every_row(scenario: Scenario, lake: Lake) -> None:
    predictions = read_predictions(scenario, DAY, "id_embedding", "swap", 7, lake=lake)
    assert len(predictions) == ROWS
    assert {"user_id", "label", "fold", "baseline", "treatment", "covered"} <= {
        *predictions.columns
    }
    assert not {"score", "seed_scores"} & {*predictions.columns}
    found = compare_scores(
        predictions["label"],
        predictions["user_id"],
        predictions["baseline"],
        predictions["treatment"],
    )
    assert found.lis_ci_low < found.lis < found.lis_ci_high


def test_predictions_that_are_not_stored_are_refused_with_the_command(
    scenario: Scenario, lake: Lake
) -> None:
    with pytest.raises(InputError, match=r"lis lis --scenario simulated_feed .*--mode probe"):
        read_predictions(scenario, DAY, "id_embedding", Mode.PROBE, 7)


@pytest.mark.parametrize("as_of", [DAY, "2026-01-20", DayRange.of_day(DAY)])
def test_a_report_is_built_from_the_lake(
    scenario: Scenario, lake: Lake, as_of: date | str | DayRange
) -> None:
    page = build_report(scenario, as_of)
    assert page.name == f"2026-01-20_{ranker_version(scenario)}.html"
    assert "Leakage Impact Score" in page.read_text()

"""The search itself, with made-up validations; and the command on a small log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from jobs.cli.main import main
from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.ranker.model.training_settings import training_settings
from jobs.reporting.tuning_text import tuning_text
from jobs.scenarios import RankerOptions, Scenario
from jobs.tuning import search as search_module
from jobs.tuning.candidates import changed, directions, with_option
from jobs.tuning.progressive import TABLE, Validation, schema
from jobs.tuning.search import days_to_tune_on, tune
from tests.jobs.counted_log import DAYS, counted, make_log, make_scenario, publish

SCENARIO = make_scenario()
TUNED = DAYS[:6]
Quality = Callable[[RankerOptions], float]


def made_up(quality: Quality, tried: list[RankerOptions]) -> Callable[..., Validation]:
    """Validations whose scores follow the label as closely as the options deserve."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 600)
    noise = generator.normal(size=600)

    def validate(lake: Lake, scenario: Scenario, days: Sequence[date]) -> Validation:
        tried.append(scenario.ranker)
        logits = quality(scenario.ranker) * labels + noise
        columns = [
            pa.array([days[-1 - number % 3] for number in range(600)], pa.date32()),
            pa.array(np.arange(600) % 40),
            pa.array(labels.astype(np.int8)),
            pa.array(logits.astype(np.float32)),
        ]
        return Validation(pa.table(columns, schema=schema(scenario)), 1000.0)

    return validate


def test_the_best_of_every_option_is_found(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[RankerOptions] = []

    def quality(options: RankerOptions) -> float:
        rate = training_settings(options, 0).embedding_rate
        return 1 - abs(np.log10(rate)) / 2 - 0.5 * (options.embedding_dim != 8)

    monkeypatch.setattr(search_module, "validated", made_up(quality, tried))
    start = SCENARIO.model_copy(
        update={"ranker": with_option(SCENARIO.ranker, "embedding_rate", 0.1)}
    )
    found = tune(lake, start, TUNED)
    assert found.best.changed == {"embedding_dim": 8, "embedding_rate": 1.0}
    assert [one.changed for one in found.candidates[:3]] == [
        {},
        {"embedding_rate": 0.3},
        {"embedding_rate": 1.0},
    ]
    text = tuning_text(found)
    block = yaml.safe_load(text[text.index("\nranker:") :])
    assert block == {"ranker": {"embedding_dim": 8, "embedding_rate": 1.0}}
    gained = found.best.to_default
    assert f"# AUC {gained.auc_baseline:.4f} to {gained.auc_treatment:.4f}" in text


def test_no_gain_keeps_the_options_of_the_scenario(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[RankerOptions] = []
    monkeypatch.setattr(search_module, "validated", made_up(lambda _: 0.5, tried))
    found = tune(lake, SCENARIO, TUNED)
    assert found.best is found.candidates[0]
    text = tuning_text(found)
    assert "own options are the best" in text
    assert "ranker:" not in text
    assert len(tried) == len(found.candidates) == text.count("1,000")
    assert len({options.model_dump_json() for options in tried}) == len(tried)


def test_rows_of_one_class_are_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def validate(lake: Lake, scenario: Scenario, days: Sequence[date]) -> Validation:
        rows = [{"ds": days[-1], "user_id": 1, "label": 1, "logit": 0.0}] * 3
        return Validation(pa.Table.from_pylist(rows, schema(scenario)))

    monkeypatch.setattr(search_module, "validated", validate)
    with pytest.raises(InputError, match="choose other days by --until or --days"):
        tune(lake, SCENARIO, TUNED)


@pytest.mark.parametrize("rows", [0, 150, 5_000, 10_000_000])
@pytest.mark.parametrize(
    "options", [{}, {"embedding_dim": 4, "batch_size": 16, "epochs": 2}, {"embedding_decay": 0.01}]
)
def test_every_value_is_another_valid_one(rows: int, options: dict[str, float]) -> None:
    base = RankerOptions.model_validate(options)
    now = vars(training_settings(base, rows)) | {"embedding_dim": base.embedding_dim}
    for direction in directions(base, rows):
        for value in direction.values:
            assert value != now[direction.option]
            assert changed(with_option(base, direction.option, value), base) == {
                direction.option: value
            }


def mark(lake: Lake, table: str, day: date, *keys: tuple[str, str]) -> None:
    partition = Partition(table, SCENARIO.name, day, keys)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"value": [1]}))
        attempt.publish(partition, inputs={})


def test_days_end_before_the_first_that_is_scored(lake: Lake) -> None:
    for number in range(30):
        mark(lake, "history", DAYS[0] + timedelta(days=number))
    horizon = max(SCENARIO.horizons)
    short = SCENARIO.model_copy(update={"horizons": (7,)})
    assert horizon == 30
    assert days_to_tune_on(lake, short)[-1] == DAYS[0] + timedelta(days=21)
    mark(lake, "lis", DAYS[10], ("ranker", "a"), ("pooled_from", str(DAYS[8])))
    mark(lake, "lis", DAYS[9], ("ranker", "b"))
    assert days_to_tune_on(lake, SCENARIO) == DAYS[:8]
    assert days_to_tune_on(lake, SCENARIO, most=5) == DAYS[3:8]
    assert days_to_tune_on(lake, SCENARIO, until=DAYS[6]) == DAYS[:6]
    with pytest.raises(InputError, match="has 3 days before 2026-01-04, and tuning needs 4"):
        days_to_tune_on(lake, SCENARIO, until=DAYS[3])


def test_a_log_that_is_not_ingested_names_the_command(lake: Lake) -> None:
    with pytest.raises(InputError, match="run lis ingest"):
        days_to_tune_on(lake, SCENARIO)


def test_the_command_tunes_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"embedding_dim": 4, "cross_layers": 1, "hidden_units": [8], "precision": "fp32"}
    scenario = make_scenario(**small)
    (tmp_path / "scenario.yaml").write_text(yaml.safe_dump(scenario.model_dump(mode="json")))
    monkeypatch.setenv("LIS_LAKE", str(tmp_path / "lake"))
    log = make_log(len(TUNED))
    lake = Lake(str(tmp_path / "lake"))
    publish(lake, scenario, log, counted(log))
    before = lake.storage.folders("")
    until = (TUNED[-1] + timedelta(days=1)).isoformat()
    command = ["tune", "--scenario", str(tmp_path / "scenario.yaml"), "--until", until]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert "default" in first
    assert f"3 days, {TUNED[3]} to {TUNED[5]}" in first
    assert set(lake.storage.folders("")) - set(before) == {TABLE}
    assert main(command) == 0
    again = capsys.readouterr().out
    tried = first.split("\n\n")[0].splitlines()[2:]
    assert again.count("stored") == len(tried) > 8
    assert again.split("\n\n")[1:] == first.split("\n\n")[1:]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))

"""Lineages side by side: equal at first, equal without information, and nothing is published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from jobs.ais.lineages.train_lineages import ADDED, SCORED_FOLDS, score_lineages, starting_point
from jobs.common.errors import InputError
from jobs.lake import Lake, Partition
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.item_vectors import ItemVectors
from jobs.ranker.rows.day_rows import read_day_rows
from jobs.ranker.scoring.frozen_forward import frozen_rows, logits
from jobs.scenarios import Fold, Scenario
from tests.jobs.lis.stored import flip, rewrite
from tests.jobs.ranker.model.test_custom_network import CUSTOM

pytestmark = pytest.mark.usefixtures("one_thread")

T = date(2026, 1, 5)
DAYS = [T - timedelta(days=before) for before in (3, 2, 1)]
ITEMS = np.arange(100, 130)


@pytest.fixture(
    params=[
        "built-in",
        "custom",
        pytest.param("without statistics", marks=pytest.mark.slow),
        "dense features",
    ]
)
def scenario(
    request: pytest.FixtureRequest,
    make_scenario: Callable[..., Scenario],
    trained: Lake,
    tmp_path: Path,
) -> Scenario:
    """Scenarios whose lineages reach T; the second one has dropout and batch normalisation."""
    scenario = make_scenario()
    if request.param == "built-in":
        return scenario
    if request.param == "custom":
        (tmp_path / "custom_network.py").write_text(CUSTOM)
        change: dict[str, Any] = {"network": f"{tmp_path / 'custom_network.py'}:Tower"}
    elif request.param == "dense features":
        change = {"dense_features": ("vector",)}
        for day in trained.days("items", scenario.name):
            rewrite(trained, scenario.name, "items", day, describe)
    else:
        change = {"statistics": False}
    changed = scenario.model_copy(update={"ranker": scenario.ranker.model_copy(update=change)})
    extend_lineage(trained, changed, T - timedelta(days=1), progress=False)
    return changed


def describe(items: list[dict[str, Any]]) -> None:
    for item in items:
        item["vector"] = np.random.default_rng(item["item_id"]).normal(size=3).tolist()


def table(vectors: NDArray[np.float64], items: NDArray[np.int64] = ITEMS) -> pa.Table:
    values = pa.array(vectors.astype(np.float32).ravel())
    embedding = pa.FixedSizeListArray.from_arrays(values, vectors.shape[1])
    return pa.table({"item_id": pa.array(items), "embedding": embedding})


def random_table(seed: int = 0, items: NDArray[np.int64] = ITEMS) -> pa.Table:
    return table(np.random.default_rng(seed).normal(size=(len(items), 5)), items)


def test_lineages_differ_by_what_their_vectors_say_alone(
    trained: Lake, scenario: Scenario, published_bytes: Callable[..., dict[str, bytes]]
) -> None:
    before = published_bytes(trained)
    zeros = table(np.zeros((len(ITEMS), 5)))
    tables = {"zeros": zeros, "random": random_table(), "some": random_table(items=ITEMS[::2])}
    scores = score_lineages(trained, scenario, tables, T, DAYS)
    ranker = read_checkpoint(trained, scenario, T)
    rows = read_day_rows(ranker, trained, scenario, T, SCORED_FOLDS)
    of_ranker = frozen_rows(ranker, rows).logits.double().sigmoid().cpu().numpy()
    assert np.array_equal(scores["baseline"], of_ranker[None])
    assert np.array_equal(scores["zeros"], scores["baseline"])
    assert not np.array_equal(scores["random"], scores["baseline"])
    assert not np.array_equal(scores["some"], scores["random"])
    assert published_bytes(trained) == before


def test_a_lineage_starts_with_the_scores_of_the_ranker(trained: Lake, scenario: Scenario) -> None:
    vectors = ItemVectors.standardised(random_table(), [pa.array(ITEMS)])
    plain, reading = (
        starting_point(trained, scenario, DAYS[0], given) for given in (None, vectors)
    )
    rows = [
        read_day_rows(ranker, trained, scenario, T, SCORED_FOLDS) for ranker in (plain, reading)
    ]
    assert {*rows[1].item_vectors} - {*rows[0].item_vectors} == {ADDED}
    assert rows[1].item_vectors[ADDED].inputs(slice(None))[:, :-1].any()
    assert np.array_equal(logits(plain, rows[0]), logits(reading, rows[1]))
    kept = {name: reading.optimizer.state[p] for name, p in reading.network.named_parameters()}
    for name, parameter in plain.network.named_parameters():
        moment = plain.optimizer.state[parameter]["exp_avg"]
        assert moment.any()
        assert torch.equal(kept[name]["exp_avg"], moment)


@pytest.fixture
def built_in(make_scenario: Callable[..., Scenario]) -> Scenario:
    return make_scenario()


def test_seeds_differ_and_the_same_seed_gives_the_same_bits(
    trained: Lake, built_in: Scenario
) -> None:
    tables = {"random": random_table()}
    one = score_lineages(trained, built_in, tables, T, DAYS[-2:])
    two = score_lineages(trained, built_in, tables, T, DAYS[-2:], seeds=2)
    for name, scores in two.items():
        assert scores.shape == (2, one[name].shape[1])
        assert np.array_equal(scores[:1], one[name])
        assert not np.array_equal(scores[0], scores[1])


def test_labels_of_held_out_rows_change_no_score(trained: Lake, built_in: Scenario) -> None:
    tables = {"random": random_table()}
    before = score_lineages(trained, built_in, tables, T, DAYS)
    for day in (*DAYS, T):
        for fold in (Fold.EVAL, Fold.FIT):
            rewrite(trained, built_in.name, "impressions", day, flip(fold))
    after = score_lineages(trained, built_in, tables, T, DAYS)
    assert all(np.array_equal(after[name], scores) for name, scores in before.items())
    rewrite(trained, built_in.name, "impressions", DAYS[0], flip(Fold.LINEAGE))
    changed = score_lineages(trained, built_in, tables, T, DAYS)
    assert not any(np.array_equal(changed[name], scores) for name, scores in before.items())


def test_what_cannot_be_trained_is_refused(trained: Lake, built_in: Scenario) -> None:
    with pytest.raises(ValueError, match="cannot be named 'baseline'"):
        score_lineages(trained, built_in, {"baseline": random_table()}, T, DAYS)
    for days in ([], DAYS[:2], DAYS[::2]):
        with pytest.raises(ValueError, match="consecutive and end before 2026-01-05"):
            score_lineages(trained, built_in, {}, T, days)
    imported = built_in.model_validate(
        {**built_in.model_dump(), "snapshots": {"path": "vectors/{ds}.parquet"}}
    )
    with pytest.raises(InputError, match="tiny imports its item vectors"):
        score_lineages(trained, imported, {}, T, DAYS)
    trained.storage.remove(Partition("history", "tiny", DAYS[1]).path)
    with pytest.raises(InputError, match="no history of 2026-01-03: run lis ingest"):
        score_lineages(trained, built_in, {}, T, DAYS)

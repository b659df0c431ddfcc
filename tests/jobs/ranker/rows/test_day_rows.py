"""The rows of days as indices into a table of vectors, against the scores of the ranker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from jobs.lake import Lake
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows, DenseRows, dense_rows, read_day_rows
from jobs.ranker.rows.read_day import read_day
from jobs.ranker.scoring.score_day import BASELINE, score_rows
from jobs.scenarios import Scenario

FIRST, DAYS = date(2026, 1, 1), 4
AS_OF = FIRST + timedelta(days=DAYS - 1)
FOLDS = ("eval", "fit", "lineage")
CPU = torch.device("cpu")
Rows = list[dict[str, Any]]


@pytest.fixture
def scenario(with_options: Callable[..., Scenario]) -> Scenario:
    """Rates at which a day of forty rows moves scores."""
    return with_options(embedding_rate=0.3, dense_rate=0.03)


@pytest.fixture
def log(make_log: Callable[..., Rows]) -> Rows:
    """Four days with new items every day; the third day is empty."""
    emptied = FIRST + timedelta(days=2)
    return [row for row in make_log(days=DAYS, users=12) if row["ts"].date() != emptied]


@pytest.fixture
def trained(lake: Lake, scenario: Scenario, log: Rows, publish_log: Callable[..., None]) -> Lake:
    """Rankers of all four days."""
    publish_log(lake, scenario, log)
    extend_lineage(lake, scenario, AS_OF - timedelta(days=1), progress=False)
    return lake


def day_rows(lake: Lake, scenario: Scenario, day: date) -> tuple[Ranker, DayRows]:
    ranker = read_checkpoint(lake, scenario, day)
    return ranker, read_day_rows(ranker, lake, scenario, day, FOLDS)


def forward(network: nn.Module, rows: DenseRows) -> NDArray[np.float64]:
    clicked = rows.history < len(rows.vectors) - 1
    network.eval()
    with torch.no_grad():
        fields, history = rows.vectors[rows.fields], rows.vectors[rows.history]
        logits = network(fields, history, clicked, rows.statistics)
    scores: NDArray[np.float64] = logits.double().sigmoid().numpy()
    return scores


def ranker_scores(ranker: Ranker, lake: Lake, scenario: Scenario, day: date) -> NDArray[np.float64]:
    return score_rows(ranker, scenario, read_day(lake, scenario, day, FOLDS), {}).scores[BASELINE]


@pytest.mark.parametrize("options", [{}, {"history_length": 0}, {"history_pooling": "attention"}])
def test_the_network_scores_dense_rows_like_the_ranker_scores_the_day(
    lake: Lake,
    log: Rows,
    with_options: Callable[..., Scenario],
    publish_log: Callable[..., None],
    options: dict[str, Any],
) -> None:
    scenario = with_options(**options)
    publish_log(lake, scenario, log)
    extend_lineage(lake, scenario, AS_OF - timedelta(days=1), progress=False)
    ranker, day = day_rows(lake, scenario, AS_OF)
    expected = ranker_scores(ranker, lake, scenario, AS_OF)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(
        forward(ranker.network, dense_rows([day], CPU)), expected, rtol=0, atol=1e-7
    )


def test_a_day_has_the_rows_of_the_log(trained: Lake, scenario: Scenario, log: Rows) -> None:
    _, day = day_rows(trained, scenario, AS_OF)
    rows = [row for row in log if row["ts"].date() == AS_OF]
    assert len(day) == len(rows)
    for name in ("impression_id", "user_id", "item_id", "label", "fold", "place"):
        assert day.rows[name].to_pylist() == [row[name] for row in rows]
    assert day.items.to_pylist() == [row["item_id"] for row in rows]
    assert day.labels.tolist() == [row["label"] for row in rows]
    trained_items = [
        row["item_id"] for row in log if row["ts"].date() < AS_OF and row["fold"] == "lineage"
    ]
    assert day.item_updates.tolist() == [trained_items.count(row["item_id"]) for row in rows]
    assert 0 in day.item_updates
    for number, row in enumerate(rows):
        clicks = [
            other["item_id"]
            for other in log
            if other["label"]
            and other["fold"] == "lineage"
            and other["user_id"] == row["user_id"]
            and other["ts"] < row["ts"]
        ][-3:]
        positions = day.clicks.position[day.clicks.row == number]
        items = day.clicks.items.filter((day.clicks.row == number).tolist()).to_pylist()
        assert [items[at] for at in np.argsort(-positions)] == clicks
        assert (day.history[number] < len(day.vectors) - 1).tolist() == [
            position < len(clicks) for position in range(3)
        ]
    assert (day.history == len(day.vectors) - 1).all(axis=1).any()


def test_every_vector_is_stored_once_and_the_last_is_zero(
    trained: Lake, scenario: Scenario
) -> None:
    ranker, day = day_rows(trained, scenario, AS_OF)
    assert not day.vectors[-1].any()
    used = np.union1d(day.fields, day.history)
    assert used.tolist() == list(range(len(day.vectors)))
    embeddings = ranker.table.embedding.numpy()
    trained_vectors = {vector.tobytes() for vector in embeddings if vector.any()}
    stored = [vector.tobytes() for vector in day.vectors if vector.any()]
    assert len(stored) == len(set(stored))
    assert set(stored) <= trained_vectors


def test_concatenated_days_score_like_each_alone(trained: Lake, scenario: Scenario) -> None:
    """Each row keeps the embeddings of its own day's ranker, also where ids are the same."""
    days = [day_rows(trained, scenario, FIRST + timedelta(days=n))[1] for n in range(DAYS)]
    assert [len(day) for day in days] == [40, 40, 0, 40]
    network = read_checkpoint(trained, scenario, AS_OF).network
    together = dense_rows(days, CPU)
    assert len(together) == 120
    assert together.labels.tolist() == np.concatenate([day.labels for day in days]).tolist()
    expected = np.concatenate([forward(network, dense_rows([day], CPU)) for day in days])
    np.testing.assert_allclose(forward(network, together), expected, rtol=0, atol=1e-7)
    newest = day_rows(trained, scenario, AS_OF)[0]
    second = FIRST + timedelta(days=1)
    of_newest = read_day_rows(newest, trained, scenario, second, FOLDS)
    difference = forward(network, dense_rows([of_newest], CPU)) - expected[40:80]
    assert np.abs(difference).max() > 1e-3


def test_a_day_without_rows(trained: Lake, scenario: Scenario) -> None:
    _, day = day_rows(trained, scenario, FIRST + timedelta(days=2))
    assert (len(day), day.rows.num_rows, len(day.clicks.items)) == (0, 0, 0)
    rows = dense_rows([day, day], CPU)
    assert (len(rows), rows.fields.shape, rows.history.shape) == (0, (0, 3), (0, 3))
    assert rows.vectors.tolist() == [[0] * 4]


def test_only_the_given_folds_are_read(trained: Lake, scenario: Scenario, log: Rows) -> None:
    ranker = read_checkpoint(trained, scenario, AS_OF)
    day = read_day_rows(ranker, trained, scenario, AS_OF, ("fit",))
    assert day.rows["impression_id"].to_pylist() == [
        row["impression_id"] for row in log if row["ts"].date() == AS_OF and row["fold"] == "fit"
    ]


def test_the_chunk_size_does_not_matter(
    trained: Lake, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = day_rows(trained, scenario, AS_OF)
    monkeypatch.setattr("jobs.ranker.rows.read_day.CHUNK_ROWS", 7)
    _, chunked = day_rows(trained, scenario, AS_OF)
    assert chunked.rows.equals(whole.rows)
    assert chunked.clicks.items.equals(whole.clicks.items)
    assert np.array_equal(chunked.clicks.row, whole.clicks.row)
    assert np.array_equal(chunked.clicks.position, whole.clicks.position)
    for name in ("vectors", "fields", "history", "statistics", "labels", "item_updates"):
        assert np.array_equal(getattr(chunked, name), getattr(whole, name))

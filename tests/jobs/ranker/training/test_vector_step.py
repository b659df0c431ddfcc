"""A ranker that reads item vectors: what it learns from them, and what a step costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from jobs.lake import Lake
from jobs.ranker.model.item_vectors import ItemVectors, input_width
from jobs.ranker.model.ranker import Ranker, new_ranker
from jobs.ranker.rows.day_rows import read_day_rows
from jobs.ranker.rows.encode import EncodedRows, encode
from jobs.ranker.rows.read_day import read_day
from jobs.ranker.scoring.frozen_forward import logits
from jobs.ranker.scoring.score_day import BASELINE, score_rows
from jobs.ranker.training.train_day import train_day
from jobs.ranker.training.train_next import train_next
from jobs.ranker.training.train_step import TrainStep
from jobs.scenarios import Fold, Scenario

FIRST, DAYS = date(2026, 1, 1), 4
LAST = FIRST + timedelta(days=DAYS)
ITEMS = np.arange(100, 100 + 20 * (DAYS + 1))
Rows = list[dict[str, Any]]


@pytest.fixture
def scenario(with_options: Callable[..., Scenario]) -> Scenario:
    """Without statistics: only a vector tells anything of a new item."""
    return with_options(dense_rate=0.02, statistics=False)


@pytest.fixture
def taste() -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=(len(ITEMS), 2))


@pytest.fixture
def published(
    lake: Lake,
    scenario: Scenario,
    taste: NDArray[np.float64],
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
) -> Rows:
    """Every day shows new items only, which are clicked by their first coordinate."""
    log = make_log(days=DAYS + 1, rows=300, users=20, items=20)
    generator = np.random.default_rng(2)
    for row in log:
        day = (row["ts"].date() - FIRST).days
        number = 20 * day + row["item_id"] - 100 - day
        row["item_id"] = int(ITEMS[number])
        row["label"] = int(generator.random() < 1 / (1 + np.exp(-3 * taste[number, 0])))
    publish_log(lake, scenario, log)
    return log


def vectors_of(lake: Lake, scenario: Scenario, taste: NDArray[np.float64]) -> ItemVectors:
    embedding = pa.FixedSizeListArray.from_arrays(pa.array(taste.ravel().astype(np.float32)), 2)
    table = pa.table({"item_id": pa.array(ITEMS), "embedding": embedding})
    chunks = read_day(lake, scenario, FIRST, {Fold.LINEAGE})
    return ItemVectors.standardised(table, (chunk.impressions["item_id"] for chunk in chunks))


def trained(lake: Lake, scenario: Scenario, vectors: ItemVectors | None) -> Ranker:
    ranker = new_ranker(scenario, torch.device("cpu"))
    if vectors is not None:
        ranker.add_item_vectors("taste", vectors)
    for day in range(DAYS):
        train_next(ranker, lake, scenario, FIRST + timedelta(days=day), train_day)
    return ranker


@pytest.mark.usefixtures("published")
def test_vectors_tell_of_items_that_are_new_on_the_day(
    lake: Lake, scenario: Scenario, taste: NDArray[np.float64]
) -> None:
    auc = {}
    for name, vectors in (("none", None), ("taste", vectors_of(lake, scenario, taste))):
        ranker = trained(lake, scenario, vectors)
        for head in ranker.network.heads_of_vectors.values():
            assert 0.8 < head.gate.item() != 1
        rows = read_day_rows(ranker, lake, scenario, LAST, (Fold.EVAL, Fold.FIT))
        assert not rows.item_updates.any()
        auc[name] = roc_auc_score(rows.labels, logits(ranker, rows)[:, 0])
    assert auc["none"] < 0.6
    assert auc["taste"] > 0.8  # the true probabilities reach 0.9


@pytest.mark.usefixtures("published")
def test_every_way_of_scoring_reads_the_vectors(
    lake: Lake, scenario: Scenario, taste: NDArray[np.float64]
) -> None:
    ranker = trained(lake, scenario, vectors_of(lake, scenario, taste))
    rows = read_day_rows(ranker, lake, scenario, LAST, (Fold.EVAL,))
    day_logits = logits(ranker, rows)[:, 0].astype(np.float64)
    scored = score_rows(ranker, scenario, read_day(lake, scenario, LAST, {Fold.EVAL}), {})
    np.testing.assert_allclose(scored.scores[BASELINE], 1 / (1 + np.exp(-day_logits)), atol=1e-6)


@pytest.mark.usefixtures("published")
def test_a_step_reads_the_inputs_that_scoring_reads(
    lake: Lake, scenario: Scenario, taste: NDArray[np.float64]
) -> None:
    vectors = vectors_of(lake, scenario, taste)
    ranker = trained(lake, scenario, vectors)
    seen: dict[tuple[int, ...], NDArray[np.float32]] = {}

    @contextmanager
    def recording(ranker: Ranker) -> Iterator[TrainStep]:
        def record(ranker: Ranker, rows: EncodedRows, numbers: NDArray[np.int64]) -> None:
            seen.update(zip(keys(rows, numbers), rows.dense_inputs(numbers), strict=True))

        yield record

    train_day(ranker, lake, scenario, LAST, recording)
    (chunk,) = read_day(lake, scenario, LAST, {Fold.LINEAGE})
    encoded = encode(ranker, chunk)
    expected = encoded.dense_inputs(slice(None))
    assert expected.shape == (len(chunk), input_width(vectors.dim))
    assert expected[:, 2:4].any(axis=1).sum() > len(chunk) / 2
    found = [seen[key] for key in keys(encoded, np.arange(len(chunk)))]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def keys(rows: EncodedRows, numbers: NDArray[np.int64]) -> list[tuple[int, ...]]:
    """Time and ids of each row, which tell it from all others."""
    columns = np.column_stack([rows.ts[numbers], rows.fields[numbers]])
    found = [tuple(row) for row in columns.tolist()]
    assert len(set(found)) == len(found)
    return found

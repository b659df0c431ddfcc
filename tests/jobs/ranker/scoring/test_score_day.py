from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.common.errors import InputError
from jobs.lake import Lake, schemas
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.scoring.score_day import BASELINE, SlotTable, score_day
from jobs.scenarios import Scenario
from tests.oracles.dense_statistics import dense_inputs
from tests.oracles.statistics_loop import statistics

LAST, AS_OF = date(2026, 1, 2), date(2026, 1, 3)
Rows = list[dict[str, Any]]


@pytest.fixture
def log(make_log: Callable[..., Rows]) -> Rows:
    return make_log(days=3)


@pytest.fixture
def ranker(lake: Lake, scenario: Scenario, log: Rows, publish_log: Callable[..., None]) -> Ranker:
    """M_T, trained on all days before the one to score."""
    publish_log(lake, scenario, log)
    extend_lineage(lake, scenario, LAST, progress=False)
    return read_checkpoint(lake, scenario, AS_OF)


@pytest.fixture
def ranker_table(ranker: Ranker) -> SlotTable:
    return SlotTable(ranker.vocabularies["item_id"].ids, ranker.table.block("item_id").embedding)


def test_no_leak_gives_the_same_bits(
    lake: Lake, scenario: Scenario, ranker_table: SlotTable
) -> None:
    order = np.random.default_rng(0).permutation(len(ranker_table.ids))
    shuffled = SlotTable(ranker_table.ids.take(pa.array(order)), ranker_table.vectors[order])
    scores = score_day(lake, scenario, AS_OF, {"n0": ranker_table, "n0-shuffled": shuffled}).scores
    assert np.ptp(scores[BASELINE]) > 0
    assert np.array_equal(scores[BASELINE], scores["n0"])
    assert np.array_equal(scores[BASELINE], scores["n0-shuffled"])


def test_a_variant_scores_like_a_ranker_with_its_items(
    lake: Lake, scenario: Scenario, ranker: Ranker, ranker_table: SlotTable, log: Rows
) -> None:
    """The reference scores one row at a time, from dictionaries."""
    generator = np.random.default_rng(1)
    ranker_items = dict(zip(ranker_table.ids.to_pylist(), ranker_table.vectors, strict=True))
    ids = sorted({row["item_id"] for row in log})[::2]
    vectors = generator.normal(size=(len(ids), 4)).astype(np.float32)
    leaked = {**ranker_items, **dict(zip(ids, vectors, strict=True))}
    result = score_day(lake, scenario, AS_OF, {"leak": SlotTable(pa.array(ids), vectors)})
    for name, items in ((BASELINE, ranker_items), ("leak", leaked)):
        expected = [_score(ranker, row, log, items) for row in _rows_to_score(log)]
        np.testing.assert_allclose(result.scores[name], expected, atol=1e-6)
    candidates = [row["item_id"] for row in _rows_to_score(log)]
    assert result.covered["leak"].tolist() == [item in ids for item in candidates]
    assert result.covered[BASELINE].tolist() == [item in ranker_items for item in candidates]
    assert not result.covered[BASELINE].all()


@pytest.mark.parametrize("slot", ["user_id", "place"])
def test_another_slot_is_swapped_and_items_stay(
    lake: Lake, scenario: Scenario, ranker: Ranker, ranker_table: SlotTable, log: Rows, slot: str
) -> None:
    items = dict(zip(ranker_table.ids.to_pylist(), ranker_table.vectors, strict=True))
    ids = ranker.vocabularies[slot].ids[::2]
    vectors = np.random.default_rng(2).normal(size=(len(ids), 4)).astype(np.float32)
    leak = {"leak": SlotTable(ids, vectors)}
    result = score_day(lake, scenario, AS_OF, leak, slot=slot)
    leaked = dict(zip(ids.to_pylist(), vectors, strict=True))
    expected = [_score(ranker, row, log, items, {slot: leaked}) for row in _rows_to_score(log)]
    np.testing.assert_allclose(result.scores["leak"], expected, atol=1e-6)
    assert np.ptp(result.scores["leak"] - result.scores[BASELINE]) > 1e-3
    assert result.covered["leak"].tolist() == [row[slot] in leaked for row in _rows_to_score(log)]


def _rows_to_score(log: Rows) -> Rows:
    return [row for row in log if row["ts"].date() == AS_OF and row["fold"] != "fit"]


def _score(
    ranker: Ranker,
    row: dict[str, Any],
    log: Rows,
    items: dict[int, np.ndarray],
    others: Mapping[str, Mapping[Any, np.ndarray]] | None = None,
) -> float:
    def vector_of(field: str) -> np.ndarray:
        leaked = (others or {}).get(field, {})
        if row[field] in leaked:
            return leaked[row[field]]
        ids = ranker.vocabularies[field].ids.to_pylist()
        embedding = ranker.table.block(field).embedding
        return embedding[ids.index(row[field])] if row[field] in ids else nothing

    nothing = np.zeros(4, np.float32)
    clicks = [
        items.get(other["item_id"], nothing)
        for other in log
        if other["user_id"] == row["user_id"]
        and other["ts"] < row["ts"]
        and other["label"]
        and other["fold"] == "lineage"
    ][-3:]
    vectors = [vector_of("user_id"), items.get(row["item_id"], nothing), vector_of("place")]
    history = torch.tensor(np.array([*clicks, nothing]))[None]
    clicked = torch.tensor([True] * len(clicks) + [False])[None]
    counts = next(
        found
        for found in statistics(log, AS_OF, ("place",))
        if found["impression_id"] == row["impression_id"]
    )
    inputs = torch.tensor([list(dense_inputs(counts, ranker.fields).values())])
    with torch.no_grad():
        return float(
            ranker.network.eval()(
                torch.tensor(np.array(vectors))[None], history, clicked, inputs
            ).sigmoid()
        )


def test_rows_and_updates_follow_the_log(
    lake: Lake, scenario: Scenario, ranker: Ranker, log: Rows
) -> None:
    result = score_day(lake, scenario, AS_OF, {})
    rows = _rows_to_score(log)
    for name in ("impression_id", "user_id", "item_id", "label", "fold"):
        assert result.rows[name].to_pylist() == [row[name] for row in rows]
    trained = [
        row["item_id"] for row in log if row["ts"].date() < AS_OF if row["fold"] == "lineage"
    ]
    assert result.item_updates.tolist() == [trained.count(row["item_id"]) for row in rows]


@pytest.mark.parametrize("folds", [("eval",), ("lineage", "fit"), ()])
def test_only_the_given_folds_are_scored(
    lake: Lake, scenario: Scenario, ranker: Ranker, log: Rows, folds: tuple[str, ...]
) -> None:
    result = score_day(lake, scenario, AS_OF, {}, folds)
    expected = [row for row in log if row["ts"].date() == AS_OF and row["fold"] in folds]
    assert result.rows["impression_id"].to_pylist() == [row["impression_id"] for row in expected]
    assert len(result.scores[BASELINE]) == len(expected)


def test_a_slot_table_is_read_from_features(scenario: Scenario) -> None:
    schema = schemas.features(scenario, dim=2)
    rows = [{"item_id": 5, "embedding": [1.0, 2.0]}, {"item_id": 3, "embedding": [3.0, 4.0]}]
    table = pa.concat_tables([pa.Table.from_pylist([row], schema) for row in rows])
    found = SlotTable.from_arrow(table)
    assert found.ids.to_pylist() == [5, 3]
    assert found.vectors.tolist() == [[1, 2], [3, 4]]
    assert SlotTable.from_arrow(schema.empty_table()).vectors.shape == (0, 2)


def test_vectors_of_another_dimension_are_rejected(
    lake: Lake, scenario: Scenario, ranker_table: SlotTable
) -> None:
    with pytest.raises(ValueError, match="'short'"):
        score_day(
            lake,
            scenario,
            AS_OF,
            {"short": replace(ranker_table, vectors=ranker_table.vectors[:, :2])},
        )


def test_a_day_without_checkpoint_is_rejected(
    lake: Lake, scenario: Scenario, log: Rows, publish_log: Callable[..., None]
) -> None:
    publish_log(lake, scenario, log)
    with pytest.raises(InputError, match="--until 2026-01-02"):
        score_day(lake, scenario, AS_OF, {})

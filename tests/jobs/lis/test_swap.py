"""Swap mode: its scores are published with what they came from, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.evaluation.predictions import predictions_partition
from jobs.evaluation.result import LisResult
from jobs.lake import Lake, schemas
from jobs.lake.addresses import feature_partition
from jobs.lis import swap
from jobs.lis.swap import score_swap
from jobs.preference import preference_kind
from jobs.ranker.model.checkpoint import write_checkpoint
from jobs.ranker.model.ranker import new_ranker
from tests.jobs.counted_log import DAYS, counted, make_log, make_scenario, publish
from tests.jobs.lis.stored import state, without_seconds

SCENARIO = make_scenario(embedding_dim=4, hidden_units=[8])
HORIZONS = (2, 5)
AS_OFS = DAYS[-2:]
NAMES = ("baseline", "id_embedding-swap-2", "id_embedding-swap-5")


@pytest.fixture
def ready(lake: Lake) -> Lake:
    """A lake with untrained rankers, and with random vectors in place of later embeddings."""
    log = make_log()
    publish(lake, SCENARIO, log, counted(log))
    for day in AS_OFS:
        ranker = new_ranker(SCENARIO)
        assert ranker.network.head is not None
        # The last layer of an untrained ranker is zero, so that no vector would count.
        torch.nn.init.ones_(ranker.network.head.weight)
        write_checkpoint(lake, SCENARIO, day, ranker, {}, {})
        for horizon in HORIZONS:
            publish_vectors(lake, day, horizon, seed=horizon)
    return lake


def publish_vectors(lake: Lake, day: date, horizon: int, seed: int) -> None:
    vectors = np.random.default_rng([seed, day.toordinal()]).normal(size=(6, 4))
    schema = schemas.features(SCENARIO)
    columns = {
        "item_id": np.arange(6),
        "embedding": list(vectors.astype(np.float32)),
        "updates": np.zeros(6, np.int64),
        "last_event": pa.nulls(6, schemas.TIMESTAMP),
    }
    partition = feature_partition(SCENARIO, "id_embedding", day, horizon)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table(columns).cast(schema))
        attempt.publish(partition, inputs={}, schema=schema)


def score(lake: Lake, horizons: Sequence[int] = HORIZONS) -> list[LisResult]:
    kinds = [preference_kind("id_embedding", SCENARIO)]
    return score_swap(lake, SCENARIO, kinds, AS_OFS, horizons)


def test_predictions_are_published_with_the_digests_that_they_came_from(ready: Lake) -> None:
    score(ready)
    for day in AS_OFS:
        inputs = [
            dict(ready.require(predictions_partition(SCENARIO, day, name), "score").inputs)
            for name in NAMES
        ]
        assert all(all(digests.values()) and digests for digests in inputs)
        assert len({str(digests) for digests in inputs}) == len(NAMES)
        assert len({digests["data"] for digests in inputs}) == 1


def test_predictions_that_are_current_are_read_back(
    ready: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = score(ready, [2])
    before = state(ready, "predictions")
    everything = score(ready)
    after = state(ready, "predictions")
    assert {path: after[path] for path in before} == before
    ready.storage.remove("lis")

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr(swap, "score_day", refuse)
    np.testing.assert_equal(without_seconds(score(ready)), without_seconds(everything))
    np.testing.assert_equal(without_seconds(score(ready, [2])), without_seconds(first))
    assert state(ready, "predictions") == after


def test_a_changed_table_alone_is_scored_again(ready: Lake) -> None:
    first = score(ready)
    before = state(ready, "predictions")
    publish_vectors(ready, AS_OFS[0], 5, seed=99)
    again = score(ready)
    after = state(ready, "predictions")
    changed = {path for path in after.keys() | before.keys() if after.get(path) != before.get(path)}
    assert changed
    assert all("id_embedding-swap-5" in path and str(AS_OFS[0]) in path for path in changed)
    for old, new in zip(first, again, strict=True):
        is_changed = new.horizon == 5 and (new.is_pooled or new.as_of == str(AS_OFS[0]))
        assert (old.lis != new.lis) is is_changed


def test_the_baseline_is_the_ranker_itself(ready: Lake) -> None:
    for result in score(ready):
        assert result.auc_ranker == result.auc_baseline
        assert np.isfinite([result.auc_popularity, result.auc_logistic]).all()

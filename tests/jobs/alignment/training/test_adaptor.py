"""The adaptor learns from fit rows before the day of alignment, through a ranker that stays."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.alignment.aligned_encoder import read_encoder
from jobs.alignment.training import adaptor as module
from jobs.alignment.training.align import align
from jobs.alignment.vectors import publish_vectors
from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.lake.addresses import encoder_partition
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.ranker.model.ranker import Ranker
from jobs.ranker.rows.day_rows import DayRows, read_day_rows
from jobs.scenarios import ITEM, AlignmentOptions, Fold, ImportedSnapshots, Scenario
from tests.jobs.alignment.preference_lake import (
    content,
    publish_curated,
    publish_items,
    stored_bytes,
)
from tests.jobs.ranker.conftest import Row, make_scenario, publish, random_log

DESCRIBED, ALIGNED_AT = date(2026, 1, 4), date(2026, 1, 5)
LAST = ALIGNED_AT
KIND = "id_embedding"
ITEMS = tuple(range(100, 121))
LOG = random_log(days=5, rows=60)


@pytest.fixture
def scenario() -> Scenario:
    alignment = {
        "curation": {"min_validation": 2},
        "encoder": {"dim": 6, "max_tokens": 8},
        "training": {"adaptor": True, "epochs": 2, "batch_size": 8},
    }
    options = AlignmentOptions.model_validate(alignment)
    return make_scenario().model_copy(update={"alignment": options})


def train_on(lake: Lake, scenario: Scenario, log: Sequence[Row]) -> None:
    """Publish a log with its histories and counts, and train M_1 to M_6 on it."""
    publish(lake, scenario, list(log))
    extend_lineage(lake, scenario, LAST, progress=False)


@pytest.fixture
def trained(lake: Lake, scenario: Scenario) -> Lake:
    train_on(lake, scenario, LOG)
    return lake


def describe_and_align(lake: Lake, scenario: Scenario) -> None:
    """Give items content, take targets from M_S, align, and publish vectors."""
    publish_items(lake, scenario, DESCRIBED, item_id=list(ITEMS), **content(ITEMS))
    ranker = read_checkpoint(lake, scenario, ALIGNED_AT)
    known = ranker.vocabularies[ITEM].ids.to_pylist()
    embeddings = dict(zip(known, ranker.table.block(ITEM).embedding.tolist(), strict=True))
    ids = sorted(set(known) & set(ITEMS))
    columns = content(ids)
    publish_curated(
        lake,
        scenario,
        items=len(ids),
        day=ALIGNED_AT,
        item_id=ids,
        target=[embeddings[item] for item in ids],
        **columns,
    )
    align(lake, scenario, KIND, ALIGNED_AT)
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, LAST)


def data_bytes(lake: Lake, *tables: str) -> dict[str, bytes]:
    """Data files: manifests also have the digests of the rows, which labels change."""
    found = stored_bytes(lake, *tables)
    return {path: found[path] for path in found if not path.endswith("_manifest.json")}


@pytest.mark.parametrize(("fold", "changes"), [(Fold.EVAL, False), (Fold.LINEAGE, True)])
def test_labels_of_eval_rows_change_no_checkpoint_encoder_or_vector(
    trained: Lake, scenario: Scenario, tmp_path: Path, fold: Fold, changes: bool
) -> None:
    turned = Lake(str(tmp_path / "turned"))
    rows = [{**row, "label": row["label"] ^ (row["fold"] == fold)} for row in LOG]
    assert rows != LOG
    train_on(turned, scenario, rows)
    for one in (trained, turned):
        describe_and_align(one, scenario)
    found = [
        data_bytes(one, "checkpoints", "encoders", "item_vectors") for one in (trained, turned)
    ]
    assert {path.split("/")[0] for path in found[0]} == {"checkpoints", "encoders", "item_vectors"}
    assert (found[0] != found[1]) == changes


def test_only_fit_rows_of_earlier_days_are_read_and_the_ranker_stays(
    trained: Lake, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[date, Collection[Fold]]] = []
    networks = []

    def recorded(ranker: Ranker, lake: Lake, of: Scenario, day: date, folds: Any) -> DayRows:
        read.append((day, list(folds)))
        networks.append(ranker.network)
        return read_day_rows(ranker, lake, of, day, folds)

    monkeypatch.setattr(module, "read_day_rows", recorded)
    describe_and_align(trained, scenario)
    days = [ALIGNED_AT - timedelta(days=number) for number in (3, 2, 1)]
    assert read == [(day, [Fold.FIT]) for day in days]
    stored = read_checkpoint(trained, scenario, ALIGNED_AT).network.state_dict()
    for network in networks:
        assert all(torch.equal(network.state_dict()[name], stored[name]) for name in stored)


def test_an_adaptor_lowers_the_log_loss_where_clicks_follow_from_content(
    trained: Lake, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clicked_by_content(*arguments: Any) -> DayRows:
        rows = read_day_rows(*arguments)
        return dataclasses.replace(rows, labels=(rows.items.to_numpy() % 2).astype(np.float32))

    monkeypatch.setattr(module, "read_day_rows", clicked_by_content)
    monkeypatch.setattr(module, "EPOCHS", 30)
    monkeypatch.setattr(module, "RATE", 1e-2)
    describe_and_align(trained, scenario)
    partition = encoder_partition(scenario, KIND, ALIGNED_AT)
    facts = trained.require(partition, "").facts["adaptor"]
    losses = facts["log_loss"]
    assert facts["best_epoch"] == int(np.argmin(losses)) > 0
    assert min(losses) < losses[0] - 0.02
    with_adaptor = read_encoder(trained, scenario, KIND, ALIGNED_AT)
    items = pa.table({"item_id": list(ITEMS), **content(ITEMS)})
    adapted = with_adaptor.vectors(items)
    with_adaptor.adaptor = None
    assert not np.allclose(adapted, with_adaptor.vectors(items), atol=1e-3)


def test_item_vectors_of_another_system_have_no_ranker_to_train_through(
    trained: Lake, scenario: Scenario
) -> None:
    imported = ImportedSnapshots(path="{ds}.parquet", eval_rows_seen="no")
    with pytest.raises(InputError, match="imports item vectors"):
        module.adaptor_days(
            trained, scenario.model_copy(update={"snapshots": imported}), ALIGNED_AT
        )

"""Pretrained encoders through alignment and inference, as ``lis align`` and ``lis vectors`` run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.alignment.aligned_encoder import read_encoder
from jobs.alignment.encoders.registry import new_encoder
from jobs.alignment.training.align import align
from jobs.alignment.vectors import publish_vectors, read_vectors
from jobs.lake import Lake
from jobs.lake.addresses import VectorState
from jobs.lake.schemas import CONTENT
from tests.jobs.alignment.encoders.conftest import needs_align
from tests.jobs.alignment.preference_lake import (
    ALIGNED_AT,
    KIND,
    alignment_scenario,
    content,
    publish_curated,
    publish_items,
)

pytestmark = needs_align

ITEMS = 30
DAY = ALIGNED_AT - timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "model", "image_model"),
    [
        ("text", "bert", None),
        ("vision_language", "clip", None),
        ("image_text", "bert", "vit"),
    ],
)
def test_stored_encoder_gives_the_published_vectors(
    lake: Lake, tmp_path: Path, tiny_model, pictures: list[str], name, model, image_model
) -> None:
    encoder = {"name": name, "model": str(tiny_model(model)), "lora_rank": 2}
    encoder |= {"image_model": str(tiny_model(image_model))} if image_model else {}
    scenario = alignment_scenario(encoder=encoder)
    source = scenario.source.model_copy(update={"raw": str(tmp_path / "raw")})
    scenario = scenario.model_copy(update={"source": source})
    images = [(*pictures, None)[number % 3] for number in range(ITEMS)]
    columns = {**content(range(ITEMS)), "image": images}
    publish_items(lake, scenario, DAY, item_id=list(range(ITEMS)), **columns)
    publish_curated(lake, scenario, items=ITEMS, image=images)

    manifest = align(lake, scenario, KIND, ALIGNED_AT)
    assert align(lake, scenario, KIND, ALIGNED_AT) == manifest
    publish_vectors(lake, scenario, KIND, ALIGNED_AT, DAY)

    items = pa.table({"item_id": range(ITEMS), **columns}).cast(
        pa.schema([("item_id", pa.int64()), *((key, kind) for key, kind in CONTENT)])
    )
    states = {
        state: np.stack(
            read_vectors(lake, scenario, KIND, ALIGNED_AT, state, DAY, items["item_id"])[
                "embedding"
            ].to_numpy()
        )
        for state in VectorState
    }
    aligned = read_encoder(lake, scenario, KIND, ALIGNED_AT)
    again = aligned.vectors(items)
    np.testing.assert_allclose(again, states[VectorState.ALIGNED], rtol=1e-4, atol=1e-5)
    before = dict(new_encoder(scenario, items).named_parameters())
    changed = {
        name
        for name, weight in aligned.encoder.named_parameters()
        if not torch.equal(weight.cpu(), before[name])
    }
    assert any("lora_B" in name for name in changed)
    assert not changed & aligned.encoder.pretrained
    assert all(np.isfinite(found).all() for found in states.values())

"""Items with content and tiny pretrained models, for the tests of encoders."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs.lake.schemas import CONTENT
from jobs.scenarios import AlignmentOptions, Scenario, load_scenario
from tests.jobs.alignment.encoders.tiny_models import save_tiny

# Before anything imports the client of the hub: no test waits for an address it cannot reach.
os.environ["HF_HUB_OFFLINE"] = "1"

needs_align = pytest.mark.skipif(
    not all(map(find_spec, ("transformers", "peft"))),
    reason="the extra align is not installed: run make setup-align",
)
MakeItems = Callable[..., pa.Table]
MakeScenario = Callable[..., Scenario]


@pytest.fixture
def make_items() -> MakeItems:
    """Make a table of items numbered from 1; keywords are columns of content, the others null."""

    def make(**columns: list[Any]) -> pa.Table:
        number = len(next(iter(columns.values())))
        types = dict(CONTENT)
        arrays = {
            name: pa.array(columns.get(name, [None] * number), kind) for name, kind in types.items()
        }
        return pa.table({"item_id": pa.array(range(1, number + 1), pa.int64()), **arrays})

    return make


@pytest.fixture
def encoder_scenario(tmp_path: Path) -> MakeScenario:
    """Make a scenario whose pictures lie in ``raw`` below the test's folder; keywords are options
    of the encoder."""

    def make(**encoder: Any) -> Scenario:
        scenario = load_scenario("simulated_feed")
        source = scenario.source.model_copy(update={"raw": str(tmp_path / "raw")})
        alignment = AlignmentOptions.model_validate({"encoder": encoder})
        return scenario.model_copy(update={"source": source, "alignment": alignment})

    return make


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Two pictures below ``raw``, of different sizes and kinds."""
    from PIL import Image

    folder = tmp_path / "raw" / "pictures"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    colours = random.integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(colours).save(folder / "colour.png")
    Image.fromarray(random.integers(0, 255, (90, 50), np.uint8)).save(folder / "grey.jpg")
    return ["pictures/colour.png", "pictures/grey.jpg"]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny checkpoint by name; see ``tiny_models``. Tests must not change it."""
    root = tmp_path_factory.mktemp("models")

    def folder(name: str) -> Path:
        if not (root / name).exists():
            save_tiny(name, root / name)
        return root / name

    return folder

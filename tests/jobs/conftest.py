"""Fixtures with small logs to ingest, and lakes built from them."""

from __future__ import annotations

import csv
import fcntl
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from jobs.ingest.click_history import build_history
from jobs.ingest.impression_statistics import build_statistics
from jobs.ingest.publish_log import ingest
from jobs.lake import Lake
from jobs.ranker.lineage import extend_lineage
from jobs.scenarios import Scenario
from tests.jobs.feed import FEED_DAYS, feed_scenario, write_feed

COLUMNS = ("id", "user", "item", "ts", "label", "place")
TRAINED_THROUGH = date(2026, 1, 5)
FIRST_SECOND = 1_767_225_600
RawRow = Sequence[str | None]


@pytest.fixture
def make_scenario() -> Callable[..., Scenario]:
    """Make a scenario with a CSV log; keywords replace parts of its source."""
    return _scenario


def _scenario(context: Sequence[str] = ("place",), length: int = 3, **source: Any) -> Scenario:
    columns = {"impression_id": "id", "user_id": "user", "item_id": "item"}
    columns |= {"ts": "ts", "label": "label"}
    options = {
        "reader": "table",
        "path": "log.csv",
        "format": {"kind": "csv"},
        "columns": {**columns, "context": {"place": "place"}},
        "ids": "int64",
        "ts_unit": "s",
        **source,
    }
    ranker = {"embedding_dim": 4, "cross_layers": 1, "hidden_units": [8], "batch_size": 16}
    return Scenario.model_validate(
        {
            "name": "tiny",
            "source": options,
            "context": list(context),
            "history_length": length,
            "ranker": {**ranker, "history_length": min(length, 3), "precision": "fp32"},
        }
    )


@pytest.fixture
def write_log(tmp_path: Path) -> Callable[..., str]:
    """Write raw rows as CSV with a header and return the raw path; a row may be too short."""

    def write(
        rows: Sequence[RawRow], name: str = "log.csv", columns: Sequence[str] = COLUMNS
    ) -> str:
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([columns, *rows])
        return str(tmp_path / "raw")

    return write


@pytest.fixture(scope="session")
def trained_once(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of five days with histories and M_1 to M_6; every day has new items."""
    return _made_once(tmp_path_factory, "trained", _write_trained) / "lake"


def _write_trained(folder: Path) -> None:
    generator = np.random.default_rng(0)
    days = np.arange(200) // 40
    seconds = FIRST_SECOND + days * 86_400 + generator.integers(0, 86_400, 200)
    items = 100 + 3 * days + generator.integers(0, 9, 200)
    users, labels = generator.integers(0, 6, 200), generator.integers(0, 2, 200)
    columns = zip(range(200), users, items, seconds, labels, strict=True)
    lines = [f"{','.join(map(str, row))},home" for row in columns]
    (folder / "log.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    lake, scenario = Lake(str(folder / "lake")), _scenario()
    ingest(lake, scenario, str(folder))
    build_history(lake, scenario, TRAINED_THROUGH)
    build_statistics(lake, scenario, TRAINED_THROUGH)
    extend_lineage(lake, scenario, TRAINED_THROUGH, progress=False)


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Lake:
    """A copy of the trained lake that a test may change."""
    shutil.copytree(trained_once, tmp_path / "lake")
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def feed_once(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of eight days with histories. See ``tests.jobs.feed``."""
    return _made_once(tmp_path_factory, "feed", _ingest_feed) / "lake"


def _ingest_feed(folder: Path) -> None:
    write_feed(folder)
    lake, scenario = Lake(str(folder / "lake")), feed_scenario()
    ingest(lake, scenario, str(folder))
    build_history(lake, scenario, FEED_DAYS[-1])
    build_statistics(lake, scenario, FEED_DAYS[-1])


@pytest.fixture
def feed(feed_once: Path, tmp_path: Path) -> Lake:
    """A copy of the feed's lake that a test may change."""
    shutil.copytree(feed_once, tmp_path / "lake")
    return Lake(str(tmp_path / "lake"))


def _made_once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], None]) -> Path:
    """A folder that the first process of a run fills, while the others wait for it."""
    base = factory.getbasetemp()
    # Those of the processes of pytest-xdist lie in one that is theirs together.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, is_made = shared / f"{name}-once", shared / f"{name}-is-made"
    with (shared / f"{name}-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made.exists():
            folder.mkdir(exist_ok=True)
            fill(folder)
            is_made.touch()
    return folder


@pytest.fixture
def published_bytes() -> Callable[..., dict[str, bytes]]:
    """Read every published file of some tables, with manifests, by its path in the lake."""

    def read(lake: Lake, *tables: str) -> dict[str, bytes]:
        root = Path(lake.storage.absolute(""))
        names = tables or sorted(path.name for path in root.glob("[!_]*"))
        files = [path for name in names for path in sorted((root / name).rglob("*"))]
        return {str(f.relative_to(root)): f.read_bytes() for f in files if f.is_file()}

    return read

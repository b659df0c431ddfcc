"""Small logs whose histories come from a plain loop, published in a lake of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.lake import Lake, Partition, schemas
from jobs.scenarios import Scenario
from tests.oracles.statistics_loop import statistics

FIRST = date(2026, 1, 1)
FOLDS = ("lineage", "lineage", "lineage", "fit", "eval")
Row = dict[str, Any]
PROJECT = Path(__file__).resolve().parents[3]

KILLED_AT_A_WRITE = """
import os, signal, sys
from datetime import date
from jobs.lake import Lake
from jobs.lake.storage import Storage
from jobs.ranker.lineage import extend_lineage
from jobs.scenarios import Scenario

left, write = int(sys.argv[3]), Storage.replace

def write_or_die(self, path, content, **options):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, path, content, **options)

Storage.replace = write_or_die
scenario = Scenario.model_validate_json(sys.argv[2])
extend_lineage(Lake(sys.argv[1]), scenario, date(2026, 1, 5))
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Batches of sixteen rows are only slowed down by more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def scenario() -> Scenario:
    return make_scenario()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def with_options() -> Callable[..., Scenario]:
    """The test scenario with other ranker options."""
    return make_scenario


@pytest.fixture(scope="session")
def make_log() -> Callable[..., list[Row]]:
    return random_log


@pytest.fixture(scope="session")
def publish_log() -> Callable[[Lake, Scenario, list[Row]], None]:
    return publish


@pytest.fixture
def checkpoint_files() -> Callable[[Lake], dict[str, bytes]]:
    """Every file of every checkpoint by its path, manifests included."""

    def read(lake: Lake) -> dict[str, bytes]:
        root = Path(lake.storage.absolute("checkpoints"))
        found = sorted(path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): path.read_bytes() for path in found}

    return read


@pytest.fixture
def train_until_killed() -> Callable[[Lake, Scenario, int], None]:
    """Train five days in a process that is killed before its n-th write to the lake."""

    def run(lake: Lake, scenario: Scenario, write: int) -> None:
        arguments = [lake.uri, scenario.model_dump_json(), str(write)]
        ended = subprocess.run(
            [sys.executable, "-c", KILLED_AT_A_WRITE, *arguments],
            env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
            check=False,
        )
        assert ended.returncode == -signal.SIGKILL

    return run


def make_scenario(**options: Any) -> Scenario:
    ranker = {
        "embedding_dim": 4,
        "cross_layers": 1,
        "hidden_units": [8],
        "history_length": 3,
        "batch_size": 16,
        "precision": "fp32",
    }
    columns = {"impression_id": "id", "user_id": "u", "item_id": "i", "ts": "t", "label": "l"}
    return Scenario.model_validate(
        {
            "name": "tiny",
            "source": {
                "reader": "table",
                "ids": "int64",
                "columns": {**columns, "context": {"place": "p"}},
            },
            "context": ["place"],
            "history_length": 3,
            "ranker": {**ranker, **options},
        }
    )


def random_log(
    days: int = 3, rows: int = 40, users: int = 6, items: int = 9, seed: int = 0
) -> list[Row]:
    """Impressions in order of time; new items appear every day."""
    generator = np.random.default_rng(seed)
    log: list[Row] = []
    for day in range(days):
        start = datetime.combine(FIRST + timedelta(days=day), datetime.min.time(), UTC)
        seconds = np.sort(generator.integers(0, 86_400, rows))
        log += [
            {
                "impression_id": len(log) + position,
                "user_id": int(generator.integers(users)),
                "item_id": 100 + day + int(generator.integers(items)),
                "ts": start + timedelta(seconds=int(second)),
                "label": int(generator.integers(2)),
                "fold": FOLDS[generator.integers(len(FOLDS))],
                "place": ("home", "work")[generator.integers(2)],
            }
            for position, second in enumerate(seconds)
        ]
    return log


def publish(lake: Lake, scenario: Scenario, log: list[Row], days: int | None = None) -> None:
    """Publish the tables of each day from ``FIRST`` on, rows or not."""
    last = max((row["ts"].date() for row in log), default=FIRST)
    clicks: dict[int, list[Row]] = {}
    for row in log:
        if row["label"]:
            clicks.setdefault(row["user_id"], []).append(row)
    for offset in range(days or (last - FIRST).days + 1):
        day = FIRST + timedelta(days=offset)
        rows = [row for row in log if row["ts"].date() == day]
        length = scenario.history_length
        histories = [_with_history(row, clicks.get(row["user_id"], []), length) for row in rows]
        _publish_table(lake, scenario, "impressions", day, rows)
        _publish_table(lake, scenario, "history", day, histories)
        if scenario.ranker.statistics:
            counts = statistics(log, day, scenario.context)
            _publish_table(lake, scenario, "statistics", day, counts)


def _with_history(row: Row, clicks: list[Row], length: int) -> Row:
    before = [click for click in clicks if click["ts"] < row["ts"]]
    of_lineage = [click for click in before if click["fold"] == "lineage"]
    return {
        **row,
        "items": [click["item_id"] for click in before[-length:]],
        "lineage_items": [click["item_id"] for click in of_lineage[-length:]],
    }


def _publish_table(lake: Lake, scenario: Scenario, name: str, day: date, rows: list[Row]) -> None:
    schema: pa.Schema = getattr(schemas, name)(scenario)
    table = pa.Table.from_pylist(rows, schema)
    partition = Partition(name, scenario.name, day)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", table)
        attempt.publish(partition, inputs={}, schema=schema)

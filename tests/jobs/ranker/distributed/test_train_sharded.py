"""Two processes started by torchrun train the same ranker as one process."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from jobs.lake import Lake, Manifest
from jobs.lake.addresses import checkpoint_days, checkpoint_partition
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.checkpoint import DENSE, DESCRIPTION, TABLE
from jobs.ranker.model.vocabulary import IDS
from jobs.scenarios import Scenario
from tests.jobs.ranker.described_items import publish_items, reading

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("torchrec") is None,
        reason="TorchRec is not installed: run make setup-sharded",
    ),
]

PROJECT = Path(__file__).resolve().parents[4]
FIRST = date(2026, 1, 1)
DAYS = 4
ONE_ROW = 2
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2")
ROUNDING = 1e-6
"""Sums in another order. Embeddings and weights are up to 0.5."""
Rows = list[dict[str, Any]]

# A parameter without a gradient is left alone by Adam, its decay included.
NETWORK = """
import torch
from jobs.ranker.model.dcn import DeepCrossNetwork

class WithUnused(DeepCrossNetwork):
    def __init__(self, fields, item_field, options):
        super().__init__(fields, item_field, options)
        self.unused = torch.nn.Parameter(torch.ones(3))
"""

BROKEN = """
import os, sys
from jobs.cli.main import main
from jobs.ranker.distributed import train_sharded as sharded

def broken(*arguments):
    raise RuntimeError("this process is broken")

if os.environ["RANK"] == "1":
    sharded._train_part = broken
sys.exit(main())
"""


@dataclass(frozen=True)
class Feed:
    """A log of four days, the third with a single training row, and how to train on it."""

    folder: Path
    scenario: Scenario
    publish: Callable[[Lake], None]

    def lake(self, name: str) -> Lake:
        """A new lake with the log."""
        lake = Lake(str(self.folder / name))
        self.publish(lake)
        return lake

    def two_processes(
        self, lake: Lake, days: int, program: tuple[str, ...] = ("-m", "jobs")
    ) -> subprocess.CompletedProcess[str]:
        """Train a number of days in two processes."""
        path = self.folder / "tiny.yaml"
        path.write_text(self.scenario.model_dump_json())
        command = ["step", "train", "--scenario", str(path), "--until", day(days - 1).isoformat()]
        return subprocess.run(
            [*TORCHRUN, *program, *command],
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT),
                "OMP_NUM_THREADS": "1",
                "CUDA_VISIBLE_DEVICES": "",
                "LIS_LAKE": lake.uri,
            },
            check=False,
            capture_output=True,
            text=True,
            timeout=300,  # else processes that lose each other would wait for hours
        )


@pytest.fixture(scope="module")
def feed(
    tmp_path_factory: pytest.TempPathFactory,
    with_options: Callable[..., Scenario],
    make_log: Callable[..., Rows],
    publish_log: Callable[..., None],
) -> Feed:
    folder = tmp_path_factory.mktemp("sharded")
    (folder / "network.py").write_text(NETWORK)
    options = with_options(
        batch_size=17,  # parts of unequal length
        epochs=2,
        history_pooling="attention",
        embedding_decay=0.05,
        weight_decay=0.01,
        network=f"{folder / 'network.py'}:WithUnused",
    )
    log = make_log(days=DAYS, rows=150, users=20, items=30)
    trains = [row for row in log if row["ts"].date() == day(ONE_ROW) and row["fold"] == "lineage"]
    log = [row for row in log if row not in trains[1:]]
    scenario = reading(options)
    generator = np.random.default_rng(0)
    vectors = {row["item_id"]: generator.normal(size=3).tolist() for row in log}

    def publish(lake: Lake) -> None:
        publish_log(lake, scenario, log)
        publish_items(lake, scenario, log, vectors)

    return Feed(folder, scenario, publish)


@pytest.fixture(scope="module")
def one_process(feed: Feed) -> Lake:
    lake = feed.lake("one_process")
    extend_lineage(lake, feed.scenario, day(DAYS - 1), progress=False)
    return lake


@pytest.fixture(scope="module")
def two_processes(feed: Feed) -> Lake:
    """Three days trained by two processes."""
    lake = feed.lake("two_processes")
    run = feed.two_processes(lake, DAYS - 1)
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("trained 3 days; the newest ranker is of 2026-01-04") == 1
    return lake


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def manifest(lake: Lake, scenario: Scenario, number: int) -> Manifest:
    found = lake.manifest(checkpoint_partition(scenario, day(number)))
    assert found is not None
    return found


def tensors(lake: Lake, scenario: Scenario, number: int, file: str) -> dict[str, NDArray[Any]]:
    with lake.local_file(checkpoint_partition(scenario, day(number)), file) as path:
        return load_file(path)


def assert_equal_up_to_rounding(feed: Feed, one: Lake, other: Lake, number: int) -> None:
    for file in (DENSE, TABLE):
        expected = tensors(one, feed.scenario, number, file)
        found = tensors(other, feed.scenario, number, file)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            exact = name.endswith(("updates", "last_update")) or name.startswith("step")
            tolerance = 0 if exact else ROUNDING
            np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("number", range(DAYS))
def test_checkpoints_equal_those_of_one_process(
    feed: Feed, one_process: Lake, two_processes: Lake, number: int
) -> None:
    assert_equal_up_to_rounding(feed, one_process, two_processes, number)
    same = {DESCRIPTION, IDS}
    files = [
        {file for file in manifest(lake, feed.scenario, number).files if file.name in same}
        for lake in (one_process, two_processes)
    ]
    assert len(files[0]) == len(same)
    assert files[0] == files[1]


@pytest.mark.parametrize("number", range(1, DAYS))
def test_validation_equals_that_of_one_process(
    feed: Feed, one_process: Lake, two_processes: Lake, number: int
) -> None:
    # The validation of M_D on day D is recorded in the next checkpoint.
    expected, found = (
        manifest(lake, feed.scenario, number).facts for lake in (one_process, two_processes)
    )
    assert found["auc"] == pytest.approx(expected["auc"], abs=1e-4)
    assert found["logloss"] == pytest.approx(expected["logloss"], abs=1e-6)
    assert found["rows"] == expected["rows"]


def test_the_ranker_has_learnt_something(feed: Feed, one_process: Lake) -> None:
    table = tensors(one_process, feed.scenario, DAYS, TABLE)
    assert max(np.abs(table[f"{field}.embedding"]).max() for field in feed.scenario.fields) > 0.05
    dense = tensors(one_process, feed.scenario, DAYS, DENSE)
    assert np.abs(dense["parameter.vector_heads.of_vector.output.weight"]).max() > 0.01


def test_one_process_continues_where_two_have_stopped(
    feed: Feed, one_process: Lake, two_processes: Lake
) -> None:
    assert extend_lineage(two_processes, feed.scenario, day(DAYS - 1), progress=False) == [
        day(DAYS - 1)
    ]
    assert_equal_up_to_rounding(feed, one_process, two_processes, DAYS)


def test_a_failure_of_one_process_ends_both(feed: Feed) -> None:
    lake, program = feed.lake("broken"), feed.folder / "broken.py"
    program.write_text(BROKEN)
    run = feed.two_processes(lake, 1, (str(program),))
    assert run.returncode != 0
    assert "this process is broken" in run.stderr
    assert checkpoint_days(lake, feed.scenario) == [FIRST]


def test_bad_input_is_reported_once_in_one_line(feed: Feed) -> None:
    run = feed.two_processes(feed.lake("short"), DAYS + 1)
    assert run.returncode != 0
    assert run.stderr.count("error: scenario tiny has no impressions of 2026-01-05") == 1
    assert "[rank1]: Traceback" not in run.stderr

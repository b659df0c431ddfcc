"""Which process is the leader, and that a single process needs nothing of all this."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.common.errors import InputError
from jobs.lake import Lake
from jobs.ranker.distributed.process_group import is_leader, join_processes
from jobs.ranker.lineage import extend_lineage
from jobs.scenarios import Scenario

PROJECT = Path(__file__).resolve().parents[4]
DAY = date(2026, 1, 1)

ALONE = """
import sys
from datetime import date
from jobs.lake import Lake
from jobs.ranker.lineage import extend_lineage
from jobs.scenarios import Scenario

scenario = Scenario.model_validate_json(sys.argv[2])
trained = extend_lineage(Lake(sys.argv[1]), scenario, date(2026, 1, 1), progress=False)
loaded = {"torchrec", "fbgemm_gpu", "jobs.ranker.distributed.table_shard"} & sys.modules.keys()
print(len(trained), sorted(loaded))
"""


@pytest.fixture
def log_of_a_day(
    lake: Lake,
    scenario: Scenario,
    make_log: Callable[..., list[dict[str, Any]]],
    publish_log: Callable[..., None],
) -> Lake:
    publish_log(lake, scenario, make_log(days=1))
    return lake


@pytest.mark.slow
def test_a_single_process_does_not_import_torchrec(log_of_a_day: Lake, scenario: Scenario) -> None:
    alone = {name: value for name, value in os.environ.items() if name != "WORLD_SIZE"}
    run = subprocess.run(
        [sys.executable, "-c", ALONE, log_of_a_day.uri, scenario.model_dump_json()],
        env={**alone, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == "1 []"


def test_several_processes_without_torchrec_name_what_to_install(
    monkeypatch: pytest.MonkeyPatch, log_of_a_day: Lake, scenario: Scenario
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("fbgemm_gpu", "torchrec"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"2 processes needs TorchRec .*run make setup-sharded"):
        extend_lineage(log_of_a_day, scenario, DAY, progress=False)


def test_processes_not_started_by_torchrun_are_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with (
        pytest.raises(InputError, match="RANK is not set: start the command with torchrun"),
        join_processes(),
    ):
        pass


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, True),
        ({"WORLD_SIZE": "1", "RANK": "0"}, True),
        ({"WORLD_SIZE": "2", "RANK": "0"}, True),
        ({"WORLD_SIZE": "2", "RANK": "1"}, False),
    ],
)
def test_the_first_process_is_the_leader(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: bool
) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_leader() == expected

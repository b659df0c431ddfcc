"""Every command that publishes is killed before, during and after a publication, and run again.

What must hold: a reader finds what was there before or what an undisturbed run publishes, never
less and never a mix; the rerun completes it to the bytes of an undisturbed run; MLflow has each run
once; no process and no attempt is left.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from jobs.lake import Lake
from jobs.lake.partition import MANIFEST
from jobs.tracking.runs import KIND
from tests.faults.killed_command import Point
from tests.jobs.small_feed import SMALL_FEED

pytestmark = pytest.mark.fault

PROJECT = Path(__file__).resolve().parents[2]
SCENARIO = "small_feed"
Bytes = Callable[..., dict[str, bytes]]
Kill = tuple[Point, int]

ONE = ("--preference", "id_embedding")
ENCODER = (*ONE, "--as-of", "2026-01-07", "--aligned-at", "2026-01-05")
EACH_POINT = tuple((point, 1) for point in Point)
"""For a command that publishes once."""
LATER_TOO = (*EACH_POINT, *((point, 3) for point in Point))


@dataclass(frozen=True)
class Command:
    """A command and where it is killed, one time after the other."""

    arguments: tuple[str, ...]
    kills: tuple[Kill, ...]


COMMANDS = (
    Command(("ingest",), LATER_TOO),
    Command(("train",), LATER_TOO),
    Command(("lis", *ONE, "--as-of", "2026-01-06:2026-01-07", "--mode", "swap,probe"), LATER_TOO),
    Command(("gate", *ONE, "--as-of", "2026-01-07", "--force", "a test"), EACH_POINT),
    Command(("stage", "curate", *ENCODER), EACH_POINT),
    # Each run publishes what the one before could not: the encoder, its vectors, those before it.
    Command(("align", *ENCODER), 3 * EACH_POINT),
    Command(("ais", *ENCODER), LATER_TOO),
)


@dataclass(frozen=True)
class Home:
    """A folder with everything that commands read and write."""

    folder: Path

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def tracking(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    def run(self, *program: str) -> int:
        """Run a Python module in a session of its own and return its exit status.

        Raises:
            AssertionError: If a process of it is left when it has ended.
        """
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYSPARK_GATEWAY", "LIS"))}
        own = {
            "LIS_DATA": str(self.folder),
            "LIS_LAKE": self.lake.uri,
            "LIS_RAW": str(self.folder / "raw"),
            "LIS_SPARK_MASTER": "local[2]",
            "MLFLOW_TRACKING_URI": self.tracking,
        }
        started = subprocess.Popen(
            [sys.executable, "-m", *program],
            cwd=PROJECT,
            env={**kept, **own},
            start_new_session=True,
        )
        status = started.wait()
        assert left_of(started.pid) == []
        return status

    def lis(self, *arguments: str) -> None:
        """Run a command to its end."""
        assert self.run("jobs", *self._named(arguments)) == 0

    def killed(self, kill: Kill, *arguments: str) -> None:
        """Run a command that is killed."""
        point, number = kill
        module = "tests.faults.killed_command"
        status = self.run(module, point, str(number), *self._named(arguments))
        assert status == -signal.SIGKILL, f"{arguments} did not come to {kill}"

    def _named(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        return (*arguments, "--scenario", str(self.folder / f"{SCENARIO}.yaml"))


def left_of(session: int) -> list[str]:
    """Commands of the processes of a session half a minute after its leader has ended."""
    for _ in range(300):
        listed = subprocess.run(
            ["ps", "-o", "stat=,args=", "--sid", str(session)], capture_output=True, text=True
        )
        left = [line for line in listed.stdout.splitlines() if not line.startswith("Z")]
        if not left:
            return []
        signal.sigtimedwait([], 0.1)
    return left


@pytest.fixture(scope="module")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Home]:
    def make(name: str) -> Home:
        home = Home(tmp_path_factory.mktemp(name))
        (home.folder / f"{SCENARIO}.yaml").write_text(SMALL_FEED)
        home.lis("simulate", "--out", str(home.folder / "raw" / SCENARIO), "--days", "8")
        return home

    return make


@pytest.fixture(scope="module")
def undisturbed(
    new_home: Callable[[str], Home], all_bytes: Callable[[Lake], dict[str, object]]
) -> list[dict[str, object]]:
    """What is published after each command that nothing disturbs; the last are MLflow's runs."""
    home, published = new_home("undisturbed"), []
    for command in COMMANDS:
        home.lis(*command.arguments)
        published.append(all_bytes(home.lake))
    return [*published, runs(home)]


@pytest.fixture(scope="module")
def all_bytes() -> Callable[[Lake], dict[str, object]]:
    """Read every published file by its path; of a manifest, without the seconds that it took."""

    def read(lake: Lake) -> dict[str, object]:
        root, found = Path(lake.storage.absolute("")), dict[str, object]()
        for folder, manifest in manifests(root).items():
            del manifest["checksum"]
            manifest["facts"].pop("seconds", None)
            found[f"{folder}/{MANIFEST}"] = manifest
            for file in manifest["files"]:
                data = root / folder / file["path"]
                # Files of old rankers are removed again.
                if data.exists():
                    content = data.read_bytes()
                    assert sha256(content).hexdigest() == file["sha256"]
                    found[str(data.relative_to(root))] = content
        return found

    return read


def manifests(root: Path) -> dict[str, dict[str, Any]]:
    """Those of a lake by the folder of their partition, of removed files too."""
    found: dict[str, dict[str, Any]] = {}
    for path in root.glob("*/*/_dropped/*.json"):
        found |= json.loads(path.read_text())
    for path in root.glob(f"[!_]*/**/{MANIFEST}"):
        found[str(path.parent.relative_to(root))] = json.loads(path.read_text())
    return found


def runs(home: Home) -> dict[str, object]:
    """How many runs of each kind MLflow has, under its name."""
    client, found = MlflowClient(home.tracking), dict[str, object]()
    [experiment] = [one for one in client.search_experiments() if one.name != "Default"]
    for run in client.search_runs([experiment.experiment_id], max_results=1000):
        name = f"{run.data.tags[KIND]} {run.info.run_name}"
        found[name] = int(str(found.get(name, 0))) + 1
    return found


def test_a_command_killed_at_any_point_is_completed_to_the_same_bytes(
    new_home: Callable[[str], Home],
    undisturbed: list[dict[str, object]],
    all_bytes: Callable[[Lake], dict[str, object]],
) -> None:
    home = new_home("killed")
    before: dict[str, object] = {}
    for command, after in zip(COMMANDS, undisturbed, strict=False):
        for kill in command.kills:
            home.killed(kill, *command.arguments)
            found = all_bytes(home.lake)
            lost = (before.keys() & after.keys()) - found.keys()
            # Of rankers whose files are removed again, the manifest alone is in both.
            mixed = [
                path
                for path, content in found.items()
                if path in before.keys() | after.keys()
                and content not in (before.get(path), after.get(path))
            ]
            mixed += [path for path in found if path.endswith(MANIFEST) and path not in after]
            assert (lost, mixed) == (set(), []), f"{command.arguments} at {kill}"
        home.lis(*command.arguments)
        assert all_bytes(home.lake) == after, command.arguments
        before = after
    assert runs(home) == undisturbed[-1]

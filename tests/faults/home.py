"""A folder with everything that commands read and write, and commands in processes of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from jobs.common.outcome import ExitCode
from jobs.lake import Lake
from jobs.lake.partition import MANIFEST
from jobs.tracking.runs import KIND
from tests.faults.killed_command import Point
from tests.jobs.small_feed import SMALL_FEED

PROJECT = Path(__file__).resolve().parents[2]
SCENARIO = "small_feed"
LOG_LINE = re.compile(r"\d\d:\d\d:\d\d ")
PROGRESS = re.compile(r"\d+%\|")


@dataclass(frozen=True)
class Home:
    """A folder with the scenario, its log, a lake and an MLflow store."""

    folder: Path

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def tracking(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow' / 'mlflow.db'}"

    def run(
        self,
        *program: str,
        variables: Mapping[str, str] | None = None,
        wrapper: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python module to its end, in a session of its own.

        Args:
            *program: The module, and its arguments.
            variables: Further environment variables.
            wrapper: A command that runs the one that comes after it.

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
        # Not pipes, whose end a process that is left would keep away.
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            started = subprocess.Popen(
                [*wrapper, sys.executable, "-m", *program],
                cwd=PROJECT,
                env={**kept, **own, **(variables or {})},
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
            status = started.wait()
            output.seek(0)
            errors.seek(0)
            done = subprocess.CompletedProcess(program, status, output.read(), errors.read())
        sys.stderr.write(f"{program} ended with {status}:\n{done.stdout}{done.stderr}")
        assert left_of(started.pid) == []
        return done

    def tried(
        self,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        wrapper: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the scenario, however it ends."""
        return self.run("jobs", *self.named(arguments), variables=variables, wrapper=wrapper)

    def lis(self, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
        """Run a command on the scenario that succeeds; returns what it printed."""
        done = self.tried(*arguments, variables=variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def named(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """Arguments of a command, with the scenario."""
        return (*arguments, "--scenario", str(self.folder / f"{SCENARIO}.yaml"))


def new_home(folder: Path, scenario: str = SMALL_FEED) -> Home:
    """A home with the scenario alone."""
    (folder / f"{SCENARIO}.yaml").write_text(scenario)
    return Home(folder)


def simulated_home(folder: Path) -> Home:
    """A home with eight days of the log, and an empty lake."""
    home = new_home(folder)
    home.lis("simulate", "--out", str(home.folder / "raw" / SCENARIO), "--days", "8")
    return home


def killed(home: Home, point: Point, number: int, *arguments: str) -> None:
    """Run a command that is killed at a publication."""
    done = home.run("tests.faults.killed_command", point, str(number), *home.named(arguments))
    message = f"{arguments} did not come to {point} {number}"
    assert done.returncode == -signal.SIGKILL, message


def one_error(done: subprocess.CompletedProcess[str], status: ExitCode) -> str:
    """The one line of a command that has ended so; it must say nothing else, but for its log."""
    assert done.returncode == status
    assert not re.search("Traceback|Exception|ERROR", done.stderr)
    lines = [line for line in re.split("[\r\n]+", done.stderr) if line.strip()]
    said = [line for line in lines if not LOG_LINE.match(line) and not PROGRESS.search(line)]
    assert len(said) == 1, said
    assert said[0].startswith("error: ")
    return said[0].removeprefix("error: ")


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


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, also hidden ones, by its path in it."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def all_bytes(lake: Lake) -> dict[str, object]:
    """Every published file by its path; of a manifest, all but the seconds that it took."""
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


def manifests(root: Path) -> dict[str, dict[str, Any]]:
    """Those of a lake by the folder of their partition, of removed files too."""
    found: dict[str, dict[str, Any]] = {}
    for path in root.glob("*/*/_dropped/*.json"):
        found |= json.loads(path.read_text())
    for path in root.glob(f"[!_]*/**/{MANIFEST}"):
        found[str(path.parent.relative_to(root))] = json.loads(path.read_text())
    return found


def require_old_or_new(
    found: Mapping[str, object],
    before: Mapping[str, object],
    after: Mapping[str, object],
    about: str,
) -> None:
    """Check that what is published is as before a command or as after it.

    Args:
        found: What ``all_bytes`` reads after the command was disturbed.
        before: The same before it.
        after: The same after a command that nothing disturbs.
        about: What was done, for the message.
    """
    lost = (before.keys() & after.keys()) - found.keys()
    # Of rankers whose files are removed again, the manifest alone is in both.
    mixed = [
        path
        for path, content in found.items()
        if path in before.keys() | after.keys()
        and content not in (before.get(path), after.get(path))
    ]
    mixed += [path for path in found if path.endswith(MANIFEST) and path not in after]
    assert (lost, mixed) == (set(), []), about


def runs(home: Home) -> dict[str, object]:
    """How many runs of each kind MLflow has, under its name."""
    client, found = MlflowClient(home.tracking), dict[str, object]()
    [experiment] = [one for one in client.search_experiments() if one.name != "Default"]
    for run in client.search_runs([experiment.experiment_id], max_results=1000):
        name = f"{run.data.tags[KIND]} {run.info.run_name}"
        found[name] = int(str(found.get(name, 0))) + 1
    return found

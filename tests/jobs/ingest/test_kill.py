"""A job that is killed while it writes leaves the lake unchanged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from jobs.ingest.click_history import build_history
from jobs.ingest.impression_statistics import build_statistics
from jobs.ingest.publish_log import ingest
from jobs.lake import Lake
from jobs.scenarios import Scenario

pytestmark = pytest.mark.fault

PROJECT = Path(__file__).resolve().parents[3]
FIRST_SECOND = 1_767_225_600
DAYS = 3
MakeScenario = Callable[..., Scenario]
WriteLog = Callable[..., str]
Bytes = Callable[..., dict[str, bytes]]
Kill = Callable[[Lake, Sequence[str], str], None]


def log_rows(place: str) -> list[tuple[str, ...]]:
    return [
        (str(n), str(n % 7), str(n % 11), str(FIRST_SECOND + n * 600), str(n % 2), place)
        for n in range(DAYS * 144)
    ]


@pytest.fixture
def kill_at_first_file() -> Iterator[Kill]:
    """Run a step in its own process group, and kill the group once it writes a table."""
    started: list[subprocess.Popen[bytes]] = []

    def run(lake: Lake, command: Sequence[str], table: str) -> None:
        def written() -> set[Path]:
            attempts = Path(lake.storage.absolute("_attempts"))
            return set(attempts.glob(f"*/{table}/**/*.parquet"))

        before = written()
        process = start_step(lake, command)
        started.append(process)
        while process.poll() is None and written() <= before:
            time.sleep(0.01)
        assert process.poll() is None
        assert "java" in command_names(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for _ in range(200):
            if not command_names(process.pid):
                break
            time.sleep(0.05)
        assert command_names(process.pid) == []
        assert written() > before

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def start_step(lake: Lake, command: Sequence[str]) -> subprocess.Popen[bytes]:
    # The driver must start its own JVM and not use that of this test.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYSPARK_GATEWAY")}
    environment |= {"LIS_LAKE": lake.uri, "LIS_SPARK_MASTER": "local[2]"}
    return subprocess.Popen(
        [sys.executable, "-m", "jobs", "step", *command],
        cwd=PROJECT,
        env=environment,
        start_new_session=True,
    )


def command_names(group: int) -> list[str]:
    """Commands of the processes of a group, without zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                before, _, after = (entry / "stat").read_text().rpartition(")")
            except OSError:
                continue
            state, _, its_group = after.split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(before.partition("(")[2])
    return found


@pytest.fixture
def scenario_file(tmp_path: Path, make_scenario: MakeScenario) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(make_scenario().model_dump(mode="json")))
    return str(path)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_a_killed_ingest_leaves_the_lake_unchanged_and_can_be_run_again(
    tmp_path: Path,
    make_scenario: MakeScenario,
    scenario_file: str,
    write_log: WriteLog,
    published_bytes: Bytes,
    kill_at_first_file: Kill,
) -> None:
    scenario = make_scenario()
    lake, undisturbed = Lake(str(tmp_path / "lake")), Lake(str(tmp_path / "undisturbed"))
    raw = write_log(log_rows("home"))
    ingest(lake, scenario, raw)
    old = published_bytes(lake)
    write_log(log_rows("work"))
    days = [done.day for done in ingest(undisturbed, scenario, raw).days]
    new = published_bytes(undisturbed)
    assert new != old
    command = ["ingest", "--scenario", scenario_file, "--raw", raw]

    kill_at_first_file(lake, command, "impressions")
    assert published_bytes(lake) == old
    kill_at_first_file(lake, command, "history")
    assert published_bytes(lake) == new

    # In another process, since the bytes must not depend on the JVM.
    assert start_step(lake, command).wait() == 0
    build_history(undisturbed, scenario, days[-1])
    build_statistics(undisturbed, scenario, days[-1])
    assert published_bytes(lake) == published_bytes(undisturbed) != new

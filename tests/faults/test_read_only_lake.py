"""A lake that a command may read, but not write.

What must hold: commands that read work; those that write end with exit code 2 and one line that
names the path and what to do, and change nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.common.outcome import ExitCode
from jobs.lake import Lake, Partition
from tests.faults.conftest import RUN, SCORE, UndisturbedRun
from tests.faults.home import SCENARIO, Home, new_home, one_error, tree

# Rights count for root too without these.
WITHOUT_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
LONG_AGO = time.time() - 48 * 3600


def refused(home: Home, *arguments: str, wrapper: tuple[str, ...] = ()) -> None:
    """Check that a command is refused in one line, and changes nothing."""
    lake = Path(home.lake.uri)
    before = tree(lake)
    line = one_error(home.tried(*arguments, wrapper=wrapper), ExitCode.BAD_INPUT)
    assert str(lake) in line
    assert "or choose another place (LIS_LAKE is that of the lake)" in line
    assert tree(lake) == before


@pytest.fixture
def small_home(tmp_path: Path) -> Home:
    """A home with a day of impressions, and what an attempt has left long ago."""
    home = new_home(tmp_path)
    partition = Partition("impressions", SCENARIO, date(2026, 1, 1))
    with home.lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table({"value": [1]}))
        attempt.publish(partition, inputs={})
    left = tmp_path / "lake" / "_attempts" / "left"
    left.mkdir(parents=True)
    (left / "part-00000.parquet").write_bytes(b"left")
    for path in (left / "part-00000.parquet", left):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return home


@pytest.mark.fault
def test_a_lake_on_a_disk_that_is_mounted_read_only_is_read(
    small_home: Home, make_read_only: Callable[[Path], None]
) -> None:
    make_read_only(Path(small_home.lake.uri))
    assert "2026-01-01" in small_home.lis("status")
    refused(small_home, "janitor", "--apply")
    with pytest.raises(OSError, match="Read-only file system"):
        Lake(small_home.lake.uri).attempt([]).__enter__()


@pytest.mark.fault
def test_a_lake_without_the_right_to_write_is_read(small_home: Home) -> None:
    wrapper = () if os.geteuid() else WITHOUT_ROOT
    if wrapper and subprocess.run([*wrapper, "true"], check=False).returncode:
        pytest.skip("root cannot give up its rights here")
    lake = Path(small_home.lake.uri)
    folders = [lake, *(path for path in lake.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        for command in ("status", "janitor"):
            assert small_home.tried(command, wrapper=wrapper).returncode == 0
        refused(small_home, "janitor", "--apply", wrapper=wrapper)
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.fault
@pytest.mark.parametrize("command", RUN, ids=lambda command: command[0])
def test_a_command_that_publishes_is_refused(
    command: tuple[str, ...],
    undisturbed_run: UndisturbedRun,
    make_read_only: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(undisturbed_run.before(command).folder, home.folder)
    Path(home.lake.uri).mkdir(exist_ok=True)
    make_read_only(Path(home.lake.uri))
    refused(home, *command)


@pytest.mark.fault
def test_results_are_read_and_reported(
    undisturbed_run: UndisturbedRun, make_read_only: Callable[[Path], None], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(undisturbed_run.after(SCORE).folder, home.folder)
    lake = Path(home.lake.uri)
    before = tree(lake)
    make_read_only(lake)
    assert "All is up to date" in home.lis("status")
    page = home.lis("report", "--as-of", "2026-01-06").strip()
    assert "id_embedding" in Path(page).read_text()
    refused(home, "gate", "--preference", "id_embedding", "--as-of", "2026-01-06", "--force", "it")
    assert tree(lake) == before

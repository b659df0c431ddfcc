"""The disk of the lake is full while a command publishes.

What must hold: exit code 75, and one line that names the file and how to make room; what was
published before is as it was, or as an undisturbed run publishes it; nothing half-written and no
attempt is left; with room, the same command publishes the bytes of an undisturbed run.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.common.disk_full import unwritten_file
from jobs.common.outcome import ExitCode
from jobs.lake import Lake, Partition
from tests.faults.conftest import RUN, UndisturbedRun
from tests.faults.home import (
    SCENARIO,
    Home,
    all_bytes,
    new_home,
    one_error,
    require_old_or_new,
    tree,
)

ROOMS = {"ingest": (0, 120_000), "train": (120_000,), "lis": (120_000,)}
"""Bytes that are left for a command: none, and room for some of its files."""
DAILY = Partition("impressions", SCENARIO, date(2026, 1, 1))


def publish(lake: Lake, rows: int) -> None:
    """Publish a day of rows that cannot be compressed."""
    values = np.random.default_rng(0).integers(0, 2**60, rows)
    with lake.attempt([DAILY]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table({"value": values}))
        attempt.publish(DAILY, inputs={})


def fill(disk: Path, room: int) -> Path:
    """Fill a disk but for some bytes; returns the file that does."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, free - room)
    return ballast


def left_in(temporary: Path) -> list[str]:
    """What a command has left among temporary files, but for the cache of torch."""
    names = sorted(path.name for path in temporary.iterdir())
    return [name for name in names if not name.startswith("torchinductor_")]


@pytest.mark.fault
@pytest.mark.parametrize("command", RUN, ids=lambda command: command[0])
def test_a_command_on_a_full_lake_is_completed_when_there_is_room(
    command: tuple[str, ...],
    undisturbed_run: UndisturbedRun,
    small_disk: Callable[[Path], Path],
    tmp_path: Path,
) -> None:
    before, after = undisturbed_run.before(command), undisturbed_run.bytes_after(command)
    folder = tmp_path / "home"
    home = Home(folder)
    shutil.copytree(before.folder, folder, ignore=shutil.ignore_patterns("lake"))
    disk = small_disk(folder / "lake")
    if Path(before.lake.uri).exists():
        shutil.copytree(before.lake.uri, disk, dirs_exist_ok=True)
    first = all_bytes(home.lake)
    for room in ROOMS[command[0]]:
        ballast = fill(disk, room)
        line = one_error(home.tried(*command), ExitCode.UNAVAILABLE)
        assert line.startswith(f"no space left for {disk}/"), line
        assert "lis janitor --scenario " in line
        assert line.endswith(", and run the same command again")
        require_old_or_new(all_bytes(home.lake), first, after, f"{command} with {room} bytes")
        assert home.lake.storage.folders("_attempts") == []
        assert list(disk.rglob(".*")) == []
    ballast.unlink()
    home.lis(*command)
    assert all_bytes(home.lake) == after


@pytest.mark.fault
@pytest.mark.parametrize(("command", "room"), [(RUN[0], 0), (RUN[1], 16_384)])
def test_a_full_folder_for_temporary_files_is_named(
    command: tuple[str, ...],
    room: int,
    undisturbed_run: UndisturbedRun,
    small_disk: Callable[[Path], Path],
    tmp_path: Path,
) -> None:
    home, after = Home(tmp_path / "home"), undisturbed_run.bytes_after(command)
    shutil.copytree(undisturbed_run.before(command).folder, home.folder)
    first, disk = all_bytes(home.lake), small_disk(tmp_path / "temporary")
    ballast = fill(disk, room)
    folders = {"TMPDIR": str(disk), "SPARK_LOCAL_DIRS": str(disk)}
    line = one_error(home.tried(*command, variables=folders), ExitCode.UNAVAILABLE)
    assert line.startswith(f"no space left for {disk}")
    assert "let TMPDIR and SPARK_LOCAL_DIRS name a folder with more" in line
    require_old_or_new(all_bytes(home.lake), first, after, f"{command} with {room} bytes")
    assert home.lake.storage.folders("_attempts") == []
    assert left_in(disk) == ["ballast"]
    ballast.unlink()
    home.lis(*command, variables=folders)
    assert all_bytes(home.lake) == after
    assert left_in(disk) == []


def test_a_partition_for_which_there_is_no_room_stays_as_it_was(
    small_disk: Callable[[Path], Path], tmp_path: Path
) -> None:
    disk = small_disk(tmp_path / "lake")
    lake = Lake(str(disk))
    publish(lake, rows=1_000)
    before = tree(disk / DAILY.table)
    for room in (0, 8_192, 200_000):
        ballast = fill(disk, room)
        with pytest.raises(OSError, match="No space left on device") as raised:
            publish(lake, rows=200_000)
        assert str(unwritten_file(raised.value)).startswith(f"{disk}/")
        assert tree(disk / DAILY.table) == before
        assert lake.read(DAILY).num_rows == 1_000
        assert lake.storage.folders("_attempts") == []
    ballast.unlink()
    publish(lake, rows=200_000)
    assert lake.read(DAILY).num_rows == 200_000


@pytest.mark.fault
def test_a_command_on_a_full_disk_says_so_in_one_line(
    small_disk: Callable[[Path], Path], tmp_path: Path
) -> None:
    home, disk = new_home(tmp_path), small_disk(tmp_path / "log")
    ballast = fill(disk, 16_384)
    simulate = ("simulate", "--out", str(disk / "feed"), "--days", "2")
    line = one_error(home.tried(*simulate), ExitCode.UNAVAILABLE)
    way_out = "free some of its disk, and run the same command again"
    assert re.fullmatch(rf"no space left for {disk}/feed/\S+: {way_out}", line)
    ballast.unlink()
    home.lis(*simulate)
    other = tmp_path / "other"
    home.lis("simulate", "--out", str(other), "--days", "2")
    assert tree(disk / "feed") == tree(other)

"""Homes after each command of a run that nothing disturbs, to begin from and to compare with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.home import Home, all_bytes, simulated_home

SCORE = ("lis", "--preference", "id_embedding", "--as-of", "2026-01-06", "--mode", "swap")
RUN = (("ingest",), ("train",), SCORE)


class UndisturbedRun:
    """Runs commands as far as they are needed, and keeps a copy after each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: list[Home] = []

    def before(self, command: tuple[str, ...]) -> Home:
        """The home as it is before a command."""
        return self._after(RUN.index(command))

    def after(self, command: tuple[str, ...]) -> Home:
        """The home as it is after a command."""
        return self._after(RUN.index(command) + 1)

    def bytes_after(self, command: tuple[str, ...]) -> dict[str, object]:
        """What is published after a command."""
        return all_bytes(self.after(command).lake)

    def _after(self, commands: int) -> Home:
        while len(self._kept) <= commands:
            home = Home(self._folder / str(len(self._kept)))
            if self._kept:
                shutil.copytree(self._kept[-1].folder, home.folder)
                home.lis(*RUN[len(self._kept) - 1])
            else:
                home.folder.mkdir()
                simulated_home(home.folder)
            self._kept.append(home)
        return self._kept[commands]


@pytest.fixture(scope="session")
def undisturbed_run(tmp_path_factory: pytest.TempPathFactory) -> UndisturbedRun:
    """A run of ``ingest``, ``train`` and ``lis`` on a log of eight days."""
    return UndisturbedRun(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def mount() -> Iterator[Callable[..., None]]:
    """Mount something until the end of the test, with the arguments of ``mount``."""
    mounted: list[Path] = []

    def mount_at(place: Path, *arguments: str) -> None:
        done = subprocess.run(
            ["mount", *arguments, str(place)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"this user cannot mount a disk: {done.stderr.strip()}")
        mounted.append(place)

    yield mount_at
    for place in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def small_disk(mount: Callable[..., None]) -> Callable[[Path], Path]:
    """Mount an empty disk of a few megabytes at a folder; returns the folder."""

    def make(place: Path) -> Path:
        place.mkdir()
        mount(place, "-t", "tmpfs", "-o", "size=48m", "tmpfs")
        return place

    return make


@pytest.fixture
def make_read_only(mount: Callable[..., None]) -> Callable[[Path], None]:
    """Let nothing be written to a folder any more, as on a disk that is mounted so."""

    def make(folder: Path) -> None:
        mount(folder, "--options", "bind,ro", str(folder))

    return make

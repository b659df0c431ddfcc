"""`make clean` asks, and keeps what no command can make again unless it is told not to."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MADE = (".venv/bin/lis", "site/index.html", "data/lake/impressions", "data/airflow/airflow.db")
HISTORY = ("data/raw/my_feed/log.csv", "data/mlflow/mlflow.db")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what a checkout has after some use, and a file that is nobody's business."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/clean.sh", tmp_path / "scripts")
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (*MADE, *HISTORY, "data/mine.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
    return tmp_path


def left(checkout: Path) -> set[str]:
    names = (*MADE, *HISTORY, "data/mine.txt")
    return {name for name in names if (checkout / name).exists()}


def clean(checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", "clean", *options],
        cwd=checkout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_anybody_to_ask_nothing_is_removed(checkout: Path) -> None:
    done = clean(checkout)
    assert done.returncode != 0
    assert "Nothing removed" in done.stderr
    assert "data/lake" in done.stdout
    assert left(checkout) == {*MADE, *HISTORY, "data/mine.txt"}


def test_raw_logs_and_the_history_of_mlflow_stay(checkout: Path) -> None:
    done = clean(checkout, "YES=1")
    assert done.returncode == 0
    assert "Stays: data/raw" in done.stdout
    assert left(checkout) == {*HISTORY, "data/mine.txt"}


def test_all_is_all_that_was_made(checkout: Path) -> None:
    assert clean(checkout, "ALL=1", "YES=1").returncode == 0
    assert left(checkout) == {"data/mine.txt"}


@pytest.mark.parametrize(("answer", "removed"), [("n", False), ("", False), ("y", True)])
def test_a_person_is_asked(checkout: Path, answer: str, removed: bool) -> None:
    controller, terminal = pty.openpty()
    os.write(controller, f"{answer}\n".encode())
    done = subprocess.run(
        ["make", "--no-print-directory", "clean"],
        cwd=checkout,
        stdin=terminal,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(terminal)
    os.close(controller)
    assert done.returncode == 0
    assert (not (checkout / ".venv").exists()) == removed
    assert {*HISTORY} <= left(checkout)

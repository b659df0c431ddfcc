"""What tests of the plugin share: an empty home of Airflow, and the environment of a task."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.airflow_home import use_empty_home

ROOT = Path(__file__).resolve().parents[2]

use_empty_home()


@pytest.fixture(autouse=True)
def task_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a task: data below a temporary folder, the shipped connection."""
    connections = json.loads((ROOT / "scripts" / "airflow_connections.json").read_text())
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("LIS_SPARK_MEMORY", "1g")
    for name in ("LIS_LAKE", "LIS_RAW"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "data"))


@pytest.fixture
def tiny_feed(tmp_path: Path) -> Path:
    """A simulated scenario of a few rows a day."""
    path = tmp_path / "tiny_feed.yaml"
    path.write_text(
        "source:\n  reader: simulated\n"
        "  options: {users: 20, rows_per_day: 50, new_items_per_day: 5, start: 2026-01-01}\n"
        "context: [hour]\nhorizons: [2, 5]\ncatch_up_days: 3\n"
    )
    return path

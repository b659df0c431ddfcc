"""The commands of docs/operations.md keep what counts, and bring it back.

What must hold: results are read as before the loss, the same commands change no byte of the lake
and add no run, MLflow has its artifacts, and Airflow what was stored in its database.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.faults.conftest import SCORE, UndisturbedRun
from tests.faults.home import PROJECT, Home, runs, tree

PAGE = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
BACK_UP, RESTORE = re.findall(
    r"^```bash\n(.*?)^```",
    PAGE.split("## Backup and restore")[1].split("\n## ")[0],
    flags=re.DOTALL | re.MULTILINE,
)


def shell(commands: str, folder: Path) -> None:
    """Run commands as typed, each of which must succeed."""
    subprocess.run(["bash", "-e", "-c", commands], cwd=folder, check=True)


def airflow(home: Home, *arguments: str) -> str:
    """Run a command of Airflow on the database of a home."""
    own = {
        "AIRFLOW_HOME": str(home.folder / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home.folder}/airflow/airflow.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    command = [sys.executable, "-m", "airflow", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **own}, capture_output=True, text=True, check=True
    )
    return done.stdout


def artifacts(home: Home) -> dict[str, bytes]:
    """The report of each run, as MLflow gives it."""
    client, found = MlflowClient(home.tracking), dict[str, bytes]()
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            for file in client.list_artifacts(run.info.run_id):
                if not file.is_dir:
                    path = client.download_artifacts(run.info.run_id, file.path)
                    found[f"{run.info.run_id} {file.path}"] = Path(path).read_bytes()
    return found


@pytest.mark.fault
@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no program sqlite3")
def test_a_backup_is_restored_into_place(undisturbed_run: UndisturbedRun, tmp_path: Path) -> None:
    home = Home(tmp_path / "data")
    shutil.copytree(undisturbed_run.before(SCORE).folder, home.folder)
    printed = home.lis(*SCORE)
    airflow(home, "db", "migrate")
    airflow(home, "variables", "set", "kept", "yes")
    lake = Path(home.lake.uri)
    stored, logged, files = tree(lake), runs(home), artifacts(home)
    assert len(files) > 0

    for _ in range(2):
        shell(BACK_UP, tmp_path)
    for name in ("lake", "mlflow", "airflow"):
        shutil.rmtree(home.folder / name)
    shell(RESTORE, tmp_path)

    assert tree(lake) == stored
    assert (runs(home), artifacts(home)) == (logged, files)
    assert home.lis(*SCORE) == printed
    assert tree(lake) == stored
    assert (runs(home), artifacts(home)) == (logged, files)
    assert "yes" in airflow(home, "variables", "get", "kept")

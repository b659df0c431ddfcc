"""``lis compare``: the figures of scores that a production system has computed."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from jobs.cli.main import main
from jobs.common.outcome import ExitCode
from tests.oracles.exact_auc import auc

ROWS = 600


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for all that is made, with an MLflow store."""
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LIS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


def written(folder: Path, **changes: Any) -> Path:
    """A file of two days whose treatment ranks better, with columns added or replaced."""
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 2, ROWS)
    baseline = generator.normal(size=ROWS)
    columns = {
        "user": generator.integers(0, 60, ROWS),
        "label": labels,
        "baseline": baseline,
        "treatment": baseline + 0.8 * labels + 0.1 * generator.normal(size=ROWS),
        "day": np.array(["2026-03-01", "2026-03-02"])[generator.integers(0, 2, ROWS)],
        "country": np.array(["de", "fr"])[generator.integers(0, 2, ROWS)],
    }
    path = folder / "Our scores.parquet"
    pq.write_table(pa.table({**columns, **changes}), path)
    return path


def results(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["compare", "--json", *arguments]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_each_day_has_its_exact_aucs_and_the_days_are_pooled(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(folder)
    rows = pq.read_table(path).to_pandas()
    first, second, pooled = results(capsys, "--predictions", str(path))
    for result in (first, second):
        of_day = rows[rows["day"] == result["as_of"]]
        for name, figure in (("baseline", "auc_baseline"), ("treatment", "auc_leaked")):
            expected = auc(of_day["label"].to_numpy(), of_day[name].to_numpy())
            assert result[figure] == pytest.approx(float(expected), abs=1e-12)
    assert pooled["as_of"] == "2026-03-01:2026-03-02"
    assert pooled["rows"] == ROWS
    assert pooled["verdict"] == "worth aligning"
    assert {(part["name"], part["value"]) for part in pooled["slices"]} == {
        ("country", "de"),
        ("country", "fr"),
    }
    # Scores outside [0, 1] are no probabilities, and there are no rows that trained a ranker.
    assert pooled["logloss_delta"] is None
    assert pooled["lis_seen"] is None
    assert pooled["note"] == ""


def test_a_comparison_leaves_a_report_and_one_run_however_often_it_is_made(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(folder)
    pages = []
    for _ in range(2):
        results(capsys, "--predictions", str(path))
        [page] = (folder / "data" / "reports" / "our_scores").glob("2*.html")
        pages.append(page.read_text())
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("lis/our_scores")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 3  # The pooled score, its parent, and the curve of its days.
    for run in runs:
        for name in run.data.metrics:
            steps = [point.step for point in client.get_metric_history(run.info.run_id, name)]
            assert len(steps) == len(set(steps))
    assert "The treatment raises held-out AUC" in pages[0]
    assert "scores come from outside this project" in pages[0]
    assert "days of leak\u201d" not in pages[0]


def test_a_comparison_is_shown_where_mlflow_does_not_answer(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(written(folder))
    logged = results(capsys, "--predictions", path)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert main(["compare", "--predictions", path, "--json"]) == ExitCode.UNAVAILABLE
    printed = capsys.readouterr()
    assert json.loads(printed.out) == logged
    report, mlflow, error = printed.err.splitlines()[-3:]
    assert report.startswith("report: ")
    assert mlflow == "MLflow: not logged yet"
    assert address in error
    assert error.endswith("run the same command again when it answers")


@pytest.mark.slow
def test_a_new_store_is_made_without_a_word(folder: Path) -> None:
    """In a process of its own: MLflow sets up its loggers when it is imported."""
    lis = str(Path(sys.executable).with_name("lis"))
    done = subprocess.run(
        [lis, "compare", "--predictions", str(written(folder))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if not re.match(r"\d\d:\d\d:\d\d ", line)]
    assert [line.split(":")[0] for line in lines] == ["report", "MLflow"]


def test_equal_scores_are_no_gain_at_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = pq.read_table(written(folder))["baseline"]
    path = written(folder, treatment=baseline)
    assert [result["lis"] for result in results(capsys, "--predictions", str(path))] == [0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--column user=uid", "has no column 'uid'"),
        ("--column who=uid", "--column who=uid: one of user, label"),
        ("--column user", "'user' is not COLUMN=NAME"),
        ("--as-of 2026-03-01", "has days in column 'day': omit --as-of"),
        ("--as-of 2026-02-30", "'2026-02-30' is not a date"),
        ("--slices town", "has no column 'town'"),
        ("--confidence 95", "'95': write a number between 0 and 1"),
        ("--name Mine!", "'Mine!': write small letters"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, reason: str
) -> None:
    path = written(folder)
    try:
        code = main(["compare", "--predictions", str(path), *arguments.split()])
    except SystemExit as left:
        code = int(str(left.code))
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert reason in said.err
    assert not (folder / "data").exists()
    assert not (folder / "mlflow.db").exists()

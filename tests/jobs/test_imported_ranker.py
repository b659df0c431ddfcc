"""Imported item vectors are scored without training a lineage."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.cli.main import main
from jobs.lake import Lake
from jobs.lake.addresses import snapshot_partition
from jobs.scenarios import load_scenario

SCENARIO = """
source:
  reader: simulated
  options: {rows_per_day: 800, users: 60, new_items_per_day: 6}
context: [hour]
history_length: 5
lookback_days: 4
horizons: [2]
keep_checkpoints: 1
ranker: {embedding_dim: 4, cross_layers: 1, hidden_units: [8], history_length: 5, batch_size: 128}
folds: {lineage: 0.5, fit: 0.25, eval: 0.25}
fit: {days: 3}
retrain: {seeds: 2, epochs: 1}
"""
IMPORTS = "snapshots: {path: 'FOLDER/exports/ds={ds}.parquet', item_id: item, vector: vector}\n"
KINDS = "id_embedding,future_popularity"


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a log, and with the item vectors that another system has exported for it."""
    monkeypatch.delenv("LIS_LAKE", raising=False)
    monkeypatch.delenv("LIS_RAW", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "elsewhere.yaml").write_text(SCENARIO)
    imports = IMPORTS.replace("FOLDER", str(tmp_path))
    (tmp_path / "ours.yaml").write_text(SCENARIO + imports)
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "elsewhere"))
    feed, log = ["--scenario", str(tmp_path / "elsewhere.yaml")], str(tmp_path / "log")
    assert main(["simulate", *feed, "--out", log, "--days", "8"]) == 0
    assert main(["ingest", *feed, "--raw", log]) == 0
    assert main(["train", *feed]) == 0
    (tmp_path / "exports").mkdir()
    lake, scenario = Lake(str(tmp_path / "elsewhere" / "lake")), load_scenario(feed[1])
    for day in lake.days("impressions", scenario.name)[1:]:
        table = lake.read(snapshot_partition(scenario, day), ["item_id", "embedding"])
        pq.write_table(
            table.rename_columns(["item", "vector"]), tmp_path / "exports" / f"ds={day}.parquet"
        )
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "ours"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_exported_vectors_are_scored_without_a_lineage(
    exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed = ["--scenario", str(exported / "ours.yaml")]
    assert main(["ingest", *feed, "--raw", str(exported / "log")]) == 0
    assert main(["train", *feed]) == 0
    assert not (exported / "ours" / "lake" / "checkpoints").exists()
    capsys.readouterr()
    options = ["--as-of", "2026-01-05:2026-01-06", "--preference", KINDS]
    assert main(["lis", *feed, *options, "--mode", "retrain", "--json"]) == 0
    results = {r["preference"]: r for r in json.loads(capsys.readouterr().out) if ":" in r["as_of"]}
    assert set(results) == set(KINDS.split(","))
    # All start from the imported vectors, which may have seen held-out labels.
    assert {result["eval_rows_seen"] for result in results.values()} == {"unknown"}
    assert results["id_embedding"]["lookback_days"] == 0
    assert results["future_popularity"]["lookback_days"] > 0
    for result in results.values():
        assert result["lis"] is not None
        assert result["coverage"] > 0.5
        assert result["ranker_version"].startswith("imported-")
    report = next((exported / "ours" / "reports").rglob("*.html")).read_text()
    assert "Labels of held-out rows may have gone into the leaked data" in report
    assert main(["lis", *feed, *options, "--mode", "swap"]) == 2
    assert "cannot be scored in mode swap" in capsys.readouterr().err

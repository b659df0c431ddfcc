"""A whole daily run on a lake in an object store, without a connector for Spark."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.cli.main import main
from jobs.common.outcome import ExitCode
from jobs.lake import Lake, Manifest, Partition
from tests.small_ranker import SMALL_RANKER

pytestmark = pytest.mark.slow

FIRST = date(2026, 1, 1)
SCENARIO = f"""
name: small_feed
source:
  reader: simulated
  options: {{rows_per_day: 600, users: 60, new_items_per_day: 8}}
{SMALL_RANKER}  embedding_rate: 0.3
horizons: [1, 2]
catch_up_days: 4
schedule: {{start: {FIRST}}}
"""
DAYS = ("--as-of", "2026-01-05", "--horizons", "1")
KINDS = ("--preference", "id_embedding,next_click,similar_items")


def run(*arguments: str) -> None:
    assert main(arguments) == ExitCode.DONE


def daily_run(scenario: str, raw: str) -> None:
    of_scenario = ("--scenario", scenario)
    run("ingest", *of_scenario, "--raw", raw, "--end", "2026-01-05")
    # A day of its own, as a scheduled run has it: it is computed from the states before.
    run("ingest", *of_scenario, "--raw", raw, "--start", "2026-01-06")
    run("train", *of_scenario)
    run("lis", *of_scenario, *DAYS, "--preference", "id_embedding", "--mode", "swap")
    run("lis", *of_scenario, *DAYS, *KINDS, "--mode", "probe")
    run("report", *of_scenario, "--as-of", "2026-01-05")


def contents(lake: Lake) -> dict[str, Any]:
    """What is published, without the places of files and the seconds that it took."""
    found = {}
    for table in lake.storage.folders(""):
        if table.startswith("_"):
            continue
        for day in lake.days_with_any(table, "small_feed"):
            for keys in lake.keys_below(table, "small_feed", day):
                partition = Partition(table, "small_feed", day, keys)
                manifest = lake.manifest(partition)
                assert manifest is not None
                found[partition.path] = content(manifest) if table != "lis" else manifest.rows
    return found


def content(manifest: Manifest) -> tuple[Any, ...]:
    files = [(one.name, one.size, one.sha256, one.rows) for one in manifest.files]
    return files, manifest.inputs, manifest.window, manifest.facts


@pytest.fixture
def raw(tmp_path: Path) -> str:
    scenario = tmp_path / "small_feed.yaml"
    scenario.write_text(SCENARIO)
    raw = str(tmp_path / "raw")
    run("simulate", "--scenario", str(scenario), "--out", raw, "--days", "6", "--seed", "0")
    return raw


def test_it_publishes_what_it_publishes_on_a_local_disk(
    spark: SparkSession,
    bucket: str,
    raw: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scenario = str(tmp_path / "small_feed.yaml")
    lakes = {"local": str(tmp_path / "lake"), "s3": f"{bucket}/team a/lake"}
    for name, uri in lakes.items():
        monkeypatch.setenv("LIS_DATA", str(tmp_path / name))
        monkeypatch.setenv("LIS_LAKE", uri)
        daily_run(scenario, raw)
    found = {name: contents(Lake(uri)) for name, uri in lakes.items()}
    assert found["s3"] == found["local"]
    assert {path.partition("/")[0] for path in found["s3"]} >= {
        "checkpoints",
        "features",
        "history",
        "impressions",
        "lis",
        "predictions",
        "snapshots",
        "statistics",
    }
    assert list((tmp_path / "s3" / "reports" / "small_feed").glob("*.html"))

    # What looks after the lake.
    lake = Lake(lakes["s3"])
    capsys.readouterr()
    run("status", "--scenario", scenario, "--raw", raw)
    status = capsys.readouterr().out
    assert "2026-01-06" in status
    assert "stale" not in status
    run("janitor", "--scenario", scenario, "--apply")
    run("log", "--scenario", scenario)
    assert contents(lake) == found["s3"]
    features = next(path for path in found["s3"] if path.startswith("features/"))
    for damaged in (features, "history/scenario=small_feed/ds=2026-01-06"):
        partition = Partition.parse(damaged)
        manifest = lake.manifest(partition)
        assert manifest is not None
        lake.storage.replace(f"{damaged}/{manifest.files[0].path}", b"damaged")
        run("rebuild", damaged, "--scenario", scenario)
        assert lake.read(partition).num_rows == manifest.rows
    assert contents(lake) == found["s3"]
    assert lake.storage.folders("_attempts") == []

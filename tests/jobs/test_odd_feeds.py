"""Feeds that lack what a score needs: nothing crashes, and results explain missing figures."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.cli.main import main

pytestmark = pytest.mark.slow

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 10
WITHOUT_CLICKS, ONE_USER = 6, 7
SCENARIO = """
name: odd_feed
source:
  reader: table
  path: log.csv
  format: {kind: csv}
  columns: {user_id: user, item_id: item, ts: ts, label: click}
  items: {path: items.csv, item_id: item, title: title, category: category}
context: [hour]
folds: {lineage: 0.5, fit: 0.25, eval: 0.25}
history_length: 5
lookback_days: 5
horizons: [2]
ranker: {embedding_dim: 4, cross_layers: 1, hidden_units: [8], history_length: 5, batch_size: 64}
fit: {days: 4}
retrain: {seeds: 2, epochs: 1}
"""


def write_feed(folder: Path) -> None:
    """Fifty categories, items that live for three days, and half of them without content."""
    draw = random.Random(5)
    with (folder / "log.csv").open("w", newline="") as stream:
        log = csv.writer(stream)
        log.writerow(["user", "item", "ts", "click"])
        for day in range(DAYS):
            users = 1 if day == ONE_USER else 25
            for second in sorted(draw.sample(range(86_400), 160)):
                item = f"i{day * 20 + draw.randrange(60)}"
                click = int(day != WITHOUT_CLICKS and draw.random() < 0.4)
                moment = FIRST + timedelta(days=day, seconds=second)
                log.writerow([f"u{draw.randrange(users)}", item, moment.isoformat(), click])
    with (folder / "items.csv").open("w", newline="") as stream:
        items = csv.writer(stream)
        items.writerow(["item", "title", "category"])
        for number in range(0, DAYS * 20 + 60, 2):
            items.writerow([f"i{number}", f"title {number % 7}", f"category {number % 100 // 2}"])
    (folder / "odd_feed.yaml").write_text(SCENARIO)


@pytest.fixture(scope="module")
def results(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str, str], dict]:
    """Results by evaluation days, preference and mode."""
    folder = tmp_path_factory.mktemp("odd")
    write_feed(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIS_DATA", str(folder / "data"))
        patch.delenv("LIS_LAKE", raising=False)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        scenario = ["--scenario", str(folder / "odd_feed.yaml")]
        assert main(["ingest", *scenario, "--raw", str(folder)]) == 0
        assert main(["train", *scenario]) == 0
        kinds = "id_embedding,similar_items,next_click,content_vector,future_popularity"
        options = ["--as-of", "2026-01-06:2026-01-08", "--preference", kinds]
        with (folder / "results.json").open("w") as stream:
            patch.setattr("sys.stdout", stream)
            assert main(["lis", *scenario, *options, "--mode", "swap,retrain", "--json"]) == 0
        found = json.loads((folder / "results.json").read_text())
    return {(r["as_of"], r["preference"], r["mode"]): r for r in found}


def test_every_kind_gets_a_pooled_score(results: dict[tuple[str, str, str], dict]) -> None:
    pooled = [key for key in results if ":" in key[0]]
    assert len(pooled) == 6
    for key in pooled:
        assert results[key]["dates"] + results[key]["dates_skipped"] == 3


def test_a_day_without_clicks_has_no_score_and_a_note(
    results: dict[tuple[str, str, str], dict],
) -> None:
    for mode in ("swap", "retrain"):
        day = results["2026-01-07", "id_embedding", mode]
        assert day["lis"] is None
        assert day["positives"] == 0
        assert day["verdict"] == "too little data"
        assert "both classes" in day["verdict_reason"]
        assert "an AUC needs both classes" in day["note"]
        assert "1 of 3 days" in results["2026-01-06:2026-01-08", "id_embedding", mode]["note"]


def test_a_day_with_one_user_has_no_interval_and_a_note(
    results: dict[tuple[str, str, str], dict],
) -> None:
    day = results["2026-01-08", "id_embedding", "retrain"]
    assert day["users"] == 1
    assert day["lis"] is not None
    assert day["lis_ci_low"] is None
    assert "no interval" in day["note"]


def test_items_that_vanish_and_lack_content_lower_the_coverage(
    results: dict[tuple[str, str, str], dict],
) -> None:
    pooled = "2026-01-06:2026-01-08"
    assert 0 < results[pooled, "content_vector", "retrain"]["coverage"] < 0.8
    assert 0 < results[pooled, "similar_items", "retrain"]["coverage"] < 1


def test_many_categories_end_as_few_slices(results: dict[tuple[str, str, str], dict]) -> None:
    slices = results["2026-01-06:2026-01-08", "id_embedding", "retrain"]["slices"]
    categories = [part["value"] for part in slices if part["name"] == "category"]
    assert "other" in categories
    assert len(categories) <= 13

"""A lake of release 0.1 is read by this one: what it holds stays, and what is new is added.

``lake_of_0_1.zip`` has three days of a feed and the first rankers, as that release published them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.ingest.click_history import build_history
from jobs.ingest.impression_statistics import build_statistics
from jobs.lake import Lake, Partition
from jobs.ranker.lineage import extend_lineage
from jobs.scenarios import Scenario, load_scenario

ARCHIVE = Path(__file__).with_name("lake_of_0_1.zip")
LAST = date(2026, 1, 3)
FORMER = {"ranker": "dcn-2eaff60463"}
Bytes = Callable[..., dict[str, bytes]]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    with zipfile.ZipFile(ARCHIVE) as stored:
        stored.extractall(tmp_path)
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return load_scenario(str(tmp_path / "small_feed.yaml"))


def test_every_table_is_read(lake: Lake, scenario: Scenario) -> None:
    days = lake.days("impressions", scenario.name)
    assert len(days) == LAST.day
    for day in days:
        for table in ("impressions", "history", "items"):
            rows = lake.read(Partition(table, scenario.name, day)).num_rows
            assert (rows == 400) == (table != "items")
    former = Partition("checkpoints", scenario.name, date(2026, 1, 2), tuple(FORMER.items()))
    manifest = lake.require(former, "")
    # Every file is compared with its digest.
    for file in manifest.files:
        assert lake.storage.sha256(f"{former.path}/{file.path}") == file.sha256


def test_this_release_goes_on_from_it(
    lake: Lake, scenario: Scenario, published_bytes: Bytes, spark: SparkSession
) -> None:
    before = published_bytes(lake)
    assert build_history(lake, scenario, LAST) == []
    assert len(build_statistics(lake, scenario, LAST)) == LAST.day
    assert len(extend_lineage(lake, scenario, LAST, progress=False)) == LAST.day
    after = published_bytes(lake)
    # The former lineage stays beside that of this release.
    assert {path: after.get(path) for path in before} == before
    rankers = lake.keys_below("checkpoints", scenario.name, date(2026, 1, 2))
    assert len(rankers) == 2

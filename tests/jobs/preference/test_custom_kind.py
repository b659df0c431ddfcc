"""Tables of a kind in a custom file: built on workers, and rebuilt when its code changes."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.common.errors import AuditError
from jobs.lake import Lake
from jobs.lake.addresses import feature_partition
from jobs.preference import preference_kind
from jobs.preference.build_tables import assemble_tables
from jobs.scenarios import Scenario
from tests.jobs.feed import FEED_DAYS, feed_scenario, windowed_clicks

AS_OF = FEED_DAYS[2]
TEMPLATE = Path(__file__).parents[3] / "docs" / "preference_template.py"
# What a file defines beside its kind must reach Spark's workers, which cannot import the file.
CODE = """
import pyarrow as pa
from pyspark.sql import functions as F

FACTOR = 2.0


def scaled(batches):
    for batch in batches:
        vectors = pa.array([[FACTOR * count] for count in batch["updates"].to_pylist()])
        yield pa.record_batch([*batch.columns, vectors], [*batch.schema.names, "embedding"])


class Clicks:
    name, summary = "clicks", "twice the clicks on the item"
    keyed_by, takes, modes, eval_rows_seen = "item", "vector", ("retrain",), "no"

    def build(self, behaviour):
        rows = behaviour.windowed(behaviour.clicks).groupBy("known_at", "item_id")
        clicks = rows.agg(F.count("*").alias("updates"), F.max("ts").alias("last_event"))
        columns = "known_at string, item_id long, updates long, last_event timestamp"
        return clicks.mapInArrow(scaled, columns + ", embedding array<double>")
"""


def scenario_with(path: Path, code: str) -> Scenario:
    path.write_text(code)
    return feed_scenario(custom_preferences=[f"{path}:Clicks"])


def made(lake: Lake, scenario: Scenario) -> int:
    return len(assemble_tables(lake, scenario, preference_kind("clicks", scenario), [AS_OF], [2]))


def leaked(lake: Lake, scenario: Scenario) -> list[dict[str, Any]]:
    partition = feature_partition(scenario, "clicks", AS_OF, 2)
    rows: list[dict[str, Any]] = lake.read(partition).to_pylist()
    return rows


def test_a_change_of_the_file_rebuilds_its_tables(feed: Lake, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    scenario = scenario_with(path, CODE)
    assert made(feed, scenario) == 2
    assert leaked(feed, scenario)
    assert all(row["embedding"] == [2.0 * row["updates"]] for row in leaked(feed, scenario))
    assert made(feed, scenario) == 0
    scenario = scenario_with(path, CODE.replace("FACTOR = 2.0", "FACTOR = 3.0"))
    assert made(feed, scenario) == 2
    assert all(row["embedding"] == [3.0 * row["updates"]] for row in leaked(feed, scenario))
    # The same code in another file is the same kind, and comments are not code.
    scenario = scenario_with(tmp_path / "copy.py", f"# A copy.\n{path.read_text()}")
    assert made(feed, scenario) == 0


def test_the_template_works_as_it_stands(feed: Lake, tmp_path: Path) -> None:
    copy = tmp_path / "mine.py"
    shutil.copy(TEMPLATE, copy)
    scenario = feed_scenario(custom_preferences=[f"{copy}:DailyClicks"])
    kind = preference_kind("daily_clicks", scenario)
    assert len(assemble_tables(feed, scenario, kind, [AS_OF], [1])) == 2
    table = feed.read(feature_partition(scenario, "daily_clicks", AS_OF, 1)).to_pylist()
    clicks = windowed_clicks(feed, AS_OF + timedelta(days=1))
    assert table
    for row in table:
        times = [click.ts for click in clicks if click.item_id == row["item_id"]]
        days = [sum(ts.date() == AS_OF - timedelta(days=n) for ts in times) for n in range(3)]
        assert row["embedding"] == days
        assert (row["updates"], row["last_event"]) == (len(times), max(times))


def test_a_kind_that_uses_the_future_publishes_nothing(feed: Lake, tmp_path: Path) -> None:
    code = CODE.replace('F.max("ts")', "F.timestamp_seconds(F.lit(4e9))")
    scenario = scenario_with(tmp_path / "mine.py", code)
    with pytest.raises(AuditError, match=r"clicks: .*uses events at or after"):
        made(feed, scenario)
    assert feed.days_with_any("features", "feed") == []

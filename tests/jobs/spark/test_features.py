"""Item tables at T and at T+n hold what day T names, as the snapshot of that day knew it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import AuditError, InputError
from jobs.lake import Lake, Partition, schemas
from jobs.scenarios import Scenario
from jobs.spark.features import assemble_item_tables, feature_partition
from jobs.spark.snapshot import build_snapshots

LAST = date(2026, 1, 5)
AS_OFS = [date(2026, 1, 2), date(2026, 1, 3)]
HORIZONS = (1, 3)
MakeScenario = Callable[..., Scenario]
Bytes = Callable[..., dict[str, bytes]]


@pytest.fixture
def with_snapshots(trained: Lake, make_scenario: MakeScenario) -> Lake:
    build_snapshots(trained, make_scenario(), LAST)
    return trained


def assemble(lake: Lake, scenario: Scenario, *as_ofs: date) -> list[Partition]:
    return assemble_item_tables(lake, scenario, "id_embedding", as_ofs or AS_OFS, HORIZONS)


def table(as_of: date, horizon: int) -> Partition:
    return feature_partition("tiny", "id_embedding", as_of, horizon)


def rows_of(lake: Lake, partition: Partition) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.read(partition).to_pylist()
    return rows


def test_tables_hold_the_named_items_as_known_on_their_day(
    with_snapshots: Lake, make_scenario: MakeScenario
) -> None:
    lake, scenario = with_snapshots, make_scenario()
    made = assemble(lake, scenario)
    assert sorted(map(str, made)) == sorted(str(table(t, n)) for t in AS_OFS for n in (0, 1, 3))
    sizes = set()
    for as_of in AS_OFS:
        shown = {row["item_id"] for row in rows_of(lake, Partition("impressions", "tiny", as_of))}
        history = rows_of(lake, Partition("history", "tiny", as_of))
        named = shown | {item for row in history for item in row["items"]}
        for horizon in (0, *HORIZONS):
            known = rows_of(lake, Partition("snapshots", "tiny", as_of + timedelta(days=horizon)))
            columns = schemas.features(scenario, 4).names
            expected = [
                {name: row[name] for name in columns} for row in known if row["item_id"] in named
            ]
            found = rows_of(lake, table(as_of, horizon))
            assert found == sorted(expected, key=lambda row: row["item_id"])
            sizes.add(len(found))
    assert len(sizes) > 1


def test_a_table_saw_nothing_of_its_end_or_later(
    with_snapshots: Lake, make_scenario: MakeScenario
) -> None:
    for partition in assemble(with_snapshots, make_scenario()):
        horizon = int(dict(partition.keys)["horizon"])
        end = datetime.combine(partition.ds + timedelta(days=horizon), time(), UTC)
        newest = max(row["last_update"] for row in rows_of(with_snapshots, partition))
        window = with_snapshots.require(partition, "").window
        assert window is not None
        assert window.end == end.isoformat(timespec="microseconds")
        assert window.max_ts == newest.isoformat(timespec="microseconds")
        assert newest < end


def test_a_snapshot_of_a_later_day_is_refused(
    with_snapshots: Lake, make_scenario: MakeScenario
) -> None:
    """The snapshot of T+3 in the place of that of T: nothing that shows the future comes out."""
    later = Partition("snapshots", "tiny", AS_OFS[0] + timedelta(days=3))
    place = Partition("snapshots", "tiny", AS_OFS[0])
    with with_snapshots.attempt([place]) as attempt:
        attempt.write_table("part-00000.parquet", with_snapshots.read(later))
        attempt.publish(place, inputs={})
    with pytest.raises(AuditError, match=r"horizon=0.* outside its window"):
        assemble(with_snapshots, make_scenario(), AS_OFS[0])
    assert with_snapshots.manifest(table(AS_OFS[0], 0)) is None


def test_current_tables_are_left_alone(
    with_snapshots: Lake, make_scenario: MakeScenario, published_bytes: Bytes, tmp_path: Path
) -> None:
    scenario = make_scenario()
    assemble(with_snapshots, scenario, AS_OFS[0])
    files = sorted(p for p in (tmp_path / "lake" / "features").rglob("*") if p.is_file())
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in files]
    made = assemble(with_snapshots, scenario)
    assert {partition.ds for partition in made} == {AS_OFS[1]}
    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in files] == before
    together = published_bytes(with_snapshots, "features")
    (tmp_path / "lake" / "features").rename(tmp_path / "moved away")
    assemble(with_snapshots, scenario)
    assert published_bytes(with_snapshots, "features") == together


def test_a_snapshot_that_is_not_there_is_named(
    with_snapshots: Lake, make_scenario: MakeScenario
) -> None:
    with pytest.raises(
        InputError, match=r"ds=2026-01-07: .*python -m jobs train .*--until 2026-01"
    ):
        assemble(with_snapshots, make_scenario(), date(2026, 1, 4))
    assert with_snapshots.days_with_any("features", "tiny") == []


def test_a_day_that_is_not_there_is_named(trained: Lake, make_scenario: MakeScenario) -> None:
    scenario = make_scenario()
    build_snapshots(trained, scenario, LAST)
    with pytest.raises(InputError, match="impressions/scenario=tiny/ds=2026-01-06"):
        assemble_item_tables(trained, scenario, "id_embedding", [date(2026, 1, 6)], [])

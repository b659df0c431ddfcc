"""Tables at T and at T+n have the items of day T, as of their day, and are built once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.common.errors import AuditError, InputError
from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import feature_partition, ranker_version, snapshot_partition
from jobs.preference.build_tables import assemble_tables
from jobs.preference.kind import PreferenceKind
from jobs.preference.kinds.co_click_embedding import CoClickEmbedding
from jobs.preference.kinds.content_vector import ContentVector
from jobs.preference.kinds.future_popularity import FuturePopularity
from jobs.preference.kinds.id_embedding import IdEmbedding
from jobs.preference.kinds.next_click import NextClick
from jobs.preference.kinds.similar_items import SimilarItems
from jobs.ranker.model.checkpoint import read_checkpoint
from jobs.scenarios import Scenario
from jobs.snapshots.export import build_snapshots
from tests.jobs.feed import EMPTY_DAY, FEED_DAYS, LONELY_DAY, feed_scenario

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
    return assemble_tables(lake, scenario, IdEmbedding(), as_ofs or AS_OFS, HORIZONS)


def rows_of(lake: Lake, partition: Partition) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.read(partition).to_pylist()
    return rows


def items_of_day(lake: Lake, scenario: Scenario, day: date) -> set[int]:
    shown = {row["item_id"] for row in rows_of(lake, Partition("impressions", scenario.name, day))}
    history = rows_of(lake, Partition("history", scenario.name, day))
    return shown | {item for row in history for item in row["items"] + row["lineage_items"]}


def test_a_table_lies_below_the_version_of_the_ranker(make_scenario: MakeScenario) -> None:
    scenario = make_scenario()
    keys = feature_partition(scenario, "next_click", LAST, 7).keys
    ranker = ("ranker", ranker_version(scenario))
    assert keys == (ranker, ("preference", "next_click"), ("horizon", "7"))


def test_tables_have_the_items_of_the_day_as_of_known_at(
    with_snapshots: Lake, make_scenario: MakeScenario
) -> None:
    lake, scenario = with_snapshots, make_scenario()
    made = assemble(lake, scenario)
    expected_tables = {
        feature_partition(scenario, "id_embedding", t, n) for t in AS_OFS for n in (0, 1, 3)
    }
    assert set(made) == expected_tables
    assert len(made) == len(expected_tables)
    sizes = set()
    for partition in made:
        as_of, horizon = partition.ds, int(dict(partition.keys)["horizon"])
        items = items_of_day(lake, scenario, as_of)
        snapshot = rows_of(lake, snapshot_partition(scenario, as_of + timedelta(days=horizon)))
        expected = [
            {
                "item_id": row["item_id"],
                "embedding": row["embedding"],
                "updates": row["updates"],
                "last_event": row["last_update"],
            }
            for row in snapshot
            if row["item_id"] in items
        ]
        found = rows_of(lake, partition)
        assert found == sorted(expected, key=lambda row: row["item_id"])
        sizes.add(len(found))
    assert len(sizes) > 1


@pytest.mark.parametrize("slot", ["user_id", "place"])
def test_tables_of_another_slot_come_from_the_rankers_of_their_days(
    trained: Lake, make_scenario: MakeScenario, slot: str
) -> None:
    scenario = make_scenario()
    kind = IdEmbedding(slot)
    made = assemble_tables(trained, scenario, kind, AS_OFS, HORIZONS)
    assert len(made) == len(AS_OFS) * 3
    for partition in made:
        as_of, horizon = partition.ds, int(dict(partition.keys)["horizon"])
        impressions = rows_of(trained, Partition("impressions", scenario.name, as_of))
        targets = {row[slot] for row in impressions}
        ranker = read_checkpoint(trained, scenario, as_of + timedelta(days=horizon))
        ids, block = ranker.vocabularies[slot].ids.to_pylist(), ranker.table.block(slot)
        expected = {
            key: (embedding, updates)
            for key, embedding, updates in zip(
                ids, block.embedding.tolist(), block.updates.tolist(), strict=True
            )
            if key in targets
        }
        found = rows_of(trained, partition)
        assert expected
        assert {row[slot]: (row["embedding"], row["updates"]) for row in found} == expected
        assert all(row["last_event"].date() < as_of + timedelta(days=horizon) for row in found)
    assert assemble_tables(trained, scenario, kind, AS_OFS, HORIZONS) == []


def test_a_table_uses_nothing_at_or_after_its_end(
    with_snapshots: Lake, make_scenario: MakeScenario
) -> None:
    for partition in assemble(with_snapshots, make_scenario()):
        horizon = int(dict(partition.keys)["horizon"])
        end = datetime.combine(partition.ds + timedelta(days=horizon), time(), UTC)
        newest = max(row["last_event"] for row in rows_of(with_snapshots, partition))
        window = with_snapshots.require(partition, "").window
        assert window is not None
        assert window.end == end.isoformat(timespec="microseconds")
        assert window.max_ts == newest.isoformat(timespec="microseconds")
        assert newest < end


def test_a_snapshot_of_a_later_day_is_refused(
    with_snapshots: Lake, make_scenario: MakeScenario
) -> None:
    """The snapshot of T+3 in place of that of T: no table with the future is published."""
    scenario = make_scenario()
    later = snapshot_partition(scenario, AS_OFS[0] + timedelta(days=3))
    place = snapshot_partition(scenario, AS_OFS[0])
    with with_snapshots.attempt([place]) as attempt:
        attempt.write_table("part-00000.parquet", with_snapshots.read(later))
        attempt.publish(place, inputs={})
    with pytest.raises(AuditError, match=r"id_embedding: .*horizon=0: uses events at or after"):
        assemble(with_snapshots, scenario, AS_OFS[0])
    assert with_snapshots.days_with_any("features", "tiny") == []


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
    with pytest.raises(InputError, match=r"ds=2026-01-07.*: .*lis train .*--until 2026-01-06"):
        assemble(with_snapshots, make_scenario(), date(2026, 1, 4))
    assert with_snapshots.days_with_any("features", "tiny") == []


def test_a_day_that_is_not_there_is_named(
    with_snapshots: Lake, make_scenario: MakeScenario
) -> None:
    with pytest.raises(InputError, match="impressions/scenario=tiny/ds=2026-01-06"):
        assemble_tables(with_snapshots, make_scenario(), IdEmbedding(), [date(2026, 1, 6)], [])


KINDS_OF_THE_FEED = [
    FuturePopularity(),
    NextClick(),
    SimilarItems(),
    pytest.param(
        SimilarItems(name="similar_items_cosine", method="cosine"), marks=pytest.mark.slow
    ),
    CoClickEmbedding(dim=3),
    ContentVector(),
]
of_every_kind = pytest.mark.parametrize("kind", KINDS_OF_THE_FEED, ids=lambda kind: kind.name)


@pytest.mark.slow
@of_every_kind
def test_a_table_has_the_same_bytes_alone_and_among_others(
    feed: Lake, kind: PreferenceKind, published_bytes: Bytes, tmp_path: Path
) -> None:
    scenario = feed_scenario()
    assemble_tables(feed, scenario, kind, [EMPTY_DAY, LONELY_DAY, FEED_DAYS[4]], [1, 3])
    together = published_bytes(feed, "features")
    contract = schemas.features(scenario, kind.keyed_by, kind.takes)
    for as_of in (EMPTY_DAY, LONELY_DAY):
        table = feed.read(feature_partition(scenario, kind.name, as_of, 1))
        assert table.schema.equals(contract)
        keys = set(table[f"{kind.keyed_by}_id"].to_pylist())
        if kind.keyed_by == "item":
            assert keys <= items_of_day(feed, scenario, as_of)
    (tmp_path / "lake" / "features").rename(tmp_path / "moved away")
    assemble_tables(feed, scenario, kind, [FEED_DAYS[4]], [3])
    alone = published_bytes(feed, "features")
    assert feed.read(feature_partition(scenario, kind.name, FEED_DAYS[4], 3)).num_rows
    assert len(alone) == 4
    assert alone.items() <= together.items()


@of_every_kind
def test_held_out_labels_change_no_table(
    feed: Lake, kind: PreferenceKind, published_bytes: Bytes, tmp_path: Path
) -> None:
    """All labels of other folds than lineage are flipped, and no table changes."""
    scenario, windows = feed_scenario(), ([FEED_DAYS[4]], [2])
    assemble_tables(feed, scenario, kind, *windows)
    before = published_bytes(feed, "features")
    for day in FEED_DAYS:
        change_labels(feed, day, lambda row: row["fold"] != "lineage")
    (tmp_path / "lake" / "features").rename(tmp_path / "moved away")
    assert len(assemble_tables(feed, scenario, kind, *windows)) == 2
    after = published_bytes(feed, "features")
    # The name of a data file follows from its content.
    tables = {name for name in before if name.endswith(".parquet")}
    assert tables
    assert {name for name in after if name.endswith(".parquet")} == tables


def change_labels(lake: Lake, day: date, chosen: Callable[[dict[str, Any]], bool]) -> None:
    partition = Partition("impressions", "feed", day)
    table = lake.read(partition)
    labels = [row["label"] ^ int(chosen(row)) for row in table.to_pylist()]
    place = table.schema.get_field_index("label")
    with lake.attempt([partition]) as attempt:
        changed = table.set_column(place, "label", pa.array(labels, pa.int8()))
        attempt.write_table("part-00000.parquet", changed)
        attempt.publish(partition, inputs={})


def test_a_table_is_rebuilt_only_when_its_window_changes(feed: Lake) -> None:
    scenario, kind = feed_scenario(), FuturePopularity()

    def made() -> set[tuple[date, int]]:
        partitions = assemble_tables(feed, scenario, kind, [FEED_DAYS[4], FEED_DAYS[6]], [2])
        return {(p.ds, int(dict(p.keys)["horizon"])) for p in partitions}

    assert len(made()) == 4
    assert made() == set()
    change_labels(feed, FEED_DAYS[2], lambda _: True)
    assert made() == {(FEED_DAYS[4], 0)}
    change_labels(feed, FEED_DAYS[5], lambda _: True)
    assert made() == {(FEED_DAYS[4], 2), (FEED_DAYS[6], 0), (FEED_DAYS[6], 2)}


def test_other_options_make_another_table(feed: Lake) -> None:
    scenario, kind = feed_scenario(), FuturePopularity()
    days = ([FEED_DAYS[4]], [2])
    assert len(assemble_tables(feed, scenario, kind, *days)) == 2
    assert len(assemble_tables(feed, scenario, replace(kind, prior_rows=5.0), *days)) == 2
    assert not assemble_tables(feed, scenario, replace(kind, prior_rows=5.0), *days)


def test_a_future_that_is_not_ingested_is_named(feed: Lake) -> None:
    kind, last = FuturePopularity(), FEED_DAYS[-1]
    assert assemble_tables(feed, feed_scenario(), kind, [last], [1])
    with pytest.raises(InputError, match=r"future_popularity: .* no impressions on 2026-01-09"):
        assemble_tables(feed, feed_scenario(), kind, [last], [2])

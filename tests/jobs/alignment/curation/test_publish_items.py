"""Curated items: which are kept, how they are split, and what they are aligned to."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.alignment.curation.curation_facts import CurationFacts, Dropped
from jobs.alignment.curation.metadata_entries import FREQUENT
from jobs.alignment.curation.publish_items import publish_preference_items
from jobs.alignment.curation.targets import MOST_POSITIVES
from jobs.common.day_range import DayRange
from jobs.common.errors import AuditError, InputError
from jobs.lake import Lake, Manifest, Partition, schemas
from jobs.lake.addresses import curated_partition, snapshot_partition
from jobs.preference import preference_kind
from jobs.preference.behaviour import Behaviour
from jobs.preference.kind import PreferenceKind
from jobs.scenarios import Scenario
from jobs.stages.alignment.curate import curate_items
from jobs.stages.alignment.request import AlignmentRequest
from tests.jobs.alignment.curation import small_lake as small
from tests.jobs.alignment.curation.small_lake import DAY, small_scenario, write_small_lake
from tests.oracles import balancing as oracle

KINDS = ("id_embedding", "next_click", "lists")
Rows = dict[int, dict[str, Any]]


@dataclass(frozen=True)
class Lists:
    """A custom kind that lists items, which were known on the day before."""

    name: str = "lists"
    summary: str = "lists of items"
    keyed_by: str = "item"
    takes: str = "items"

    def build(self, behaviour: Behaviour) -> DataFrame:
        """``small_lake.listed_items`` at each day of a table."""
        schema = "item_id bigint, items array<bigint>"
        rows = behaviour.spark.createDataFrame(small.listed_items(), schema)
        before = F.to_timestamp("known_at") - F.expr("interval 1 hour")
        known_at = behaviour.tables.select("known_at", before.alias("last_event"))
        return rows.crossJoin(known_at).withColumn("updates", F.lit(1))


def publish(lake: Lake, name: str, **curation: Any) -> Manifest:
    scenario = small_scenario(**curation)
    return publish_preference_items(lake, scenario, kind_of(name, scenario), DAY)


def kind_of(name: str, scenario: Scenario) -> PreferenceKind:
    custom: dict[str, Any] = {"lists": Lists()}
    return custom.get(name) or preference_kind(name, scenario)


def rows_of(lake: Lake, name: str) -> Rows:
    rows = lake.read(curated_partition(small_scenario(), name, DAY)).to_pylist()
    assert [row["item_id"] for row in rows] == sorted({row["item_id"] for row in rows})
    return {row["item_id"]: row for row in rows}


def split_of(item: int) -> str:
    return "validation" if oracle.share("feed", "split", item) < 0.4 else "train"


@pytest.fixture(scope="module")
def curated(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The small lake with curated items of each kind."""
    lake = Lake(str(tmp_path_factory.mktemp("curated")))
    write_small_lake(lake)
    for name in KINDS:
        publish(lake, name)
    return lake


@dataclass
class Expected:
    """What plain loops find: kept items with their probability, and the items left out."""

    kept: dict[int, float] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    before: Counter[tuple[str, str]] = field(default_factory=Counter)
    after: Counter[tuple[str, str]] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def expected() -> Expected:
    content, result = small.newest_content(), Expected()
    candidates = {}
    for row in small.snapshot_rows(small_scenario()):
        item = row["item_id"]
        if row["updates"] < small.MIN_UPDATES:
            result.dropped["below_min_updates"] += 1
        elif item not in content or item == small.NO_CONTENT:
            result.dropped["without_content"] += 1
        else:
            candidates[item] = content[item]
    probabilities, result.before = oracle.keep_probabilities(candidates, small.BALANCE, FREQUENT)
    frequent = oracle.frequent_words(list(candidates.values()), FREQUENT)
    for item in candidates:
        if item not in probabilities:
            result.dropped["unmatched"] += 1
        elif oracle.share("feed", "keep", item) < probabilities[item]:
            result.kept[item] = probabilities[item]
            result.after.update(oracle.entries_of(candidates[item], frequent))
        else:
            result.dropped["thinned"] += 1
    return result


def test_items_are_balanced_and_joined_with_their_content_and_vector(
    curated: Lake, expected: Expected
) -> None:
    found, content = rows_of(curated, "id_embedding"), small.newest_content()
    snapshot = {row["item_id"]: row for row in small.snapshot_rows(small_scenario())}
    without_vector = {small.NAN_VECTOR, small.ZERO_VECTOR}
    assert without_vector <= set(expected.kept)
    assert set(found) == set(expected.kept) - without_vector
    assert small.DESCRIBED_TWICE in found
    for item, row in found.items():
        assert row == {
            "item_id": item,
            "split": split_of(item),
            **{name: content[item][name] for name, _ in schemas.CONTENT},
            "target": snapshot[item]["embedding"],
            "positives": None,
            "updates": snapshot[item]["updates"],
            "keep_probability": expected.kept[item],
        }


@pytest.mark.parametrize("name", KINDS)
def test_every_item_of_the_snapshot_is_counted_once(
    curated: Lake, expected: Expected, name: str
) -> None:
    manifest = curated.require(curated_partition(small_scenario(), name, DAY), "")
    facts = CurationFacts.from_json(manifest.facts)
    assert facts.items == small.ITEMS
    splits = Counter(row["split"] for row in rows_of(curated, name).values())
    assert (facts.train, facts.validation) == (splits["train"], splits["validation"])
    assert facts.kept + facts.without_target == len(expected.kept)
    counts = {reason: getattr(facts, reason) for reason in expected.dropped}
    assert counts == expected.dropped
    assert set(counts) == {"below_min_updates", "without_content", "unmatched", "thinned"}
    assert facts.is_balanced


def test_the_balance_is_that_of_the_items(curated: Lake, expected: Expected) -> None:
    manifest = curated.require(curated_partition(small_scenario(), "id_embedding", DAY), "")
    entries = CurationFacts.from_json(manifest.facts).entries
    assert {(one.kind, one.name): one.before for one in entries} == dict(expected.before)
    assert {(one.kind, one.name): one.after for one in entries} == {
        entry: expected.after[entry] for entry in expected.before
    }
    assert [one.before for one in entries] == sorted((one.before for one in entries), reverse=True)
    assert entries[0].after < entries[0].before


def test_positives_of_impressions_are_the_next_clicks_of_lineage_rows(
    curated: Lake, expected: Expected
) -> None:
    scenario = small_scenario()
    rows = [
        row
        for day, of_day in small.impressions_by_day().items()
        if DAY - timedelta(days=scenario.lookback_days) <= day < DAY
        for row in of_day
        if row["fold"] == "lineage"
    ]
    listed: Counter[tuple[int, int]] = Counter()
    for row in rows:
        later = [
            (other["ts"], other["impression_id"], other["item_id"])
            for other in rows
            if other["label"] and other["user_id"] == row["user_id"] and other["ts"] > row["ts"]
        ]
        if later:
            listed[row["item_id"], min(later)[2]] += 1
    assert positives(curated, "next_click") == _both_ways(
        {(*pair, 0): times for pair, times in listed.items()}, expected.kept
    )


def test_positives_of_items_are_those_listed_within_their_split(
    curated: Lake, expected: Expected
) -> None:
    listed = {
        (item, other, place): 1
        for item, others in small.listed_items()
        for place, other in enumerate(others)
    }
    assert positives(curated, "lists") == _both_ways(listed, expected.kept)


@pytest.mark.parametrize("name", ["next_click", "lists"])
def test_positives_are_rows_of_the_same_split(curated: Lake, name: str) -> None:
    rows = rows_of(curated, name)
    splits = {row["split"] for row in rows.values()}
    assert splits == {"train", "validation"}
    for item, row in rows.items():
        assert row["target"] is None
        assert row["positives"]
        assert item not in row["positives"]
        assert {rows[other]["split"] for other in row["positives"]} == {row["split"]}


def test_labels_of_held_out_rows_and_the_machine_change_no_byte(
    curated: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flipped = Lake(str(tmp_path / "flipped"))
    write_small_lake(flipped, flip_held_out=True)
    monkeypatch.setenv("LIS_SPARK_SHUFFLE_PARTITIONS", "3")
    before = curated.require(curated_partition(small_scenario(), "next_click", DAY), "")
    after = publish(flipped, "next_click")
    assert (after.files, after.facts) == (before.files, before.facts)
    assert after.window == before.window
    assert before.window is not None
    assert before.window.max_ts is not None
    assert after.inputs["targets"] != before.inputs["targets"]


def test_a_current_table_is_not_built_again(
    curated: Lake, published_bytes: Callable[..., dict[str, bytes]]
) -> None:
    root = Path(curated.storage.absolute("preference_items"))
    times = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    before = published_bytes(curated, "preference_items")
    assert publish(curated, "next_click").rows
    assert published_bytes(curated, "preference_items") == before
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == times


def test_the_stage_says_what_became_of_every_item(
    curated: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    scenario = small_scenario()
    kinds = tuple(kind_of(name, scenario) for name in KINDS)
    request = AlignmentRequest(kinds, DayRange(DAY, DAY), DAY)
    with caplog.at_level(logging.INFO, "jobs"):
        curate_items(curated, scenario, request)
    lines = [record.getMessage() for record in caplog.records]
    assert [re.findall(r"items of (\S+) as of", line) for line in lines] == [[k] for k in KINDS]
    for name, line in zip(KINDS, lines, strict=True):
        rows, text = rows_of(curated, name), line.replace(f"{DAY}", "")
        train = sum(row["split"] == "train" for row in rows.values())
        kept, trained, validated, items, *dropped = map(int, re.findall(r"\d+", text))
        assert (kept, trained, validated) == (len(rows), train, len(rows) - train)
        assert items == small.ITEMS == kept + sum(dropped)
        assert len(dropped) == len(Dropped)


@pytest.mark.slow
def test_items_with_vectors_alone_are_all_kept(spark: SparkSession, lake: Lake) -> None:
    write_small_lake(lake)
    scenario = small_scenario()
    for day in (small.FIRST, small.LATER):
        partition = Partition("items", scenario.name, day)
        table = lake.read(partition)
        nothing = pa.nulls(table.num_rows, pa.string())
        for name in ("title", "text", "category"):
            table = table.set_column(table.schema.get_field_index(name), name, nothing)
        with lake.attempt([partition]) as attempt:
            attempt.write_table("part-00000.parquet", table)
            attempt.publish(partition, inputs={}, schema=table.schema)
    facts = CurationFacts.from_json(publish(lake, "id_embedding").facts)
    rows = rows_of(lake, "id_embedding")
    with_vector = {item for item in range(small.ITEMS) if item % 2} - {
        small.NO_CONTENT,
        small.NAN_VECTOR,
        small.DESCRIBED_TOO_LATE,
    }
    assert set(rows) == with_vector
    assert {row["keep_probability"] for row in rows.values()} == {1.0}
    assert not facts.is_balanced
    assert facts.entries == ()
    assert facts.items == small.ITEMS


@pytest.mark.parametrize(
    ("name", "curation", "message"),
    [
        ("id_embedding", {"min_updates": 50}, r"min_updates \(50\) updates, the most is 9: lower"),
        (
            "id_embedding",
            {"min_validation": 90},
            r"\d+ validation items of id_embedding as of 2026.*"
            r"min_validation \(90\): lower that option .* of 60 items, 1 with too few updates",
        ),
        ("id_embedding_user_id", {}, "a vector of each user_id: alignment needs item data"),
    ],
)
def test_what_cannot_be_curated_is_named(
    curated: Lake, name: str, curation: dict[str, Any], message: str
) -> None:
    before = curated.require(curated_partition(small_scenario(), "id_embedding", DAY), "")
    with pytest.raises(InputError, match=message) as caught:
        publish(curated, name, **curation)
    assert "\n" not in str(caught.value)
    assert curated.manifest(curated_partition(small_scenario(), "id_embedding", DAY)) == before


def test_inputs_that_are_missing_name_the_way_out(lake: Lake) -> None:
    scenario = small_scenario()
    with pytest.raises(InputError, match="no impressions from 2026-01-03 until the start of"):
        publish(lake, "next_click")
    with pytest.raises(InputError, match="the lineage must reach 2026-01-06"):
        publish(lake, "id_embedding")
    assert not lake.is_published(snapshot_partition(scenario, DAY))


@dataclass(frozen=True)
class Foresight:
    """A custom kind whose rows know what happens after the day of their table."""

    name: str = "foresight"
    summary: str = "the future"
    keyed_by: str = "item"
    takes: str = "vector"

    def build(self, behaviour: Behaviour) -> DataFrame:
        """Vectors of all items, from an event at the start of the day."""
        known_at = behaviour.tables.select("known_at")
        start = F.to_timestamp("known_at").alias("last_event")
        ids = F.sequence(F.lit(0).cast("bigint"), F.lit(small.ITEMS).cast("bigint"))
        items = F.explode(ids).alias("item_id")
        vector = F.array(F.lit(1.0)).cast("array<float>").alias("embedding")
        return known_at.select("known_at", items, vector, F.lit(1).alias("updates"), start)


def test_a_target_from_the_future_is_refused(curated: Lake) -> None:
    scenario: Scenario = small_scenario()
    with pytest.raises(AuditError, match=r"foresight: .*uses events at or after 2026-01-06"):
        publish_preference_items(curated, scenario, Foresight(), DAY)  # type: ignore[arg-type]
    assert not curated.is_published(curated_partition(scenario, "foresight", DAY))


def positives(lake: Lake, name: str) -> dict[int, list[int]]:
    return {item: row["positives"] for item, row in rows_of(lake, name).items()}


def _both_ways(listed: dict[tuple[int, int, int], int], kept: dict[int, float]) -> Any:
    """Positives of each item: what it lists, then what lists it, at most ``MOST_POSITIVES``."""
    orders: dict[int, dict[int, list[float]]] = {}
    for (item, other, place), times in listed.items():
        if item == other or not {item, other} <= set(kept) or split_of(item) != split_of(other):
            continue
        own = orders.setdefault(item, {}).setdefault(other, [0, float("inf"), 0])
        own[0], own[1] = own[0] - times, min(own[1], place)
        orders.setdefault(other, {}).setdefault(item, [0, float("inf"), 0])[2] -= times
    return {
        item: sorted(others, key=lambda other: (others[other], other))[:MOST_POSITIVES]
        for item, others in orders.items()
    }

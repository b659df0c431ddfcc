"""Snapshot, item content and preference data of a day → ``preference_items``.

An encoder is aligned on these items. All of it was known before the start of the day.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta

import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.alignment.curation.balancing import (
    is_kept,
    keep_probabilities,
    split_of,
    top_entries,
)
from jobs.alignment.curation.curation_facts import CurationFacts, Dropped
from jobs.alignment.curation.known_items import (
    content_digest,
    has_content,
    item_content,
    snapshot_items,
)
from jobs.alignment.curation.metadata_entries import metadata_entries, names_of_entries
from jobs.alignment.curation.targets import publishable_targets, target_windows
from jobs.alignment.split import Split
from jobs.common.code_digest import code_digest
from jobs.common.errors import InputError
from jobs.lake import Lake, Manifest, schemas
from jobs.lake import Window as SeenWindow
from jobs.lake.addresses import curated_partition, snapshot_partition
from jobs.lake.manifest import digest_of
from jobs.preference.behaviour import Behaviour, TableWindow
from jobs.preference.build_tables import data_inputs, kind_digest
from jobs.preference.kind import PreferenceKind
from jobs.scenarios import Scenario
from jobs.scenarios.hints import lis_command
from jobs.snapshots.kept_snapshots import restore_snapshots
from jobs.spark.parquet_writer import NOTHING_WRITTEN, write_by_day
from jobs.spark.session import midnight, spark_session

_KEPT = "kept"
_NEWEST = "_newest"


def publish_preference_items(
    lake: Lake, scenario: Scenario, kind: PreferenceKind, day: date
) -> Manifest:
    """Publish the items that an encoder is aligned on, as of the start of a day.

    They are the items of the snapshot with enough updates and with content, balanced by their
    metadata entries (see ``balancing``) and split by item. A current table is left unchanged.

    Args:
        lake: Holds snapshots, items and the log; the table is published to it.
        scenario: The scenario; see its options ``alignment.curation``.
        kind: The kind of preference data that gives the targets.
        day: Day S.

    Returns:
        The manifest; its facts are ``CurationFacts``.

    Raises:
        InputError: If the kind does not describe items, an input is not published, no item has
            enough updates, or too few items are left to validate with.
        AuditError: If a target uses what happened on the day or later.
    """
    partition = curated_partition(scenario, kind.name, day)
    windows = target_windows(lake, scenario, kind, day)
    inputs = _inputs(lake, scenario, kind, day, windows)
    published = lake.manifest(partition)
    if published is not None and published.inputs == inputs:
        return published
    restore_snapshots(lake, scenario, [day])
    schema = schemas.preference_items(scenario)
    with ExitStack() as stack:
        spark = stack.enter_context(spark_session(f"curate {scenario.name}"))
        attempt = stack.enter_context(lake.attempt([partition]))
        snapshot = snapshot_items(spark, lake, scenario, day)
        content = item_content(spark, lake, scenario, day)
        items, trusted = _counts(scenario, day, snapshot)
        described = _described(scenario, snapshot, content).persist()
        entries = metadata_entries(described).persist()
        judged = _judged(scenario, described, entries).persist()
        for frame in (described, entries, judged):
            stack.callback(frame.unpersist)
        by_reason, is_balanced = _reasons(judged)
        if not is_balanced:
            judged, by_reason = _all_kept(judged, by_reason)
        kept = judged.where(F.col("reason") == _KEPT).withColumn("split", split_of(scenario))
        behaviour = Behaviour(spark, lake, scenario, windows)
        targets = publishable_targets(behaviour, kind, attempt, kept.select("item_id", "split"))
        rows = kept.join(content, "item_id").join(targets, "item_id")
        newest = F.unix_micros(F.greatest("last_update", "last_event")).alias(_NEWEST)
        rows = rows.select(*schema.names, newest, F.lit(day.isoformat()).alias("ds"))
        folder = f"{attempt.folder}/rows"
        written = write_by_day(rows, lake, folder, schema, "item_id", newest=_NEWEST)
        below = f"ds={day.isoformat()}"
        result = written.get(below, NOTHING_WRITTEN)
        splits = _splits(lake, f"{folder}/{below}")
        facts = CurationFacts(
            below_min_updates=items - trusted,
            without_content=by_reason[Dropped.WITHOUT_CONTENT],
            unmatched=by_reason[Dropped.UNMATCHED],
            thinned=by_reason[Dropped.THINNED],
            without_target=by_reason[_KEPT] - result.rows,
            train=splits[Split.TRAIN],
            validation=splits[Split.VALIDATION],
            is_balanced=is_balanced,
            entries=top_entries(entries, kept),
        )
        _check_splits(scenario, kind, day, facts)
        return attempt.publish(
            partition,
            below=f"rows/{below}",
            inputs=inputs,
            schema=schema,
            window=SeenWindow.until(midnight(day), _from_micros(result.newest)),
            facts=facts.to_json(),
        )


def _inputs(
    lake: Lake,
    scenario: Scenario,
    kind: PreferenceKind,
    day: date,
    windows: tuple[TableWindow, ...],
) -> dict[str, str]:
    """What decides whether a table is current."""
    command = lis_command("train", scenario, until=day - timedelta(days=1))
    way_out = f"the lineage must reach {day}; run {command}"
    targets = data_inputs(lake, scenario, kind, windows)
    return {
        "snapshot": lake.require(snapshot_partition(scenario, day), way_out).digest,
        "items": content_digest(lake, scenario, day),
        "targets": digest_of([(window.as_of, targets[window]) for window in windows]),
        "kind": kind_digest(kind),
        "code": code_digest(__name__),
        "options": digest_of(scenario.alignment.curation.model_dump(mode="json")),
    }


def _counts(scenario: Scenario, day: date, snapshot: DataFrame) -> tuple[int, int]:
    """Count the items of a snapshot, and those with enough updates.

    Raises:
        InputError: If no item has enough updates.
    """
    enough = scenario.alignment.curation.min_updates
    row = snapshot.agg(
        F.count("*").alias("items"),
        F.count_if(F.col("updates") >= enough).alias("trusted"),
        F.max("updates").alias("most"),
    ).first()
    assert row is not None
    if not row.trusted:
        raise InputError(
            f"{scenario.name}: no item of the snapshot of {day} has alignment.curation.min_updates "
            f"({enough}) updates, the most is {row.most or 0}: lower that option, or align on a "
            "later day with --aligned-at"
        )
    return row["items"], row.trusted


def _described(scenario: Scenario, snapshot: DataFrame, content: DataFrame) -> DataFrame:
    """The items with enough updates, whether they have content, and what they could match."""
    trusted = snapshot.where(F.col("updates") >= scenario.alignment.curation.min_updates)
    return trusted.join(content, "item_id", "left").select(
        "item_id",
        "updates",
        "last_update",
        has_content().alias("has_content"),
        names_of_entries().alias("names"),
    )


def _judged(scenario: Scenario, described: DataFrame, entries: DataFrame) -> DataFrame:
    """Items with ``keep_probability`` and a ``reason`` why each is left out, or "kept"."""
    balance = scenario.alignment.curation.balance
    items = described.withColumn("has_names", F.size("names") > 0).drop("names")
    items = items.join(keep_probabilities(entries, balance), "item_id", "left")
    reason = (
        F.when(~F.col("has_content"), Dropped.WITHOUT_CONTENT.value)
        .when(F.col("keep_probability").isNull(), Dropped.UNMATCHED.value)
        .when(~is_kept(scenario), Dropped.THINNED.value)
        .otherwise(_KEPT)
    )
    return items.withColumn("reason", reason)


def _reasons(judged: DataFrame) -> tuple[Counter[str], bool]:
    """Items by reason, and whether any of them has words or a category."""
    rows = judged.groupBy("reason", "has_names").count().collect()
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.reason] += row["count"]
    return counts, any(row.has_names for row in rows)


def _all_kept(judged: DataFrame, counts: Counter[str]) -> tuple[DataFrame, Counter[str]]:
    """Keep all items with content: none has words, so there is nothing to balance them by."""
    is_unmatched = F.col("reason") == Dropped.UNMATCHED.value
    kept = judged.withColumns(
        {
            "keep_probability": F.lit(1.0),
            "reason": F.when(is_unmatched, _KEPT).otherwise(F.col("reason")),
        }
    )
    return kept, Counter(
        {_KEPT: counts[Dropped.UNMATCHED], Dropped.WITHOUT_CONTENT: counts[Dropped.WITHOUT_CONTENT]}
    )


def _splits(lake: Lake, folder: str) -> Counter[str]:
    """Rows of each split of a written table."""
    counts: Counter[str] = Counter()
    for name in lake.storage.files(folder):
        path = lake.storage.absolute(f"{folder}/{name}")
        with lake.storage.filesystem.open_input_file(path) as stream:
            splits = pq.read_table(stream, columns=["split"])["split"].value_counts()
        counts.update({one["values"]: one["counts"] for one in splits.to_pylist()})
    return counts


def _check_splits(
    scenario: Scenario, kind: PreferenceKind, day: date, facts: CurationFacts
) -> None:
    options = scenario.alignment.curation
    if facts.validation < options.min_validation:
        raise InputError(
            f"{scenario.name}: {facts.validation:,} validation items of {kind.name} as of {day}, "
            f"fewer than alignment.curation.min_validation ({options.min_validation:,}): lower "
            f"that option or min_updates ({options.min_updates:,}), or raise validation "
            f"({options.validation}); of {facts.items:,} items, {facts.losses}"
        )
    if not facts.train:
        raise InputError(
            f"{scenario.name}: all {facts.validation:,} items of {kind.name} as of {day} are "
            f"validation items: lower alignment.curation.validation ({options.validation})"
        )


def _from_micros(micros: int | None) -> datetime | None:
    if micros is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)

"""Snapshots equal the checkpoint's tensors row by row and contain nothing of their day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save

from jobs.common.errors import AuditError
from jobs.lake import Lake, Partition, schemas
from jobs.lake.addresses import ranker_version, snapshot_partition
from jobs.ranker.lineage import extend_lineage
from jobs.ranker.model.vocabulary import IDS
from jobs.scenarios import Fold, Scenario
from jobs.snapshots import checkpoint_rows
from jobs.snapshots.export import build_snapshots

FIRST = date(2026, 1, 1)
LAST = date(2026, 1, 5)
CHECKPOINTS = [FIRST + timedelta(days=number) for number in range(6)]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MakeScenario = Callable[..., Scenario]
Bytes = Callable[..., dict[str, bytes]]


def checkpoint_of(lake: Lake, day: date) -> Partition:
    """The only checkpoint of a day, of whichever version."""
    [keys] = lake.keys_below("checkpoints", "tiny", day)
    return Partition("checkpoints", "tiny", day, keys)


def snapshot_of(lake: Lake, day: date) -> Partition:
    return Partition("snapshots", "tiny", day, checkpoint_of(lake, day).keys)


def tensors_of(lake: Lake, day: date) -> dict[str, np.ndarray]:
    with lake.local_file(checkpoint_of(lake, day), "table.safetensors") as path:
        stored: dict[str, np.ndarray] = load_file(path)
    return stored


def assert_equals_the_tensors(lake: Lake, day: date) -> None:
    tensors = tensors_of(lake, day)
    partition = checkpoint_of(lake, day)
    with lake.local_file(partition, IDS) as path:
        column = pq.ParquetFile(path).read()["item_id"]
    ids = [one for one in column.to_pylist() if one is not None]
    rows = lake.read(snapshot_of(lake, day)).to_pylist()
    assert [row["item_id"] for row in rows] == ids
    if rows:
        embedding = np.array([row["embedding"] for row in rows], dtype=np.float32)
        np.testing.assert_array_equal(embedding, tensors["item_id.embedding"])
    assert [row["updates"] for row in rows] == tensors["item_id.updates"].tolist()
    micros = tensors["item_id.last_update"].tolist()
    times = [None if ts < 0 else EPOCH + timedelta(microseconds=ts) for ts in micros]
    assert [row["last_update"] for row in rows] == times


@pytest.mark.parametrize("rows_per_task", [4, 250_000])
def test_a_snapshot_equals_the_item_table_row_by_row(
    trained: Lake,
    make_scenario: MakeScenario,
    monkeypatch: pytest.MonkeyPatch,
    rows_per_task: int,
) -> None:
    monkeypatch.setattr(checkpoint_rows, "ROWS_PER_TASK", rows_per_task)
    scenario = make_scenario()
    assert build_snapshots(trained, scenario, LAST) == CHECKPOINTS
    for day in CHECKPOINTS:
        assert_equals_the_tensors(trained, day)
        manifest = trained.require(snapshot_of(trained, day), "")
        assert len(manifest.files) == max(1, -(-manifest.rows // rows_per_task))
        assert manifest.window is not None
        end = datetime.combine(day, time(), UTC)
        assert manifest.window.end == end.isoformat(timespec="microseconds")
        newest = tensors_of(trained, day)["item_id.last_update"].max(initial=-1)
        expected = EPOCH + timedelta(microseconds=int(newest))
        if newest < 0:
            assert manifest.window.max_ts is None
        else:
            assert manifest.window.max_ts == expected.isoformat(timespec="microseconds")
            assert manifest.window.max_ts < manifest.window.end
    stored = trained.read(snapshot_of(trained, LAST))
    assert stored.schema.names == schemas.snapshots(scenario, 4).names
    assert set(stored["slot"].to_pylist()) == {"item_id"}


def test_every_update_is_counted(trained: Lake, make_scenario: MakeScenario) -> None:
    """Each impression that trains an item increases its number of updates and its last update."""
    build_snapshots(trained, make_scenario(), LAST)
    before = {row["item_id"]: row for row in trained.read(snapshot_of(trained, LAST)).to_pylist()}
    after = trained.read(snapshot_of(trained, LAST + timedelta(days=1))).to_pylist()
    shown = trained.read(Partition("impressions", "tiny", LAST)).to_pylist()
    newest = {row["item_id"]: row["ts"] for row in shown if row["fold"] == Fold.LINEAGE}
    assert newest
    for row in after:
        old = before.get(row["item_id"])
        if row["item_id"] in newest:
            assert row["updates"] > (old["updates"] if old else 0)
            assert row["last_update"] >= newest[row["item_id"]]


def test_current_snapshots_are_kept(
    trained: Lake, make_scenario: MakeScenario, published_bytes: Bytes, tmp_path: Path
) -> None:
    scenario = make_scenario()
    assert build_snapshots(trained, scenario, FIRST) == CHECKPOINTS[:2]
    files = sorted((tmp_path / "lake" / "snapshots").rglob("*.parquet"))
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in files]
    assert build_snapshots(trained, scenario, LAST) == CHECKPOINTS[2:]
    assert build_snapshots(trained, scenario, LAST) == []
    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in files] == before


def test_rebuilt_snapshots_have_the_same_bytes(
    trained: Lake, make_scenario: MakeScenario, published_bytes: Bytes, tmp_path: Path
) -> None:
    build_snapshots(trained, make_scenario(), LAST)
    once = published_bytes(trained, "snapshots")
    (tmp_path / "lake" / "snapshots").rename(tmp_path / "moved")
    build_snapshots(trained, make_scenario(), LAST)
    assert published_bytes(trained, "snapshots") == once


def test_snapshots_of_two_versions_exist_side_by_side(
    trained: Lake, make_scenario: MakeScenario, published_bytes: Bytes
) -> None:
    one = make_scenario()
    other = one.model_copy(update={"ranker": one.ranker.model_copy(update={"seed": 5})})
    build_snapshots(trained, one, LAST)
    before = published_bytes(trained, "snapshots")
    extend_lineage(trained, other, LAST, progress=False)
    assert build_snapshots(trained, other, LAST) == CHECKPOINTS
    assert build_snapshots(trained, one, LAST) == []
    after = published_bytes(trained, "snapshots")
    assert {path: after[path] for path in before} == before
    stored = [trained.read(snapshot_partition(scenario, LAST)) for scenario in (one, other)]
    for scenario, table in zip((one, other), stored, strict=True):
        assert set(table["ranker_version"].to_pylist()) == {ranker_version(scenario)}
    assert stored[0]["item_id"].equals(stored[1]["item_id"])
    assert not stored[0]["embedding"].equals(stored[1]["embedding"])


def test_a_checkpoint_with_an_update_of_its_day_is_refused(
    trained: Lake, make_scenario: MakeScenario
) -> None:
    set_last_update(trained, LAST, datetime.combine(LAST, time(), UTC))
    with pytest.raises(AuditError, match=r"2026-01-05.* outside its window"):
        build_snapshots(trained, make_scenario(), LAST)
    assert trained.manifest(snapshot_of(trained, LAST)) is None


def test_an_update_just_before_the_day_is_accepted(
    trained: Lake, make_scenario: MakeScenario
) -> None:
    newest = datetime.combine(LAST, time(), UTC) - timedelta(microseconds=1)
    set_last_update(trained, LAST, newest)
    build_snapshots(trained, make_scenario(), LAST)
    window = trained.require(snapshot_of(trained, LAST), "").window
    assert window is not None
    assert window.max_ts == newest.isoformat(timespec="microseconds")


def set_last_update(lake: Lake, day: date, ts: datetime) -> None:
    """Publish M_D with this time of a last update, bypassing the audit of training."""
    checkpoint = checkpoint_of(lake, day)
    tensors = tensors_of(lake, day)
    tensors["item_id.last_update"][0] = (ts - EPOCH) // timedelta(microseconds=1)
    manifest = lake.require(checkpoint, "")
    with lake.local_file(checkpoint, IDS) as path:
        ids = pq.ParquetFile(path).read()
    with lake.attempt([checkpoint]) as attempt:
        attempt.write_bytes("table.safetensors", save(tensors))
        attempt.write_table(IDS, ids)
        attempt.publish(checkpoint, inputs=manifest.inputs, facts=manifest.facts)

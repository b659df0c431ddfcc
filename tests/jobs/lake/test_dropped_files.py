"""Data files that are removed to save space, and put back to the same bytes."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.common.errors import AuditError, FencedOut
from jobs.lake import Lake, Manifest, Partition

DAY = date(2026, 1, 31)
DAILY = Partition("checkpoints", "tiny", DAY)
FILES = ("ids.parquet", "weights.parquet")


def publish(lake: Lake, value: int, partition: Partition = DAILY) -> Manifest:
    with lake.attempt([partition]) as attempt:
        for name in FILES:
            attempt.write_table(name, pa.table({"value": [value]}))
        return attempt.publish(partition, inputs={"value": str(value)})


def put_back(lake: Lake, value: int, manifest: Manifest) -> None:
    with lake.attempt([]) as attempt:
        for name in FILES:
            attempt.write_table(name, pa.table({"value": [value]}))
        attempt.put_back(DAILY, manifest)


def tree(lake: Lake, below: str = DAILY.path) -> dict[str, bytes]:
    root = Path(lake.storage.absolute(below))
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_files_that_are_put_back_are_those_that_were_dropped(lake: Lake) -> None:
    manifest = publish(lake, 1)
    before = tree(lake)
    lake.drop_files(DAILY, manifest)
    assert list(tree(lake)) == ["_manifest.json"]
    assert not lake.has_files(DAILY, manifest)
    assert lake.manifest(DAILY) == manifest
    put_back(lake, 1, manifest)
    assert lake.has_files(DAILY, manifest)
    assert tree(lake) == before


def test_one_missing_file_is_enough(lake: Lake) -> None:
    """What a kill leaves behind: some of the files."""
    manifest = publish(lake, 1)
    before = tree(lake)
    lake.storage.remove(f"{DAILY.path}/{manifest.files[1].path}")
    assert not lake.has_files(DAILY, manifest)
    put_back(lake, 1, manifest)
    assert tree(lake) == before


def test_other_files_are_not_put_back(lake: Lake) -> None:
    manifest = publish(lake, 1)
    lake.drop_files(DAILY, manifest)
    with pytest.raises(AuditError, match=f"{DAILY}: its files were made again and are not the"):
        put_back(lake, 2, manifest)
    assert list(tree(lake)) == ["_manifest.json"]


def test_a_partition_that_was_published_again_is_left_alone(lake: Lake) -> None:
    old = publish(lake, 1)
    publish(lake, 2)
    before = tree(lake)
    lake.drop_files(DAILY, old)
    with pytest.raises(FencedOut, match="was replaced while"):
        put_back(lake, 1, old)
    assert tree(lake) == before


def test_publishing_leaves_no_file_per_partition_beside_the_tables(lake: Lake) -> None:
    days = 50
    for number in range(days):
        publish(lake, number, Partition("checkpoints", "tiny", DAY + timedelta(days=number)))
    beside = [path for path in tree(lake, "") if not path.startswith("checkpoints/")]
    assert len(beside) <= 16
    assert len(tree(lake, "")) - len(beside) == days * (len(FILES) + 1)

"""A file that is not as its manifest says is refused, whatever is wrong and whoever reads it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import boto3
import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save

from jobs.common.errors import DamagedFile, FencedOut, InputError
from jobs.lake import Lake, Partition, ReadCheck
from jobs.lake.partition import claim_path
from jobs.lake.storage import Storage
from jobs.stages.upkeep.repair import faults, remove_damaged, withdrawn
from tests.jobs.lake.damage import DAMAGES, flip

DAY = date(2026, 1, 31)
RANKER = ("ranker", "dcn-0123456789")
TABLES = {
    "impressions": (),
    "items": (),
    "quarantine": (),
    "history": (),
    "statistics": (),
    "recent_clicks": (),
    "snapshots": (RANKER,),
    "features": (RANKER, ("preference", "next_click"), ("horizon", "7")),
    "predictions": (RANKER, ("variant", "next_click-probe-7")),
    "lis": (RANKER, ("preference", "next_click"), ("mode", "probe"), ("horizon", "7")),
    "checkpoints": (RANKER,),
    "encoders": (RANKER, ("preference", "id_embedding"), ("encoder", "words-0123456789")),
}
FILES = {
    "checkpoints": ("table.safetensors", "ranker.json", "ids.parquet"),
    "encoders": ("projection.safetensors", "alignment.json"),
}
CASES = [(table, file) for table in TABLES for file in FILES.get(table, ("part-00000.parquet",))]


def partition(table: str, offset: int = 0) -> Partition:
    return Partition(table, "tiny", DAY + timedelta(days=offset), TABLES[table])


def publish(lake: Lake, target: Partition, seed: int = 0) -> None:
    """Publish the kinds of files that a table has; seeds give other content of the same size."""
    values = np.random.default_rng(seed).random(64)
    with lake.attempt([target]) as attempt:
        for name in FILES.get(target.table, ("part-00000.parquet",)):
            if name.endswith(".parquet"):
                attempt.write_table(name, pa.table({"value": values}))
            elif name.endswith(".json"):
                attempt.write_bytes(name, b'{"seed": %d}\n' % seed)
            else:
                attempt.write_bytes(name, save({"value": values}))
        attempt.publish(target, inputs={"log": str(seed)})


def stored(lake: Lake, target: Partition, name: str) -> Path:
    manifest = lake.manifest(target)
    assert manifest is not None
    [file] = [file for file in manifest.files if file.name == name]
    return Path(lake.storage.absolute(f"{target.path}/{file.path}"))


def read(lake: Lake, target: Partition, name: str) -> bytes:
    """Read a file as the code that reads its table does."""
    if target.table in FILES:
        with lake.local_file(target, name) as path:
            return path.read_bytes()
    return bytes(lake.read(target)["value"].to_numpy().tobytes())


def refused(lake: Lake, target: Partition, name: str, path: Path) -> None:
    with pytest.raises(DamagedFile) as caught:
        read(lake, target, name)
    message = str(caught.value)
    assert message.startswith(f"{path} ")
    assert message.endswith(f": run lis rebuild {target.path} --scenario tiny")
    assert "\n" not in message


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("table", "name"), CASES)
def test_no_damaged_file_is_read(lake: Lake, table: str, name: str, damage: str) -> None:
    target = partition(table)
    publish(lake, target)
    path = stored(lake, target, name)
    assert read(lake, target, name)
    DAMAGES[damage](path)
    refused(lake, target, name, path)


@pytest.mark.parametrize(("table", "name"), CASES)
def test_a_file_of_another_day_is_not_read(lake: Lake, table: str, name: str) -> None:
    target, other = partition(table), partition(table, 1)
    publish(lake, target)
    publish(lake, other, seed=1)
    path = stored(lake, target, name)
    # Its time of writing stays, as a copy of a backup would leave it.
    before = path.stat()
    shutil.copyfile(stored(lake, other, name), path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    refused(lake, target, name, path)


READERS: dict[str, Callable[[Lake, Partition], object]] = {
    "read": Lake.read,
    "read_files": lambda lake, target: list(lake.read_files(target)),
    "open_files": lambda lake, target: lake.open_files(target).__enter__(),
    "published_paths": Lake.published_paths,
    "check": Lake.check,
}


@pytest.mark.parametrize("reader", READERS)
def test_every_way_to_read_checks(lake: Lake, reader: str) -> None:
    target = partition("impressions")
    publish(lake, target)
    READERS[reader](lake, target)
    flip(stored(lake, target, "part-00000.parquet"))
    with pytest.raises(DamagedFile, match="is damaged: its SHA-256 is"):
        READERS[reader](lake, target)


def test_a_damaged_object_is_refused_and_named_by_its_uri(bucket: str) -> None:
    lake = Lake(f"{bucket}/lake")
    for table in ("impressions", "checkpoints"):
        target = partition(table)
        publish(lake, target)
        manifest = lake.manifest(target)
        assert manifest is not None
        key = f"lake/{target.path}/{manifest.files[-1].path}"
        client, name = boto3.client("s3"), bucket.removeprefix("s3://")
        content = client.get_object(Bucket=name, Key=key)["Body"].read()
        read(lake, target, manifest.files[-1].name)
        client.put_object(Bucket=name, Key=key, Body=content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(DamagedFile, match=f"^{bucket}/{key} is damaged: .* run lis rebuild"):
            read(lake, target, manifest.files[-1].name)
        client.delete_object(Bucket=name, Key=key)
        with pytest.raises(DamagedFile, match=f"^{bucket}/{key} is missing: run lis rebuild"):
            read(lake, target, manifest.files[-1].name)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the files that are hashed while a test runs."""
    paths: list[str] = []
    original = Storage.sha256

    def sha256(storage: Storage, path: str) -> str:
        paths.append(path)
        return original(storage, path)

    monkeypatch.setattr(Storage, "sha256", sha256)
    return paths


def test_a_file_is_hashed_once_until_it_is_written_again(lake: Lake, hashed: list[str]) -> None:
    target = partition("impressions")
    publish(lake, target)
    path = stored(lake, target, "part-00000.parquet")
    for written in (1_000_000, 2_000_000):
        os.utime(path, (written, written))
        hashed.clear()
        for _ in range(3):
            lake.read(target)
        assert hashed == [str(path.relative_to(lake.storage.absolute("")))]


def test_a_file_that_was_just_written_is_hashed_each_time(lake: Lake, hashed: list[str]) -> None:
    """Object stores tell the time of writing in seconds: a second change can leave it the same."""
    target = partition("impressions")
    publish(lake, target)
    hashed.clear()
    for _ in range(3):
        lake.read(target)
    assert len(hashed) == 3


def test_sizes_alone_are_compared_where_the_environment_says_so(
    lake: Lake, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = partition("impressions")
    publish(lake, target)
    hashed.clear()
    monkeypatch.setenv("LIS_READ_CHECK", "size")
    by_size = Lake(lake.uri)
    by_size.read(target)
    assert not hashed
    DAMAGES["cut"](stored(lake, target, "part-00000.parquet"))
    with pytest.raises(DamagedFile, match=r"has \d+ bytes, but \d+ in its manifest"):
        by_size.read(target)


def test_an_unknown_check_is_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIS_READ_CHECK", "off")
    with pytest.raises(InputError, match="LIS_READ_CHECK=off: set it to content or size"):
        Lake(lake.uri)
    assert Lake(lake.uri, ReadCheck.SIZE).uri == lake.uri


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_not_called_damaged(lake: Lake) -> None:
    target = partition("impressions")
    publish(lake, target)
    stored(lake, target, "part-00000.parquet").chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        lake.read(target)


def test_a_folder_that_is_no_file_counts_as_missing(lake: Lake) -> None:
    target = partition("checkpoints")
    publish(lake, target)
    manifest = lake.manifest(target)
    assert manifest is not None
    assert faults(lake, target, manifest) == {}
    table, ranker = (stored(lake, target, name) for name in ("table.safetensors", "ranker.json"))
    flip(table)
    ranker.unlink()
    found = faults(lake, target, manifest)
    assert [Path(path).name for path in found] == [ranker.name, table.name]
    assert next(iter(found.values())) == "is missing"
    remove_damaged(lake, target, manifest)
    assert not table.exists()
    assert not lake.has_files(target, manifest)
    assert stored(lake, target, "ids.parquet").exists()


def test_an_attempt_whose_claim_is_damaged_publishes_nothing(lake: Lake) -> None:
    target = partition("impressions")
    publish(lake, target)
    before = lake.manifest(target)
    with lake.attempt([target]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table({"value": [1.0]}))
        flip(Path(lake.storage.absolute(claim_path(target))))
        with pytest.raises(FencedOut, match="this one publishes nothing"):
            attempt.publish(target, inputs={})
    assert lake.manifest(target) == before


def test_a_withdrawn_partition_comes_back_where_nothing_replaces_it(lake: Lake) -> None:
    first, second = partition("impressions"), partition("history")
    for target in (first, second):
        publish(lake, target)
    before = lake.manifest(second)

    def fail_after_the_first() -> None:
        with withdrawn(lake, [first, second]):
            assert not lake.is_published(first)
            assert not lake.is_published(second)
            publish(lake, first, seed=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_the_first()
    manifest = lake.manifest(first)
    assert manifest is not None
    assert manifest.inputs == {"log": "1"}
    assert lake.manifest(second) == before

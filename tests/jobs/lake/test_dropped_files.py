"""Data files that are removed to save space, and put back to the same bytes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partialmethod
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.common.errors import AuditError, DamagedFile, FencedOut
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.dropped_manifests import DroppedManifests, dropped_path
from jobs.stages.upkeep.repair import withdrawn

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
    assert tree(lake) == {}
    assert not lake.has_files(DAILY, manifest)
    assert lake.manifest(DAILY) == manifest
    assert lake.is_published(DAILY)
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
    assert tree(lake) == {}
    assert lake.manifest(DAILY) == manifest


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


DAYS = [DAY + timedelta(days=number) for number in range(-40, 30)]


def of(day: date, ranker: str = "dcn-1") -> Partition:
    return Partition("checkpoints", "tiny", day, (("ranker", ranker),))


def drop(lake: Lake, partition: Partition, value: int = 1) -> Manifest:
    manifest = publish(lake, value, partition)
    lake.drop_files(partition, manifest)
    return manifest


def test_what_is_left_is_one_file_a_month(lake: Lake) -> None:
    dropped = {of(day): drop(lake, of(day), number) for number, day in enumerate(DAYS)}
    other = drop(lake, of(DAY, "dcn-2"))
    months = {f"{day:%Y-%m}.json" for day in DAYS}
    assert set(tree(lake, "checkpoints")) == {f"scenario=tiny/_dropped/{one}" for one in months}
    anew = Lake(lake.uri)
    assert {one: anew.manifest(one) for one in dropped} == dropped
    assert anew.manifest(of(DAY, "dcn-2")) == other
    assert anew.days("checkpoints", "tiny", of(DAY).keys) == DAYS
    assert anew.days("checkpoints", "tiny", of(DAY, "dcn-2").keys) == [DAY]
    assert anew.keys_below("checkpoints", "tiny", DAY) == [of(DAY).keys, of(DAY, "dcn-2").keys]
    assert not anew.is_published(of(DAY, "dcn-3"))


def test_folders_that_are_empty_need_not_be_copied_with_a_lake(lake: Lake, tmp_path: Path) -> None:
    """As copies to an object store and back do not have them."""
    drop(lake, of(DAY))
    for path, content in tree(lake, "").items():
        target = tmp_path / "copy" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    copied = Lake(str(tmp_path / "copy"))
    assert copied.days("checkpoints", "tiny", of(DAY).keys) == [DAY]
    assert copied.days_with_any("checkpoints", "tiny") == [DAY]


def test_what_is_published_again_counts(lake: Lake) -> None:
    drop(lake, DAILY, 1)
    new = publish(lake, 2)
    assert lake.manifest(DAILY) == new
    lake.forget(DAILY)
    assert lake.manifest(DAILY) is None
    assert not lake.is_published(DAILY)


def test_a_partition_that_is_forgotten_leaves_the_others(lake: Lake) -> None:
    kept = drop(lake, of(DAY, "dcn-2"))
    drop(lake, of(DAY))
    lake.forget(of(DAY))
    assert lake.keys_below("checkpoints", "tiny", DAY) == [of(DAY, "dcn-2").keys]
    assert lake.manifest(of(DAY, "dcn-2")) == kept


def test_a_kill_while_files_are_dropped_leaves_what_can_be_dropped_again(lake: Lake) -> None:
    manifest = publish(lake, 1)
    lake.dropped.add(DAILY, manifest.to_json().encode())
    assert lake.has_files(DAILY, manifest)
    lake.storage.remove(f"{DAILY.path}/_manifest.json")
    assert lake.manifest(DAILY) == manifest
    assert lake.has_files(DAILY, manifest)
    lake.drop_files(DAILY, manifest)
    assert tree(lake) == {}
    assert lake.manifest(DAILY) == manifest


def test_none_is_lost_where_many_are_dropped_at_once(lake: Lake) -> None:
    manifests = {of(day): publish(lake, 1, of(day)) for day in DAYS}
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: Lake(lake.uri).drop_files(*one), manifests.items()))
    assert {one: lake.manifest(one) for one in manifests} == manifests


def test_a_manifest_that_returns_while_it_is_looked_for_is_found(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = drop(lake, DAILY)
    text, contains = DroppedManifests.text, DroppedManifests.__contains__

    def restored_first(dropped: DroppedManifests, one: Partition, then: Callable[..., Any]) -> Any:
        with monkeypatch.context() as undone:
            undone.setattr(DroppedManifests, "text", text)
            undone.setattr(DroppedManifests, "__contains__", contains)
            put_back(Lake(lake.uri), 1, manifest)
        return then(dropped, one)

    monkeypatch.setattr(DroppedManifests, "text", partialmethod(restored_first, then=text))
    assert lake.manifest(DAILY) == manifest
    monkeypatch.undo()
    lake.drop_files(DAILY, manifest)
    again = partialmethod(restored_first, then=contains)
    monkeypatch.setattr(DroppedManifests, "__contains__", again)
    assert lake.is_published(DAILY)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"checkpoints": {}}', b'{"a/scenario=b": 1}']
)
def test_a_damaged_month_is_refused_and_can_be_made_again(lake: Lake, content: bytes) -> None:
    drop(lake, of(DAY))
    path = Path(lake.storage.absolute(dropped_path(of(DAY))))
    path.write_bytes(content)
    with pytest.raises(
        DamagedFile, match=f"{path} has lost the manifests that were in it: run lis"
    ):
        lake.manifest(of(DAY))
    # What is published and dropped beside it does not hide the damage.
    other = publish(lake, 2, of(DAY, "dcn-2"))
    lake.drop_files(of(DAY, "dcn-2"), other)
    assert lake.has_files(of(DAY, "dcn-2"), other)
    assert path.read_bytes() == content
    with withdrawn(lake, [of(DAY)]):
        again = publish(lake, 1, of(DAY))
    assert lake.manifest(of(DAY)) == again
    assert not path.exists()


def test_a_damaged_manifest_of_a_month_is_refused_alone(lake: Lake) -> None:
    sound, damaged = of(DAY), of(DAY - timedelta(days=1))
    manifest = drop(lake, sound, 1)
    drop(lake, damaged, 2)
    path = Path(lake.storage.absolute(dropped_path(damaged)))
    text = path.read_text()
    assert text.count('"value": "2"') == 1
    path.write_text(text.replace('"value": "2"', '"value": "3"'))
    with pytest.raises(DamagedFile, match="does not have the content that its checksum is of"):
        lake.manifest(damaged)
    assert lake.manifest(sound) == manifest

"""Two attempts on one partition of an object store, in every order of their requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pytest

from jobs.common.errors import FencedOut
from jobs.lake import Attempt, Lake, Manifest, Partition
from jobs.lake.attempt import ABANDONED_AFTER_SECONDS
from jobs.lake.object_store.objects import Objects
from jobs.lake.object_store.publish import REPLACED_STAY_SECONDS
from jobs.lake.partition import manifest_path
from jobs.retention.janitor import Leftover, removals, remove
from jobs.scenarios import Scenario

DAILY = Partition("impressions", "tiny", date(2026, 1, 31))
ROWS = 50


@pytest.fixture
def lake(bucket: str) -> Lake:
    return Lake(f"{bucket}/team a/lake=%23#1")


def write(attempt: Attempt, *values: int) -> None:
    for number, value in enumerate(values):
        table = pa.table({"value": pa.array([value] * ROWS, pa.int64())})
        attempt.write_table(f"part-{number}.parquet", table)


def publish(lake: Lake, *values: int) -> Manifest:
    with lake.attempt([DAILY]) as attempt:
        write(attempt, *values)
        return attempt.publish(DAILY, inputs={"values": str(values)})


def published(lake: Lake) -> set[int]:
    return set(lake.read(DAILY)["value"].to_pylist())


def keys(lake: Lake, below: str = "") -> list[str]:
    """All objects of the lake, by boto3: what Arrow takes as a folder is none."""
    bucket, _, prefix = lake.storage.absolute(below).partition("/")
    client = lake.storage.objects.settings.client()
    answer = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")
    return [one["Key"].removeprefix(f"{prefix}/") for one in answer.get("Contents", ())]


@pytest.fixture
def before_the_manifest(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something happen once, right before the next manifest is written."""

    def arrange(happens: Callable[[], object]) -> None:
        original = Objects.put_if_unchanged

        def put(objects: Objects, path: str, content: bytes, etag: str | None) -> bool:
            monkeypatch.setattr(Objects, "put_if_unchanged", original)
            happens()
            return original(objects, path, content, etag)

        monkeypatch.setattr(Objects, "put_if_unchanged", put)

    return arrange


@pytest.mark.parametrize(("first", "newer"), [((), (2,)), ((1,), (2,)), ((1,), (1,))])
def test_an_attempt_that_lost_its_claim_after_the_last_look_publishes_nothing(
    lake: Lake,
    before_the_manifest: Callable[[Callable[[], object]], None],
    first: tuple[int, ...],
    newer: tuple[int, ...],
) -> None:
    """Even if the newer one has published the very rows that were there before."""
    if first:
        publish(lake, *first)
    with lake.attempt([DAILY]) as stale:
        write(stale, 3)
        before_the_manifest(lambda: publish(lake, *newer))
        with pytest.raises(FencedOut, match=f"^{DAILY}: a newer attempt .* publishes nothing$"):
            stale.publish(DAILY, inputs={})
    assert published(lake) == set(newer)
    own = [key for key in keys(lake, DAILY.path) if stale.id in key]
    assert own == keys(lake, "_attempts") == []


def test_an_older_attempt_that_publishes_at_the_last_moment_does_not_stop_the_newest(
    lake: Lake, before_the_manifest: Callable[[Callable[[], object]], None]
) -> None:
    """The older one found its claim in place, and its manifest arrives after the newest began."""
    publish(lake, 1)
    older, others = Attempt(lake.storage, [DAILY]), []
    write(older, 2)

    def newest_begins_and_is_about_to_end() -> None:
        newest = Attempt(lake.storage, [DAILY])
        write(newest, 3)
        others.append(newest)

    before_the_manifest(newest_begins_and_is_about_to_end)
    older.publish(DAILY, inputs={})
    [newest] = others
    before_the_manifest(lambda: lake.storage.replace(manifest_path(DAILY), b"of another attempt"))
    newest.publish(DAILY, inputs={})
    assert published(lake) == {3}


def test_an_answer_that_was_lost_counts(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 sends a request again that got no answer; its condition then fails by its own doing."""
    publish(lake, 1)
    original = Objects.put_if_unchanged

    def put(objects: Objects, path: str, content: bytes, etag: str | None) -> bool:
        assert original(objects, path, content, etag)
        return original(objects, path, content, etag)

    monkeypatch.setattr(Objects, "put_if_unchanged", put)
    publish(lake, 2)
    assert published(lake) == {2}


def test_a_rerun_copies_no_file_and_changes_no_name(lake: Lake) -> None:
    first = publish(lake, 1, 2)
    before = keys(lake, DAILY.path)
    assert publish(lake, 1, 2) == first
    assert keys(lake, DAILY.path) == before
    third = publish(lake, 1, 3)
    assert third.files[0] == first.files[0]
    assert published(lake) == {1, 3}


def test_what_fails_before_the_manifest_leaves_the_old_rows_alone(
    lake: Lake, before_the_manifest: Callable[[Callable[[], object]], None]
) -> None:
    publish(lake, 1)
    before = keys(lake)

    def interrupt() -> None:
        raise KeyboardInterrupt

    before_the_manifest(interrupt)
    with pytest.raises(KeyboardInterrupt):
        publish(lake, 2)
    assert published(lake) == {1}
    assert keys(lake) == before


def test_who_reads_while_rows_are_replaced_reads_the_old_ones(lake: Lake) -> None:
    publish(lake, 1, 1)
    files = lake.read_files(DAILY)
    assert set(next(files)["value"].to_pylist()) == {1}
    publish(lake, 2, 2)
    assert set(next(files)["value"].to_pylist()) == {1}
    assert published(lake) == {2}


def test_nothing_is_an_object_but_files(lake: Lake) -> None:
    publish(lake, 1)
    publish(lake, 2)
    assert [key for key in keys(lake) if key.endswith("/")] == []
    assert lake.days("impressions", "tiny") == [DAILY.ds]
    assert lake.storage.folders("_attempts") == []


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


def test_what_abandoned_attempts_have_left_is_removed_after_a_day(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    abandoned = Attempt(lake.storage, [DAILY])
    write(abandoned, 1)
    later(monkeypatch, ABANDONED_AFTER_SECONDS - 60)
    publish(lake, 2)
    assert lake.storage.folders("_attempts") == [abandoned.id]
    later(monkeypatch, 120)
    publish(lake, 2)
    assert keys(lake, "_attempts") == []


def test_replaced_files_are_removed_when_nobody_reads_them_any_more(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, make_scenario: Callable[..., Scenario]
) -> None:
    first = publish(lake, 1)
    second = publish(lake, 2)
    scenario = make_scenario()
    assert removals(lake, scenario) == []
    later(monkeypatch, REPLACED_STAY_SECONDS + 60)
    [found] = removals(lake, scenario)
    assert (found.what, found.path) == (Leftover.REPLACED, DAILY.path)
    assert found.paths == (f"{DAILY.path}/{first.files[0].path}",)
    # Those of the second have only now been replaced.
    third = publish(lake, 3)
    expected = ["_manifest.json", *sorted(one.files[0].path for one in (second, third))]
    assert lake.storage.files(DAILY.path) == expected
    remove(lake, [found])
    assert lake.storage.files(DAILY.path) == expected
    assert published(lake) == {3}

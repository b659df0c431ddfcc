import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from jobs.common.errors import AuditError, FencedOut
from jobs.lake import Attempt, Lake, Partition, Window
from jobs.lake.partition import claim_path

DAY = date(2026, 1, 31)
DAILY = Partition("impressions", "tiny", DAY)
SCHEMA = pa.schema([("value", pa.int64())])
FILES, ROWS = 3, 200

PUBLISH_FOREVER = """
import sys
from datetime import date
import pyarrow as pa
from jobs.lake import Lake, Partition

lake = Lake(sys.argv[1])
partition = Partition("impressions", "tiny", date(2026, 1, 31))
value = 0
print("ready", flush=True)
while True:
    value = 3 - value if value else 1
    with lake.attempt([partition]) as attempt:
        for number in range(3):
            table = pa.table({"value": pa.array([value] * 200, pa.int64())})
            attempt.write_table(f"part-{number}.parquet", table)
        attempt.publish(partition, inputs={"value": str(value)})
"""


def table_of(value: int, rows: int = ROWS) -> pa.Table:
    return pa.table({"value": pa.array([value] * rows, pa.int64())})


def write_files(attempt: Attempt, value: int) -> None:
    for number in range(FILES):
        attempt.write_table(f"part-{number}.parquet", table_of(value))


def publish(lake: Lake, value: int) -> None:
    with lake.attempt([DAILY]) as attempt:
        write_files(attempt, value)
        attempt.publish(DAILY, inputs={"value": str(value)}, schema=SCHEMA)


def tree(lake: Lake) -> dict[str, bytes]:
    root = Path(lake.storage.absolute(DAILY.path))
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def published_value(lake: Lake) -> int:
    """The value that all rows of the partition have in common."""
    values = lake.read(DAILY)["value"].to_pylist()
    assert len(values) == FILES * ROWS
    assert len(set(values)) == 1, "a mixture of old and new rows"
    return int(values[0])


def publish_window(lake: Lake, window: Window) -> None:
    with lake.attempt([DAILY]) as attempt:
        attempt.write_table("part-0.parquet", table_of(1))
        attempt.publish(DAILY, inputs={}, window=window)


def test_a_rerun_with_the_same_rows_changes_no_byte_and_no_name(lake: Lake) -> None:
    publish(lake, 1)
    before = tree(lake)
    publish(lake, 1)
    assert tree(lake) == before
    assert len(before) == FILES + 1


def test_two_lakes_with_the_same_rows_hold_the_same_bytes(tmp_path: Path) -> None:
    first, second = Lake(str(tmp_path / "a")), Lake(str(tmp_path / "b"))
    publish(second, 2)
    for lake in (first, second):
        publish(lake, 1)
    assert tree(first) == tree(second)


def test_no_file_of_replaced_rows_remains(lake: Lake) -> None:
    publish(lake, 1)
    old = set(tree(lake))
    publish(lake, 2)
    assert published_value(lake) == 2
    assert set(tree(lake)) & old == {"_manifest.json"}


def test_nothing_is_visible_before_publish(lake: Lake) -> None:
    publish(lake, 1)
    with lake.attempt([DAILY]) as attempt:
        write_files(attempt, 2)
        assert published_value(lake) == 1


def test_a_failed_attempt_keeps_the_old_rows_and_leaves_no_folder(lake: Lake) -> None:
    publish(lake, 1)
    before = tree(lake)

    def fail() -> None:
        with lake.attempt([DAILY]) as attempt:
            write_files(attempt, 2)
            raise RuntimeError("the job fails")

    with pytest.raises(RuntimeError, match="the job fails"):
        fail()
    assert tree(lake) == before
    assert lake.storage.folders("_attempts") == []
    assert lake.storage.read(claim_path(DAILY)) is None


def test_a_reader_sees_old_or_new_rows_while_they_are_replaced(lake: Lake) -> None:
    publish(lake, 1)
    seen: list[int] = []
    failures: list[BaseException] = []
    stop = threading.Event()

    def read_repeatedly() -> None:
        while not stop.is_set():
            try:
                seen.append(published_value(lake))
            except BaseException as error:
                failures.append(error)
                return

    reader = threading.Thread(target=read_repeatedly)
    reader.start()
    for value in range(2, 32):
        publish(lake, value)
    stop.set()
    reader.join()
    assert failures == []
    assert seen == sorted(seen)
    assert len(set(seen)) > 1


def test_files_opened_by_a_reader_outlive_their_replacement(lake: Lake) -> None:
    publish(lake, 1)
    files = lake.read_files(DAILY)
    first = next(files)
    publish(lake, 2)
    rest = list(files)
    assert {*first["value"].to_pylist(), *rest[0]["value"].to_pylist()} == {1}
    assert len(rest) == FILES - 1


def test_a_killed_publisher_leaves_old_or_new_rows_and_a_rerun_completes_them(
    tmp_path: Path,
) -> None:
    reference = Lake(str(tmp_path / "reference"))
    publish(reference, 1)
    lake = Lake(str(tmp_path / "lake"))
    publish(lake, 1)
    pause = random.Random(0)
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", PUBLISH_FOREVER, lake.uri], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(pause.uniform(0, 0.08))
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert published_value(lake) in (1, 2)
        publish(lake, 1)
        assert tree(lake) == tree(reference)


@pytest.mark.parametrize("step", ["move", "replace", "remove"])
def test_an_interrupt_at_any_step_of_publish_leaves_old_or_new_rows(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    publish(lake, 2)
    reference = tree(lake)
    publish(lake, 1)
    operation = getattr(type(lake.storage), step)
    for stop_at in range(FILES + 1):
        calls = 0

        def interrupted(
            storage: object, path: str, *rest: object, stop_at: int = stop_at, **options: object
        ) -> object:
            nonlocal calls
            if any(str(name).startswith(DAILY.path) for name in (path, *rest)):
                calls += 1
                if calls > stop_at:
                    raise KeyboardInterrupt
            return operation(storage, path, *rest, **options)

        with monkeypatch.context() as patch:
            patch.setattr(type(lake.storage), step, interrupted)
            try:
                publish(lake, 2)
            except KeyboardInterrupt:
                assert published_value(lake) in (1, 2)
        publish(lake, 2)
        assert tree(lake) == reference
        publish(lake, 1)


def test_an_older_attempt_cannot_publish_beside_a_newer_one(lake: Lake) -> None:
    with lake.attempt([DAILY]) as older:
        write_files(older, 1)
        with lake.attempt([DAILY]) as newer:
            write_files(newer, 2)
            with pytest.raises(FencedOut, match=f"{DAILY}: a newer attempt"):
                older.publish(DAILY, inputs={})
            newer.publish(DAILY, inputs={})
    assert published_value(lake) == 2


def test_an_older_attempt_cannot_publish_after_a_newer_one_has_finished(lake: Lake) -> None:
    with lake.attempt([DAILY]) as older:
        write_files(older, 1)
        publish(lake, 2)
        before = tree(lake)
        with pytest.raises(FencedOut, match="publishes nothing"):
            older.publish(DAILY, inputs={})
    assert tree(lake) == before


def test_closing_an_older_attempt_keeps_the_claim_of_a_newer_one(lake: Lake) -> None:
    older = Attempt(lake.storage, [DAILY])
    newer = Attempt(lake.storage, [DAILY])
    older.close()
    write_files(newer, 2)
    newer.publish(DAILY, inputs={})
    newer.close()
    assert published_value(lake) == 2


def test_attempts_on_other_partitions_do_not_fence_each_other(lake: Lake) -> None:
    other = Partition("impressions", "tiny", DAY + timedelta(days=1))
    with lake.attempt([DAILY]) as first, lake.attempt([other]) as second:
        write_files(first, 1)
        write_files(second, 2)
        second.publish(other, inputs={})
        first.publish(DAILY, inputs={})
    assert published_value(lake) == 1


@pytest.mark.parametrize(
    ("actual", "required", "error"),
    [
        (pa.schema([("value", pa.int32())]), SCHEMA, "int64, is int32"),
        (pa.schema([("other", pa.int64())]), SCHEMA, "int64, is missing"),
        (
            pa.schema([("value", pa.timestamp("ns", tz="UTC"))]),
            pa.schema([("value", pa.timestamp("us", tz="UTC"))]),
            "is timestamp",
        ),
        (
            pa.schema([("value", pa.list_(pa.string()))]),
            pa.schema([("value", pa.list_(pa.int64()))]),
            "is list<",
        ),
    ],
)
def test_a_file_that_violates_the_schema_is_not_published(
    lake: Lake, actual: pa.Schema, required: pa.Schema, error: str
) -> None:
    publish(lake, 1)
    before = tree(lake)
    with lake.attempt([DAILY]) as attempt:
        attempt.write_table("part-0.parquet", actual.empty_table())
        with pytest.raises(AuditError, match=rf"part-0\.parquet: column 'value' must be .*{error}"):
            attempt.publish(DAILY, inputs={}, schema=required)
    assert tree(lake) == before


def test_names_of_time_zones_and_list_fields_may_differ(lake: Lake) -> None:
    written = pa.schema(
        [
            ("ts", pa.timestamp("us", tz="Etc/UTC")),
            ("vector", pa.list_(pa.field("element", pa.float32()))),
        ]
    )
    required = pa.schema(
        [("ts", pa.timestamp("us", tz="UTC")), ("vector", pa.list_(pa.float32(), 4))]
    )
    with lake.attempt([DAILY]) as attempt:
        attempt.write_table("part-0.parquet", written.empty_table())
        manifest = attempt.publish(DAILY, inputs={}, schema=required)
    assert manifest.rows == 0


END = datetime(2026, 2, 1, tzinfo=UTC)
START = datetime(2026, 1, 31, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize("seen", [START, END - TICK, None])
def test_a_window_includes_its_start_and_excludes_its_end(
    lake: Lake, seen: datetime | None
) -> None:
    publish_window(lake, Window.until(END, seen, START))
    manifest = lake.manifest(DAILY)
    assert manifest is not None
    assert manifest.window == Window.until(END, seen, START)


@pytest.mark.parametrize("seen", [END, END + TICK, START - TICK])
def test_an_event_at_the_end_of_the_window_or_outside_is_refused(
    lake: Lake, seen: datetime
) -> None:
    with pytest.raises(AuditError, match="outside its window"):
        publish_window(lake, Window.until(END, seen, START))
    assert lake.manifest(DAILY) is None


def test_an_event_at_the_end_of_the_window_is_refused_in_any_time_zone(lake: Lake) -> None:
    window = Window.until(END, END.astimezone(ZoneInfo("Asia/Tokyo")))
    with pytest.raises(AuditError, match="outside its window"):
        publish_window(lake, window)


def test_folders_of_abandoned_attempts_are_removed_after_a_day(lake: Lake) -> None:
    abandoned, alive = Attempt(lake.storage, []), Attempt(lake.storage, [])
    long_ago = time.time() - 25 * 3600
    os.utime(abandoned.path, (long_ago, long_ago))
    publish(lake, 1)
    assert lake.storage.folders("_attempts") == [alive.id]


@pytest.mark.parametrize("leftover", [None, "_SUCCESS", ".part-0.parquet.crc"])
def test_a_partition_without_a_data_file_is_published_as_an_empty_table(
    lake: Lake, leftover: str | None
) -> None:
    with lake.attempt([DAILY]) as attempt:
        if leftover:
            attempt.write_bytes(f"day/{leftover}", b"")
        manifest = attempt.publish(DAILY, below="day", inputs={}, schema=SCHEMA)
    assert manifest.rows == 0
    assert lake.read(DAILY).schema == SCHEMA
    assert lake.read(DAILY).num_rows == 0


def test_files_are_numbered_in_name_order_and_others_keep_their_names(lake: Lake) -> None:
    with lake.attempt([DAILY]) as attempt:
        for name, value in (("part-b.parquet", 2), ("part-a.parquet", 1)):
            attempt.write_table(name, table_of(value, rows=1))
        attempt.write_bytes("ranker.json", b"{}")
        manifest = attempt.publish(DAILY, inputs={})
    names = [file.name for file in manifest.files]
    assert names == ["part-00000.parquet", "part-00001.parquet", "ranker.json"]
    assert lake.read(DAILY)["value"].to_pylist() == [1, 2]
    assert [file.rows for file in manifest.files] == [1, 1, 0]

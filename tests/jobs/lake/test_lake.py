import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.common.errors import AuditError, FencedOut, InputError
from jobs.lake import Lake, Partition, Window

FIRST = date(2026, 1, 31)


@pytest.fixture(params=["local", "s3"])
def any_lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """The same lake on a local disk and in object storage."""
    if request.param == "local":
        return Lake(str(tmp_path / "lake"))
    return Lake(f"{request.getfixturevalue('bucket')}/team/lake")


def partition(offset: int = 0, *keys: tuple[str, str], table: str = "impressions") -> Partition:
    return Partition(table, "tiny", FIRST + timedelta(days=offset), keys)


def publish(lake: Lake, target: Partition, *files: list[int]) -> None:
    with lake.attempt([target]) as attempt:
        for number, values in enumerate(files):
            table = pa.table({"value": values, "double": [2 * value for value in values]})
            attempt.write_table(f"part-{number:05d}.parquet", table)
        attempt.publish(target, inputs={"log": "abc"})


def data_files(lake: Lake, target: Partition) -> list[Path]:
    return sorted(Path(lake.storage.absolute(target.path)).glob("*.parquet"))


def test_days_are_those_with_a_published_partition_ascending(any_lake: Lake) -> None:
    for offset in (2, 0, 1):
        publish(any_lake, partition(offset), [offset])
    with any_lake.attempt([partition(5)]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"value": [1]}))
    assert any_lake.days("impressions", "tiny") == [FIRST + timedelta(days=n) for n in range(3)]
    assert any_lake.days("impressions", "other") == []
    assert any_lake.days("history", "tiny") == []


@pytest.mark.parametrize("name", ["ds=foo", "ds=20260105", "ds=2026-13-01", "2026-01-05", "ds="])
def test_a_folder_that_is_no_partition_is_no_day(lake: Lake, name: str) -> None:
    publish(lake, partition(0), [1])
    Path(lake.storage.absolute(partition(0).path)).with_name(name).mkdir()
    assert lake.days_with_any("impressions", "tiny") == [FIRST]


def test_days_of_keyed_partitions_are_separate(any_lake: Lake) -> None:
    seven, thirty = ("horizon", "7"), ("horizon", "30")
    publish(any_lake, partition(0, seven), [1])
    publish(any_lake, partition(1, seven), [1])
    publish(any_lake, partition(1, thirty), [1])
    assert any_lake.days("impressions", "tiny", (thirty,)) == [FIRST + timedelta(days=1)]
    assert any_lake.days("impressions", "tiny") == []
    assert any_lake.days_with_any("impressions", "tiny") == [FIRST, FIRST + timedelta(days=1)]


def test_keys_are_found_at_every_level(any_lake: Lake) -> None:
    deep = (("preference", "id_embedding"), ("horizon", "7"))
    for keys in ((), deep, (*deep, ("pooled_from", "2026-01-01")), (("preference", "other"),)):
        publish(any_lake, partition(0, *keys), [1])
    assert any_lake.keys_below("impressions", "tiny", FIRST) == [
        (),
        deep,
        (*deep, ("pooled_from", "2026-01-01")),
        (("preference", "other"),),
    ]
    assert any_lake.keys_below("impressions", "tiny", FIRST + timedelta(days=9)) == []


def test_rows_are_read_in_stored_order(any_lake: Lake) -> None:
    publish(any_lake, partition(), [5, 3], [4, 1], [2])
    assert any_lake.read(partition())["value"].to_pylist() == [5, 3, 4, 1, 2]
    assert [len(table) for table in any_lake.read_files(partition())] == [2, 2, 1]
    assert any_lake.read(partition(), ["double"]).to_pydict() == {"double": [10, 6, 8, 2, 4]}


def test_reading_adds_no_hive_column(any_lake: Lake) -> None:
    publish(any_lake, partition(0, ("horizon", "7")), [1])
    assert any_lake.read(partition(0, ("horizon", "7"))).column_names == ["value", "double"]


def test_the_manifest_has_content_and_inputs(any_lake: Lake) -> None:
    publish(any_lake, partition(), [1, 2], [3])
    manifest = any_lake.manifest(partition())
    assert manifest is not None
    assert manifest.rows == 3
    assert manifest.inputs == {"log": "abc"}
    assert (manifest.table, manifest.scenario, manifest.ds) == ("impressions", "tiny", "2026-01-31")
    assert any_lake.manifest(partition(1)) is None


def test_replaced_rows_are_not_read(any_lake: Lake) -> None:
    publish(any_lake, partition(), [1], [2], [3])
    publish(any_lake, partition(), [4])
    assert any_lake.read(partition())["value"].to_pylist() == [4]


def test_a_newer_attempt_fences_an_older_one(any_lake: Lake) -> None:
    with any_lake.attempt([partition()]) as older:
        older.write_table("part-0.parquet", pa.table({"value": [1]}))
        publish(any_lake, partition(), [2])
        with pytest.raises(FencedOut):
            older.publish(partition(), inputs={})
    assert any_lake.read(partition())["value"].to_pylist() == [2]


def test_an_event_at_the_end_of_the_window_is_refused(any_lake: Lake) -> None:
    end = datetime(2026, 2, 1, tzinfo=UTC)
    with any_lake.attempt([partition()]) as attempt:
        attempt.write_table("part-0.parquet", pa.table({"value": [1]}))
        with pytest.raises(AuditError, match="outside its window"):
            attempt.publish(partition(), inputs={}, window=Window.until(end, end))
    assert any_lake.days("impressions", "tiny") == []


def test_local_file_has_the_bytes_of_the_stored_file(any_lake: Lake) -> None:
    target = partition(table="checkpoints")
    with any_lake.attempt([target]) as attempt:
        attempt.write_bytes("ranker.json", b'{"day": 1}')
        attempt.write_bytes("dense.safetensors", b"\x00\x01")
        attempt.publish(target, inputs={})
    with any_lake.local_file(target, "ranker.json") as path:
        assert json.loads(path.read_bytes()) == {"day": 1}
    with any_lake.local_file(target, "dense.safetensors") as path:
        assert path.read_bytes() == b"\x00\x01"
    with (
        pytest.raises(AuditError, match=r"no file named table\.safetensors"),
        any_lake.local_file(target, "table.safetensors"),
    ):
        pass


def test_an_unpublished_partition_is_named_with_a_hint(any_lake: Lake) -> None:
    with pytest.raises(InputError, match=r"nothing published at impressions/.*ds=2026-01-31: run"):
        any_lake.read(partition())
    with pytest.raises(InputError, match="run this"):
        any_lake.require(partition(), "run this")


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(InputError, match="cannot use 'nope://lake' as storage"):
        Lake("nope://lake")


def test_the_published_files_are_named(lake: Lake) -> None:
    publish(lake, partition(), [1], [2])
    paths = [lake.storage.absolute(path) for path in lake.published_paths(partition())]
    assert paths == list(map(str, data_files(lake, partition())))


def test_spark_reads_object_storage_as_s3a(bucket: str) -> None:
    pattern = Lake(f"{bucket}/lake").storage.spark_pattern("a/[b].parquet")
    assert pattern == rf"s3a://{bucket.removeprefix('s3://')}/lake/a/\[b\].parquet"


def test_the_location_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIS_LAKE", raising=False)
    monkeypatch.setenv("LIS_DATA", str(tmp_path / "data"))
    assert Lake.from_environment().uri == str(tmp_path / "data" / "lake")
    monkeypatch.setenv("LIS_LAKE", "s3://bucket/lake")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert Lake.from_environment().uri == "s3://bucket/lake"

"""Files of a lake as Spark reads them itself, and through Arrow in its tasks."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from pyspark import SparkConf
from pyspark.sql import SparkSession

from jobs.lake import Lake, Partition
from jobs.spark import lake_files, object_store
from jobs.spark.object_store import add_packages, connector_settings, has_connector
from jobs.spark.session import read_days

DAYS = (date(2026, 1, 30), date(2026, 1, 31))
KEYS = (("horizon", "7"),)


def publish(lake: Lake, day: date) -> pa.Schema:
    """Publish a table with every type of a lake, in two files and a key."""
    partition = Partition("features", "tiny", day, KEYS)
    columns = {
        "item_id": pa.array(["a", None, "ü"]),
        "label": pa.array([0, 1, None], pa.int8()),
        "seen": pa.array([0, None, day.day * 86_400_000_000 + 1], pa.timestamp("us", tz="UTC")),
        "day": pa.array([day, None, day], pa.date32()),
        "embedding": pa.array([[1.0, 2.0], [0.0, -1.0], [3.0, 4.0]], pa.list_(pa.float32(), 2)),
        "clicks": pa.array(
            [[{"id": 1, "fold": "fit"}], [], None],
            pa.list_(pa.struct([("id", pa.int64()), ("fold", pa.string())])),
        ),
    }
    table = pa.table(columns)
    with lake.attempt([partition]) as attempt:
        for number in range(2):
            attempt.write_table(f"part-{number:05d}.parquet", table)
        attempt.publish(partition, inputs={})
    return table.schema


@pytest.mark.parametrize("has_contract", [True, False])
def test_both_ways_give_the_same_rows_and_types(
    spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch, has_contract: bool
) -> None:
    schema, _ = (publish(lake, day) for day in DAYS)
    contract = schema if has_contract else None
    frames = []
    for by_arrow in (False, True):
        monkeypatch.setattr(lake_files, "reads_by_arrow", lambda *_, given=by_arrow: given)
        frame = read_days(spark, lake, "features", "tiny", DAYS, KEYS, contract)
        assert frame is not None
        frames.append(frame)
    expected, found = frames
    assert found.columns == expected.columns
    assert [field.dataType for field in found.schema] == [f.dataType for f in expected.schema]
    assert sorted(map(repr, found.collect())) == sorted(map(repr, expected.collect()))
    assert found.count() == 12


def test_spark_brings_no_connector_of_its_own(spark: SparkSession, bucket: str, lake: Lake) -> None:
    assert not has_connector(spark)
    assert object_store.reads_by_arrow(spark, Lake(bucket).storage)
    assert not object_store.reads_by_arrow(spark, lake.storage)


def test_packages_are_fetched_for_the_jvm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIS_SPARK_PACKAGES", "org.apache.hadoop:hadoop-aws:3.5.0")
    conf = SparkConf(loadDefaults=False)
    add_packages(conf)
    assert conf.get("spark.jars.packages") == "org.apache.hadoop:hadoop-aws:3.5.0"


def test_a_connector_gets_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store:9000")
    monkeypatch.setenv("AWS_REGION", "here")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert connector_settings() == {
        "fs.s3a.access.key": "key",
        "fs.s3a.secret.key": "secret",
        "fs.s3a.endpoint.region": "here",
        "fs.s3a.endpoint": "http://store:9000",
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": "false",
    }
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert set(connector_settings()) == {"fs.s3a.secret.key", "fs.s3a.endpoint.region"}

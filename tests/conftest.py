"""Fixtures of all tests: one Spark session per process, a lake, and a local S3 server."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.lake import Lake
from jobs.lake.object_store.settings import S3Settings
from tests.s3_server import running_s3_server

# On tiny frames an optimising compiler never pays for itself: it took half of the JVM's time. Nor
# does compiling expressions, which jobs in processes of their own would do on a cold JVM.
_SMALL_JVM = (
    "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dspark.sql.codegen.wholeStage=false "
    "-Dspark.sql.codegen.factoryMode=NO_CODEGEN"
)
os.environ["SPARK_SUBMIT_OPTS"] = f"{os.environ.get('SPARK_SUBMIT_OPTS', '')} {_SMALL_JVM}"
os.environ["LIS_SPARK_SHUFFLE_PARTITIONS"] = "4"


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The active session, which jobs use and leave running."""
    settings: dict[str, bool | float | int | str | None] = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "2g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of a local S3 server."""
    with running_s3_server() as address:
        yield address


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URI of a new, empty bucket; Arrow and boto3 are directed to its server by the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    name = f"feed-{uuid.uuid4().hex}"
    S3Settings.of("", "").client().create_bucket(Bucket=name)
    return f"s3://{name}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run end-to-end tests first: they take longest, and no process should end with them."""
    items.sort(key=lambda item: len(item.path.parts))

"""A log in object storage is read through Arrow if Spark has no connector for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from jobs.ingest.publish_log import ingest
from jobs.lake import Lake
from jobs.scenarios import Scenario


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket on a separate server."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    boto3.client("s3").create_bucket(Bucket="feed")
    yield "feed"
    server.stop()


def test_a_log_in_object_storage_gives_the_same_bytes(
    bucket: str,
    tmp_path: Path,
    make_scenario: Callable[..., Scenario],
    write_log: Callable[..., str],
    published_bytes: Callable[..., dict[str, bytes]],
) -> None:
    scenario = make_scenario(path="log/{ds}")
    for day in ("2026-01-30", "2026-01-31"):
        rows = [(str(n), str(n % 3), "1", f"{day}T01:00:00Z", str(n % 2), "home") for n in range(9)]
        write_log(rows, f"log/{day}/part-0.csv")
    raw = tmp_path / "raw"
    for path in sorted(p for p in raw.rglob("*") if p.is_file()):
        boto3.client("s3").upload_file(str(path), bucket, f"raw/{path.relative_to(raw)}")
    scenario = make_scenario(path="log/{ds}", ts_unit="timestamp")
    local, remote = Lake(str(tmp_path / "local")), Lake(str(tmp_path / "remote"))
    ingest(local, scenario, str(raw))
    done = ingest(remote, scenario, f"s3://{bucket}/raw")
    assert [day.rows for day in done.days] == [9, 9]
    assert published_bytes(remote) == published_bytes(local)

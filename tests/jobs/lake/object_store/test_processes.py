"""Processes that publish one partition of an object store at once, and processes that are killed.

The bucket keeps every version of an object, so that it is seen afterwards who has written when.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import date

import pytest

from jobs.lake import Lake, Partition
from jobs.lake.object_store.settings import S3Settings
from jobs.lake.partition import claim_path, manifest_path
from tests.s3_server import ROOT, s3_server_process

pytestmark = pytest.mark.fault

DAILY = Partition("impressions", "tiny", date(2026, 1, 31))
FILES, ROWS = 3, 200

PUBLISH = """
import json, random, sys, time
from datetime import date
import pyarrow as pa
from jobs.common.errors import FencedOut
from jobs.lake import Lake, Partition

uri, seed, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
lake, chance = Lake(uri), random.Random(seed)
partition = Partition("impressions", "tiny", date(2026, 1, 31))
print("ready", flush=True)
for number in range(times):
    with lake.attempt([partition]) as attempt:
        # Some values come again, so that files and whole contents are the same as before.
        value = chance.randrange(4)
        for file in range(3):
            table = pa.table({"value": pa.array([value] * 200, pa.int64())})
            attempt.write_table(f"part-{file}.parquet", table)
        time.sleep(chance.uniform(0, 0.05))
        try:
            attempt.publish(partition, inputs={"value": str(value)})
            done = True
        except FencedOut:
            done = False
        print(json.dumps([attempt.id, done]), flush=True)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server_process() as address:
        yield address


@pytest.fixture
def lake(server: str, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake in a new bucket that keeps all versions."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    name = f"feed-{uuid.uuid4().hex}"
    client = S3Settings.of("", "").client()
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return Lake(f"s3://{name}/lake")


def start(lake: Lake, seed: int, times: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISH, lake.uri, str(seed), str(times)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def versions(lake: Lake, path: str) -> list[bytes]:
    """All contents that an object has had, the oldest first."""
    client = lake.storage.objects.settings.client()
    bucket, _, key = lake.storage.absolute(path).partition("/")
    pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
    found = [one["VersionId"] for page in pages for one in page["Versions"]]
    return [
        client.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
        for version in reversed(found)
    ]


def one_value(lake: Lake) -> int:
    """The value that all rows of the partition have in common."""
    values = lake.read(DAILY)["value"].to_pylist()
    assert len(values) == FILES * ROWS, "rows are lost or doubled"
    assert len(set(values)) == 1, "a mixture of old and new rows"
    return int(values[0])


def files_of(lake: Lake, attempt: str) -> list[str]:
    return [name for name in lake.storage.files(DAILY.path) if attempt in name]


@pytest.mark.parametrize("seed", [1, 2])
def test_of_two_processes_each_publishes_once_and_none_over_a_newer_claim(
    lake: Lake, seed: int
) -> None:
    processes = [start(lake, 10 * seed + number, times=10) for number in range(2)]
    seen = 0
    while any(process.poll() is None for process in processes):
        if lake.is_published(DAILY):
            one_value(lake)
            seen += 1
    outcomes: dict[str, bool] = {}
    for process in processes:
        assert process.returncode == 0
        assert process.stdout is not None
        outcomes |= dict(map(json.loads, process.stdout))
        process.stdout.close()
    said = [attempt for attempt, done in outcomes.items() if done]
    wrote = [json.loads(text)["published_by"] for text in versions(lake, manifest_path(DAILY))]
    claims = [text.decode() for text in versions(lake, claim_path(DAILY))]
    assert len(claims) == len(outcomes) == 20
    # None is lost, and none is doubled.
    assert sorted(wrote) == sorted(said)
    # None was replaced by one with an older claim.
    assert [claims.index(attempt) for attempt in wrote] == sorted(map(claims.index, wrote))
    # The holder of the newest claim has published.
    assert wrote[-1] == claims[-1]
    for attempt in outcomes.keys() - said:
        assert files_of(lake, attempt) == []
    assert lake.storage.states_below("_attempts") == {}
    one_value(lake)
    assert seen
    assert set(outcomes.values()) == {True, False}, "they never met"


def test_a_process_that_is_killed_leaves_old_or_new_rows(lake: Lake) -> None:
    with lake.attempt([DAILY]) as attempt:
        attempt.write_bytes("ranker.json", b"{}")
        attempt.publish(DAILY, inputs={})
    pause = random.Random(0)
    for seed in range(8):
        process = start(lake, seed, times=1000)
        time.sleep(pause.uniform(0.05, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        manifest = lake.manifest(DAILY)
        assert manifest is not None
        assert lake.has_files(DAILY, manifest)
        if manifest.rows:
            one_value(lake)
    last = start(lake, 99, times=1)
    assert last.wait() == 0
    assert last.stdout is not None
    [outcome] = last.stdout
    last.stdout.close()
    assert json.loads(outcome)[1]
    one_value(lake)

"""Contract of jobs.tracking.registered_ranker, on a real registry."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from jobs.lake import Lake, Partition
from jobs.tracking.experiment_page import open_experiment
from jobs.tracking.log_results import log_results
from jobs.tracking.registered_ranker import register_ranker
from tests.jobs.tracking.sample_results import SCENARIO, make_result

ABOUT = SCENARIO.model_copy(update={"name": "ranked"})
MODEL = "lis-ranked-ranker"


def publish_checkpoint(lake: Lake, day: str, weights: float) -> Partition:
    keys = (("ranker", "ranker-1"),)
    partition = Partition("checkpoints", "ranked", date.fromisoformat(day), keys)
    with lake.attempt([partition]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table({"weights": [weights]}))
        attempt.publish(partition, inputs={})
    return partition


def score(lake: Lake, day: str) -> str:
    parent, *_ = log_results(lake, ABOUT, [make_result(scenario="ranked", as_of=day)])
    return parent.run_id


def versions(client: MlflowClient) -> dict[str, ModelVersion]:
    found = client.search_model_versions(f"name='{MODEL}'")
    return {str(version.version): version for version in found}


def test_each_scored_ranker_is_one_version_and_the_newest_is_in_production(
    client: MlflowClient, empty_lake: Lake
) -> None:
    run_id = client.create_run(open_experiment(client, ABOUT)).info.run_id
    for day in ("2026-03-01", "2026-03-03", "2026-03-02", "2026-03-02"):
        publish_checkpoint(empty_lake, day, 1.0)
        register_ranker(client, empty_lake, run_id, make_result(scenario="ranked", as_of=day))
    found = versions(client)
    assert sorted(found) == ["1", "2", "3"]
    assert found["3"].tags["lis.as_of"] == "2026-03-02"
    assert found["3"].run_id == run_id
    newest = client.get_model_version_by_alias(MODEL, "production")
    assert newest.tags["lis.as_of"] == "2026-03-03"


def test_a_version_refers_to_the_checkpoint_in_the_lake(
    client: MlflowClient, empty_lake: Lake
) -> None:
    checkpoint = publish_checkpoint(empty_lake, "2026-02-10", 1.0)
    run_id = score(empty_lake, "2026-02-10")
    assert score(empty_lake, "2026-02-10") == run_id
    (version,) = (one for one in versions(client).values() if one.run_id == run_id)
    manifest = empty_lake.manifest(checkpoint)
    assert manifest is not None
    folder = version.source.removeprefix(f"runs:/{run_id}/")
    path = client.download_artifacts(run_id, f"{folder}/checkpoint.json")
    document = json.loads(Path(path).read_text())
    assert document["checkpoint"] == checkpoint.path
    assert document["digest"] == manifest.digest
    assert [file["sha256"] for file in document["files"]] == [
        file.sha256 for file in manifest.files
    ]


def test_other_bytes_are_another_version_and_no_checkpoint_is_none(
    client: MlflowClient, empty_lake: Lake
) -> None:
    run_id = client.create_run(open_experiment(client, ABOUT)).info.run_id
    result = make_result(scenario="ranked", as_of="2026-02-11")
    assert register_ranker(client, empty_lake, run_id, result) is None
    sources = set()
    for weights in (1.0, 2.0):
        publish_checkpoint(empty_lake, "2026-02-11", weights)
        version = register_ranker(client, empty_lake, run_id, result)
        assert version is not None
        sources.add(version.source)
    assert len(sources) == 2

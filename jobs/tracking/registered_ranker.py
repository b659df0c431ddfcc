"""The scored ranker as a version of a registered model, which refers to the lake's checkpoint.

The checkpoint itself stays in the lake (safetensors and JSON): a copy a day would double it. A
version's artifact says where it lies and which bytes it has.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

from jobs.common.markdown import code
from jobs.evaluation.result import LisResult
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.addresses import RANKER
from jobs.tracking.runs import KEY, run_key

PRODUCTION = "production"
"""Alias of the newest scored ranker. MLflow reserves ``latest``."""
_DAY = "lis.as_of"
_ABOUT = """\
Rankers M_T whose LIS was computed, one version for each evaluation date T and ranker version: the \
state at the start of T, trained on days before T. The alias `production` is the newest. \
`checkpoint.json` in a version's artifacts names the checkpoint's files in the lake with their \
sha256; `jobs.ranker.model.checkpoint.read_checkpoint` loads it."""


def model_name(scenario: str) -> str:
    """Return the name of a scenario's registered model."""
    return f"lis-{scenario}-ranker"


def ranker_files(lake: Lake, result: LisResult) -> dict[str, bytes]:
    """Return the artifact that describes the ranker of a result; none without a checkpoint."""
    manifest = lake.manifest(_checkpoint(result))
    if manifest is None:
        return {}
    document = {
        "checkpoint": _checkpoint(result).path,
        "digest": manifest.digest,
        "files": [asdict(file) for file in manifest.files],
        "ranker_version": result.ranker_version,
        "as_of": result.last_day.isoformat(),
    }
    text = json.dumps(document, indent=1, sort_keys=True)
    return {f"{_folder(manifest)}/checkpoint.json": text.encode()}


def register_ranker(
    client: MlflowClient, lake: Lake, parent_run_id: str, result: LisResult
) -> ModelVersion | None:
    """Register the ranker of a result, unless it is. Call while holding the store's lock.

    A ranker that the project did not train, as in a comparison, is not registered.

    Args:
        client: Of the store.
        lake: The lake with the checkpoint.
        parent_run_id: The run with the artifact that ``ranker_files`` describes.
        result: A result of the ranker.

    Returns:
        The version, if one was added.
    """
    checkpoint = _checkpoint(result)
    manifest = lake.manifest(checkpoint)
    if manifest is None:
        return None
    name, key = model_name(result.scenario), run_key(checkpoint.path, manifest.digest)
    _open_model(client, name)
    if client.search_model_versions(f"name='{name}' and tags.`{KEY}` = '{key}'", max_results=1):
        return None
    version = client.create_model_version(
        name,
        f"runs:/{parent_run_id}/{_folder(manifest)}",
        run_id=parent_run_id,
        tags={
            KEY: key,
            _DAY: result.last_day.isoformat(),
            "lis.ranker_version": result.ranker_version,
            "lis.checkpoint": checkpoint.path,
        },
        description=f"{code(result.ranker_version)} at the start of {result.last_day}",
    )
    if result.last_day.isoformat() >= _newest_day(client, name):
        client.set_registered_model_alias(name, PRODUCTION, version.version)
    return version


def _open_model(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name, description=_ABOUT)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


def _newest_day(client: MlflowClient, name: str) -> str:
    """Return the day of the version with the alias; empty if there is none."""
    versions = client.get_registered_model(name).aliases
    if PRODUCTION not in versions:
        return ""
    return str(client.get_model_version(name, versions[PRODUCTION]).tags.get(_DAY, ""))


def _checkpoint(result: LisResult) -> Partition:
    """Return the partition of M_T; of pooled days, that of the last one."""
    keys = ((RANKER, result.ranker_version),)
    return Partition("checkpoints", result.scenario, result.last_day, keys)


def _folder(manifest: Manifest) -> str:
    """Return the folder of a run's artifacts for a checkpoint: other bytes have another one."""
    return f"ranker-{manifest.digest[:10]}"

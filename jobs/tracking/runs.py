"""MLflow runs with an identity: a run of the same identity is resumed instead of repeated."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import DatasetInput, Metric, Param, Run, RunStatus, RunTag

KEY = "lis.key"
KIND = "lis.kind"
CONTENT = "lis.content"
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"

_FINISHED = RunStatus.to_string(RunStatus.FINISHED)
_MOST_TAGS, _MOST_METRICS = 100, 1000
"""What MLflow takes in one request."""


class Kind(StrEnum):
    """What a run shows, in the tag ``lis.kind``, by which a saved view filters."""

    ALL_SCORES = "run"
    """A parent: all scores of a date and ranker."""
    SCORE = "score"
    BY_HORIZON = "by horizon"
    BY_DAY = "by day"
    GATE = "gate"
    AIS = "ais"


@dataclass(frozen=True)
class Content:
    """The content of a run.

    Attributes:
        digest: Identifies the content, so that it is logged only once.
        points: Values of metrics that have one at each of several steps.
    """

    digest: str
    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)
    points: Sequence[Metric] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    inputs: Sequence[DatasetInput] = ()


def run_key(*parts: str) -> str:
    """Return the key of a run, without the quote that would end a value in MLflow's filters."""
    return " ".join(parts).replace("'", "_")


def open_run(
    client: MlflowClient, experiment_id: str, key: str, name: str, tags: Mapping[str, str]
) -> Run:
    """Return the run with a key, created if there is none. Call while holding the store's lock.

    Processes on several machines share no lock and may create a run twice. Each of them then keeps
    the oldest run and deletes the others, so that all end with the same one.
    """
    runs = _with_tag(client, experiment_id, KEY, key)
    if not runs:
        client.create_run(experiment_id, run_name=name, tags={**tags, KEY: key})
        runs = _with_tag(client, experiment_id, KEY, key)
    for twin in runs[1:]:
        client.delete_run(twin.info.run_id)
    return runs[0]


def scores(client: MlflowClient, parent: Run) -> list[Run]:
    """Return the completed runs of scores below a parent, oldest first."""
    found = _with_tag(client, parent.info.experiment_id, PARENT, parent.info.run_id)
    return [
        run for run in found if CONTENT in run.data.tags and run.data.tags.get(KIND) == Kind.SCORE
    ]


def is_finished(run: Run) -> bool:
    """Whether the run is finished."""
    return bool(run.info.status == _FINISHED)


def holds(run: Run, digest: str) -> bool:
    """Whether the run is finished and has exactly this content."""
    return is_finished(run) and run.data.tags.get(CONTENT) == digest


def finish(client: MlflowClient, run: Run) -> None:
    """Mark a run as finished, if it is not."""
    if not is_finished(run):
        client.set_terminated(run.info.run_id, _FINISHED)


def write(client: MlflowClient, run_id: str, content: Content) -> bool:
    """Log what the run lacks and finish it. Call while holding the store's lock.

    A run that is killed before the end has no digest of its content, and the next call completes
    it: existing parameters and metrics are not logged again, and files are overwritten.

    Returns:
        Whether anything was written.
    """
    run = client.get_run(run_id)
    if holds(run, content.digest):
        return False
    name = content.name if run.info.run_name != content.name else None
    if is_finished(run) or name is not None:
        client.update_run(run_id, status=RunStatus.to_string(RunStatus.RUNNING), name=name)
    try:
        _write(client, run, content)
    except Exception:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.FAILED))
        raise
    client.set_tag(run_id, CONTENT, content.digest)
    client.set_terminated(run_id, _FINISHED)
    return True


def _write(client: MlflowClient, run: Run, content: Content) -> None:
    run_id = run.info.run_id
    held = run.data
    now = int(time.time() * 1000)
    params = [Param(key, value) for key, value in content.params.items() if key not in held.params]
    metrics = [
        Metric(key, value, now, 0)
        for key, value in content.metrics.items()
        if _differs(held.metrics.get(key), value)
    ]
    metrics += content.points
    tags = [RunTag(key, value) for key, value in content.tags.items()]
    client.log_batch(run_id, params=params)
    for start in range(0, len(metrics), _MOST_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + _MOST_METRICS])
    for start in range(0, len(tags), _MOST_TAGS):
        client.log_batch(run_id, tags=tags[start : start + _MOST_TAGS])
    if content.inputs:
        client.log_inputs(run_id, datasets=list(content.inputs))
    with tempfile.TemporaryDirectory() as folder:
        for name, data in content.files.items():
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        client.log_artifacts(run_id, folder)


def _differs(held: float | None, value: float) -> bool:
    if held is None or math.isnan(held):
        return not math.isnan(value)
    return held != value


def _with_tag(client: MlflowClient, experiment_id: str, tag: str, value: str) -> list[Run]:
    found: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment_id], f"tags.`{tag}` = '{value}'", max_results=1000, page_token=token
        )
        found += page
        token = page.token
        if not token:
            break
    return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))

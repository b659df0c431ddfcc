"""Results → MLflow: a parent run for each date and ranker, and a child run for each result."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from jobs.evaluation.result import LisResult, Subject
from jobs.evaluation.verdict.many_looks import corrected_for_looks
from jobs.lake import Lake
from jobs.reporting.wording import ordered
from jobs.tracking import runs
from jobs.tracking.run_content import (
    ALONE,
    alone_digest,
    parent_content,
    result_content,
    result_digest,
)
from jobs.tracking.store import experiment, prepare_store, run_url, store_lock


@dataclass(frozen=True)
class LoggedRun:
    """A run in MLflow.

    Attributes:
        written: Whether anything was logged; False if the run had the same content already.
    """

    run_id: str
    parent_run_id: str | None
    name: str
    url: str
    written: bool


def log_results(
    lake: Lake,
    about: Subject,
    results: Sequence[LisResult],
    report_html: str | None = None,
) -> list[LoggedRun]:
    """Log results to the experiment ``lis/<name>``; logging them again changes nothing.

    Results with the same date, ranker and data share a parent run, also across calls: a horizon
    that becomes due later joins the run of its date.

    Args:
        lake: The lake with the predictions.
        about: The scenario of the results, or what was compared.
        results: The results to log.
        report_html: A report, kept with each parent run.

    Returns:
        Each parent run followed by its child runs.

    Raises:
        InputError: If the tracking store cannot be used.
        AuditError: If the predictions of two variants are not on the same rows.
    """
    client = prepare_store()
    logged = []
    for parent, runs_below in _runs_by_parent(client, lake, about, results):
        with store_lock():
            stored = corrected_for_looks(_stored_results(client, parent), about.confidence)
            content = parent_content(about, stored, report_html)
            written = runs.write(client, parent.info.run_id, content)
        logged += [_logged(parent, None, written), *runs_below]
    return logged


def log_single_results(lake: Lake, about: Subject, results: Sequence[LisResult]) -> list[LoggedRun]:
    """Log results one by one; parent runs stay open until ``log_results`` summarises them.

    A result that was logged beside others already, with the verdict corrected for their number,
    keeps that verdict.

    Raises:
        InputError: If the tracking store cannot be used.
        AuditError: If the predictions of two variants are not on the same rows.
    """
    found = _runs_by_parent(prepare_store(), lake, about, results, keeps_correction=True)
    return [run for _, runs_below in found for run in runs_below]


def _runs_by_parent(
    client: MlflowClient,
    lake: Lake,
    about: Subject,
    results: Sequence[LisResult],
    *,
    keeps_correction: bool = False,
) -> Iterator[tuple[Run, list[LoggedRun]]]:
    experiment_id = experiment(client, f"lis/{about.name}")
    groups: dict[tuple[str, ...], list[LisResult]] = {}
    for result in ordered(results):
        groups.setdefault(_parent_identity(result), []).append(result)
    for group in groups.values():
        with store_lock():
            parent = _open_parent(client, experiment_id, group[0])
        yield (
            parent,
            [
                _log_result(client, lake, about, parent, result, keeps_correction)
                for result in group
            ],
        )


def _log_result(
    client: MlflowClient,
    lake: Lake,
    about: Subject,
    parent: Run,
    result: LisResult,
    keeps_correction: bool,
) -> LoggedRun:
    key = " ".join([*_parent_identity(result), *_result_identity(result)])
    name = f"{result.as_of} · {result.preference} · n={result.horizon} · {result.mode}"
    parent_id = parent.info.run_id
    with store_lock():
        run = runs.open_run(
            client, parent.info.experiment_id, _quoted(key), name, {runs.PARENT: parent_id}
        )
    written = False
    is_logged = runs.holds(run, result_digest(about, parent_id, result)) or (
        keeps_correction
        and runs.is_finished(run)
        and run.data.tags.get(ALONE) == alone_digest(about, parent_id, result)
    )
    if not is_logged:
        content = result_content(lake, about, parent_id, result)
        with store_lock():
            written = runs.write(client, run.info.run_id, content)
    return _logged(run, parent_id, written)


def _open_parent(client: MlflowClient, experiment_id: str, result: LisResult) -> Run:
    name = f"{result.as_of} · {result.ranker_version[:24]}"
    key = _quoted(" ".join(_parent_identity(result)))
    return runs.open_run(client, experiment_id, key, name, {"lis.kind": "run"})


def _stored_results(client: MlflowClient, parent: Run) -> list[LisResult]:
    """Return the results below a parent run; if one was computed again, the newest counts."""
    found: dict[tuple[str, str, int], LisResult] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, child in enumerate(runs.children(client, parent)):
            target = Path(folder) / str(number)
            target.mkdir()
            path = client.download_artifacts(child.info.run_id, "result.json", str(target))
            result = LisResult.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
            found[result.preference, result.mode, result.horizon] = result
    return ordered(found.values())


def _parent_identity(result: LisResult) -> tuple[str, ...]:
    return (result.scenario, result.as_of, result.ranker_version, result.data_digest)


def _result_identity(result: LisResult) -> tuple[str, ...]:
    return (
        result.preference,
        result.mode,
        f"n={result.horizon}",
        f"seeds={result.seeds}",
        f"threshold={result.threshold:g}",
        result.leak_digest,
    )


def _logged(run: Run, parent_run_id: str | None, written: bool) -> LoggedRun:
    return LoggedRun(run.info.run_id, parent_run_id, run.info.run_name or "", run_url(run), written)


def _quoted(key: str) -> str:
    """Replace the quote that would end a value in MLflow's filter language."""
    return key.replace("'", "_")
